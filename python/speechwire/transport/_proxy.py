"""Chooses the proxy of a connection: the one given, or the environment's."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.transport._secret import Secret

__all__ = ["Proxies", "Proxy"]

_DEFAULT_PORTS: Final = {"http": 80, "socks4": 1080, "socks5": 1080}
_ALLOWED: Final = "http://, socks4:// or socks5://host:port, with or without user:password"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that tunnels (``CONNECT``), or a SOCKS proxy.

    Attributes:
        scheme: ``http``, ``socks4`` or ``socks5``.
        host: Name or address.
        port: TCP port.
        user: ``user:password``; ``None`` without a login.
    """

    scheme: str
    host: str
    port: int
    user: Secret | None = None

    @property
    def place(self) -> str:
        """The proxy without its login, for messages."""
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}"

    @property
    def authorization(self) -> Secret | None:
        """The value of ``Proxy-Authorization``."""
        return None if self.user is None else _basic(self.user)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Secrets to redact from the proxy's answers."""
        if self.user is None:
            return ()
        password = Secret(self.user.reveal().partition(":")[2])
        return (self.user, password, _basic(self.user))


class Proxies:
    """Chooses the proxy of each connection.

    Args:
        proxy: The URL of a proxy for all connections; ``None`` uses the environment's.
        trust_env: Whether ``HTTPS_PROXY`` (for ``wss``), ``HTTP_PROXY`` (for ``ws``), ``ALL_PROXY`` (for
            both) and ``NO_PROXY`` count. They never hold for loopback, which no proxy can reach.

    Raises:
        InvalidArgument: `proxy` is not the URL of a proxy.
    """

    def __init__(self, proxy: str | None, *, trust_env: bool) -> None:
        self._given = None if proxy is None else _parsed("proxy", proxy)
        self._trust_env = trust_env

    def choose(self, url: str) -> Proxy | None:
        """The proxy for a ``ws`` or ``wss`` URL, or ``None`` for a direct connection.

        Raises:
            InvalidArgument: The environment's value is not the URL of a proxy.
        """
        if self._given is not None or not self._trust_env:
            return self._given
        from speechwire.transport._environment import named_proxy  # noqa: PLC0415  # see there

        named = named_proxy(url)
        return named and _parsed(*named)


def bracketed(host: str) -> str:
    """The host as written before a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _basic(user: Secret) -> Secret:
    return Secret("Basic " + base64.b64encode(user.reveal().encode()).decode())


def _parsed(name: str, url: object) -> Proxy:
    if not isinstance(url, str):
        raise InvalidArgumentType(name, url, "a str")
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise InvalidArgument(name, "no URL", _ALLOWED) from None
    scheme = parts.scheme.removesuffix("h") if parts.scheme == "socks5h" else parts.scheme
    if scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise InvalidArgument(name, f"{parts.scheme or 'no scheme'}://{parts.hostname or ''}", _ALLOWED)
    return Proxy(scheme, parts.hostname, port or _DEFAULT_PORTS[scheme], _user(parts))


def _user(parts: SplitResult) -> Secret | None:
    if not parts.username:
        return None
    return Secret(f"{unquote(parts.username)}:{unquote(parts.password or '')}")
