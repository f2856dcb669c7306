"""Which changes hold, which are wanted, and who is told what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from speechwire.errors import ServiceError
from speechwire.session import ChangeRefused
from speechwire.session._options_state import Change, OptionsState

ERROR = ServiceError("NO", "Not today.", retryable=False)
Options = tuple[str, ...]


class Caller:
    """Asks for changes, each of which adds its name to the options, and notes what it is told."""

    def __init__(self) -> None:
        self.events: list[ChangeRefused] = []
        self.outcomes: list[tuple[str, BaseException | None]] = []
        self.state: OptionsState[Options] = OptionsState(("first",), self.events.append)

    def ask(
        self, name: str, position: int = 0, configure: Mapping[str, Any] | None = {"a": 1}
    ) -> Change[Options]:
        def settle(outcome: BaseException | None) -> None:
            self.outcomes.append((name, outcome))

        return self.state.add(name, lambda options: (*options, name), configure, position, settle)


@pytest.fixture
def caller() -> Caller:
    return Caller()


def names(changes: list[Change[Options]]) -> list[object]:
    return [change.asked for change in changes]


def test_changes_are_wanted_at_once_and_hold_in_the_order_in_which_they_were_asked_for(
    caller: Caller,
) -> None:
    state = caller.state
    assert [state.wanted, state.latest, state.snapshot().number] == [("first",), 0, 0]
    one, two = caller.ask("one"), caller.ask("two")
    assert (one.number, two.number, state.latest) == (1, 2, 2)
    assert [state.wanted] == [("first", "one", "two")]
    assert [state.proven] == [("first",)]
    state.confirmed([two])
    assert [state.proven, two.holds, one.holds] == [("first",), True, False]
    state.confirmed([one])
    assert state.proven == state.wanted == ("first", "one", "two")
    state.confirmed([one, two])
    assert state.proven == state.wanted == ("first", "one", "two")
    assert caller.outcomes == [("two", None), ("one", None)]


def test_a_connection_proves_what_it_was_made_with(caller: Caller) -> None:
    caller.ask("one")
    snapshot = caller.state.snapshot()
    caller.ask("two")
    assert (snapshot.options, snapshot.number, snapshot.is_stale) == (("first", "one"), 1, False)
    caller.state.made(snapshot)
    assert caller.state.proven == ("first", "one")
    assert caller.outcomes == [("one", None)]


def test_a_refused_change_is_wanted_no_more_and_those_beside_it_are(caller: Caller) -> None:
    one, two = caller.ask("one"), caller.ask("two")
    snapshot = caller.state.snapshot()
    assert caller.state.refused(ERROR, [one])
    assert (one.is_withdrawn, two.is_withdrawn, snapshot.is_stale) == (True, False, True)
    assert caller.state.wanted == ("first", "two")
    assert not caller.state.refused(ERROR, [one])
    assert (caller.outcomes, caller.events) == ([("one", ERROR)], [])


def test_of_a_refusal_behind_the_callers_back_an_event_tells(caller: Caller) -> None:
    one = caller.ask("one")
    caller.state.adopt()
    assert caller.outcomes == [("one", None)]
    assert caller.state.refused(ERROR, [one])
    assert caller.events == [ChangeRefused(change="one", error=ERROR)]
    assert caller.outcomes == [("one", None)], "the first outcome counts"


def test_what_holds_cannot_be_refused_or_withdrawn(caller: Caller) -> None:
    one, two = caller.ask("one"), caller.ask("two")
    caller.state.confirmed([two])
    assert not caller.state.refused(ERROR, [two])
    caller.state.withdraw(two)
    assert [caller.state.wanted] == [("first", "one", "two")]
    caller.state.withdraw(one)
    caller.state.withdraw(one)
    assert caller.state.proven == caller.state.wanted == ("first", "two")
    assert caller.outcomes == [("two", None)]


def test_without_a_connection_what_needs_a_new_one_is_for_whoever_asks_to_settle(caller: Caller) -> None:
    caller.ask("one")
    caller.ask("two", configure=None)
    caller.state.adopt()
    assert caller.outcomes == [("one", None)]


def test_at_the_end_nobody_waits_and_everything_stays_wanted(caller: Caller) -> None:
    caller.ask("one")
    caller.ask("two", configure=None)
    caller.state.fail(ERROR)
    caller.state.fail(ERROR)
    assert caller.outcomes == [("one", ERROR), ("two", ERROR)]
    assert caller.state.wanted == ("first", "one", "two")


def test_a_connection_is_told_what_it_does_not_know_behind_the_audio_before_it(caller: Caller) -> None:
    state = caller.state
    one, two = caller.ask("one", 10), caller.ask("two", 20)
    caller.ask("three", 0, configure=None)
    assert [names(state.to_configure(0, position)) for position in (9, 10, 19, 20)] == [
        *([], ["one"], ["one"], ["one", "two"])
    ]
    assert names(state.to_configure(1, 20)) == ["two"]
    state.confirmed([two])
    assert names(state.to_configure(0, 0)) == ["two"], "it held on the connection before"
    state.confirmed([one])
    assert names(state.to_configure(0, 0)) == ["one", "two"]
    assert names(state.to_configure(2, 99)) == []


@pytest.mark.parametrize("prove", [True, False])
def test_so_many_changes_are_remembered(caller: Caller, prove: bool) -> None:
    for number in range(40):
        change = caller.ask(str(number))
        if prove:
            caller.state.confirmed([change])
        assert len(caller.state.snapshot().unproven) <= 16
    assert caller.state.wanted == ("first", *map(str, range(40)))
    known = names(caller.state.to_configure(0, 0))
    assert known == [str(number) for number in range(24 if prove else 8, 40)]
    first_proven = caller.outcomes[:24]
    assert first_proven == [(str(number), None) for number in range(24)]
