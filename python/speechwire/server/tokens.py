"""Short-lived tokens for browsers: JSON Web Tokens (RFC 7519), HS256."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import jwt

__all__ = ["SUBPROTOCOL_PREFIX", "Tokens"]

SUBPROTOCOL_PREFIX: Final = "access_token."
"""The prefix of a subprotocol that carries a token, as in github.com/deepgram-starters.

A browser cannot set headers on a WebSocket."""

_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "speechwire"
_LONGEST: Final = 4096


class Tokens:
    """Makes and checks tokens.

    Args:
        secret: At least 32 bytes.
        lifetime_s: The lifetime of a token, in seconds.
        clock: Returns seconds since 1970.
    """

    def __init__(
        self, secret: str, *, lifetime_s: float = 120.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._secret = secret
        self._lifetime_s = lifetime_s
        self._clock = clock

    def make(self, subject: str = "caller") -> str:
        """Make a token that is valid for ``lifetime_s``."""
        now = self._clock()
        claims = {"sub": subject, "aud": _AUDIENCE, "iat": int(now), "exp": int(now + self._lifetime_s)}
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def is_valid(self, token: str) -> bool:
        """Whether a token was made with this secret and has not expired."""
        if not token or len(token) > _LONGEST:
            return False
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": ["exp", "aud"], "verify_exp": False, "verify_iat": False},
            )
            return float(claims["exp"]) > self._clock()
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError):
            return False
