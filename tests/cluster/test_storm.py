"""The storms with few workers, in virtual time: the quota is kept, and what was lost comes back."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("redis", reason="wants redis: pip install 'speechwire[cluster]'")

from benches.python.storm.run import SCENARIOS, Outcome, play
from tests.virtual_time import VirtualTimeLoop

WORKERS, LIMIT = 10, 150


def outcome_of(name: str) -> Outcome:
    loop = VirtualTimeLoop()
    try:
        played: Any = loop.run_until_complete(play(SCENARIOS[name], workers=WORKERS, limit=LIMIT))
    finally:
        loop.close()
    assert isinstance(played, Outcome)
    return played


@pytest.mark.parametrize("name", ["outage", "filled", "foreign", "redis"])
def test_no_more_places_are_taken_than_there_are(name: str) -> None:
    assert outcome_of(name).overshoot == 0


@pytest.mark.parametrize("name", ["outage", "redis"])
def test_what_was_lost_comes_back(name: str) -> None:
    outcome = outcome_of(name)
    scenario = outcome.scenario
    worst, _ = outcome.undershoot(scenario.from_s, scenario.to_s + 15.0)
    missing, _ = outcome.undershoot(scenario.to_s + 20.0, scenario.seconds)
    assert worst > 0.1 * LIMIT and missing < 0.1 * LIMIT


def test_workers_without_redis_are_above_the_limit_only_by_what_they_had_open() -> None:
    """Others get their places when the lease has expired; the calls on them go on."""
    outcome = outcome_of("split")
    assert outcome.overshoot < 0.1 * LIMIT


def test_an_answer_of_429_is_heard_by_all() -> None:
    """A fifth wants more than there is, and the workers do not know: they do not hammer."""
    outcome = outcome_of("foreign")
    refused = outcome.samples[-1].refused
    assert 0 < refused < 2 * outcome.scenario.seconds
