"""One ``Configure`` at a time brings one connection to the options that are wanted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import pytest

from speechwire.errors import InvalidArgument, ServiceError
from speechwire.session import ChangeRefused
from speechwire.session._configuring import Configuring
from speechwire.session._options_state import OptionsState

REFUSAL = ServiceError("NO", "Not today.", retryable=False)
IMPOSSIBLE = InvalidArgument("b", 1, "there")


class Rules:
    """An endpoint whose events are the outcomes themselves, and which cannot do ``b`` without ``a``."""

    given_up = 0

    @property
    def protocol(self) -> Rules:
        return self

    def give_up_configure(self) -> None:
        self.given_up += 1

    def merged(self, first: Mapping[str, Any], then: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**first, **then}

    def configure(self, changes: Mapping[str, Any]) -> str:
        if set(changes) == {"b"}:
            raise IMPOSSIBLE
        return str(dict(changes))

    def outcome(self, event: ServiceError | bool) -> ServiceError | bool:
        return event


class Told:
    """A connection, the changes that are wanted, and what becomes of them."""

    def __init__(self, told: int = 0) -> None:
        self.rules, self.outcomes, self.wakes = Rules(), dict[str, BaseException | None](), 0
        self.events: list[ChangeRefused] = []
        self.options: OptionsState[Any] = OptionsState((), self.events.append)
        self.configuring: Configuring[Any] = Configuring(
            cast(Any, self.rules), self.options, told, 5.0, self.wake
        )

    def wake(self) -> None:
        self.wakes += 1

    def ask(self, name: str, position: int = 0) -> None:
        def settle(outcome: BaseException | None) -> None:
            self.outcomes[name] = outcome

        self.options.add(name, lambda options: (*options, name), {name: 1}, position, settle)

    def send(self, position: int = 0) -> str | None:
        changes = self.configuring.due(position)
        return self.configuring.frame(changes, now=10.0) if changes else "nothing"


def test_all_changes_that_are_due_go_in_one_message_and_the_next_waits_for_the_answer() -> None:
    one = Told()
    assert one.send() == "nothing"
    for name, position in (("a", 0), ("b", 5), ("c", 9)):
        one.ask(name, position)
    assert one.send(5) == "{'a': 1, 'b': 1}"
    assert one.configuring.overdue_at == 15.0
    assert one.send(9) == "nothing"
    one.configuring.take(False)
    assert (one.outcomes, one.wakes) == ({}, 0)
    one.configuring.take(True)
    assert (one.outcomes, one.wakes, one.options.proven) == ({"a": None, "b": None}, 1, ("a", "b"))
    assert one.configuring.overdue_at == math.inf
    assert one.send(9) == "{'c': 1}"


def test_a_connection_is_not_told_what_it_was_made_with() -> None:
    one = Told(told=1)
    one.ask("a")
    assert one.send() == "nothing"
    one.ask("c")
    assert one.send() == "{'c': 1}"


def test_a_refusal_is_for_whoever_asked() -> None:
    one = Told()
    one.ask("a")
    one.send()
    one.configuring.take(REFUSAL)
    assert (one.outcomes, one.wakes, one.options.wanted, one.send()) == ({"a": REFUSAL}, 1, (), "nothing")


def test_a_change_that_has_become_impossible_is_refused_unsent() -> None:
    one = Told()
    one.ask("b")
    assert one.send() is None
    assert one.outcomes == {"b": IMPOSSIBLE}
    assert (len(one.configuring.unanswered), one.configuring.overdue_at) == (0, math.inf)
    assert one.send() == "nothing"


def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    one = Told()
    one.ask("a")
    one.send()
    one.configuring.check(14.9)
    assert (one.outcomes, one.rules.given_up) == ({}, 0)
    one.configuring.check(15.0)
    assert (one.rules.given_up, one.wakes, one.options.wanted) == (1, 1, ("a",))
    error = cast(ServiceError, one.outcomes["a"])
    assert (error.code, error.retryable) == ("", True)
    with pytest.raises(ServiceError, match="no answer to Configure within 5 s: it holds on the next conn"):
        raise error
    assert one.send() == "nothing"
    one.configuring.check(99.0)
    assert one.rules.given_up == 1
