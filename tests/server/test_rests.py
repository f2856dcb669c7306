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
SLOT_S = 0.005


@pytest.mark.parametrize(
    ("into_s", "frame_s", "since_s", "late_s", "rest_s"),
    [
        (0.0, 0.02, 0.08, 0.0, 0.07),  # three frames come meanwhile, the fourth completes
        (0.01, 0.02, 0.08, 0.0, 0.07),
        (0.0, 0.01, 0.08, 0.0, 0.075),
        (0.0, 0.03, 0.08, 0.0, 0.075),
        (0.0, 0.02, 0.08, 0.03, 0.04),  # read late: the next one is due all the same
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


def read(arrivals_s: Sequence[float], frame_s: float = 0.02) -> list[float]:
    """When each frame is read of those that arrive so; those of one read have one time."""
    pace = AudioPace(Limits(), 0.0)
    pace.push, pace.message_s, pace.seconds_per_byte = (lambda _: None), MESSAGE_S, 1 / BYTES_PER_S
    times: list[float] = []
    resting_until_s = 0.0
    for arrival_s in arrivals_s:
        now_s = max(arrival_s, resting_until_s)
        times.append(now_s)
        pace.take(b"\x7f" * round(frame_s * BYTES_PER_S), now_s)
        if pace.rest_s:
            resting_until_s = now_s + pace.rest_s
    return times


def test_half_of_the_reads_are_saved_and_no_message_waits() -> None:
    arrivals_s = [0.02 * number for number in range(1, 401)]
    times = read(arrivals_s)
    assert times[3::4] == arrivals_s[3::4], "those that complete a message are read as they come"
    assert len(set(times)) == pytest.approx(200, abs=4)
    assert max(time - arrival for time, arrival in zip(times, arrivals_s, strict=True)) < 0.06


@given(st.lists(st.floats(0.0, 0.009), min_size=80, max_size=200))
def test_no_message_waits_where_frames_come_unevenly(delays_s: list[float]) -> None:
    arrivals_s = [0.02 * number + delay for number, delay in enumerate(delays_s, start=1)]
    times = read(arrivals_s)
    waits = [time - arrival for time, arrival in zip(times[3::4], arrivals_s[3::4], strict=True)]
    assert max(waits) <= 0.009, "as uneven as they come, at most"


def test_who_sends_what_was_held_back_is_not_held_up() -> None:
    """Three seconds of speech, an outage of three seconds, and then all of it at once."""
    before = [0.02 * number for number in range(1, 151)]
    after = [6.0 + 0.02 * number for number in range(1, 151)]
    times = read([*before, *[6.0] * 150, *after])
    assert times[299] - 6.0 < 0.1
    behind = [time - arrival for time, arrival in zip(times[303::4], after[3::4], strict=True)]
    assert max(behind[3:]) == 0.0, "and then it comes as it is spoken"


@pytest.mark.parametrize("pause_s", [0.15, 10.0])
def test_a_pause_is_forgotten(pause_s: float) -> None:
    times = read([0.02 * number + (pause_s if number > 200 else 0.0) for number in range(1, 4001)])
    assert len(set(times[3000:])) == pytest.approx(500, abs=4)


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
        assert len(set(ended)) > 1 and timers <= 6, "one for each 5 ms"
        assert all(-SLOT_S <= late_s <= 0.0 for late_s in ended)
        assert not rests._slots

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(rest())
