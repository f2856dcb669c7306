"""HTTP requests: temporary tokens are served, every other endpoint is refused by name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import web

from speechwire.emulator._auth import Credentials
from speechwire.emulator._messages import read_json
from speechwire.emulator._refusal import Refusal

__all__ = ["GRANT", "grant", "not_served"]

GRANT = "/v1/auth/grant"

_DEFAULT_TTL_S = 30
_MAX_TTL_S = 3600
_BODY_S = 10.0


async def grant(request: web.BaseRequest, credentials: Credentials) -> web.Response:
    """Make a temporary token ("Deepgram docs: token-based-authentication").

    Raises:
        Refusal: 401 without a valid key, 400 for an invalid body, 408 for a body that does not come.
    """
    now_s = asyncio.get_running_loop().time()
    credentials.check(request.headers, now_s)
    ttl_s = _ttl_s(await _body(request))
    return web.json_response({"access_token": credentials.grant(ttl_s, now_s), "expires_in": ttl_s})


def not_served(method: str, path: str, streams: Sequence[str], base_url: str) -> Refusal:
    """Make the refusal of any other request: 405 for a streaming path without an upgrade, else 404."""
    names = f"{', '.join(streams[:-1])} and {streams[-1]}"
    text = (
        f"This emulator streams only, so {method} {path} is not served here. Its endpoints are the "
        f"WebSockets {names} at {base_url}, and POST {GRANT}."
    )
    if path in streams:
        return Refusal(405, "METHOD_NOT_ALLOWED", text, headers={"Allow": "GET"})
    return Refusal(404, "NOT_FOUND", text)


async def _body(request: web.BaseRequest) -> bytes:
    try:
        async with asyncio.timeout(_BODY_S):
            return await request.read()
    except TimeoutError:
        raise Refusal(408, "Request Timeout", "The body did not come in time.") from None
    except web.RequestPayloadError:
        raise _bad_body("it is not encoded as its headers say") from None


def _ttl_s(body: bytes) -> float:
    """The lifetime asked for; the body as a whole is optional."""
    if not body.strip():
        return _DEFAULT_TTL_S
    try:
        value = read_json(body.decode())
    except ValueError:
        raise _bad_body("it is not JSON") from None
    if not isinstance(value, dict):
        raise _bad_body("it is not a JSON object")
    ttl_s = value.get("ttl_seconds")
    return _DEFAULT_TTL_S if ttl_s is None else _checked_ttl_s(ttl_s)


def _checked_ttl_s(ttl_s: object) -> float:
    # bool is an int in Python, but not in JSON.
    if not isinstance(ttl_s, int | float) or isinstance(ttl_s, bool):
        raise _bad_body("`ttl_seconds` is not a number")
    if not 0 < ttl_s <= _MAX_TTL_S:
        raise _bad_body(f"`ttl_seconds` is not above 0 and at most {_MAX_TTL_S}")
    return ttl_s


def _bad_body(detail: str) -> Refusal:
    return Refusal(400, "Bad Request", f"The request body could not be read: {detail}.")
