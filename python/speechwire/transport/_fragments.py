"""Joins the fragments of a message (RFC 6455, 5.4)."""

from __future__ import annotations

from typing import Final

__all__ = ["Fragments"]

_MOST_FRAGMENTS: Final = 1 << 14


class Fragments:
    """Joins fragments in linear time, with limits on the message's size and the number of fragments.

    Args:
        most_bytes: The longest message.

    Attributes:
        open: Whether a message has begun and not ended.
        is_text: Whether it is text.
    """

    __slots__ = ("_count", "_most_bytes", "_payload", "is_text", "open")

    def __init__(self, most_bytes: int) -> None:
        self.open = False
        self.is_text = False
        self._most_bytes = most_bytes
        self._payload = bytearray()
        self._count = 0

    def begin(self, is_text: bool) -> str | None:
        """Begin a message with its first fragment; return what is wrong, or ``None``."""
        if self.open:
            return "a message began before the one before it had ended"
        self.open, self.is_text = True, is_text
        return None

    def add(self, payload: bytes) -> str | None:
        """Append a fragment; return what is wrong, or ``None``."""
        if not self.open:
            return "a fragment continues no message"
        self._payload += payload
        self._count += 1
        if len(self._payload) > self._most_bytes:
            return f"a message of over {self._most_bytes} bytes"
        if self._count > _MOST_FRAGMENTS:
            return f"a message in over {_MOST_FRAGMENTS} fragments"
        return None

    def end(self) -> bytes:
        """Return the whole message, and reset for the next."""
        whole, self._payload = bytes(self._payload), bytearray()
        self.open, self._count = False, 0
        return whole
