"""The API key: requested for each connect, never shown, and not sent unencrypted by accident."""

from __future__ import annotations

import asyncio
import inspect
import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from speechwire.errors import ConnectFailed, InvalidArgument, InvalidArgumentType, SpeechwireError
from speechwire.transport import Secret
from speechwire.transport._secret import HIDDEN, NotCopyable
from speechwire.transport.base import without_query

__all__ = ["ApiKey", "Credential", "check_allow_insecure", "check_secrecy"]

ApiKey = str | Callable[[], str | Awaitable[str]]


class Credential(NotCopyable):
    """Turns a key, or whatever provides one, into an ``Authorization`` header.

    Args:
        api_key: An API key or a short-lived token, or a callable (plain or async) that is called for one at
            each connect. A value that begins with ``Token`` or ``Bearer`` and a space is sent unchanged. A
            JSON Web Token is sent as ``Bearer``, anything else as ``Token``.
    """

    def __init__(self, api_key: ApiKey) -> None:
        given = api_key if callable(api_key) else Secret(api_key)
        del api_key  # a traceback may show the local variables of this frame
        allowed = "a str or a callable that returns one"
        self._given = _checked(given, allowed) if isinstance(given, Secret) else given

    def __repr__(self) -> str:
        return f"Credential{HIDDEN}"

    async def headers(self, url: str) -> dict[str, Secret]:
        """The headers that authorize one connection.

        Raises:
            ConnectFailed: The callable failed, or what it waited for was cancelled. Its message is withheld,
                as it may contain a secret.
            InvalidArgument: The callable returned a value that cannot be a key.
            InvalidArgumentType: The callable did not return a ``str``.
        """
        return {"Authorization": _with_scheme(_checked(await self._ask(url)))}

    async def _ask(self, url: str) -> Secret:
        if isinstance(self._given, Secret):
            return self._given
        try:
            return await _asked(self._given)
        except SpeechwireError:
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            cause = "what provides it was cancelled"
        except Exception as error:
            cause = type(error).__name__
        raise ConnectFailed(without_query(url), f"the credential could not be obtained ({cause})")


def check_allow_insecure(value: object) -> None:
    """Raise InvalidArgumentType if it is not a bool: "false", as it comes out of a file, would be true."""
    if not isinstance(value, bool):
        raise InvalidArgumentType("allow_insecure", value, "a bool")


def check_secrecy(url: str, *, allow_insecure: bool) -> None:
    """Refuse to send a key unencrypted to another machine.

    Raises:
        InvalidArgument: The URL is neither ``wss://`` nor loopback, and ``allow_insecure`` is not set.
        InvalidArgumentType: ``allow_insecure`` is not a bool.
    """
    check_allow_insecure(allow_insecure)
    parts = urlsplit(url)
    if parts.scheme in ("wss", "https"):
        return
    if parts.scheme not in ("ws", "http"):
        raise InvalidArgument("base_url", without_query(url), "a ws:// or wss:// URL")
    if not allow_insecure and not _is_loopback(parts.hostname or ""):
        allowed = "wss:// unless the host is loopback: the key would travel in the clear (see allow_insecure)"
        raise InvalidArgument("base_url", without_query(url), allowed)


async def _asked(provider: Callable[[], str | Awaitable[str]]) -> Secret:
    given: object = provider()
    if inspect.isawaitable(given):
        given = Secret(await given)
    return given if isinstance(given, Secret) else Secret(given)  # type: ignore[arg-type]  # checked next


def _checked(key: Secret, expected: str = "a str") -> Secret:
    """The key without surrounding white space: a key read from a file ends with a newline."""
    if not isinstance(key.reveal(), str):
        error = InvalidArgumentType("api_key", key.reveal(), expected)
        error.value = key  # the wrong type may still hold a key, such as bytes: do not show it
        raise error
    stripped = Secret(key.reveal().strip())
    if not _may_be_a_key(stripped):
        raise InvalidArgument("api_key", stripped, "a non-empty string of printable ASCII characters")
    return stripped


def _may_be_a_key(key: Secret) -> bool:
    value = key.reveal()
    return bool(value) and value.isascii() and value.isprintable()


def _with_scheme(key: Secret) -> Secret:
    value = key.reveal()
    if value.startswith(("Token ", "Bearer ")):
        return key
    is_jwt = value.startswith("eyJ") and value.count(".") == 2
    return Secret(f"{'Bearer' if is_jwt else 'Token'} {value}")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
