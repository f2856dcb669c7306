"""The check of a text, for both speak protocols."""

from __future__ import annotations

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol._rules import encodable

__all__ = ["checked_text"]


def checked_text(text: str, longest: int | None = None) -> str:
    """Check a text for ``Speak``. Blanks alone are allowed, as they separate words.

    Raises:
        InvalidArgument: `text` is empty, longer than `longest` characters, or not encodable.
        InvalidArgumentType: `text` is not a ``str``.
    """
    if not isinstance(text, str):
        raise InvalidArgumentType("text", text, "a str")
    if not text:
        raise InvalidArgument("text", text, "at least one character")
    if longest is not None and len(text) > longest:
        raise InvalidArgument(
            "text", f"{len(text)} characters", f"at most {longest} characters; see split_text"
        )
    return encodable("text", text)
