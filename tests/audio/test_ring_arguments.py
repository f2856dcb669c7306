"""What a ring is told wrong is refused alike by both engines, by name and range, and changes nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.audio.rings import ENGINES, Chunker, make

from speechwire.audio import AudioRing
from speechwire.errors import InvalidArgument, InvalidArgumentType

NO_INTS = (None, True, 1.0, math.nan, "4", b"4", [4], np.float64(4), np.True_)
NO_COUNTS = (-1, 2**53 + 1, 2**64, 2**70)
NO_NUMBERS = (None, True, "4", b"4", [4])
NOT_FINITE = (math.nan, math.inf, -math.inf, 2**2000)
NO_FLAGS = (None, 0, 1, "", np.True_)
NO_BUFFERS = (None, 7, "text", [1], memoryview(bytes(8))[::2], np.zeros((4, 2), "<i2")[:, 0])


class OnlyPush:
    """No converter: what is left at the end could not be had of it."""

    def push(self, pcm: bytes, /) -> list[bytes]:
        return [pcm]


Call = Callable[[AudioRing, Any], object]

CALLS: list[tuple[str, Call, tuple[object, ...], tuple[object, ...]]] = [
    ("now", lambda ring, wrong: ring.push(bytes(4), wrong), NO_NUMBERS, NOT_FINITE),
    ("pcm", lambda ring, wrong: ring.push(wrong, 1.0), NO_BUFFERS, ()),
    ("now", lambda ring, wrong: ring.take(wrong), NO_NUMBERS, NOT_FINITE),
    ("frames", lambda ring, wrong: ring.put_in_silence(wrong), NO_INTS, NO_COUNTS),
    ("position", lambda ring, wrong: ring.acknowledge(wrong), NO_INTS, NO_COUNTS),
    ("run_up", lambda ring, wrong: ring.acknowledge(1, wrong), NO_INTS, NO_COUNTS),
    ("until", lambda ring, wrong: ring.give_up_repeats(wrong), NO_INTS[1:], NO_COUNTS),
    ("speed", lambda ring, wrong: ring.pace(wrong, 1.0), NO_NUMBERS[1:], (*NOT_FINITE, 0, -1.25)),
    ("burst_s", lambda ring, wrong: ring.pace(1.25, wrong), NO_NUMBERS, (*NOT_FINITE, -0.1)),
    ("speed", lambda ring, wrong: ring.open(wrong, 1.0), NO_NUMBERS[1:], (*NOT_FINITE, 0, -1.25)),
    ("burst_s", lambda ring, wrong: ring.open(1.25, wrong), NO_NUMBERS, (*NOT_FINITE, -0.1)),
    ("is_resting", lambda ring, wrong: ring.rest(wrong), NO_FLAGS, ()),
    ("replaced", lambda ring, wrong: ring.rewind(replaced=wrong), NO_FLAGS, ()),
    ("at_end", lambda ring, wrong: ring.flush_converter(at_end=wrong), NO_FLAGS, ()),
    ("converter", lambda ring, wrong: ring.exchange(wrong), (5, "x", object(), OnlyPush(), np.zeros(2)), ()),
]


COUNT = ("an int", "0 to 9007199254740992")
# What is said of each argument: of another type, and out of its range.
SAID = {
    "now": ("a number", "a finite number of seconds"),
    "burst_s": ("a number", "a finite number of seconds from 0 on"),
    "speed": ("a number", "a finite number above 0, or None"),
    "frames": COUNT,
    "position": COUNT,
    "run_up": COUNT,
    "until": COUNT,
    "pcm": ("a C-contiguous bytes-like object", ""),
    "is_resting": ("a bool", ""),
    "replaced": ("a bool", ""),
    "at_end": ("a bool", ""),
    "converter": ("an object with the methods push and flush, or None", ""),
}


def state(ring: AudioRing) -> tuple[object, ...]:
    names = ("end", "acknowledged", "queued_frames", "kept_frames", "waiting", "pushes", "free_at")
    return (*(getattr(ring, name) for name in names), ring.connection_frames, ring.counts())


def used(engine: str, **settings: Any) -> AudioRing:
    """A ring with something sent and something queued."""
    ring = make(engine, frame_bytes=2, **settings)
    ring.open(1.25, 1.0)
    for _ in range(2):
        ring.push(bytes(8), 0.0)
    ring.take(0.0)
    return ring


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("argument", "call", "types", "values"), CALLS)
def test_a_wrong_argument_is_named_and_changes_nothing(
    engine: str, argument: str, call: Call, types: tuple[object, ...], values: tuple[object, ...]
) -> None:
    ring = used(engine)
    before = state(ring)
    errors = (InvalidArgumentType, InvalidArgument)
    for error, said, wrongs in zip(errors, SAID[argument], (types, values), strict=True):
        for wrong in wrongs:
            with pytest.raises(error, match=rf"^{argument} must be {said}, got "):
                call(ring, wrong)
    assert state(ring) == before


RANGES = {
    "frame_bytes": "1 to 65536",
    "frame_rate": "0 to 4294967295",
    "queue_frames": "1 to 9007199254740992",
    "replay_frames": "0 to 9007199254740992",
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("argument", RANGES)
def test_bounds_are_checked(engine: str, argument: str) -> None:
    for wrong in NO_INTS:
        with pytest.raises(InvalidArgumentType, match=rf"^{argument} must be an int, got "):
            make(engine, **{"frame_bytes": 2, argument: wrong})
    for out_of_range in NO_COUNTS:
        said = rf"^{argument} must be {RANGES[argument]}, got {out_of_range}$"
        with pytest.raises(InvalidArgument, match=said):
            make(engine, **{"frame_bytes": 2, argument: out_of_range})


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_that_could_hold_a_frame_is_refused(engine: str) -> None:
    """Frames without bytes, and a queue without room, are none."""
    for argument in ("frame_bytes", "queue_frames"):
        with pytest.raises(InvalidArgument, match=rf"^{argument} must be 1 to \d+, got 0$"):
            make(engine, **{"frame_bytes": 2, argument: 0})
    with pytest.raises(
        InvalidArgumentType, match=r"^converter must be an object with the methods push and flush"
    ):
        make(engine, frame_bytes=2, converter=object())


@pytest.mark.parametrize("engine", ENGINES)
def test_the_ends_of_the_ranges_are_inside(engine: str) -> None:
    for argument, allowed in RANGES.items():
        for end in map(int, allowed.split(" to ")):
            assert make(engine, **{"frame_bytes": 2, argument: end}).end == 0
    ring = used(engine)
    for count in (0, 2**53):
        ring.acknowledge(count, count)
        ring.give_up_repeats(count)
        ring.put_in_silence(count)
    for speed, burst_s in ((None, 0), (0.5, 0.0), (1e-3, 1e6)):
        ring.pace(speed, burst_s)
        ring.open(speed, burst_s)


@pytest.mark.parametrize("engine", ENGINES)
def test_ints_of_other_kinds_are_ints(engine: str) -> None:
    ring = used(engine)
    ring.acknowledge(np.int64(3), np.uint8(1))  # type: ignore[arg-type]
    assert (ring.acknowledged, type(ring.acknowledged)) == (3, int)
    assert ring.put_in_silence(np.int64(0)) == ring.connection_frames  # type: ignore[arg-type]
    ring.push(bytes(2), 5)
    assert (ring.last_push_at, type(ring.last_push_at)) == (5.0, float)


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_taken_where_nothing_waits(engine: str) -> None:
    assert make(engine, frame_bytes=2).take(0.0) is None


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "pcm", [np.zeros(1, "<i2"), np.zeros((2, 3), "<i2"), bytearray(2), memoryview(bytes(2))]
)
def test_a_converter_gets_any_buffer(engine: str, pcm: Any) -> None:
    """An array has no truth of its own, or is false where its one sample is silence."""
    ring = make(engine, frame_bytes=2, converter=Chunker(2))
    ring.push(pcm, 1.0)
    assert (ring.pushes, ring.last_push_at, ring.end) == (1, 1.0, memoryview(pcm).nbytes // 2)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("wrong", NO_BUFFERS)
def test_a_converter_gets_nothing_else(engine: str, wrong: Any) -> None:
    ring = make(engine, frame_bytes=2, converter=Chunker(2))
    with pytest.raises(InvalidArgumentType, match="^pcm must be a C-contiguous bytes-like object, got "):
        ring.push(wrong, 1.0)
    assert ring.end == ring.pushes == 0
