"""The changes that have no effect, argued for one by one in ``without_effect.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.mutants.operators import Mutant

__all__ = ["Allowed"]

_FIELDS = ("file", "function", "line", "change")
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Allowed:
    """Changes that nobody has to notice.

    Args:
        reasons: Why, by file, function, line and change.
    """

    reasons: dict[Key, str]

    @classmethod
    def read(cls, path: Path) -> Allowed:
        """Read the file.

        Raises:
            ValueError: An entry lacks a field, or its reason.
        """
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", []) if path.exists() else []
        reasons: dict[Key, str] = {}
        for entry in entries:
            if set(entry) != {*_FIELDS, "why"} or not entry["why"].strip():
                raise ValueError(f"{path.name}: an entry has {', '.join(_FIELDS)} and why, got {entry}")
            reasons[tuple(entry[field] for field in _FIELDS)] = entry["why"]
        return cls(reasons)

    def __contains__(self, mutant: Mutant) -> bool:
        return _key(mutant) in self.reasons

    def stale(self, mutants: Iterable[Mutant]) -> list[Key]:
        """Entries that fit none of these mutants."""
        return sorted(set(self.reasons) - {_key(mutant) for mutant in mutants})


def _key(mutant: Mutant) -> Key:
    return tuple(getattr(mutant, field) for field in _FIELDS)
