"""Push audio at real pace, collect what a session says, and judge it; for either endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.session.counted import RATE, counted
from tests.session.fake_service import FakeFlux, FakeNova, FakeService

from speechwire.protocol import ListenV1Options
from speechwire.protocol.listen_v1_events import Results
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import ListenSettings, ListenV1Session, ListenV2Session
from speechwire.session._listen_session import ListeningSession
from speechwire.transport import MemoryPeer, MemoryTransport

FRAME_MS = 20
KEY = "secret-key"
Listening = ListeningSession[Any]


class Endpoint:
    """A service and a session that talks to it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def service(self, *args: Any, **kwargs: Any) -> FakeService:
        if self.name == "flux":
            return FakeFlux(*args, **kwargs)
        return FakeNova(*args, interim=self.name == "nova", **kwargs)

    def session(self, serve: Callable[[MemoryPeer], Awaitable[None]], **settings: Any) -> Listening:
        transport = MemoryTransport(serve, window_bytes=settings.pop("window_bytes", 1 << 20))
        api_key, converter = settings.pop("api_key", KEY), settings.pop("converter", None)
        listen = ListenSettings(**settings)
        if self.name == "flux":
            return ListenV2Session(api_key, transport=transport, settings=listen, converter=converter)
        options = ListenV1Options(
            encoding="linear16", sample_rate=RATE, interim_results=True if self.name == "nova" else None
        )
        return ListenV1Session(api_key, options, transport=transport, settings=listen, converter=converter)


def endpoints(*names: str) -> Any:
    """Make a fixture, for a file to call ``endpoint``: each of these in turn."""

    @pytest.fixture(params=names)
    def endpoint(request: pytest.FixtureRequest) -> Endpoint:
        return Endpoint(request.param)

    return endpoint


def transport_of(session: Listening) -> MemoryTransport:
    transport = session._runner._access.transport
    assert isinstance(transport, MemoryTransport)
    return transport


def peers(session: Listening) -> list[MemoryPeer]:
    return transport_of(session).peers


async def speak_into(session: Listening, seconds: float, *, start_s: float = 0.0) -> None:
    """Push ``seconds`` of counted audio in 20 ms frames, one each 20 ms."""
    size = RATE * FRAME_MS // 1000
    first, last = round(start_s * RATE), round((start_s + seconds) * RATE)
    for start in range(first, last, size):
        session.push(counted(start, min(size, last - start)))
        await asyncio.sleep(FRAME_MS / 1000)


async def collect(session: Listening) -> list[Any]:
    return [event async for event in session]


async def converse(session: Listening, seconds: float) -> list[Any]:
    """Push, close, and return every event."""
    events = asyncio.create_task(collect(session))
    await speak_into(session, seconds)
    await session.aclose()
    return await events


def finals(events: list[Any]) -> list[Any]:
    """What will not change: ended turns, or final results."""
    return [
        event
        for event in events
        if (isinstance(event, TurnInfo) and event.event == "EndOfTurn")
        or (isinstance(event, Results) and event.is_final)
    ]


def check_words(service: FakeService, events: list[Any]) -> None:
    """Every word once, in order, at its own time on the caller's clock."""
    words = [word for final in finals(events) for word in words_of(final)]
    assert [int(word.word) for word in words] == service.words
    for word in words:
        assert word.start == pytest.approx(int(word.word) / 4, abs=0.002)
        assert word.end == pytest.approx(int(word.word) / 4 + 0.25, abs=0.002)


def said(events: list[Any]) -> list[str]:
    """The words that will not change, in order."""
    return [word.word for final in finals(events) for word in words_of(final)]


def words_of(final: Any) -> Any:
    return final.words if isinstance(final, TurnInfo) else final.channel.alternatives[0].words


def check_turns(events: list[Any]) -> None:
    """Turns are numbered on, each starts once and ends once; results never run backwards.

    A final result may end before interim results of a connection that was lost: a service that has heard
    only a part of what is sent again, and is asked to `Finalize`, answers so.
    """
    turns = [event for event in events if isinstance(event, TurnInfo)]
    ended = [turn.turn_index for turn in finals(events) if isinstance(turn, TurnInfo)]
    assert ended == list(range(len(ended)))
    for index in ended:
        kinds = [turn.event for turn in turns if turn.turn_index == index]
        assert kinds.count("StartOfTurn") == 1
        assert kinds[-1] == "EndOfTurn"
    _check_rising("turns", [turn.audio_window_end for turn in turns])
    results = [event for event in events if isinstance(event, Results)]
    _check_rising("final results", [result.end for result in results if result.is_final])
    _check_rising("interim results", [result.end for result in results if not result.is_final])
    for place, result in enumerate(results):
        final_s = max((each.end for each in results[:place] if each.is_final), default=0.0)
        assert result.is_final or result.end > final_s, (result, final_s)


def _check_rising(name: str, ends: list[float]) -> None:
    assert ends == sorted(ends), (name, ends)


def of(kind: type | tuple[type, ...], events: list[Any]) -> list[Any]:
    """The events of one type, or of several."""
    return [event for event in events if isinstance(event, kind)]


async def all_heard(session: Listening, events: asyncio.Task[list[Any]], service: FakeService) -> None:
    """Close, and judge: every word once, nothing missing, nothing dropped."""
    await session.aclose()
    got = await events
    check_words(service, got)
    check_turns(got)
    assert (got[-1].complete, got[-1].dropped_s) == (True, 0.0)
