"""The soak's own parts: audio that names itself, the account, the judgement; and a short soak."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest
from benches.python.soak import report
from benches.python.soak.ledger import CallAccount, HeardWord, Ledger
from benches.python.soak.run import Plan, mix, soak
from benches.python.soak.server import KINDS, Fates, UnitRecognizer
from benches.python.soak.units import (
    CHANNELS,
    FRAMES_PER_UNIT,
    LEVELS,
    RATE,
    UNIT_S,
    UnitReader,
    frame,
    is_spoken,
    word_of,
)
from benches.python.soak.watch import Sample
from hypothesis import example, given, settings
from hypothesis import strategies as st

from speechwire.audio import PcmPipeline
from speechwire.emulator import Connection, Heard
from speechwire.errors import ConnectFailed
from speechwire.session import OutageBegan, OutageEnded, Reconnected, Reconnecting, SessionEnded

WIRE_RATE = 16_000
UNIT = round(UNIT_S * WIRE_RATE)


def on_the_wire(first: int, units: int, quality: str = "balanced") -> bytes:
    """What the service gets of these units: one channel, another rate."""
    pipeline = PcmPipeline(in_rate=RATE, out_rate=WIRE_RATE, channels=CHANNELS, chunk_ms=100, quality=quality)
    frames = [frame(number) for number in range(first, first + units) for _ in range(FRAMES_PER_UNIT)]
    return b"".join(chunk for pcm in frames for chunk in pipeline.push(pcm)) + b"".join(pipeline.flush())


def heard(reader: UnitReader, pcm: bytes, cuts: Sequence[int]) -> list[int]:
    """The numbers a reader finds in audio that comes in pieces."""
    edges = [0, *sorted(min(cut, len(pcm) // 2) for cut in cuts), len(pcm) // 2]
    pieces = [pcm[2 * start : 2 * end] for start, end in zip(edges, edges[1:], strict=False)]
    units = [unit for piece in pieces for unit in reader.feed(piece)]
    return [unit.number for unit in [*units, *reader.settle()]]


async def settled_words(pcm: bytes, settle_behind: set[int]) -> set[str]:
    """The words a recognizer has settled that is fed 100 ms at a time, and asked to settle behind some."""
    recognizer, step = UnitRecognizer(WIRE_RATE), WIRE_RATE // 10 * 2
    reports: list[Heard] = []
    for number, at in enumerate(range(0, len(pcm), step)):
        reports += await recognizer.feed(pcm[at : at + step])
        reports += await recognizer.settle() if number in settle_behind else []
    reports += await recognizer.settle()
    return {word.text for report in reports if report.settled for word in report.words}


@settings(max_examples=40)
@given(settle_behind=st.sets(st.integers(0, 79), max_size=10))
@example(settle_behind={20})  # in the silence behind a turn
def test_a_recognizer_that_must_settle_anywhere_loses_no_word(settle_behind: set[int]) -> None:
    words = asyncio.run(settled_words(on_the_wire(10, 40), settle_behind))
    assert words >= {word_of(number) for number in range(10, 50) if is_spoken(number)}


def off_the_point(cut: int) -> int:
    """Within a sample or two of it nobody can tell on which side it lies."""
    return cut + WIRE_RATE // 50 if abs(cut % UNIT - UNIT * 35 // 100) < WIRE_RATE // 100 else cut


# The unit that follows the last level is the first: the greatest step there is.
@given(
    first=st.integers(0, 2 * LEVELS),
    cuts=st.lists(st.integers(0, 6 * UNIT), max_size=20),
    quality=st.sampled_from(["fast", "balanced", "best"]),
)
@example(first=LEVELS - 3, cuts=[], quality="best")
@example(first=LEVELS // 2 - 1, cuts=[], quality="balanced")
@settings(max_examples=50)
def test_every_unit_is_heard_once_after_conversion(first: int, cuts: list[int], quality: str) -> None:
    reader = UnitReader(WIRE_RATE)
    numbers = heard(reader, on_the_wire(first, 6, quality), cuts)
    assert numbers == [number % LEVELS for number in range(first, first + 6)]
    assert reader.breaks == 0


@given(first=st.integers(0, LEVELS), cut=st.integers(0, 6 * UNIT))
@settings(max_examples=100)
def test_a_unit_cut_in_two_connections_is_heard_on_one(first: int, cut: int) -> None:
    pcm = on_the_wire(first, 6)
    cut = off_the_point(cut)
    before, after = UnitReader(WIRE_RATE), UnitReader(WIRE_RATE)
    numbers = heard(before, pcm[: 2 * cut], []) + heard(after, pcm[2 * cut :], [])
    assert numbers == [number % LEVELS for number in range(first, first + 6)]


@example(first=0, cut=162, silence=1121)
@example(first=0, cut=1600, silence=160)
@given(first=st.integers(0, LEVELS), cut=st.integers(0, 6 * UNIT), silence=st.integers(UNIT // 20, 5 * UNIT))
@settings(max_examples=100)
def test_silence_that_was_put_in_is_nothing(first: int, cut: int, silence: int) -> None:
    pcm = on_the_wire(first, 6)
    cut = off_the_point(cut)
    numbers = heard(UnitReader(WIRE_RATE), pcm[: 2 * cut] + bytes(2 * silence) + pcm[2 * cut :], [])
    assert numbers == [number % LEVELS for number in range(first, first + 6)]


def test_audio_that_is_not_whole_is_noticed() -> None:
    pcm = on_the_wire(100, 6)
    reader = UnitReader(WIRE_RATE)
    heard(reader, pcm[: 2 * UNIT] + pcm[2 * UNIT + 2 * UNIT // 3 :], [])
    assert reader.breaks > 0


def account() -> tuple[Ledger, CallAccount, list[HeardWord]]:
    """A call of 20 units that begins with a turn, and the words that are due."""
    first = LEVELS - 25
    words: list[HeardWord] = [
        (word_of(first + unit), unit * UNIT_S, (unit + 1) * UNIT_S)
        for unit in range(20)
        if is_spoken(first + unit)
    ]
    ledger = Ledger()
    return ledger, CallAccount(ledger, "a call", first), words


def ended(*, complete: bool) -> SessionEnded:
    return SessionEnded(complete=complete, pushed_s=4.0, dropped_s=0.0, replayed_s=0.0)


def test_words_in_order_and_in_time_are_right() -> None:
    ledger, call, words = account()
    call.words(words)
    call.event(ended(complete=True), 4.0)
    call.close(LEVELS - 5)
    assert (ledger.expected, ledger.delivered, ledger.wrong) == (20, 20, 0)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("missing", lambda words: words[:7] + words[8:]),
        ("missing", lambda words: words[:-1]),
        ("doubled", lambda words: [*words[:8], words[7], *words[8:]]),
        ("foreign", lambda words: [*words, ("w4711", 9.9, 10.1)]),
        ("foreign", lambda words: [*words, ("junk", 9.9, 10.1)]),
        ("misplaced", lambda words: [*words[:-1], (words[-1][0], words[-1][1], words[-1][2] + 0.1)]),
        ("misplaced", lambda words: [*words[:-1], (words[-1][0], None, None)]),
    ],
)
def test_what_is_wrong_is_counted_once(name: str, spoil: object) -> None:
    ledger, call, words = account()
    assert callable(spoil)
    call.words(spoil(words))
    call.event(ended(complete=True), 4.0)
    call.close(LEVELS - 5)
    assert getattr(ledger, name) == 1
    assert ledger.wrong == 1
    assert len(ledger.complaints) == 1


@pytest.mark.parametrize(
    "events", [[], [ended(complete=False)], [ended(complete=True), ended(complete=False)]]
)
def test_a_session_that_does_not_say_it_is_complete_is_counted(events: list[SessionEnded]) -> None:
    ledger, call, words = account()
    call.words(words)
    for event in events:
        call.event(event, 4.0)
    call.close(LEVELS - 5)
    assert (ledger.incomplete, ledger.wrong, len(ledger.complaints)) == (1, 1, 1)


def test_an_outage_lasts_from_its_report_to_the_next_answer() -> None:
    ledger, call, _ = account()
    call.event(Reconnecting(attempt=1, delay_s=0.1, error=None), 1.0)
    call.event(Reconnected(request_id=None, replayed_s=0.5), 1.25)
    call.event(Reconnecting(attempt=1, delay_s=0.1, error=None), 3.0)
    call.event(OutageBegan(error=ConnectFailed("wss://x", "no route")), 4.0)
    call.event(OutageEnded(lasted_s=5.0), 9.0)
    assert ledger.outages_s == [0.25, 6.0]
    assert ledger.events == {"Reconnecting": 2, "Reconnected": 1, "OutageBegan": 1, "OutageEnded": 1}


def test_fates_take_turns_and_keep_the_pace() -> None:
    fates = Fates(streams=10, kill_every_s=1.0, seed=7)
    drawn = [next(iter(fates)) for _ in range(600)]
    kinds = [kind for kind, _ in fates.drawn]
    assert all(kinds.count(kind) == 100 for kind in KINDS)
    lives = [at_s for _, at_s in fates.drawn]
    assert min(lives) >= 1.0
    assert sum(lives) / len(lives) == pytest.approx(10.0, rel=0.15)
    assert len(drawn) == len(fates.drawn)
    lived = [Connection(index, "/v2/listen", [], {}, audio_s=5.0) for index in range(600)]
    assert fates.struck(lived).total() == sum(at_s <= 5.0 for at_s in lives)


def samples(slope_kib: float, minutes: int = 20) -> list[Sample]:
    def sample(minute: int) -> Sample:
        kib = round(100_000 + slope_kib * minute + (-1) ** minute * 50)
        held = {"blocks": 1, "tasks": 1, "descriptors": 1, "threads": 1, "objects": 0, "kept_kib": 0}
        counts = {"connections": 1, "open_connections": 1, "reconnects": 0, "lag_ms": 0.0, "cpu": 0.1}
        return Sample(at_s=60.0 * minute, rss_kib=kib, dirty_kib=kib, throttled=False, **held, **counts)  # type: ignore[arg-type]

    return [sample(minute) for minute in range(minutes)]


@pytest.mark.parametrize("slope_kib", [0.0, 250.0, -30.0])
def test_the_trend_is_found(slope_kib: float) -> None:
    trend = report.trend(samples(slope_kib), warm_up_s=180.0)
    assert trend is not None
    assert trend.minutes == 16.0
    assert abs(trend.slope - slope_kib) <= 3 * trend.error


def test_too_little_has_no_trend() -> None:
    assert report.trend(samples(0.0), warm_up_s=18 * 60.0) is None


@pytest.mark.parametrize("streams", [8, 10, 20, 200, 1000])
def test_the_mix_has_all_kinds(streams: int) -> None:
    counts = mix(streams)
    assert sum(counts.values()) == streams
    assert min(counts.values()) >= 1


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """A log that is kept keeps the errors that were logged, and those would count as left behind."""
    caplog.set_level(logging.CRITICAL, "speechwire")


@pytest.mark.paced
@pytest.mark.usefixtures("quiet")
async def test_ten_streams_for_ten_seconds_lose_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    # Ended twice as often, a connection that replaced another could be ended while its session closes, behind
    # CloseStream: there is one retry then, and what is lost is reported.
    plan = Plan(streams=10, seconds=10.0, kill_every_s=2.0, call_s=6.0, warm_up_s=0.0, seed=5)
    outcome = await soak(plan, asyncio.Event())
    assert report.failures(outcome, bound_kib=0.0) == []
    assert sum(outcome.service["struck"].values()) >= 3
    assert all(ledger.calls for ledger in outcome.ledgers.values())
    path = tmp_path_factory.mktemp("soak") / "soak.md"
    report.write(outcome, path, bound_kib=0.0)
    assert "Nothing was lost" in path.read_text(encoding="utf-8")
    assert path.with_suffix(".svg").exists()


@pytest.mark.usefixtures("quiet")
async def test_it_stops_when_told_to() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(1.5, stop.set)
    plan = Plan(streams=7, seconds=600.0, kill_every_s=100.0)
    outcome = await soak(plan, stop)
    assert outcome.interrupted
    assert outcome.seconds < plan.seconds
    assert report.failures(outcome, bound_kib=0.0) == []
