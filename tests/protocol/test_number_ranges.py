"""The ranges of numbers in messages, each on both sides of its ends."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from speechwire.protocol._numbers import (
    LATEST_S,
    UNKNOWN,
    Channels,
    Confidence,
    Index,
    Milliseconds,
    Seconds,
    WordEnd,
)

WEEK_S = 604_800.0
RANGES: list[tuple[Any, list[object], list[object]]] = [
    (Seconds, [0, 0.0, WEEK_S], [-0.001, WEEK_S + 0.001]),
    (Milliseconds, [0, 0.0, 1000 * WEEK_S], [-0.001, 1000 * WEEK_S + 0.01]),
    (WordEnd, [-1.0, -0.5, 0.0, WEEK_S], [-1.001, WEEK_S + 0.001]),
    (Confidence, [0.0, 1, 1.001], [-0.001, 1.0011]),
    (Index, [0, 1 << 53], [-1, (1 << 53) + 1, 0.5]),
    (Channels, [[], [0, 255]], [[-1], [0, 256], [0.5]]),
]


@pytest.mark.parametrize(("kind", "inside", "outside"), RANGES)
def test_a_number_is_taken_up_to_its_ends(kind: Any, inside: list[object], outside: list[object]) -> None:
    decoder = msgspec.json.Decoder(kind)
    for value in inside:
        kept = tuple(value) if isinstance(value, list) else value
        assert decoder.decode(json.dumps(value)) == kept
    for value in outside:
        with pytest.raises(msgspec.ValidationError):
            decoder.decode(json.dumps(value))


def test_what_is_missing_is_no_time_and_no_index() -> None:
    assert (LATEST_S, UNKNOWN) == (WEEK_S, -1)
