"""Checks providers' signatures of an upgrade, which cover the server's public URL."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import jwt

__all__ = ["is_from_plivo", "is_from_telnyx", "is_from_twilio", "is_from_vonage"]

_TOLERANCE_S: Final = 300.0
_DEFAULT_PORTS: Final = {"https": 443, "wss": 443, "http": 80, "ws": 80}

Headers = Mapping[str, str]
"""Headers by name in lower case."""


def is_from_twilio(headers: Headers, url: str, auth_token: str) -> bool:
    """``X-Twilio-Signature``: HMAC-SHA1 of the URL, keyed with the account's token, in base64.

    twilio.com/docs/usage/webhooks/webhooks-security: the signed URL is the one in ``<Stream>``. Its scheme is
    ``wss``, or ``https`` where that was written, and it may name the default port. All spellings are tried.

    Args:
        headers: The upgrade's headers.
        url: The server's public URL of the upgrade, with path and query.
        auth_token: The account's token.
    """
    given = headers.get("x-twilio-signature", "")
    if not given:
        return False
    return any(
        hmac.compare_digest(
            given.encode(errors="surrogateescape"), _base64_hmac(hashlib.sha1, auth_token, one)
        )
        for one in _spellings(url)
    )


def is_from_plivo(headers: Headers, url: str, auth_token: str) -> bool:
    """``X-Plivo-Signature-V3``: HMAC-SHA256 of the URL, its sorted query, a dot and a nonce, in base64.

    plivo.com/docs/voice/concepts/signature-validation. One header may hold several signatures, separated by
    commas. Plivo does not document that it signs the upgrade of an audio stream as it signs webhooks.
    """
    nonce = headers.get("x-plivo-signature-v3-nonce", "")
    given = [one.strip() for one in headers.get("x-plivo-signature-v3", "").split(",") if one.strip()]
    if not nonce or not given:
        return False
    wanted = [
        _base64_hmac(hashlib.sha256, auth_token, f"{_sorted_query(one)}.{nonce}") for one in _spellings(url)
    ]
    return any(
        hmac.compare_digest(one.encode(errors="surrogateescape"), each)
        for one in given[:4]
        for each in wanted
    )


def is_from_telnyx(
    headers: Headers, public_key: str, *, body: bytes = b"", clock: Callable[[], float] = time.time
) -> bool:
    """``telnyx-signature-ed25519``: Ed25519 over ``timestamp|body``, not older than five minutes.

    developers.telnyx.com/api-reference/callbacks. An upgrade has no body. For media streams Telnyx documents
    a token of your own instead, ``x-telnyx-streaming-auth-token``.
    """
    # cryptography comes with the extra ``server``, and only this function needs it.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    timestamp = headers.get("telnyx-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 13):
        return False
    if abs(clock() - int(timestamp)) > _TOLERANCE_S:
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        signature = base64.b64decode(headers.get("telnyx-signature-ed25519", ""), validate=True)
        key.verify(signature, timestamp.encode() + b"|" + body)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_from_vonage(headers: Headers, secret: str, *, clock: Callable[[], float] = time.time) -> bool:
    """``Authorization: Bearer`` with a JWT signed with the signature secret (HS256), from Vonage, recent.

    developer.vonage.com/getting-started/concepts/webhooks, "decoding signed webhooks".
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > 4096:
        return False
    try:
        claims = jwt.decode(
            token.strip(),
            secret,
            algorithms=["HS256"],
            options={"verify_exp": False, "verify_iat": False, "verify_aud": False},
        )
        made_s = float(claims["iat"])
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError):
        return False
    return claims.get("iss") == "Vonage" and abs(clock() - made_s) <= _TOLERANCE_S


def _base64_hmac(digest: Callable[..., object], key: str, message: str) -> bytes:
    made = hmac.new(key.encode(), message.encode(errors="surrogateescape"), digest)  # type: ignore[arg-type]
    return base64.b64encode(made.digest())


def _spellings(url: str) -> list[str]:
    """The URL with each scheme, with and without the default port."""
    try:
        parts = urlsplit(url)
        given_port = parts.port
    except ValueError:  # the Host header has an invalid port
        return []
    secure = parts.scheme in ("https", "wss")
    schemes = ("wss", "https") if secure else ("ws", "http")
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = given_port or _DEFAULT_PORTS[schemes[0]]
    netlocs = [f"{host}:{port}"] + ([host] if port == _DEFAULT_PORTS[schemes[0]] else [])
    return [
        urlunsplit((scheme, netloc, parts.path, parts.query, "")) for scheme in schemes for netloc in netlocs
    ]


def _sorted_query(url: str) -> str:
    parts = urlsplit(url)
    pairs = sorted(parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit(parts._replace(query="&".join(f"{name}={value}" for name, value in pairs)))
