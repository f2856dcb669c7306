"""Which settings must hold for which audio, given what calls returned and raised."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import Any, Literal

__all__ = ["Wanted"]

_Fate = Literal["open", "holds", "refused"]
_Possible = dict[str, frozenset[Hashable]]


class Wanted:
    """For each setting the values that may hold, by the position in the audio from which on.

    Calls take effect in the order in which they were made. One that is under way may hold already or not
    yet; one that returned holds for what is pushed afterwards; one that was refused does not; of any other
    that raised nothing is known.

    Args:
        values: At the begin.
    """

    def __init__(self, values: Mapping[str, Hashable]) -> None:
        self._first: _Possible = {key: frozenset([value]) for key, value in values.items()}
        self._calls: list[tuple[Mapping[str, Any], dict[str, _Fate]]] = []
        self._entries: list[tuple[int, _Possible]] = [(0, dict(self._first))]

    def begin(self, position: int, changes: Mapping[str, Any]) -> None:
        self._calls.append((changes, dict.fromkeys(changes, "open")))
        self._enter(position)

    def hold(self, position: int, changes: Mapping[str, Any], *, sure: Collection[str]) -> None:
        """The call returned; what is not `sure` may hold or not."""
        self._settle(position, changes, {key: "holds" if key in sure else "open" for key in changes})

    def withdraw(self, position: int, changes: Mapping[str, Any]) -> None:
        self._settle(position, changes, dict.fromkeys(changes, "refused"))

    def doubt(self, position: int, changes: Mapping[str, Any]) -> None:
        self._settle(position, changes, dict.fromkeys(changes, "open"))

    def retract(self, position: int, changes: Mapping[str, Any]) -> None:
        """A call had returned, and a later refusal takes its change back; the first of those alike."""
        for number, (made, fates) in enumerate(self._calls):
            if made == changes and "refused" not in fates.values():
                self._calls[number] = (made, dict.fromkeys(made, "refused"))
                break
        self._enter(position)

    def wrong(self, position: int, settings: Mapping[str, Any], unsure: set[str]) -> str:
        """What does not hold that must for audio from there on; an empty string if all is well.

        Audio before a change may be heard with it as well: it may be sent again.
        """
        if len(self._entries) == 1 and not unsure:
            now = self._entries[0][1]
            if all(settings[key] in values for key, values in now.items()):
                return ""
        for key in self._first:
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

    def _settle(self, position: int, changes: Mapping[str, Any], fates: dict[str, _Fate]) -> None:
        for number, (made, _) in enumerate(self._calls):
            if made is changes:
                self._calls[number] = (made, fates)
        self._enter(position)

    def _enter(self, position: int) -> None:
        possible = dict(self._first)
        for changes, fates in self._calls:
            for key, fate in fates.items():
                if fate == "holds":
                    possible[key] = frozenset([changes[key]])
                elif fate == "open":
                    possible[key] |= {changes[key]}
        self._entries.append((position, possible))
