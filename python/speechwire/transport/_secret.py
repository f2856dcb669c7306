"""What must not be shown: values that hide themselves, and their removal from what a peer says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NoReturn

__all__ = ["HIDDEN", "NotCopyable", "Redactor", "Secret"]

HIDDEN: Final = "(hidden)"

_SCHEMES: Final = ("Token ", "Bearer ", "Basic ")
# Shorter ones, and single words, stand in ordinary speech as well: a transcript would be damaged.
_SHORTEST: Final = 8
_SHORTEST_WORD: Final = 16


class NotCopyable:
    """Base of what must neither be pickled nor copied."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        name = type(self).__name__
        raise TypeError(
            f"{name} cannot be pickled or copied: it may hold a key or a connection; make a new one"
        )


class Secret(NotCopyable):
    """A string that shows itself only to who asks for it: ``repr``, ``str`` and formatting hide it.

    So it is in no traceback with local variables, whoever collects them.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The string itself; only for the call that sends it."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return self._value == (other._value if isinstance(other, Secret) else other)

    def __hash__(self) -> int:
        return hash(self._value)


class Redactor(NotCopyable):
    """Takes what is secret out of what a peer says: a service, or a proxy, may echo it.

    Args:
        secrets: What was sent. The scheme in front of an ``Authorization`` may be shown; what is shorter than
            8 characters, or a plain word, is no secret worth the name.
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
        """As a call, for what may be absent."""
        return None if text is None else self(text)


def _without_scheme(value: str) -> str:
    for scheme in _SCHEMES:
        value = value.removeprefix(scheme)
    return value.strip()


def _is_worth_hiding(value: str) -> bool:
    return len(value) >= (_SHORTEST_WORD if value.isalpha() else _SHORTEST)
