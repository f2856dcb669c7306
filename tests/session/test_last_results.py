"""Who is asked for the last results: the first connection, and one more at most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from tests.session.counted import RATE
from tests.session.driving import Endpoint, collect, endpoints, finals, of, said, speak_into
from tests.session.scripted_peer import Line, Script, Scripted, Word, end_well, results, then_recognise, turn

from speechwire.errors import ConnectionLost
from speechwire.session import Reconnected, Reconnecting, SessionEnded, SessionPool, _last_results
from speechwire.session._last_results import LastResults
from speechwire.session._states import Ending
from speechwire.transport import MemoryTransport

WORD: Word = ("word", 0.4, 0.8)
endpoint = endpoints("flux", "nova")


class First:
    """The connection that has fallen silent."""

    def __init__(self) -> None:
        self.connection = self
        self.endings: list[Ending] = []

    def end(self, ending: Ending, reason: str = "") -> None:
        self.endings.append(ending)


class Asked:
    """Last results, and a second connection that brings what a test says, after a second.

    Attributes:
        opened: Whether the second connection could be opened.
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, brings: list[str] | None, opened: bool = True
    ) -> None:
        self.first, self.emitted, self.asked = First(), list[Any](), 0
        self.background: list[asyncio.Task[None]] = []
        self.last: LastResults[Any] = LastResults(self.emitted.append, self.background.append)

        class Hedge:
            def __init__(self, shared: object, first: object, asked: Callable[[], None]) -> None:
                assert first is outer.first
                self._asked = asked

            async def ask(self, dialing: object) -> list[str] | None:
                outer.asked += 1
                if opened:
                    self._asked()
                await asyncio.sleep(1.0)
                return brings

        outer = self
        monkeypatch.setattr(_last_results, "Hedge", Hedge)

    def ask_beside(self) -> None:
        self.last.ask_beside(cast(Any, None), cast(Any, self.first), cast(Any, None))


@pytest.mark.parametrize("brings", [[], ["one", "two"]])
async def test_what_a_second_connection_brings_ends_the_first(
    monkeypatch: pytest.MonkeyPatch, brings: list[str]
) -> None:
    asked = Asked(monkeypatch, brings)
    asked.ask_beside()
    assert (asked.last.shown, len(asked.background)) == (False, 1)
    await asked.background[0]
    assert (asked.last.shown, asked.emitted, asked.first.endings) == (True, brings, [Ending.STALLED])


async def test_a_second_connection_that_brings_nothing_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, None)
    asked.ask_beside()
    await asked.background[0]
    assert (asked.last.shown, asked.emitted, asked.first.endings) == (False, [], [])


@pytest.mark.parametrize("opened", [True, False])
async def test_one_more_is_asked_once_it_is_open(monkeypatch: pytest.MonkeyPatch, opened: bool) -> None:
    asked = Asked(monkeypatch, None, opened)
    for _ in range(2):
        asked.ask_beside()
        await asyncio.wait(asked.background)
    assert asked.asked == (1 if opened else 2)
    assert await asked.last.may_ask_again() is not opened


async def test_whether_another_may_follow_is_known_when_the_second_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = Asked(monkeypatch, None)
    asked.ask_beside()
    assert await asked.last.may_ask_again() is False
    assert asked.background[0].done()


async def test_one_may_follow_and_not_two() -> None:
    last: LastResults[Any] = LastResults(list[Any]().append, list[Any]().append)
    assert [await last.may_ask_again(), await last.may_ask_again()] == [True, False]


# The second connection itself


async def silent(line: Line) -> None:
    """Take the end that is asked for, and never answer it."""
    await line.wait_for("CloseStream")
    await line.listen()


async def closed(endpoint: Endpoint, *scripts: Script, seconds: float = 3.0, **settings: Any) -> Any:
    """A call of this length; returns the session, its service and its events."""
    service = Scripted(*scripts)
    session = endpoint.session(service, drain_timeout_s=60.0, **settings)
    reading = asyncio.create_task(collect(session))
    await speak_into(session, seconds)
    await session.aclose()
    return session, service, await reading


async def test_all_that_a_second_connection_says_comes_behind_its_beginning(endpoint: Endpoint) -> None:
    session, service, events = await closed(endpoint, silent, then_recognise(WORD))
    lost, found, ended = of((Reconnecting, Reconnected, SessionEnded), events)
    assert (lost.attempt, lost.delay_s) == (1, 0.0)
    assert isinstance(lost.error, ConnectionLost)
    assert (lost.error.code, lost.error.reason) == (1006, "nothing came after the end was asked for")
    assert found == Reconnected(request_id="memory-1", replayed_s=3.0)
    assert ended == SessionEnded(complete=True, pushed_s=3.0, dropped_s=0.0, replayed_s=3.0)
    assert events.index(lost) + 1 == events.index(found) < events.index(finals(events)[0])
    assert said(events) == ["word"]
    assert service.lines[1].spans == [(0.0, 3.0)]
    assert service.lines[1].count("CloseStream") == 1


async def test_what_a_second_connection_is_sent_is_counted(endpoint: Endpoint) -> None:
    session, _, _ = await closed(endpoint, silent, then_recognise(WORD))
    stats = session.stats()
    assert (stats.connections, stats.sent_bytes, stats.replayed_bytes) == (2, 6 * 2 * RATE, 3 * 2 * RATE)
    assert (stats.lost_bytes, stats.stalls, stats.rollovers) == (0, 0, 0)


async def test_where_the_first_has_said_all_meanwhile_the_second_adds_nothing(endpoint: Endpoint) -> None:
    async def late(line: Line) -> None:
        await line.wait_for("CloseStream")
        await asyncio.sleep(2.5)  # the second connection has been asked
        if endpoint.name == "flux":
            line.say(**turn("StartOfTurn", 1.0, WORD))
            line.say(**turn("EndOfTurn", 3.0, WORD, trigger="timeout"))
        else:
            line.say(**results(3.0, WORD, is_final=True))
        await line.listen()

    async def later(line: Line) -> None:
        await line.wait_for("CloseStream")
        await asyncio.sleep(1.0)
        end_well(line, *(() if endpoint.name == "flux" else line.heard_of(WORD)))

    _, service, events = await closed(endpoint, late, later)
    assert len(service.lines) == 2
    assert said(events) == ["word"]
    assert of((Reconnecting, Reconnected), events) == []
    assert events[-1] == SessionEnded(complete=True, pushed_s=3.0, dropped_s=0.0, replayed_s=3.0)


async def test_what_is_no_longer_kept_cannot_be_asked_for(endpoint: Endpoint) -> None:
    session, service, events = await closed(endpoint, silent, then_recognise(WORD), replay_s=1.0)
    assert session.stats().lost_bytes > 0
    assert not events[-1].complete
    assert len(service.lines) == 1


async def test_a_second_connection_is_asked_in_a_borrowed_place() -> None:
    service = Scripted(silent, then_recognise(WORD))
    pool = SessionPool("k", transport=MemoryTransport(service), max_listen=1)
    session = pool.listen_v2()
    reading = asyncio.create_task(collect(session))
    await speak_into(session, 3.0)
    await session.aclose()
    assert said(await reading) == ["word"]
    assert len(service.lines) == 2
    assert pool.snapshot().open_listen == 0
    await pool.aclose()


async def test_who_hangs_up_when_asked_for_the_end_is_followed_at_once(endpoint: Endpoint) -> None:
    async def hangs_up(line: Line) -> None:
        await line.wait_for("CloseStream")
        line.peer.close(1012, "service restart")

    _, service, events = await closed(endpoint, hangs_up, then_recognise(WORD))
    (lost,) = of(Reconnecting, events)
    assert isinstance(lost.error, ConnectionLost)
    assert (lost.delay_s, lost.error.reason) == (0.0, "service restart")
    assert (said(events), events[-1].complete, len(service.lines)) == (["word"], True, 2)


async def test_a_session_that_owes_nothing_asks_nobody_for_the_end() -> None:
    """The service has said everything, and then reads no more: there is no other to ask, and no wait."""

    async def reads_no_more(line: Line) -> None:
        await line.hear(1.0)
        line.say(**results(1.0, WORD, is_final=True, speech_final=True))

    service = Scripted(reads_no_more)
    session = Endpoint("nova").session(
        service, window_bytes=1, pause_after_s=None, send_timeout_s=30.0, drain_timeout_s=60.0
    )
    reading = asyncio.create_task(collect(session))
    await speak_into(session, 1.0)
    await asyncio.sleep(15.0)  # the second KeepAlive waits to be read
    closing_at = asyncio.get_running_loop().time()
    await session.aclose()
    assert asyncio.get_running_loop().time() - closing_at < 10.0
    assert (await reading)[-1].complete
    assert len(service.lines) == 1
