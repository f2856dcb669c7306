"""Text to be sent to the service: whole characters, in pieces that fit one ``Speak``."""

from __future__ import annotations

from dataclasses import dataclass, field

from speechwire.errors import InvalidArgumentType
from speechwire.protocol import split_text

__all__ = ["TextBatch", "TextIntake"]


@dataclass(slots=True, eq=False)
class TextBatch:
    """The text between two flushes. It is kept until all its audio has come.

    Args:
        pieces: Texts that each fit one ``Speak``.
        closed: Whether a flush follows the last piece, and no more text.
        has_words: Whether the text contains anything to pronounce.
    """

    pieces: list[str] = field(default_factory=list)
    closed: bool = False
    has_words: bool = False

    def add(self, text: str) -> None:
        """Append text."""
        self.pieces.extend(split_text(text))
        self.has_words = self.has_words or _has_words(text)

    def split(self, count: int) -> TextBatch:
        """Close this batch after its first ``count`` pieces; return a batch with the other pieces."""
        rest = TextBatch(self.pieces[count:], self.closed, any(map(_has_words, self.pieces[count:])))
        del self.pieces[count:]
        self.closed = True
        self.has_words = any(map(_has_words, self.pieces))
        return rest


class TextIntake:
    """Turns any ``str`` into text that UTF-8 can encode.

    A character outside the Basic Multilingual Plane may come as two surrogates, even in two pieces of text;
    they are joined. A lone surrogate becomes U+FFFD, and the text around it is kept.
    """

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = ""

    def take(self, text: str) -> str:
        """Return the text to send for a piece. A high surrogate at its end waits for the next piece.

        Raises:
            InvalidArgumentType: `text` is not a ``str``.
        """
        if not isinstance(text, str):
            raise InvalidArgumentType("text", text, "a str")
        if not text:
            return ""
        text, self._half = self._half + text, ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return _encodable(text)

    def finish(self) -> str:
        """Return U+FFFD for a high surrogate that still waits, else an empty string."""
        half, self._half = self._half, ""
        return _encodable(half)


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        # In UTF-16 two surrogates are one character, and a lone one is an error.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)
