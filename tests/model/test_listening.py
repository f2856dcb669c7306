"""Listening sessions against a service that fails in every documented way, in virtual time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache

import pytest
from tests.model.author import write
from tests.model.chaos import LISTENING, Tally, tally
from tests.model.player import play
from tests.model.shrink import shrunk

# Each broke a promise once.
FOUND = (
    *(9852, 12967, 13788, 15608, 18226, 21140, 22442, 23568, 24221, 24406, 24809, 25704),
    *(26191, 26400, 26629, 26882, 26926, 27668, 28385, 29285, 29502, 202141, 202801, 203559),
    *(303784, 305634, 311496, 13043, 33095, 46051, 50506, 54523, 56345, 64779, 74182, 2110, 81168, 79575),
)
GROUPS = 40
STORIES = 50


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """Of warnings about connections that are meant to fail."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@cache
def group(number: int) -> Tally:
    return tally(range(number * STORIES, (number + 1) * STORIES))


@pytest.mark.parametrize("number", range(GROUPS))
def test_every_promise_is_kept(number: int) -> None:
    broken = group(number).broken
    if broken:
        pytest.fail(report(*next(iter(broken.items()))) + f"\n{len(broken)} of {STORIES} stories failed")


@pytest.mark.parametrize("seed", FOUND)
def test_a_promise_that_was_broken_once_is_kept(seed: int) -> None:
    if broken := tally([seed]).broken:
        pytest.fail(report(seed, broken[seed]))


def report(seed: int, how: str) -> str:
    """The story, cut down, with the line that plays it again."""
    story = write(seed)
    first = play(story).broken[0]
    outcome = play(shrunk(story, first.promise), trace=True)
    timeline = "\n".join(outcome.timeline[-80:])
    return f"{how}\nPYTHONPATH=python python -m tests.model {seed}\n{timeline}"


def test_every_cell_of_the_table_of_states_is_visited() -> None:
    total = Tally()
    for number in range(GROUPS):
        total += group(number)
    assert {cell for cell in LISTENING if not total.cells[cell]} == set()
