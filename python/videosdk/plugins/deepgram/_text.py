"""How pieces of text from the framework become one text to be spoken."""

from __future__ import annotations

__all__ = ["TextJoiner"]


class TextJoiner:
    """Puts back the spaces that the framework's sentence chunker strips, and none where there were none.

    The chunker hands over "Sure thing." and "I can help."; joined as they are, the voice reads
    "thing.I". A model's raw tokens bring their own spaces ("Sure", " thing"), and a space too many would cut
    words in two, so a stream that has shown a space of its own at a piece's edge is left alone.
    """

    def __init__(self) -> None:
        self._last = ""
        self._held_space = ""
        self._brings_own_spaces = False

    def add(self, piece: str) -> str:
        """Return ``piece`` as it is to be sent: with a space before it where one is missing.

        White space alone says nothing, so it is held back and put before the next piece; the result is then
        an empty string.
        """
        self._brings_own_spaces = self._brings_own_spaces or piece != piece.strip()
        if not piece.strip():
            self._held_space = self._held_space or piece[:1]
            return ""
        joined = self._space_before(piece) + piece
        self._last, self._held_space = piece, ""
        return joined

    def _space_before(self, piece: str) -> str:
        if self._held_space or not self._last:
            return self._held_space if self._last and not piece[0].isspace() else ""
        return " " if not self._brings_own_spaces and _are_separate(self._last, piece) else ""


def _are_separate(before: str, after: str) -> bool:
    """Whether two pieces without edge spaces are phrases rather than parts of one word."""
    return before[-1] in ".,!?;:" or " " in before or " " in after
