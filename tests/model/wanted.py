"""Which settings must hold for which audio, given what calls returned and raised."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

__all__ = ["Wanted"]

_Possible = dict[str, frozenset[Hashable]]


class Wanted:
    """For each setting the values that may hold, by the position in the audio from which on.

    A call that is under way may hold already or not yet; one that returned holds for what is pushed
    afterwards; one that was refused does not; of any other that raised nothing is known.

    Args:
        values: At the begin.
    """

    def __init__(self, values: Mapping[str, Hashable]) -> None:
        self._sure: _Possible = {key: frozenset([value]) for key, value in values.items()}
        self._under_way: list[Mapping[str, Any]] = []
        self._entries: list[tuple[int, _Possible]] = [(0, dict(self._sure))]

    def begin(self, position: int, changes: Mapping[str, Any]) -> None:
        self._under_way.append(changes)
        self._enter(position)

    def hold(self, position: int, changes: Mapping[str, Any]) -> None:
        self._sure |= {key: frozenset([value]) for key, value in changes.items()}
        self._finish(position, changes)

    def withdraw(self, position: int, changes: Mapping[str, Any]) -> None:
        self._finish(position, changes)

    def doubt(self, position: int, changes: Mapping[str, Any]) -> None:
        self._sure |= {key: self._sure[key] | {value} for key, value in changes.items()}
        self._finish(position, changes)

    def wrong(self, position: int, settings: Mapping[str, Any], unsure: set[str]) -> str:
        """What does not hold that must for audio from there on; an empty string if all is well.

        Audio before a change may be heard with it as well: it may be sent again.
        """
        if len(self._entries) == 1 and not unsure:
            now = self._entries[0][1]
            if all(settings[key] in values for key, values in now.items()):
                return ""
        for key in self._sure:
            allowed = self._allowed(position, key)
            if key not in unsure and settings[key] not in allowed:
                return f"{key} is {settings[key]!r} from {position / 16000:.2f} s on, not {set(allowed)}"
        return ""

    def _allowed(self, position: int, key: str) -> frozenset[Hashable]:
        allowed: frozenset[Hashable] = frozenset()
        for begin, possible in reversed(self._entries):
            allowed |= possible[key]
            if begin <= position:
                break
        return allowed

    def _finish(self, position: int, changes: Mapping[str, Any]) -> None:
        self._under_way = [other for other in self._under_way if other is not changes]
        self._enter(position)

    def _enter(self, position: int) -> None:
        possible = {
            key: values | {change[key] for change in self._under_way if key in change}
            for key, values in self._sure.items()
        }
        self._entries.append((position, possible))
