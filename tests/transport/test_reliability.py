"""The fault matrix: real sessions, real sockets, the emulator, and every way a connection can end.

Each row pushes counted audio far above real time and must deliver every word once, in order and at its
time on the caller's clock, with every millisecond of audio received at least once. With
``SPEECHWIRE_RELIABILITY`` set to a file name, the figures are written there as a table.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from tests.session.counted import RATE, counted, indices
from tests.session.driving import check_turns, finals, words_of
from tests.transport.counted_engine import CountedEngine

from speechwire.emulator import (
    CloseWith,
    Connection,
    Delay,
    Emulator,
    Fault,
    HalfOpen,
    Inject,
    LateMessage,
    Lose,
    RefuseUpgrade,
    Reset,
    SlowReader,
    SlowUpgrade,
    Stall,
    tag_of,
)
from speechwire.protocol import ListenV1Options, SpeakV1Options, SpeakV2Options
from speechwire.session import (
    BackoffPolicy,
    ListenSettings,
    ListenV1Session,
    ListenV2Session,
    SessionEnded,
    SpeakSession,
    SpeakSettings,
)
from speechwire.transport import transport_name
from speechwire.transport.shared import TRANSPORT_VARIABLE

TURNS = [(0.5, 1.5), (3.0, 4.0), (6.0, 7.0)]
SECONDS = 8.0
AT_S = 3.4  # in the middle of the second turn
FIRST = {0}

POLICY = BackoffPolicy(base_s=0.05, cap_s=0.2, throttled_base_s=0.1, max_quick_failures=4)
SETTINGS = ListenSettings(
    connect_timeout_s=0.5,
    send_timeout_s=0.5,
    progress_timeout_s=0.5,
    drain_timeout_s=10.0,
    replay_speed=None,
    backoff=POLICY,
)

FAULTS: dict[str, list[Fault]] = {
    "none": [],
    "TCP reset": [Reset(at_s=AT_S, connections=FIRST)],
    "TCP reset in mid-frame": [Reset(at_s=AT_S, mid_frame=True, connections=FIRST)],
    "TCP end without a close frame": [Reset(at_s=AT_S, hard=False, connections=FIRST)],
    "close 1000 unasked": [CloseWith(1000, at_s=AT_S, connections=FIRST)],
    "close without a status": [CloseWith(None, at_s=AT_S, connections=FIRST)],
    "close 1011 NET-0000": [CloseWith(1011, "NET-0000", at_s=AT_S, connections=FIRST)],
    "close 1011 NET-0001": [CloseWith(1011, "See https://dpgr.am/net0001", at_s=AT_S, connections=FIRST)],
    "close 1012 (restart)": [CloseWith(1012, "restart", at_s=AT_S, connections=FIRST)],
    "stall": [Stall(at_s=AT_S, connections=FIRST)],
    "half-open TCP": [HalfOpen(at_s=AT_S, connections=FIRST)],
    "slow upgrade": [SlowUpgrade(delay_s=0.3)],
    "upgrade beyond the deadline": [SlowUpgrade(delay_s=1.0, connections=FIRST)],
    "503 at first": [RefuseUpgrade(503, connections={0, 1})],
    "429 at first": [RefuseUpgrade(429, connections={0, 1})],
    "503 at reconnect": [Reset(at_s=AT_S, connections=FIRST), RefuseUpgrade(503, connections={1, 2})],
    "three resets in a row": [Reset(at_s=0.9, connections={0, 1, 2})],
    "junk, unknown types, binary": [
        Inject(1.0, "{"),
        Inject(1.2, {"type": "New", "x": [1]}),
        Inject(1.4, b"\0\1"),
        Inject(2.0, "[" * 5000),
    ],
    "late messages": [LateMessage({"type": "New"}), Delay(delay_s=0.02, jitter_s=0.02)],
    "slow reader": [SlowReader(seconds_per_frame=0.004)],
}


@dataclass
class Row:
    fault: str
    endpoint: str
    transport: str
    connections: int
    received_ms: int
    lost_ms: int
    replayed_ms: int
    words: str


ROWS: list[Row] = []


@pytest.fixture(params=["aiohttp", "picows"], autouse=True)
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRANSPORT_VARIABLE, request.param)


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    yield
    path = os.environ.get("SPEECHWIRE_RELIABILITY")
    if path:
        Path(path).write_text(report(), encoding="utf-8")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("endpoint", ["/v2/listen", "/v1/listen"])
async def test_nothing_is_lost_or_doubled(endpoint: str, fault: str) -> None:
    engine = CountedEngine(TURNS)
    async with Emulator(engine, faults=FAULTS[fault], keep_audio=True) as emulator:
        session = make(endpoint, emulator.base_url)
        events = await converse(session)
        heard = [connection for connection in emulator.connections if connection.audio]
    words = [word for final in finals(events) for word in words_of(final)]
    counts = arrivals(heard)
    ROWS.append(row(endpoint, fault, emulator.connections, counts, len(words), len(engine.words)))
    assert [int(word.word) for word in words] == engine.words
    for word in words:
        assert word.start == pytest.approx(int(word.word) / 4, abs=0.01)
    check_turns(events)
    assert len(counts) == SECONDS * 1000
    ended = events[-1]
    assert isinstance(ended, SessionEnded)
    assert ended.complete
    assert ended.dropped_s == 0


def make(endpoint: str, base_url: str) -> Any:
    if endpoint == "/v2/listen":
        return ListenV2Session("key", base_url=base_url, settings=SETTINGS)
    options = ListenV1Options(encoding="linear16", sample_rate=RATE, interim_results=True, endpointing=300)
    return ListenV1Session("key", options, base_url=base_url, settings=SETTINGS)


async def converse(session: Any) -> list[Any]:
    events = asyncio.create_task(collect(session))
    size = RATE // 50
    for start in range(0, round(SECONDS * RATE), size):
        session.push(counted(start, size))
        await asyncio.sleep(0.001)
    await session.aclose()
    return await events


async def collect(session: Any) -> list[Any]:
    return [event async for event in session]


def arrivals(connections: list[Connection]) -> dict[int, int]:
    """How often each millisecond of the caller's audio was received."""
    counts: dict[int, int] = {}
    for connection in connections:
        for ms in {int(index) * 1000 // RATE for index in indices(bytes(connection.audio))}:
            counts[ms] = counts.get(ms, 0) + 1
    return counts


def row(
    endpoint: str,
    fault: str,
    connections: list[Connection],
    counts: dict[int, int],
    words: int,
    expected: int,
) -> Row:
    return Row(
        fault=fault,
        endpoint=endpoint,
        transport=transport_name(),
        connections=len(connections),
        received_ms=len(counts),
        lost_ms=round(SECONDS * 1000) - len(counts),
        replayed_ms=sum(count - 1 for count in counts.values()),
        words=f"{words}/{expected}",
    )


# Speaking

TEXTS = ["First sentence of three.", "Here is the second one.", "And this is the last."]
SPEAK_FAULTS: dict[str, list[Fault]] = {
    "none": [],
    "TCP reset": [Reset(at_s=2.0, connections=FIRST)],
    "TCP reset in mid-frame": [Reset(at_s=2.0, mid_frame=True, connections=FIRST)],
    "close 1000 unasked": [CloseWith(1000, at_s=2.0, connections=FIRST)],
    "close 1011 NET-0000": [CloseWith(1011, "NET-0000", at_s=2.0, connections=FIRST)],
    "close 1011 NET-0003 (session limit)": [CloseWith(1011, "NET-0003", at_s=2.0, connections=FIRST)],
    "close 1008 DATA-0001 (too fast)": [CloseWith(1008, "DATA-0001", at_s=2.0, connections=FIRST)],
    "stall": [Stall(at_s=2.0, connections=FIRST)],
    "half-open TCP": [HalfOpen(at_s=2.0, connections=FIRST)],
    "503 at first": [RefuseUpgrade(503, connections={0, 1})],
    "429 at first": [RefuseUpgrade(429, connections={0, 1})],
    "Metadata is lost": [Lose("Metadata")],
    "junk and unknown types": [Inject(0.5, "{"), Inject(1.0, {"type": "New"})],
}


VOICES: dict[str, SpeakV1Options | SpeakV2Options] = {
    "/v1/speak": SpeakV1Options(),
    "/v2/speak": SpeakV2Options(sample_rate=24000),
}
# Flux TTS has no character limit, and greets with another message.
ONLY_AURA = {"close 1008 DATA-0001 (too fast)", "Metadata is lost"}


SPEAK_ROWS = [
    (fault, endpoint)
    for endpoint in VOICES
    for fault in SPEAK_FAULTS
    if endpoint == "/v1/speak" or fault not in ONLY_AURA
]


@pytest.mark.parametrize(("fault", "endpoint"), SPEAK_ROWS)
async def test_every_text_is_heard_once(fault: str, endpoint: str) -> None:
    settings = SpeakSettings(connect_timeout_s=0.5, progress_timeout_s=0.5, backoff=POLICY)
    async with Emulator(CountedEngine(TURNS), faults=SPEAK_FAULTS[fault]) as emulator:
        session = SpeakSession("key", VOICES[endpoint], base_url=emulator.base_url, settings=settings)
        async with session:
            request = session.request()
            for text in TEXTS:
                request.push(text)
                request.flush()
            request.end()
            pcm = b"".join([piece async for piece in request])
        received = len(pcm) // 48
        expected = sum(length_ms(text) for text in TEXTS)
        spoken = sum(connection.sent_audio_bytes for connection in emulator.connections) // 48
        connections = len(emulator.connections)
    lost_ms, again_ms = expected - received, spoken - received
    ROWS.append(Row(fault, endpoint, transport_name(), connections, received, lost_ms, again_ms, ""))
    assert pcm == b"".join(tag_of(text).to_bytes(2, "little") * (24 * length_ms(text)) for text in TEXTS)


def length_ms(text: str) -> int:
    return round(len(text) * 60)


HEAD = f"""# Reliability

Made by `tests/transport/test_reliability.py` from sessions that talked to the emulator over real sockets.

Listening: {SECONDS:g} s of audio whose samples say which they are, pushed far above real time; the fault
strikes {AT_S:g} s into it unless its name says otherwise. *Lost* is audio that never arrived, *replayed* what
arrived more than once; *words* is how many of those spoken were delivered, each exactly once, in order and at
its time on the caller's clock. Speaking: three sentences; *lost* is audio the caller did not get, *replayed*
what the service made again and the caller did not hear twice.

| {" | ".join(field.name.replace("_", " ") for field in fields(Row))} |
|{"---|" * len(fields(Row))}
"""


def report() -> str:
    rows = sorted(ROWS, key=lambda row: (row.endpoint, row.transport))
    cells = [" | ".join(str(getattr(row, field.name)) for field in fields(row)) for row in rows]
    return HEAD + "".join(f"| {cell} |\n" for cell in cells)
