"""Long texts in pieces that one ``Speak`` can carry (Deepgram docs: tts-text-chunking)."""

from __future__ import annotations

import re
import unicodedata

from speechwire.errors import InvalidArgument
from speechwire.protocol.speak_v1 import SPEAK_CHARACTERS

__all__ = ["split_text"]

# Best first: the end of a sentence, of a clause, of a word. A point inside a number has no blank behind.
_BREAKS = (
    re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”’）]*|\n+"),
    re.compile(r"[,;:–—]+(?=\s)|[、，；：]+"),
    re.compile(r"(?<=\S)(?=\s)"),
)
_BLANKS = re.compile(r"\s*")
_ZERO_WIDTH_JOINER = "\u200d"


def split_text(text: str, limit: int = SPEAK_CHARACTERS) -> list[str]:
    """Splits `text` into pieces of at most `limit` characters that together are `text`.

    A piece ends after a sentence if one ends within the limit, else after a clause, else after a word, else
    within a word. It is not cut between a character and its combining marks, unless there is nothing else.
    An empty text has no pieces.

    Raises:
        InvalidArgument: `limit` is below 1.
    """
    if limit < 1:
        raise InvalidArgument("limit", limit, "1 or more")
    pieces = []
    begin = 0
    while len(text) - begin > limit:
        # One character more than fits shows whether a blank follows.
        length = _piece_length(text[begin : begin + limit + 1])
        pieces.append(text[begin : begin + length])
        begin += length
    return [*pieces, text[begin:]] if begin < len(text) else pieces


def _piece_length(window: str) -> int:
    limit = len(window) - 1
    for pattern in _BREAKS:
        ends = [found.end() for found in pattern.finditer(window) if found.end() <= limit]
        if ends:
            return _with_blanks(window, ends[-1])
    return _between_characters(window)


def _with_blanks(window: str, end: int) -> int:
    blanks = _BLANKS.match(window, end)
    return min(blanks.end(), len(window) - 1) if blanks else end


def _between_characters(window: str) -> int:
    end = len(window) - 1
    while end > 1 and (_combines(window[end]) or window[end - 1] == _ZERO_WIDTH_JOINER):
        end -= 1
    # Nothing but combining marks: they have to be cut somewhere.
    return end if end > 1 else len(window) - 1


def _combines(character: str) -> bool:
    return character == _ZERO_WIDTH_JOINER or unicodedata.category(character) in ("Mn", "Mc", "Me")
