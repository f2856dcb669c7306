"""Favours terms: chooses the decoder's hypothesis that contains the most of them.

A term can be chosen only if one of the decoder's own likely hypotheses contains it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher

from speechwire.emulator.engine import Word

__all__ = ["favour"]

_NOT_A_WORD = re.compile(r"<[^>]*>|\[[^\]]*\]|\+\+[^+]*\+\+|\(\d+\)")


def favour(words: tuple[Word, ...], hypotheses: Iterable[str], keyterms: Sequence[str]) -> tuple[Word, ...]:
    """The likeliest hypothesis among those that say the most of the terms.

    Args:
        words: The best hypothesis, with times.
        hypotheses: Others, likeliest first, as the decoder writes them.
        keyterms: Terms of one or more words, in any case.

    Returns:
        ``words`` itself, or other words in the same time: where both agree they keep their times, elsewhere
        the new ones share the time and the mean confidence of those they replace.
    """
    terms = [term.lower().split() for term in keyterms]
    best = said = [word.text for word in words]
    score = _score(said, terms)
    for hypothesis in hypotheses:
        texts = _NOT_A_WORD.sub("", hypothesis).split()
        if (other := _score(texts, terms)) > score:
            best, score = texts, other
    return words if best is said else tuple(_retime(words, best))


def _score(texts: list[str], terms: list[list[str]]) -> int:
    """How many words of the text belong to a term that is said in full."""
    return sum(
        len(term)
        for term in terms
        for at in range(len(texts) - len(term) + 1)
        if term and texts[at : at + len(term)] == term
    )


def _retime(words: tuple[Word, ...], texts: list[str]) -> Iterator[Word]:
    blocks = SequenceMatcher(None, [word.text for word in words], texts, autojunk=False).get_opcodes()
    for kind, start, end, new_start, new_end in blocks:
        if kind == "equal":
            yield from words[start:end]
            continue
        # An insertion has no time of its own: it happens where its neighbours meet.
        from_s = words[start - 1].end_s if start else words[0].start_s
        replaced = words[start:end]
        span = (replaced[0].start_s, replaced[-1].end_s) if replaced else (from_s, from_s)
        yield from _share(*span, replaced or words, texts[new_start:new_end])


def _share(start_s: float, end_s: float, old: tuple[Word, ...], texts: list[str]) -> Iterator[Word]:
    edges = [start_s + (end_s - start_s) * index / len(texts) for index in range(len(texts))]
    confidence = sum(word.confidence for word in old) / len(old)
    for text, begin_s, finish_s in zip(texts, edges, [*edges[1:], end_s], strict=False):
        yield Word(text, begin_s, finish_s, confidence, text)
