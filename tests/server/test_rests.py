"""A connection rests between the messages to the service: no frame that completes one waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.virtual_time import VirtualTimeLoop

from speechwire.server._pacing import AudioPace
from speechwire.server._rests import Rests, rest_after
from speechwire.server.limits import Limits

MESSAGE_S = 0.08
BYTES_PER_S = 8000
SLOT_S = 0.001


@pytest.mark.parametrize(
    ("into_s", "frame_s", "since_s", "late_s", "rest_s"),
    [
        (0.0, 0.02, 0.08, 0.0, 0.08),  # the fourth frame completes
        (0.01, 0.02, 0.08, 0.0, 0.08),
        (0.0, 0.01, 0.08, 0.0, 0.08),
        (0.0, 0.03, 0.08, 0.0, 0.09),
        (0.0, 0.02, 0.08, 0.03, 0.05),  # read late: the next one is due all the same
        (0.0, 0.02, 0.08, 0.5, 0.0),
        (0.0, 0.02, 0.07, 0.0, 0.0),  # ahead of its speech
        (0.0, 0.04, 0.08, 0.0, 0.0),  # one frame less to read: not worth it
        (0.0, 0.08, 0.08, 0.0, 0.0),
        (0.03, 0.025, 0.08, 0.0, 0.0),
    ],
)
def test_how_long_a_connection_rests(
    into_s: float, frame_s: float, since_s: float, late_s: float, rest_s: float
) -> None:
    assert rest_after(into_s, frame_s, MESSAGE_S, since_s, late_s) == pytest.approx(rest_s)


class Hearing:
    """Puts what is pushed into messages, and notes when each was complete."""

    def __init__(self) -> None:
        self.bytes = self.queued_bytes = 0

    def push(self, pcm: bytes) -> None:
        self.bytes += len(pcm)
        size = round(MESSAGE_S * BYTES_PER_S)
        self.queued_bytes += (self.bytes - self.queued_bytes) // size * size

    def flush(self) -> None:
        self.queued_bytes = self.bytes

    def queued_s(self) -> float:
        return self.queued_bytes / BYTES_PER_S


def read(arrivals_s: Sequence[float], frame_s: float = 0.02, flush_after: int = -1) -> list[float]:
    """When each frame is read of those that arrive so; those of one read have one time."""
    pace, hearing = AudioPace(Limits(), 0.0), Hearing()
    pace.begin(hearing, message_s=MESSAGE_S)
    pace.seconds_per_byte = 1 / BYTES_PER_S
    times: list[float] = []
    waiting, resting_until_s = list(arrivals_s), 0.0
    while waiting:
        now_s = max(waiting[0], resting_until_s)
        frames = max(1, sum(arrival_s <= now_s for arrival_s in waiting))
        del waiting[:frames]
        times += [now_s] * frames
        pace.take(b"\x7f" * frames * round(frame_s * BYTES_PER_S), now_s, frames=frames)
        if len(times) == flush_after:
            hearing.flush()
        if pace.rest_s:
            resting_until_s, pace.rest_s = now_s + pace.rest_s, 0.0
    return times


def waits_of(times: Sequence[float], arrivals_s: Sequence[float], first: int = 3) -> list[float]:
    """How long each frame waited that completes a message."""
    every = [time - arrival for time, arrival in zip(times, arrivals_s, strict=True)]
    return every[first::4]


def test_one_read_takes_a_message_which_waits_a_millisecond_at_most() -> None:
    arrivals_s = [0.02 * number for number in range(1, 2001)]
    times = read(arrivals_s)
    assert len(set(times)) < 1.25 * 500, "one for each message, and a look at when it comes now and then"
    assert min(waits_of(times, arrivals_s)) > -1e-9 and max(waits_of(times, arrivals_s)) < 0.0011
    assert max(time - arrival for time, arrival in zip(times, arrivals_s, strict=True)) < 0.062


@pytest.mark.parametrize("flush_after", [41, 42, 43])
def test_a_message_that_a_pause_cut_short_moves_the_others(flush_after: int) -> None:
    """The caller said nothing for a while in the middle of a message, so what had come was sent."""
    arrivals_s = [0.02 * number + (0.6 if number > flush_after else 0.0) for number in range(1, 401)]
    times = read(arrivals_s, flush_after=flush_after)
    waits = waits_of(times, arrivals_s, first=flush_after + 3)
    assert max(waits) < 0.0011, "which now end with other frames"


def test_a_clock_that_runs_slow_or_fast_is_followed() -> None:
    for rate in (0.9995, 1.0005):  # far worse than any telephone's
        arrivals_s = [0.02 * rate * number for number in range(1, 20_001)]
        times = read(arrivals_s)
        assert max(waits_of(times, arrivals_s)) < 0.0011
        assert len(set(times)) < 1.35 * 5000


@given(st.lists(st.floats(0.0, 0.009), min_size=80, max_size=200))
def test_no_message_waits_where_frames_come_unevenly(delays_s: list[float]) -> None:
    arrivals_s = [0.02 * number + delay for number, delay in enumerate(delays_s, start=1)]
    times = read(arrivals_s)
    assert max(waits_of(times, arrivals_s)) <= 0.0101, "as uneven as they come, at most"


def test_who_sends_what_was_held_back_is_not_held_up() -> None:
    """Three seconds of speech, an outage of three seconds, and then all of it at once."""
    before = [0.02 * number for number in range(1, 151)]
    after = [6.0 + 0.02 * number for number in range(1, 151)]
    times = read([*before, *[6.0] * 150, *after])
    assert times[299] - 6.0 < 0.1
    behind = waits_of(times[300:], after)
    assert max(behind[3:]) < 0.0011, "and then it comes as it is spoken"


@pytest.mark.parametrize("pause_s", [0.15, 10.0])
def test_a_pause_is_forgotten(pause_s: float) -> None:
    times = read([0.02 * number + (pause_s if number > 200 else 0.0) for number in range(1, 4001)])
    assert len(set(times[3000:])) < 1.25 * 250


def test_connections_are_read_again_together_and_never_late() -> None:
    ended: list[float] = []

    def end(due_s: float) -> None:
        ended.append(asyncio.get_running_loop().time() - due_s)

    async def rest() -> None:
        loop, rests = asyncio.get_running_loop(), Rests()
        for number in range(40):
            rests.add(0.07, partial(end, loop.time() + 0.07))
            await asyncio.sleep(0.001 * (number % 2))
        timers = len(rests._slots)
        await asyncio.sleep(0.2)
        assert len(ended) == 40
        assert len(set(ended)) > 1 and timers <= 22, "one for each millisecond"
        assert all(-SLOT_S <= late_s <= 0.0 for late_s in ended)
        assert not rests._slots

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(rest())
