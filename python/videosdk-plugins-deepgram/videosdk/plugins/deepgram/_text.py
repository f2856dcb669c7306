"""How pieces of text from the framework become one text to be spoken."""

from __future__ import annotations

import enum
from collections import Counter

from ._blanks import CONTEXT, QUOTES, needs_blank

__all__ = ["TextJoiner"]


class _Pieces(enum.Enum):
    """What is known of a stream's pieces."""

    UNKNOWN = enum.auto()
    CARRY_BLANKS = enum.auto()
    TRIMMED = enum.auto()


class TextJoiner:
    """Joins the pieces of a stream, with a blank only where one was taken away.

    The tokens of a language model carry their own blanks ("Sure", " thing"); they are joined as they are.
    The framework's sentence chunker trims its pieces ("Sure thing.", "I can help."): between them a blank is
    missing. A blank at the edge of any piece shows that a stream carries its own. Until then, where a blank
    may be missing, the text is held back; if none shows up, the pieces were trimmed.

    Args:
        patience: How many characters are held back at most.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._pieces = _Pieces.UNKNOWN
        self._held: list[str] = []
        self._blanks = ""
        self._last = ""
        self._context = ""
        self._quotes: Counter[str] = Counter()

    def add(self, piece: str) -> str:
        """Take a piece; returns the text to send now.

        White space alone says nothing, so it is sent with the piece that follows.
        """
        if not piece:
            return ""
        if piece != piece.strip():
            self._pieces = _Pieces.CARRY_BLANKS
        if piece.isspace():
            self._blanks += piece
            return self._release() if self._held else ""
        if self._pieces is _Pieces.UNKNOWN and (self._held or self._needs_blank(piece)):
            self._held.append(piece)
            return self.settle() if sum(map(len, self._held)) > self._patience else ""
        return self._release() + self._join(piece)

    def settle(self) -> str:
        """Returns what was held back: nothing that follows will show how to join it."""
        if self._held:
            self._pieces = _Pieces.TRIMMED
        return self._release()

    def _release(self) -> str:
        blanks, self._blanks = self._blanks, ""  # came behind what is held
        held, self._held = self._held, []
        joined = "".join(map(self._join, held))
        self._blanks = blanks
        return joined

    def _join(self, piece: str) -> str:
        blank = " " if self._pieces is _Pieces.TRIMMED and self._needs_blank(piece) else ""
        joined, self._blanks = self._blanks + blank + piece, ""
        self._last = piece
        self._context = (self._context + joined)[-CONTEXT:]
        for mark in QUOTES:
            self._quotes[mark] += joined.count(mark)
        return joined

    def _needs_blank(self, piece: str) -> bool:
        if not self._context or self._context[-1].isspace():
            return False
        return needs_blank(self._context, self._last, piece, self._quotes)
