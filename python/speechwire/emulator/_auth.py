"""Who may connect ("Deepgram docs: using-the-sec-websocket-protocol", "token-based-authentication")."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping

from speechwire.emulator._refusal import Refusal
from speechwire.errors import InvalidArgumentType

__all__ = ["Credentials"]

_MAX_GRANTS = 10_000


class Credentials:
    """Checks ``Authorization`` and ``Sec-WebSocket-Protocol``.

    Args:
        keys: API keys to accept; None accepts any non-empty key, and any text in the form of a JSON Web
            Token. Temporary tokens come from :meth:`grant`.

    Raises:
        InvalidArgumentType: ``keys`` is one string, in which ``in`` would accept any part of the key.
    """

    def __init__(self, keys: Collection[str] | None = None) -> None:
        if isinstance(keys, str):
            raise InvalidArgumentType("keys", keys, "a collection of keys")
        self._keys = None if keys is None else frozenset(keys)
        self._grants: dict[str, float] = {}

    def grant(self, ttl_s: float, now_s: float) -> str:
        """Make a temporary token that opens connections until ``now_s + ttl_s``."""
        token = ".".join(secrets.token_urlsafe(12) for _ in range(3))
        self._grants[token] = now_s + ttl_s
        if len(self._grants) > _MAX_GRANTS:
            del self._grants[next(iter(self._grants))]
        return token

    def check(self, headers: Mapping[str, str], now_s: float) -> str:
        """Name the way the client authenticated.

        Returns:
            ``token``, ``bearer``, ``subprotocol token`` or ``subprotocol bearer``.

        Raises:
            Refusal: 401, also for a key under ``Bearer`` and for a temporary token under ``Token``.
        """
        way, scheme, secret = _presented(headers)
        if scheme == "token" and self._is_key(secret):
            return way
        if scheme == "bearer" and self._is_temporary(secret, now_s):
            return way
        raise Refusal(401)

    def _is_key(self, secret: str) -> bool:
        if self._keys is None:
            return bool(secret) and not _looks_temporary(secret)
        return secret in self._keys

    def _is_temporary(self, secret: str, now_s: float) -> bool:
        if secret in self._grants:
            return now_s < self._grants[secret]
        return self._keys is None and _looks_temporary(secret)


def _presented(headers: Mapping[str, str]) -> tuple[str, str, str]:
    if "Authorization" in headers:
        scheme, _, secret = headers["Authorization"].partition(" ")
        return scheme.lower(), scheme.lower(), secret.strip()
    offered = [part.strip() for part in headers.get("Sec-WebSocket-Protocol", "").split(",")]
    scheme = offered[0].lower()
    return f"subprotocol {scheme}", scheme, offered[1] if len(offered) > 1 else ""


def _looks_temporary(secret: str) -> bool:
    return secret.count(".") == 2
