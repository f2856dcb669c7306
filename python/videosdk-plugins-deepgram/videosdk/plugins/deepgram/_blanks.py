"""Whether a blank belongs between two pieces of text whose own blanks were trimmed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

__all__ = ["CONTEXT", "QUOTES", "needs_blank"]

QUOTES: Final = '"„“'
"""The quotation marks whose meaning depends on those before them."""

CONTEXT: Final = 40
"""How many characters on each side of a cut decide."""

# Where one piece ends and the next begins.
_CUT: Final = "\u2038"
_JOINERS: Final = frozenset("\u00ad\u200c\u200d\u2060")

_SIGNS: Final = (
    "["
    "\u0e00-\u109f"  # Thai, Lao, Tibetan, Myanmar
    "\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f\ua980-\ua9df"  # Khmer, Tai, Balinese, Javanese
    "\u2e80-\u312f\u3190-\u9fff\ua000-\ua4cf\uf900-\ufaff"  # Chinese, Japanese, Yi
    "\ufe30-\ufe4f\uff00-\uff9f\U0001b000-\U0001b2ff\U00020000-\U0003ffff"
    "]"
)
_WITHOUT_BLANKS: Final = re.compile(_SIGNS)
"""Scripts that are written without blanks between words, their punctuation included."""

_NUMBER_AMONG_SIGNS: Final = re.compile(
    rf"""
      {_SIGNS}\s?[-+$€£¥฿]?(\d+[.,:/])*(\d+|\d+[.,:/]){_CUT}[.,:/]?\d
    | ^[-+$€£¥฿]?(\d+[.,:/])*(\d+|\d+[.,:/]){_CUT}\d[\d.,:/]*\s?{_SIGNS}
    """,
    re.VERBOSE,
)
"""Cuts within a number in a text of such a script: two numbers would not stand beside each other there."""

_ANYWHERE: Final = re.compile(
    rf"""
      {_CUT}[.,!?;:…‥%‰،؛؟۔।॥։።፣]
    | [¿¡]{_CUT}
    | [$€£¥₹₽₩₺₴₫₪¢+]{_CUT}\d
    | \d{_CUT}([°€¢]|(st|nd|rd|th)(?!\w))
    | \d[–—]{_CUT}\d | \d{_CUT}[–—](\d|$)
    | \w-{_CUT}\w | \w{_CUT}-([^\W\d]|$) | \d{_CUT}-\d
    | [@/\\_]{_CUT} | {_CUT}[@/\\_]
    | \#{_CUT}\w | \w{_CUT}\#(\W|$)
    | {_CUT}['’](s|t|re|ve|ll|d|m|n)?(\W|$)
    | (?<!\w)([^\W\d]|[Qq]u|[Jj]usqu|[Ll]orsqu|[Pp]uisqu)['’]{_CUT}\w
    | (?<!\d)([01]?\d|2[0-4]):{_CUT}[0-5]\d(?!\d)  # a time: the framework's chunker cuts there
    | ([$€£¥₹]\d{{1,3}}(,\d{{2,3}})+\.{_CUT}\d\d | \d,\d{{2,3}}\.{_CUT}00)(?!\d)  # so too amounts
    | (?<!\w)[A-Z]\.{_CUT}[A-Z](\.|$)
    | \w\.{_CUT}(com|org|net|edu|gov|info|dev|app|uk)(?!\w)
    """,
    re.VERBOSE,
)
"""Cuts within a word, a number, a time or an address, also of pieces that are phrases."""

_OF_TOKENS: Final = re.compile(
    rf"""
      \d[.:]{_CUT}\d
    | (?<!\d)\d{{1,3}},{_CUT}\d{{3}}(?!\d)
    """,
    re.VERBOSE,
)
"""Cuts within a number, where neither piece is a phrase: "It costs 5." and "10 people came." are two."""

_FLAG_LETTER: Final = re.compile("[\U0001f1e6-\U0001f1ff]")
_HALF_A_FLAG: Final = re.compile(
    f"(?<!{_FLAG_LETTER.pattern})({_FLAG_LETTER.pattern}{{2}})*{_FLAG_LETTER.pattern}$"
)
_AROUND_A_POINT: Final = re.compile(rf"(\w+)\.{_CUT}(\w+)")
_BEHIND_AN_APOSTROPHE: Final = re.compile(rf"\w['’]{_CUT}\w")
_ABBREVIATIONS: Final = frozenset(
    {"al", "approx", "ca", "cf", "co", "corp", "dr", "etc", "inc", "ltd", "max", "min", "mr", "mrs", "ms"}
    | {"no", "pp", "prof", "st", "vol", "vs"}
)


def needs_blank(before: str, last: str, after: str, quotes: Mapping[str, int]) -> bool:
    """Whether the words on both sides would run into each other.

    Args:
        before: The text so far, or its end.
        last: The last piece of it.
        after: The next piece.
        quotes: How many of each of `QUOTES` the text so far has.
    """
    left, right = before[-1], after[0]
    if _WITHOUT_BLANKS.match(left) or _WITHOUT_BLANKS.match(right) or _is_one_character(left, right):
        return False
    if _HALF_A_FLAG.search(before) and _FLAG_LETTER.match(right):
        return False
    if _opens(left, quotes) or _closes(right, quotes):
        return False
    cut = f"{before[-CONTEXT:]}{_CUT}{after[:CONTEXT]}"
    if _ANYWHERE.search(cut) or _NUMBER_AMONG_SIGNS.search(cut):
        return False
    is_mark = not any(character.isalnum() for character in last)
    if (is_mark or not (_is_phrase(last) or _is_phrase(after))) and _OF_TOKENS.search(cut):
        return False
    return not (is_mark and (_BEHIND_AN_APOSTROPHE.search(cut) or _is_address(cut)))


def _is_phrase(piece: str) -> bool:
    return " " in piece


def _is_one_character(left: str, right: str) -> bool:
    """Whether both are parts of one character as people see it: marks, joiners, skin tones, surrogates.

    A tag, as in the flag of Scotland, belongs to what stands before it, and a joiner to both.
    """
    if left in _JOINERS or "\ud800" <= left <= "\udbff":
        return True
    belongs = right in _JOINERS or "\udc00" <= right <= "\udfff" or "\U0001f3fb" <= right <= "\U0001f3ff"
    return belongs or "\U000e0020" <= right <= "\U000e007f" or unicodedata.category(right).startswith("M")


def _opens(mark: str, quotes: Mapping[str, int]) -> bool:
    """Whether a mark at the end of the text belongs to what follows it."""
    if mark == '"':
        return quotes['"'] % 2 == 1
    if mark == "“":
        return quotes["“"] > quotes["„"]
    return unicodedata.category(mark) in ("Ps", "Pi")


def _closes(mark: str, quotes: Mapping[str, int]) -> bool:
    """Whether a mark at the beginning of a piece belongs to what stands before it."""
    if mark == '"':
        return quotes['"'] % 2 == 1
    if mark == "“":
        return quotes["„"] > quotes["“"]
    return unicodedata.category(mark) in ("Pe", "Pf")


def _is_address(cut: str) -> bool:
    """Whether a point by itself stands within an address or an abbreviation, and ends no sentence."""
    found = _AROUND_A_POINT.search(cut)
    if found is None or not found[2][0].islower():
        return False
    if len(found[1]) == 1:
        return len(found[2]) == 1
    return found[1].lower() not in _ABBREVIATIONS
