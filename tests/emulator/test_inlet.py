"""Idle and session timers, in virtual time: the documented seconds, unscaled."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any, cast

import pytest
from aiohttp import WSMessage, WSMsgType, web
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.virtual_time import VirtualTimeLoop

from speechwire.emulator._inlet import Inlet, Timeout, Timers
from speechwire.emulator._outlet import Outlet
from speechwire.emulator.faults import FaultSession, SlowReader
from speechwire.emulator.journal import Connection, Journal

NOVA = Timers(10.0, ping_counts=False, text_needs_audio=True)
FLUX = Timers(60.0)
KINDS = {
    "audio": (WSMsgType.BINARY, b"\0\0"),
    "text": (WSMsgType.TEXT, "{}"),
    "ping": (WSMsgType.PING, b""),
    "pong": (WSMsgType.PONG, b""),
    "close": (WSMsgType.CLOSE, 1000),
}


class _Peer:
    """A socket on which frames arrive at given times, and none after."""

    close_code = None

    def __init__(self, frames: Sequence[tuple[float, str]]) -> None:
        self._frames = list(frames)
        self.pongs: list[bytes] = []

    async def receive(self) -> WSMessage:
        if not self._frames:
            await asyncio.sleep(1e6)
        at_s, kind = self._frames[0]
        await asyncio.sleep(at_s - asyncio.get_running_loop().time())
        self._frames.pop(0)
        return WSMessage(*KINDS[kind], "")

    async def pong(self, data: bytes) -> None:
        self.pongs.append(data)


class _Way:
    """The outlet, as far as an inlet looks at it."""

    def __init__(self) -> None:
        self.closed = False
        self.half_open = asyncio.Event()


def ends(
    frames: Sequence[tuple[float, str]], timers: Timers, *faults: SlowReader, every: bool = False
) -> list[tuple[float, Any]]:
    """When each frame or timeout was yielded, up to the close, or to the first timeout unless `every`."""

    async def read() -> list[tuple[float, Any]]:
        record = Connection(0, "/", [], {})
        ws = cast(web.WebSocketResponse, _Peer(frames))
        session = FaultSession(faults, 0, "/")
        inlet = Inlet(ws, record, Journal(), session, cast(Outlet, _Way()))
        yielded: list[tuple[float, Any]] = []
        async for frame in inlet.frames(timers):
            yielded.append((asyncio.get_running_loop().time(), frame))
            if isinstance(frame, Timeout) and not every:
                break
        return yielded

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(read())


ROWS: list[tuple[str, Timers, list[tuple[float, str]], float]] = [
    ("nothing on v1", NOVA, [], 10.0),
    ("audio on v1", NOVA, [(4.0, "audio")], 14.0),
    ("keep-alive after audio", NOVA, [(1.0, "audio"), (9.0, "text")], 19.0),
    ("keep-alive without audio", NOVA, [(9.0, "text")], 10.0),
    ("pings on v1", NOVA, [(1.0, "audio"), (5.0, "ping"), (9.0, "pong")], 11.0),
    ("nothing on v2", FLUX, [], 60.0),
    ("a ping on v2", FLUX, [(50.0, "ping")], 110.0),
    ("a pong on v2", FLUX, [(50.0, "pong")], 110.0),
    ("text on v2", FLUX, [(59.9, "text")], 119.9),
]


@pytest.mark.parametrize(
    ("timers", "frames", "idle_s"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_idle(timers: Timers, frames: list[tuple[float, str]], idle_s: float) -> None:
    at_s, timeout = ends(frames, timers)[-1]
    assert timeout is Timeout.IDLE
    assert at_s == pytest.approx(idle_s, abs=1e-6)


def test_sessions_end_at_their_age_however_busy_they_are() -> None:
    frames = [(float(second), "audio") for second in range(1, 4000)]
    assert ends(frames, Timers(60.0, 3600.0))[-1][1] is Timeout.SESSION
    assert ends([], Timers(math.inf, 3600.0))[-1] == (3600.0, Timeout.SESSION)


def test_a_session_that_is_as_old_as_it_is_idle_has_ended() -> None:
    assert ends([], Timers(60.0, 60.0)) == [(60.0, Timeout.SESSION)]


def test_a_timeout_comes_once() -> None:
    """The client may take its time to answer the close."""
    frames = [(100.0, "text"), (5000.0, "audio"), (9000.0, "close")]
    yielded = [(60.0, Timeout.IDLE), (100.0, "{}"), (5000.0, b"\0\0")]
    assert ends(frames, Timers(60.0, 3600.0), every=True) == yielded


def test_a_ping_is_answered_with_what_it_holds_until_the_connection_is_closed() -> None:
    for closed, pongs in ((False, [b""] * 2), (True, [])):
        peer, way, record = (
            _Peer([(1.0, "ping"), (2.0, "ping"), (3.0, "close")]),
            _Way(),
            Connection(0, "/", [], {}),
        )
        way.closed = closed
        inlet = Inlet(cast(Any, peer), record, Journal(), FaultSession((), 0, "/"), cast(Outlet, way))

        async def read(inlet: Inlet = inlet) -> list[object]:
            return [frame async for frame in inlet.frames(FLUX)]

        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            assert runner.run(read()) == []
        assert (peer.pongs, record.pings) == (pongs, 2)


def test_the_end_is_an_end() -> None:
    assert ends([(1.0, "audio"), (2.0, "close")], NOVA) == [(1.0, b"\0\0")]


@pytest.mark.parametrize(
    ("message", "close_code", "ended"),
    [
        (WSMessage(WSMsgType.CLOSE, 4000, "enough"), None, ("client", 4000, "enough")),
        (WSMessage(WSMsgType.CLOSE, None, None), None, ("client", 1005, "")),
        (WSMessage(WSMsgType.ERROR, ValueError("bad frame"), None), 1002, ("server", 1002, "bad frame")),
        (WSMessage(WSMsgType.ERROR, ValueError("bad frame"), None), None, ("server", 1006, "bad frame")),
        (WSMessage(WSMsgType.CLOSED, None, None), 1000, ("client", 1006, "")),
        (WSMessage(WSMsgType.CLOSING, None, None), None, ("client", 1006, "")),
    ],
)
def test_who_ended_a_connection_is_recorded_and_how(
    message: WSMessage, close_code: int | None, ended: tuple[str, int, str]
) -> None:
    class Peer:
        async def receive(self) -> WSMessage:
            return message

    async def read() -> Connection:
        peer: Any = Peer()
        peer.close_code = close_code
        record = Connection(0, "/", [], {})
        inlet = Inlet(peer, record, Journal(), FaultSession((), 0, "/"), cast(Outlet, _Way()))
        assert [frame async for frame in inlet.frames(FLUX)] == []
        return record

    record = asyncio.run(read())
    assert (record.closed_by, record.close_code, record.close_reason) == ended


def test_a_slow_reader_takes_its_time_over_every_frame() -> None:
    frames = [(0.0, "audio")] * 3 + [(0.0, "close")]
    assert [at_s for at_s, _ in ends(frames, FLUX, SlowReader(2.0))] == [2.0, 4.0, 6.0]


arrivals = st.lists(
    st.tuples(st.floats(0.1, 30.0), st.sampled_from(["audio", "text", "ping", "pong"])), max_size=15
)


@settings(deadline=None)
@given(arrivals, st.sampled_from([NOVA, FLUX]))
def test_idle_is_always_a_full_limit_after_the_last_sign_of_life(
    gaps: list[tuple[float, str]], timers: Timers
) -> None:
    frames, alive_s, now_s, audio = [], 0.0, 0.0, False
    for gap_s, kind in gaps:
        now_s += gap_s
        if now_s >= alive_s + timers.idle_s:
            break
        frames.append((now_s, kind))
        audio = audio or kind == "audio"
        counts = {"audio": True, "text": audio or not timers.text_needs_audio}.get(kind, timers.ping_counts)
        alive_s = now_s if counts else alive_s
    at_s, timeout = ends(frames, timers)[-1]
    assert timeout is Timeout.IDLE
    assert at_s == pytest.approx(alive_s + timers.idle_s, abs=1e-6)
