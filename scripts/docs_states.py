"""docs/maintainers/states.md, made from the table of states: ``python scripts/docs_states.py [--check]``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import from_this_tree  # type: ignore[import-not-found]  # noqa: F401

from speechwire.session._states import TABLE, Attempt, Ending, Happening, Operation, State

PAGE = Path(__file__).resolve().parents[1] / "docs" / "maintainers" / "states.md"

_HEAD = """# The states of a session

Made from `python/speechwire/session/_states.py` by `python scripts/docs_states.py`. A row is what happens, a
column is the state it finds, a cell is the state it leads to; `·` means that nothing changes. Where a cell is
empty it cannot happen: an operation raises `SessionClosed`, and anything else would be a bug, which ends the
session with an error. The model of the tests visits every cell (`make chaos`).

"""


def main(arguments: list[str]) -> int:
    """Renew the page, or with ``--check`` say whether it is out of date."""
    new = page()
    if "--check" in arguments:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != new)
    PAGE.write_text(new, encoding="utf-8")
    return 0


def page() -> str:
    """The whole page."""
    parts = [
        _HEAD + meanings(State),
        "## What a caller does\n\n" + table(Operation),
        "## How a connection is made\n\n" + table(Attempt),
        "## How a connection ends\n\n" + table(Ending) + "\n" + meanings(Ending),
    ]
    return "\n".join(parts)


def table(happenings: Iterable[Happening]) -> str:
    """The rows of one kind."""
    head = "| | " + " | ".join(state.value for state in State) + " |\n" + "|---" * (len(State) + 1) + "|\n"
    return head + "".join(row(happening) for happening in happenings)


def row(happening: Happening) -> str:
    """One row."""
    cells = TABLE[happening]
    shown = [
        "" if state not in cells else "·" if cells[state] is state else cells[state].value for state in State
    ]
    return f"| {happening.value} | " + " | ".join(shown) + " |\n"


def meanings(kind: type[State] | type[Ending]) -> str:
    """What each member means: the string below it in the source."""
    lines = Path(sys.modules[kind.__module__].__file__ or "").read_text(encoding="utf-8").splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith(f"class {kind.__name__}("))
    rows = ["| | |\n|---|---|\n"]
    for i, line in enumerate(lines[begin:], begin):
        member = line.strip().partition(" = ")
        if member[1] and member[0] in kind.__members__ and lines[i + 1].strip().startswith('"""'):
            meaning = lines[i + 1].strip().strip('"')
            rows.append(f"| {kind[member[0]].value} | {meaning} |\n")
        if line.startswith("class ") and i > begin:
            break
    return "".join(rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
