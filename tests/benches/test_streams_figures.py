"""The streams benchmark's clock, figures, checks and table."""

from __future__ import annotations

import asyncio
import contextvars
import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from benches.python.streams.answer import faults
from benches.python.streams.audio import FRAME_S, ring
from benches.python.streams.contenders.catalog import CATALOG
from benches.python.streams.feeding import CoroutineFeed
from benches.python.streams.figures import Schedule, Spread, lateness_ms
from benches.python.streams.matrix import Options, Outcome
from benches.python.streams.report import draw_again, ratios, rows, write
from benches.python.streams.result import Result
from benches.python.streams.service import Heard
from benches.python.streams.sink import Sink
from benches.python.streams.ticker import SLOTS, Ticker
from hypothesis import given
from hypothesis import strategies as st

BYTES_PER_S = 32_000
CHUNK_S = 0.1


def heard(
    stream: int,
    late_s: list[float],
    *,
    held: int = 0,
    sent: dict[str, int] | None = None,
    connections: int = 1,
) -> Heard:
    """A stream of 100 ms chunks that came so late after the frame that completed each."""
    count = len(late_s)
    completed_s = (np.arange(1, count + 1) * CHUNK_S) - FRAME_S + held * FRAME_S
    arrived_s = 1000.0 + Ticker.offset_s(stream) + completed_s + np.array(late_s)
    received = (np.arange(1, count + 1) * CHUNK_S * BYTES_PER_S).astype(np.int64)
    arrived_ns = np.round(arrived_s * 1e9).astype(np.int64)
    return Heard(connections, arrived_ns, received, sent or {}, {}, 0)


@given(st.lists(st.floats(-0.0015, 0.0175), min_size=1, max_size=30), st.integers(0, 3), st.integers(0, 9))
def test_lateness_is_what_it_was_made_of(late_s: list[float], held: int, stream: int) -> None:
    schedule = Schedule(1000.0, 0, BYTES_PER_S)
    found, found_held = lateness_ms(schedule, {stream: heard(stream, late_s, held=held)}, (0.0, 2000.0))
    assert found_held == held
    np.testing.assert_allclose(found, np.array(late_s) * 1000, atol=0.01)


def test_silence_before_the_clock_began_is_not_taken_for_what_it_pushed() -> None:
    late = heard(0, [0.001] * 10)
    silence = Heard(1, np.array([999_000_000_000]), np.array([2 * BYTES_PER_S]), {}, {}, 0)
    both = replace(
        late,
        arrived_ns=np.concatenate([silence.arrived_ns, late.arrived_ns]),
        received=np.concatenate([silence.received, late.received + 2 * BYTES_PER_S]),
    )
    schedule = Schedule(
        1000.0, 50, BYTES_PER_S
    )  # a second was pushed to connect, and a second of silence put in
    found, _ = lateness_ms(schedule, {0: both}, (0.0, 2000.0))
    np.testing.assert_allclose(found, [1.0] * 10, atol=0.01)
    sink = Sink()
    assert faults(CATALOG["stt_v2"], 1, schedule, lambda stream: 50, {0: both}, sink) == []
    assert faults(CATALOG["stt_v2"], 1, schedule, lambda stream: 40, {0: both}, sink)


def spread(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Spread:
    found = Spread.of(values)
    assert found is not None
    return found


def test_only_the_window_and_what_the_clock_pushed_count() -> None:
    streams = {0: heard(0, [0.001] * 10 + [0.005] * 10)}
    schedule = Schedule(1000.0, 0, BYTES_PER_S)
    found, _ = lateness_ms(schedule, streams, (1001.0, 1003.0))
    assert asdict(spread(found)) == pytest.approx({"p50": 5, "p99": 5, "most": 5, "count": 10})
    primed, _ = lateness_ms(Schedule(1000.0, 10, BYTES_PER_S), streams, (0.0, 2000.0))
    assert len(primed) == 18  # two chunks were complete before the clock began
    assert Spread.of(np.empty(0)) is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"ticks": 70}, "audio of 1 streams"),
        ({"ticks": 45}, "audio of 1 streams"),
        ({"count": 2}, "2 streams were due, 1 arrived"),
        ({"connections": 2}, "connected more than once"),
        ({"delivered": 3}, "4 results were sent, 3 delivered"),
        ({"error": "no"}, "1 errors, such as: no"),
    ],
)
def test_a_wrong_answer_is_told(change: dict[str, int | str], fault: str | None) -> None:
    sink = Sink()
    sink.count = int(change.get("delivered", 4))
    sink.errors = [str(change["error"])] if "error" in change else []
    sent = {"Update": 3, "EndOfTurn": 1, "Empty": 5}
    streams = {0: heard(0, [0.001] * 10, sent=sent, connections=int(change.get("connections", 1)))}
    schedule = Schedule(1000.0, 0, BYTES_PER_S)
    given = int(change.get("ticks", 52))
    found = faults(
        CATALOG["stt_v2"], int(change.get("count", 1)), schedule, lambda stream: given, streams, sink
    )
    assert [fault] == [fault for one in found if fault and fault in one] if fault else found == []


async def test_frames_keep_their_order_in_a_client_that_waits() -> None:
    taken: list[bytes] = []
    where: contextvars.ContextVar[str] = contextvars.ContextVar("where")
    context = contextvars.copy_context()
    context.run(where.set, "inside")

    async def process(frame: bytes) -> None:
        assert where.get() == "inside"
        if frame in (b"1", b"3"):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        taken.append(frame)

    feed = CoroutineFeed(process, context)
    feed(b"0")
    assert taken == [b"0"]  # at once
    for frame in (b"1", b"2", b"3"):
        feed(frame)
    assert feed.backlog == 2
    for _ in range(10):
        await asyncio.sleep(0)
    feed(b"4")
    assert taken == [b"0", b"1", b"2", b"3", b"4"]


async def test_every_stream_gets_the_same_frames() -> None:
    given_to: list[list[bytes]] = [[] for _ in range(2 * SLOTS + 1)]
    ticker = Ticker([got.append for got in given_to], [b"a", b"b", b"c"], time.monotonic())
    await ticker.until(ticker.start_s + 0.2)
    for stream, frames in enumerate(given_to):
        begin = stream // SLOTS
        assert len(frames) == ticker.given(stream) > 5
        assert b"".join(frames) == (b"abc" * 5)[begin:][: len(frames)]
        assert Ticker.offset_s(stream) == pytest.approx(0.004 * (stream % SLOTS) + 0.02 * begin)
    given = [ticker.given(slot * SLOTS) for slot in range(3)]
    assert given == [given[0], given[0] - 1, given[0] - 2], "one begins after the other"


def test_the_ring_is_frames_of_20_ms_that_differ() -> None:
    frames = ring(48_000, 2)
    assert {len(frame) for frame in frames} == {3840}
    assert len(set(frames)) == len(frames) == 100


def test_a_late_client_is_told_from_a_busy_machine() -> None:
    late = outcome("incumbent_v2", 5.0, behind_s=2.0, starved=(0.4, 0.1))
    assert rows([late], 200)[0][3] == "cannot keep pace: 2.0 s late, but 40% of the time without a core"


def outcome(name: str, cpu_ms: float, **figures: object) -> Outcome:
    result = Result(name, 200, 1.0, cpu_ms=cpu_ms, lateness=Spread(1, 2, 3, 4))
    for figure, value in figures.items():
        setattr(result, figure, value)
    return Outcome(CATALOG[name], 200, (result,))


def test_the_table_tells_who_is_late_and_who_is_wrong() -> None:
    outcomes = [
        outcome("incumbent_v2_16k", 8.0, behind_s=4.0, faults=["late, so something is missing"]),
        outcome("stt_v2", 0.5),
        outcome("first_version", 5.0, faults=["2 results were sent, 1 delivered"]),
        Outcome(CATALOG["livekit_v2"], 200, (), "it fell over"),
    ]
    best, second, third, last = rows(outcomes, 200)
    assert best[:4] == ["DeepgramSTTV2", "Flux", "0.50 (+0.00)", "1.0 / 2.0 / 3.0"]
    assert "**wrong**: 2 results" in second[0]
    assert third[3] == "cannot keep pace: 4.0 s late"
    assert "wrong" not in third[0]
    assert last[:3] == ["LiveKit STTv2", "Flux", "it fell over"]
    assert [row[1] for row in ratios(outcomes, 200)] == ["10.0×", "16.0×"]


def test_the_report_is_written_whatever_there_is(tmp_path: Path) -> None:
    outcomes = [
        *(outcome(name, 0.5, clock=Spread(0.1, 0.2, 0.3, 9)) for name in CATALOG),
        Outcome(CATALOG["sdk_v1"], 1, (), "no"),
    ]
    options = Options(
        seconds=1,
        rounds=1,
        tls=False,
        uvloop=False,
        pin_core=True,
        awake=True,
        clients_python=Path("python"),
    )
    path = write(outcomes, options, tmp_path, "streams")
    text = path.read_text(encoding="utf-8")
    assert "| DeepgramSTTV2 | Flux | 0.50" in text
    assert "a core each" in text
    assert "no core asleep" in text
    assert {entry.name for entry in tmp_path.iterdir()} == {
        "streams.md", "streams.json", "streams-cpu.svg", "streams-lateness.svg"
    }  # fmt: skip
    numbers = json.loads((tmp_path / "streams.json").read_text(encoding="utf-8"))
    assert [Result.read(one) for one in numbers] == [one.results[0] for one in outcomes if one.results]


def options() -> Options:
    return Options(
        seconds=1, rounds=1, tls=False, uvloop=False, pin_core=True, awake=True, clients_python=Path("python")
    )


def test_noise_is_not_published(tmp_path: Path) -> None:
    alone = outcome("stt_v2", 7.77)
    outcomes = [
        Outcome(alone.contender, 1, alone.results),
        outcome("stt", -0.5),
        outcome("sdk_v2", 2.5, memory_kib=-72.0),
    ]
    text = write(outcomes, options(), tmp_path, "streams").read_text(encoding="utf-8")
    assert "7.77" not in text
    assert "-0.50" not in text
    assert "-72" not in text
    assert "| deepgram-sdk v2 | Flux | 2.50" in text
    assert "| downmix and resampling: fed 16 kHz mono |" in text


def test_the_report_can_be_written_again_from_its_numbers(tmp_path: Path) -> None:
    late = outcome("incumbent_v2", 5.0, behind_s=2.0)
    more = replace(outcome("stt_v2", 0.5).results[0], streams=500)
    outcomes = [
        late,
        outcome("stt_v2", 0.6),
        Outcome(late.contender, 500, (), "cannot keep pace with 200"),
        Outcome(CATALOG["stt_v2"], 500, (more,)),
    ]
    path = write(outcomes, options(), tmp_path, "streams")
    text = path.read_text(encoding="utf-8")
    assert "| cannot keep pace with 200 |" in text
    path.write_text("\n\n" + text.splitlines()[2] + "\n", encoding="utf-8")
    assert draw_again(tmp_path, "streams") == path
    assert path.read_text(encoding="utf-8") == text
