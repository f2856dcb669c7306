"""The fault matrix: real sessions, real sockets, the emulator, and every way a connection can end.

Each call pushes counted audio far above real time and must deliver every word once, in order and at its
time on the caller's clock, with every millisecond of audio received at least once. What ends a connection
or makes it one in name only is tried at several moments. With ``SPEECHWIRE_RELIABILITY`` set to a file
name, the figures are written there as tables.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tests.session.driving import check_turns, finals, words_of
from tests.transport.counted_engine import CountedEngine
from tests.transport.reliability.arrivals import Arrivals
from tests.transport.reliability.call import POLICY, SECONDS, Call, Ending, Service, make_session
from tests.transport.reliability.moments import MOMENTS, SPEECH, Blow, Moment
from tests.transport.reliability.table import Cell, ListenRow, SpeakRow, report

from speechwire.emulator import (
    CloseWith,
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
from speechwire.protocol import SpeakV1Options, SpeakV2Options
from speechwire.session import SessionEnded, SpeakSession, SpeakSettings
from speechwire.transport import transport_name
from speechwire.transport.shared import TRANSPORT_VARIABLE

FIRST = {0}
ENDPOINTS = ["/v2/listen", "/v1/listen"]

BLOWS: dict[str, Blow] = {
    "none": Blow(None),
    "TCP reset": Blow(Reset()),
    "TCP reset in mid-frame": Blow(Reset(mid_frame=True)),
    "TCP end without a close frame": Blow(Reset(hard=False)),
    "close 1000 unasked": Blow(CloseWith(1000)),
    "close without a status": Blow(CloseWith(None)),
    "close 1011 NET-0000": Blow(CloseWith(1011, "NET-0000")),
    "close 1011 NET-0001": Blow(CloseWith(1011, "See https://dpgr.am/net0001")),
    "close 1012 (restart)": Blow(CloseWith(1012, "restart")),
    "stall": Blow(Stall()),
    "half-open TCP": Blow(HalfOpen()),
    "503 at reconnect": Blow(Reset(), refused=2),
    "stall, 503 at reconnect": Blow(Stall(), refused=2),
}

FAULTS: dict[str, list[Fault]] = {
    "slow upgrade": [SlowUpgrade(delay_s=0.3)],
    "upgrade beyond the deadline": [SlowUpgrade(delay_s=4.0, connections=FIRST)],
    "503 at first": [RefuseUpgrade(503, connections={0, 1})],
    "429 at first": [RefuseUpgrade(429, connections={0, 1})],
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

# Everything may have been answered by then, or another connection be there already.
SAVED = {"on CloseStream", "in a rollover, the old one"}

LISTEN_ROWS: list[ListenRow] = []
SPEAK_ROWS: list[SpeakRow] = []


@pytest.fixture(params=["aiohttp", "picows"], autouse=True)
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRANSPORT_VARIABLE, request.param)


@pytest.fixture(scope="module", autouse=True)
def tables() -> Iterator[None]:
    yield
    path = os.environ.get("SPEECHWIRE_RELIABILITY")
    if path:
        Path(path).write_text(report(LISTEN_ROWS, SPEAK_ROWS), encoding="utf-8")


@pytest.mark.parametrize("name", BLOWS)
async def test_nothing_is_lost_or_doubled_whenever_it_happens(name: str) -> None:
    rows = {endpoint: ListenRow(name, endpoint, transport_name()) for endpoint in ENDPOINTS}
    LISTEN_ROWS.extend(rows.values())

    async def whole(endpoint: str, moment: str, call: Call) -> None:
        rows[endpoint].cells[moment] = judge(call)

    await at_every_moment(BLOWS[name], whole)


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_nothing_is_lost_or_doubled(endpoint: str, name: str) -> None:
    call = await hold(endpoint, SPEECH, Blow(None), Service(SPEECH.turns, FAULTS[name]))
    LISTEN_ROWS.append(ListenRow(name, endpoint, transport_name(), {"in speech": judge(call)}))


@pytest.mark.parametrize("ending", [Reset(), Stall()], ids=["TCP reset", "stall"])
async def test_what_no_connection_can_mend_is_said(ending: Ending) -> None:
    """From then on the service takes no other connection."""

    async def told(endpoint: str, moment: str, call: Call) -> None:
        missing = len(call.service.heard.words) - len(call.words)
        assert call.words == call.service.heard.words[: len(call.words)]
        check_times(call)
        check_turns(call.events)
        ended = call.events[-1]
        assert isinstance(ended, SessionEnded)
        assert ended.complete is (missing == 0)
        assert ended.complete is (ended.dropped_s == 0)
        assert ended.dropped_s >= max(missing / 4, arrivals(call).lost_ms / 1000)
        assert missing > 0 or moment in SAVED

    await at_every_moment(Blow(ending, refused=1000), told, drain_timeout_s=4.0)


async def at_every_moment(
    blow: Blow, check: Callable[[str, str, Call], Awaitable[None]], **settings: float
) -> None:
    """Hold a call for each endpoint and moment, all at once: each has a service of its own."""

    async def one(endpoint: str, name: str, moment: Moment) -> None:
        await check(endpoint, name, await hold(endpoint, moment, blow, moment.service(blow), **settings))

    places = [(endpoint, *each) for endpoint in ENDPOINTS for each in MOMENTS.items()]
    places = [(endpoint, name, moment) for endpoint, name, moment in places if endpoint in moment.endpoints]
    outcomes = await asyncio.gather(*(one(*place) for place in places), return_exceptions=True)
    failures = []
    for (endpoint, name, _), outcome in zip(places, outcomes, strict=True):
        if outcome is not None:
            outcome.add_note(f"{endpoint}, {name}")
            failures.append(outcome)
    if failures:
        raise BaseExceptionGroup("calls that went wrong", failures)


async def hold(endpoint: str, moment: Moment, blow: Blow, service: Service, **settings: float) -> Call:
    """Hold a call to its end."""
    async with service:
        call = Call(make_session(endpoint, service.base_url, **{**moment.settings, **settings}), service)
        try:
            await moment.talk(call, blow)
        finally:
            await call.hang_up()
    return call


def judge(call: Call) -> Cell:
    assert call.words == call.service.heard.words
    check_times(call)
    check_turns(call.events)
    arrived = arrivals(call)
    assert arrived.lost_ms == 0
    ended = call.events[-1]
    assert isinstance(ended, SessionEnded)
    assert (ended.complete, ended.dropped_s, ended.pushed_s) == (True, 0.0, SECONDS)
    assert call.error is None
    expected, connections = len(call.service.heard.words), len(call.service.connections)
    return Cell(len(call.words), expected, arrived.lost_ms, arrived.replayed_ms, connections)


def check_times(call: Call) -> None:
    for final in finals(call.events):
        for word in words_of(final):
            assert word.start == pytest.approx(int(word.word) / 4, abs=0.01)


def arrivals(call: Call) -> Arrivals:
    return Arrivals([bytes(connection.audio) for connection in call.service.connections], SECONDS)


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


SPEAKING = [
    (fault, endpoint)
    for endpoint in VOICES
    for fault in SPEAK_FAULTS
    if endpoint == "/v1/speak" or fault not in ONLY_AURA
]


@pytest.mark.parametrize(("fault", "endpoint"), SPEAKING)
async def test_every_text_is_heard_once(fault: str, endpoint: str) -> None:
    settings = SpeakSettings(connect_timeout_s=0.5, progress_timeout_s=0.5, backoff=POLICY)
    async with Emulator(CountedEngine([]), faults=SPEAK_FAULTS[fault]) as emulator:
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
    SPEAK_ROWS.append(SpeakRow(fault, endpoint, transport_name(), connections, received, lost_ms, again_ms))
    assert pcm == b"".join(tag_of(text).to_bytes(2, "little") * (24 * length_ms(text)) for text in TEXTS)


def length_ms(text: str) -> int:
    return round(len(text) * 60)
