"""Text on its way to the service: whole characters, in pieces that one ``Speak`` can carry."""

from __future__ import annotations

from dataclasses import dataclass, field

from speechwire.errors import InvalidArgumentType
from speechwire.protocol import split_text

__all__ = ["TextBatch", "TextIntake"]


@dataclass(slots=True, eq=False)
class TextBatch:
    """The text between two flushes. It is kept until all its audio has come.

    Args:
        pieces: Texts, each fit for one ``Speak``.
        closed: A flush is wanted behind the last piece; no text follows.
        has_words: Whether there is anything to pronounce.
    """

    pieces: list[str] = field(default_factory=list)
    closed: bool = False
    has_words: bool = False

    def add(self, text: str) -> None:
        """Append text."""
        self.pieces.extend(split_text(text))
        self.has_words = self.has_words or _has_words(text)

    def split(self, count: int) -> TextBatch:
        """Close this batch behind its first ``count`` pieces; returns one with the rest."""
        rest = TextBatch(self.pieces[count:], self.closed, any(map(_has_words, self.pieces[count:])))
        del self.pieces[count:]
        self.closed = True
        self.has_words = any(map(_has_words, self.pieces))
        return rest


class TextIntake:
    """Makes text that UTF-8 can carry of whatever a ``str`` can hold.

    A character beyond the basic plane may come as two halves (surrogates), also in two pieces: they are
    joined. A half that stays alone becomes U+FFFD; it must not cost the text around it.
    """

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = ""

    def take(self, text: str) -> str:
        """The text to send for a piece; a first half at its end is held back until the next piece.

        Raises:
            InvalidArgumentType: It is not a ``str``.
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
        """What stands for a half that nothing completes."""
        half, self._half = self._half, ""
        return _encodable(half)


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        # Two halves are one character of UTF-16, and a lone one is an error there.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)
