"""How much silence stands for a pause, and when: by the clock alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import pytest

from speechwire.session._pause import Pause


@dataclass
class Pushed:
    """What a pause asks a ring for."""

    pushes: int = 1
    last_push_at: float = 10.0
    piece_s: float = 0.02


def test_silence_comes_in_steps_until_the_pause_is_long_enough() -> None:
    pause = Pause(0.5, cast(Any, Pushed()))
    assert pause.due_at() == pytest.approx(10.52)
    steps = [pause.silence_s(pause.due_at(), longest_s=1.2) for _ in range(5)]
    assert steps == pytest.approx([0.5, 0.25, 0.25, 0.25, 0.0])
    assert pause.due_at() == math.inf


def test_a_pause_begins_with_a_push_and_ends_with_the_next() -> None:
    ring = Pushed(pushes=0)
    pause = Pause(0.5, cast(Any, ring))
    assert (pause.due_at(), pause.begins()) == (math.inf, False), "nobody has begun to speak"
    for ring.pushes in (1, 2):
        assert [pause.is_due(now) for now in (10.51, 10.52)] == [False, True]
        assert [pause.begins(), pause.begins()] == [True, False]
        pause.over()
        assert pause.due_at() == math.inf


def test_a_connection_that_is_opened_in_a_pause_finds_it() -> None:
    pause = Pause(0.5, cast(Any, Pushed(pushes=3)))
    assert pause.due_at() == pytest.approx(10.52)
    assert pause.begins()


def test_audio_that_waits_to_be_sent_puts_it_off() -> None:
    pause = Pause(0.5, cast(Any, Pushed()))
    pause.look_later(10.6)
    assert pause.due_at() == pytest.approx(10.7)


def test_it_can_be_turned_off() -> None:
    assert Pause(None, cast(Any, Pushed())).due_at() == math.inf


@pytest.mark.parametrize(
    ("longest_s", "pieces"),
    [(0.0, [0.5, 0.5, 0.0, 0.0]), (2.5, [0.5, 0.5, 1.0, 0.0]), (4.0, [0.5, 0.5, 1.0, 0.25])],
)
def test_silence_takes_the_time_that_has_passed_a_second_at_most(
    longest_s: float, pieces: list[float]
) -> None:
    ring = Pushed(piece_s=0.25)
    pause = Pause(0.5, cast(Any, ring))
    assert [pause.silence_s(10.25 + seconds, longest_s) for seconds in (0.5, 1.0, 2.5, 2.75)] == pieces
    assert (pause.due_at() == math.inf) is (not pieces[-1])
    ring.pushes, ring.last_push_at = 2, 14.0
    assert pause.silence_s(14.75, longest_s) == 0.5
    assert pause.due_at() == 15.0
