"""Authenticates requests: by origin, token, secret or signature."""

from __future__ import annotations

import base64
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

from speechwire.server import signatures
from speechwire.server.config import Config
from speechwire.server.tokens import SUBPROTOCOL_PREFIX, Tokens

__all__ = ["Admitted", "Asked", "Entrance", "NotLetIn"]

_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
_TOKENS_PER_MINUTE: Final = 30
_MOST_ADDRESSES: Final = 10_000


class NotLetIn(Exception):
    """A request was refused.

    Args:
        reason: ``unauthorized``, ``origin`` or ``too_many_tokens``.
        words: The reason in words, for a person.
        status: The HTTP status.
        by_subprotocol: The subprotocol that carried a token; the answer must name it. Empty without one.
    """

    def __init__(self, reason: str, words: str, status: int, by_subprotocol: str = "") -> None:
        super().__init__(words)
        self.reason = reason
        self.status = status
        self.by_subprotocol = by_subprotocol


class Asked(Protocol):
    """The parts of a request that are checked. aiohttp's requests have them, as does `asgi._Request`."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers by name, in any case."""

    @property
    def raw_path(self) -> str:
        """The path with the query, as it was sent."""

    @property
    def remote(self) -> str | None:
        """The peer's address."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that was accepted.

    Attributes:
        how: ``open``, ``token``, ``secret`` or a provider's name.
        subprotocol: The subprotocol that carried a token; the answer must name it. Empty without one.
    """

    how: str
    subprotocol: str = ""


class Entrance:
    """Checks requests.

    By default a server on loopback requires no credential, but it refuses pages of other sites: a browser on
    this machine would connect for them. It also refuses a ``Host`` that is no loopback name, so that another
    site cannot point its own name at this machine (DNS rebinding).

    Args:
        config: Settings; its ``token_secret`` is set.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._tokens = Tokens(config.token_secret, lifetime_s=config.token_s)
        self._is_open = config.auth == "none" or (
            config.auth == "auto" and _is_loopback(config.host) and not config.public_url
        )
        self._made: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def admit(self, request: Asked, offered: Sequence[str]) -> Admitted:
        """Accept a request to open a call.

        Args:
            request: The upgrade.
            offered: The subprotocols that it offers.

        Raises:
            NotLetIn: It has no valid token, secret or signature, or its origin is not allowed.
        """
        self._check_origin(request)
        by_subprotocol = next((name for name in offered if name.startswith(SUBPROTOCOL_PREFIX)), "")
        headers = {name.lower(): value for name, value in request.headers.items()}
        how = self._how(request, headers, by_subprotocol)
        if how:
            return Admitted(how, by_subprotocol)
        if self._is_open:
            self._check_host(request)
            return Admitted("open", by_subprotocol)
        raise NotLetIn("unauthorized", "a valid token, secret or signature is needed", 401, by_subprotocol)

    def token(self, request: Asked) -> tuple[str, float]:
        """Make a token for a page; return it with its lifetime in seconds.

        Raises:
            NotLetIn: The page's origin is not allowed, the shared secret is missing where one is needed, or
                the address has asked for too many tokens.
        """
        self._check_origin(request)
        if self._is_open:
            self._check_host(request)
        elif not self._has_secret(request.headers.get("Authorization", "")):
            if not self._config.public_page:
                raise NotLetIn("unauthorized", "your back end's secret is needed", 401)
            self._count(request.remote or "")
        return self._tokens.make(), self._config.token_s

    def _how(self, request: Asked, headers: Mapping[str, str], by_subprotocol: str) -> str:
        scheme, _, credential = headers.get("authorization", "").partition(" ")
        if by_subprotocol and self._tokens.is_valid(by_subprotocol.removeprefix(SUBPROTOCOL_PREFIX)):
            return "token"
        if scheme.lower() == "bearer" and self._tokens.is_valid(credential.strip()):
            return "token"
        if self._has_secret(headers.get("authorization", "")):
            return "secret"
        return self._provider(request, headers)

    def _provider(self, request: Asked, headers: Mapping[str, str]) -> str:
        config = self._config
        url = f"{self._public(request)}{request.raw_path}"
        if config.twilio_auth_token and signatures.is_from_twilio(headers, url, config.twilio_auth_token):
            return "twilio"
        if config.plivo_auth_token and signatures.is_from_plivo(headers, url, config.plivo_auth_token):
            return "plivo"
        if config.telnyx_public_key and signatures.is_from_telnyx(headers, config.telnyx_public_key):
            return "telnyx"
        token = headers.get("x-telnyx-streaming-auth-token", "")
        if config.telnyx_stream_token and _is_same(token, config.telnyx_stream_token):
            return "telnyx"
        secret = config.vonage_signature_secret
        if secret and signatures.is_from_vonage(headers, secret):
            return "vonage"
        return ""

    def _has_secret(self, authorization: str) -> bool:
        secret = self._config.shared_secret
        scheme, _, credential = authorization.partition(" ")
        if not secret or not credential:
            return False
        if scheme.lower() == "bearer":
            return _is_same(credential.strip(), secret)
        if scheme.lower() != "basic":
            return False
        try:
            pair = base64.b64decode(credential.strip(), validate=True).decode()
        except ValueError:  # not base64, or not UTF-8
            return False
        return _is_same(pair.partition(":")[2], secret)

    def _check_origin(self, request: Asked) -> None:
        origin = request.headers.get("Origin")
        allowed = self._config.allowed_origins
        if origin is None or "*" in allowed or origin in allowed:
            return
        other = _netloc(origin)
        if not other or other != _netloc(self._public(request)):
            raise NotLetIn("origin", "pages of this origin may not connect", 403)

    def _check_host(self, request: Asked) -> None:
        if self._config.auth == "none":
            return
        host = request.headers.get("Host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if name.lower() not in _LOOPBACK_NAMES and not _is_loopback(name.strip("[]")):
            raise NotLetIn("origin", "this name is not one of loopback", 403)

    def _public(self, request: Asked) -> str:
        """The scheme and host that callers use. Headers of proxies are ignored: any caller can set them."""
        return self._config.public_url.rstrip("/") or f"http://{request.headers.get('Host', '')}"

    def _count(self, address: str) -> None:
        """Limit how many tokens one address gets in a minute."""
        now = time.monotonic()
        began_s, count = self._made.pop(address, (now, 0))
        if now - began_s > 60:
            began_s, count = now, 0
        self._made[address] = began_s, count + 1
        while len(self._made) > _MOST_ADDRESSES:
            self._made.popitem(last=False)
        if count >= _TOKENS_PER_MINUTE:
            raise NotLetIn("too_many_tokens", "too many tokens for this address; wait a minute", 429)


def _netloc(url: str) -> str:
    """Host and port of a URL in lower case; empty if it is not a URL."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def _is_same(given: str, wanted: str) -> bool:
    # A header may hold bytes that are not UTF-8.
    return hmac.compare_digest(given.encode(errors="surrogateescape"), wanted.encode())


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
