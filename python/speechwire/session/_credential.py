"""The API key: asked for at each connect, never shown, never sent in the clear by accident."""

from __future__ import annotations

import inspect
import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from speechwire.errors import ConnectFailed, InvalidArgument, InvalidArgumentType, SpeechwireError
from speechwire.transport.base import without_query

__all__ = ["ApiKey", "Credential", "check_secrecy"]

ApiKey = str | Callable[[], str | Awaitable[str]]


class Credential:
    """Turns a key, or whatever provides one, into an ``Authorization`` header.

    Args:
        api_key: An API key or a short-lived token, or a callable (plain or async) asked for one at each
            connect. A value that begins with ``Token`` or ``Bearer`` and a space is sent as it is; else a
            JSON Web Token goes as ``Bearer`` and anything else as ``Token``.
    """

    def __init__(self, api_key: ApiKey) -> None:
        if isinstance(api_key, str):
            _checked(api_key)
        elif not callable(api_key):
            raise InvalidArgumentType("api_key", api_key, "a str or a callable that returns one")
        self._api_key = api_key

    def __repr__(self) -> str:
        return "Credential(hidden)"

    async def headers(self, url: str) -> dict[str, str]:
        """The headers that authorize one connection.

        Raises:
            ConnectFailed: The callable failed; its own words are withheld, as they may hold a secret.
        """
        return {"Authorization": _scheme(_checked(await self._ask(url)))}

    async def _ask(self, url: str) -> str:
        if isinstance(self._api_key, str):
            return self._api_key
        try:
            key = self._api_key()
            return await key if inspect.isawaitable(key) else key
        except SpeechwireError:
            raise
        except Exception as error:
            cause = f"the credential could not be obtained ({type(error).__name__})"
        raise ConnectFailed(without_query(url), cause)


def check_secrecy(url: str, *, allow_insecure: bool) -> None:
    """Refuse to send a key unencrypted to another machine.

    Raises:
        InvalidArgument: The URL is neither ``wss://`` nor loopback, and ``allow_insecure`` is not set.
    """
    parts = urlsplit(url)
    if parts.scheme in ("wss", "https"):
        return
    if parts.scheme not in ("ws", "http"):
        raise InvalidArgument("base_url", without_query(url), "a ws:// or wss:// URL")
    if not allow_insecure and not _is_loopback(parts.hostname or ""):
        allowed = "wss:// unless the host is loopback: the key would travel in the clear (see allow_insecure)"
        raise InvalidArgument("base_url", without_query(url), allowed)


def _checked(key: object) -> str:
    if not isinstance(key, str):
        raise InvalidArgumentType("api_key", key, "a str")
    key = key.strip()  # a key read from a file ends with a newline
    if not key or not key.isascii() or not key.isprintable():
        raise InvalidArgument("api_key", "(hidden)", "a non-empty string of printable ASCII characters")
    return key


def _scheme(key: str) -> str:
    if key.startswith(("Token ", "Bearer ")):
        return key
    is_jwt = key.startswith("eyJ") and key.count(".") == 2
    return f"Bearer {key}" if is_jwt else f"Token {key}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
