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
