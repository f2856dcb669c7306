"""Attributes that follow what is wanted, while the service has not yet answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["AttributeChanges"]


class _Change:
    def __init__(self, before: dict[str, Any], after: Mapping[str, Any]) -> None:
        self.before = before
        self.after = after


class AttributeChanges:
    """Changes of an object's attributes that may still be refused, several at once.

    Args:
        target: The object.
    """

    def __init__(self, target: object) -> None:
        self._target = target
        self._open: list[_Change] = []

    def begin(self, values: Mapping[str, Any]) -> _Change:
        """Set attributes; the change then has to be kept or withdrawn."""
        change = _Change({name: getattr(self._target, name) for name in values}, values)
        self._open.append(change)
        for name, value in values.items():
            setattr(self._target, name, value)
        return change

    def keep(self, change: _Change) -> None:
        """The change holds."""
        self._open.remove(change)

    def withdraw(self, change: _Change) -> None:
        """Undo a change, and nothing that was changed after it."""
        place = self._open.index(change)
        del self._open[place]
        for name, value in change.before.items():
            later = next((each for each in self._open[place:] if name in each.before), None)
            if later is not None:
                later.before[name] = value
            elif getattr(self._target, name) == change.after[name]:
                setattr(self._target, name, value)
