"""Hides secrets: strings that do not show themselves, and their removal from a peer's text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NoReturn

__all__ = ["HIDDEN", "NotCopyable", "Redactor", "Secret"]

HIDDEN: Final = "(hidden)"

_SCHEMES: Final = ("Token ", "Bearer ", "Basic ")
# Shorter strings and plain words also occur in ordinary text: redacting them would damage a transcript.
_SHORTEST: Final = 8
_SHORTEST_WORD: Final = 16


class NotCopyable:
    """Base of classes whose instances cannot be pickled or copied."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        name = type(self).__name__
        raise TypeError(
            f"{name} cannot be pickled or copied: it may hold a key or a connection; make a new one"
        )


class Secret(NotCopyable):
    """A string that only :meth:`reveal` shows: ``repr``, ``str`` and formatting hide it.

    So tools that record local variables with a traceback do not record it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the string; only for the call that sends it."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return self._value == (other._value if isinstance(other, Secret) else other)

    def __hash__(self) -> int:
        return hash(self._value)


class Redactor(NotCopyable):
    """Removes secrets from a peer's text, since a service or a proxy may repeat what it was sent.

    Args:
        secrets: The secrets that were sent. The scheme of an ``Authorization`` is not removed. Values shorter
            than 8 characters and plain words are not removed either.
    """

    __slots__ = ("_needles",)

    def __init__(self, secrets: Iterable[Secret]) -> None:
        values = {_without_scheme(secret.reveal()) for secret in secrets}
        self._needles = tuple(sorted(filter(_is_worth_hiding, values), key=len, reverse=True))

    def __call__(self, text: str) -> str:
        for needle in self._needles:
            if needle in text:
                text = text.replace(needle, HIDDEN)
        return text

    def optional(self, text: str | None) -> str | None:
        """As calling it; ``None`` stays ``None``."""
        return None if text is None else self(text)


def _without_scheme(value: str) -> str:
    for scheme in _SCHEMES:
        value = value.removeprefix(scheme)
    return value.strip()


def _is_worth_hiding(value: str) -> bool:
    return len(value) >= (_SHORTEST_WORD if value.isalpha() else _SHORTEST)
