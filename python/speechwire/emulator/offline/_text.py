"""Casing and punctuation for words that come without, as far as the words themselves tell."""

from __future__ import annotations

from dataclasses import replace

from speechwire.emulator.engine import Word

__all__ = ["present"]

_FIRST_PERSON = {"i", "i'm", "i'll", "i'd", "i've"}
_QUESTIONS = """
what when where which who whose why how is are am was were do does did can could will would shall should may
"""
_QUESTION_STARTS = frozenset(_QUESTIONS.split())


def present(words: tuple[Word, ...], *, over: bool) -> tuple[Word, ...]:
    """Capitalize the first word and the first person, and end the sentence once it is ``over``."""
    if not words:
        return words
    mark = "?" if words[0].text in _QUESTION_STARTS else "."
    shown = [_cased(word.text, first=index == 0) for index, word in enumerate(words)]
    shown[-1] += mark if over else ""
    return tuple(replace(word, display=text) for word, text in zip(words, shown, strict=True))


def _cased(text: str, *, first: bool) -> str:
    return text[:1].upper() + text[1:] if first or text in _FIRST_PERSON else text
