"""A session's state goes where the maintainers' page says, and nowhere else."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from speechwire.session._states import Attempt, Ending, Happening, Operation, State, StateMachine

PAGE = Path(__file__).parents[2] / "docs" / "maintainers" / "states.md"
HAPPENINGS: dict[str, Happening] = {each.value: each for each in (*Operation, *Attempt, *Ending)}


def rows() -> dict[str, dict[State, str]]:
    """Of each happening on the page: where it leads from each state, in the page's words."""
    page = PAGE.read_text(encoding="utf-8").splitlines()
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page]
    found: dict[str, dict[State, str]] = {}
    columns: list[State] = []
    for line, below in pairwise([*lines, []]):
        if len(line) == 1 + len(State) and line[0] in HAPPENINGS:
            found[line[0]] = dict(zip(columns, line[1:], strict=True))
        elif len(line) == 1 + len(State) and set("".join(below)) == {"-"}:
            columns = [State(word) for word in line[1:]]
    return found


def machine_in(state: State) -> StateMachine:
    machine = StateMachine()
    machine.state = state
    machine.accepting = state not in (State.DRAINING, State.SHUTDOWN)
    return machine


def test_every_happening_has_a_row_on_the_page() -> None:
    assert list(rows()) == list(HAPPENINGS)


@pytest.mark.parametrize("word", HAPPENINGS)
def test_a_row_of_the_page(word: str) -> None:
    happening = HAPPENINGS[word]
    for state, cell in rows()[word].items():
        machine = machine_in(state)
        assert machine.allows(happening) is bool(cell)
        if not cell:
            with pytest.raises(AssertionError) as raised:
                machine.step(happening)
            assert str(raised.value) == f"{happening.name} cannot happen while {state.value}"
            assert machine.state is state
            continue
        machine.step(happening)
        assert machine.state is (state if cell == "·" else State(cell))
        assert machine.accepting is (machine.state not in (State.DRAINING, State.SHUTDOWN))
        assert machine.over is (machine.state is State.SHUTDOWN)


async def test_whoever_waits_or_watches_is_told_of_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[State, Happening]] = []
    machine = StateMachine()
    assert (machine.state, machine.accepting, machine.over) == (State.IDLE, True, False)
    monkeypatch.setattr(StateMachine, "observer", staticmethod(lambda *step: told.append(step)))
    waiting = asyncio.create_task(machine.changed.wait())
    await asyncio.sleep(0)
    machine.step(Attempt.DIAL)
    await asyncio.wait_for(waiting, 1.0)
    machine.step(Operation.PUSH)
    assert told == [(State.IDLE, Attempt.DIAL), (State.CONNECTING, Operation.PUSH)]


async def test_it_takes_work_in_a_loop_until_it_closes() -> None:
    machine = StateMachine()
    assert machine.loop is None
    machine.loop = asyncio.get_running_loop()
    machine.step(Attempt.DIAL)
    assert machine.loop is asyncio.get_running_loop()
    machine.step(Operation.CLOSE)
    assert machine.loop is None
