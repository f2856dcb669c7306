"""One connection after the other: what wants the next one, and what does not."""

from __future__ import annotations

import asyncio

import pytest
from tests.session.counted import RATE, counted
from tests.session.driving import KEY, Endpoint, collect, of, peers, said, speak_into
from tests.session.handshakes import refusing
from tests.session.scripted_peer import (
    Chunks,
    Line,
    Scripted,
    Word,
    end_well,
    finish,
    results,
    then_recognise,
    turn,
)

from speechwire.errors import ConnectFailed, ConnectionLost, HandshakeRefused, SessionClosed
from speechwire.protocol import ListenV1Options, ListenV2Options
from speechwire.session import (
    AudioDropped,
    BackoffPolicy,
    ListenV1Session,
    ListenV2Session,
    Reconnecting,
    SessionEnded,
)
from speechwire.session._states import State
from speechwire.transport import MemoryTransport

WORD: Word = ("word", 0.4, 0.8)
AWAY = ConnectFailed("ws://nowhere", "away")


async def test_words_left_open_want_no_connection_after_an_idle_end(endpoint: Endpoint) -> None:
    """The service had all of it and ended for want of more: more audio brings the next connection."""

    async def idle(line: Line) -> None:
        await line.hear(1.0)
        open_words = turn("StartOfTurn", 0.9, WORD) if endpoint.name == "flux" else results(0.9, WORD)
        line.say(**open_words)
        await asyncio.sleep(11.0)
        line.peer.close(1011, "NET-0001")

    service = Scripted(idle, then_recognise(WORD))
    session = endpoint.session(service, pause_after_s=None, progress_timeout_s=None)
    reading = asyncio.create_task(collect(session))
    await speak_into(session, 1.0)
    await asyncio.sleep(60.0)
    assert len(service.lines) == 1
    await speak_into(session, 1.0, start_s=1.0)
    await session.aclose()
    events = await reading
    assert len(service.lines) == 2
    assert said(events) == ["word"]
    assert [event.delay_s for event in of(Reconnecting, events)] == [0.0]


async def test_a_recording_is_not_begun_again_in_its_middle() -> None:
    """What comes in a container has its head in front: the next connection would not understand the rest."""

    async def drop(line: Line) -> None:
        await line.hear_more()
        line.peer.reset()

    service = Scripted(drop)
    options = ListenV1Options(encoding=None, sample_rate=None)
    session = ListenV1Session(KEY, options, transport=MemoryTransport(service))
    session.push(counted(0, 1600))
    with pytest.raises(ConnectionLost) as raised:
        await collect(session)
    assert session.state is State.SHUTDOWN
    assert (raised.value.reason, len(service.lines)) == ("connection reset by peer", 1)
    with pytest.raises(SessionClosed, match="connection reset by peer"):
        session.push(counted(1600, 1600))


async def test_a_task_that_is_cancelled_before_it_begins_ends_the_session(endpoint: Endpoint) -> None:
    service = Scripted(finish)
    session = endpoint.session(service)
    session.push(counted(0, 320))
    (task,) = asyncio.all_tasks() - {asyncio.current_task()}
    task.cancel()
    with pytest.raises(SessionClosed, match="the session's task was cancelled"):
        await collect(session)
    assert (session.state, len(service.lines)) == (State.SHUTDOWN, 0)


async def test_one_push_may_be_several_messages_at_once(endpoint: Endpoint) -> None:
    """All of them go within the call."""
    service = Scripted(finish)
    session = endpoint.session(service, converter=Chunks(0.1))
    reading = asyncio.create_task(collect(session))
    await speak_into(session, 0.1)
    session.push(counted(RATE // 10, RATE * 3 // 10))
    assert session.stats().chunks == 4
    await session.aclose()
    assert service.lines[0].spans == [(0.0, 0.4)]
    assert (await reading)[-1].dropped_s == 0.0


async def test_a_pause_of_compressed_audio_is_done_with_at_once() -> None:
    """No silence can be put in, and nobody looks again and again whether it can."""
    service = Scripted(finish)
    options = ListenV2Options(encoding="opus", sample_rate=48_000)
    session = ListenV2Session(KEY, options, transport=MemoryTransport(service))
    reading = asyncio.create_task(collect(session))
    session.push(b"a packet")
    await asyncio.sleep(30.0)
    traffic = session._runner.traffic
    assert traffic is not None
    assert traffic.due_at() > asyncio.get_running_loop().time()
    await session.aclose()
    assert service.lines[0].silence_s == 0.0
    await reading


@pytest.mark.parametrize(("quiet_s", "again"), [(1.75, True), (2.0, False), (3.0, False)])
async def test_what_was_heard_without_a_word_is_not_sent_again_once_a_word_would_have_come(
    endpoint: Endpoint, quiet_s: float, again: bool
) -> None:
    async def no_words(line: Line) -> None:
        await line.hear(1.0)
        line.say(**turn("Update", 1.0) if endpoint.name == "flux" else results(1.0))
        await line.listen()

    service = Scripted(no_words, then_recognise())
    session = endpoint.session(service, pause_after_s=None, progress_timeout_s=None)
    reading = asyncio.create_task(collect(session))
    await asyncio.sleep(1.0)
    session.push(counted(0, RATE))
    await asyncio.sleep(quiet_s)
    peers(session)[0].reset()
    await asyncio.sleep(10.0)
    assert len(service.lines) == 1 + again
    await speak_into(session, 1.0, start_s=1.0)
    await session.aclose()
    assert service.lines[1].spans == [(0.0 if again else 1.0, 2.0)]
    await reading


async def test_a_single_sample_is_sent_again(endpoint: Endpoint) -> None:
    async def drop(line: Line) -> None:
        await line.hear_more()
        line.peer.reset()

    service = Scripted(drop, finish)
    session = endpoint.session(service, pause_after_s=None, progress_timeout_s=None)
    reading = asyncio.create_task(collect(session))
    session.push(bytes(2))
    await asyncio.sleep(5.0)
    assert [line.heard_s * RATE for line in service.lines] == [1.0, 1.0]
    await session.aclose()
    await reading


async def test_who_waits_for_a_connection_is_told_of_the_only_failure(endpoint: Endpoint) -> None:
    session = endpoint.session(refusing(AWAY), backoff=BackoffPolicy(max_attempts=1))
    with pytest.raises(ConnectFailed):
        await session.connect()
    assert len(peers(session)) == 1
    await session.aclose()


async def test_after_an_idle_end_a_connection_is_made_for_whoever_waits_and_not_for_part_of_a_chunk(
    endpoint: Endpoint,
) -> None:
    async def idle(line: Line) -> None:
        line.peer.accept()
        await asyncio.sleep(11.0)
        line.peer.close(1011, "NET-0001")

    service = Scripted(idle, idle, finish)
    session = endpoint.session(service, converter=Chunks(0.1), max_age_s=15.0)  # of which none comes to it
    reading = asyncio.create_task(collect(session))
    for count in (1, 2):
        async with asyncio.timeout(60.0):
            await session.connect()
        await asyncio.sleep(20.0)
        assert len(service.lines) == count
    session.push(counted(0, RATE // 20))
    await asyncio.sleep(60.0)
    assert len(service.lines) == 2
    await session.aclose()
    assert service.lines[2].spans == [(0.0, 0.05)]
    assert (await reading)[-1].complete


async def test_what_was_done_in_the_background_is_let_go_of(endpoint: Endpoint) -> None:
    session = endpoint.session(Scripted(finish))
    for _ in range(2):
        await session.connect()
        await session.reopen()
        await asyncio.sleep(0)
    task = asyncio.create_task(asyncio.sleep(0))
    session._runner.in_background(task)
    await task
    await asyncio.sleep(0)
    assert session._runner._background == set()
    await session.aclose()


async def test_what_is_left_of_a_sample_is_sent_at_the_end(endpoint: Endpoint) -> None:
    service = Scripted(finish)
    session = endpoint.session(service)
    session.push(bytes(3))
    await session.aclose()
    assert service.lines[0].heard_s * RATE == 2.0


async def test_who_closes_needs_no_younger_connection_and_waits_for_no_change() -> None:
    async def slow(line: Line) -> None:
        await line.wait_for("CloseStream")
        await asyncio.sleep(0.5)
        end_well(line)

    service = Scripted(slow)
    session = Endpoint("flux").session(service, max_age_s=1.2)
    reading = asyncio.create_task(collect(session))
    await speak_into(session, 1.0)
    changing = asyncio.create_task(session.configure(keyterms=["Oslo"]))
    await asyncio.sleep(0.1)
    closing = asyncio.create_task(session.aclose())
    await asyncio.sleep(0.01)
    assert (changing.done(), closing.done()) == (True, False)
    with pytest.raises(SessionClosed, match="^the session has been closed$"):
        await changing
    await closing
    assert (await reading)[-1].complete
    assert len(service.lines) == 1
    assert session._replacing._timer is None, "what is over is not kept until its connection would be old"


async def test_what_is_left_of_a_sample_is_counted_where_a_session_fails(endpoint: Endpoint) -> None:
    session = endpoint.session(refusing(HandshakeRefused(401)))
    session.push(bytes(3))
    with pytest.raises(HandshakeRefused):
        async for event in session:
            assert event in (AudioDropped(seconds=2 / RATE, reason="failed"), session_end(2 / RATE))


def session_end(dropped_s: float) -> SessionEnded:
    return SessionEnded(complete=False, pushed_s=dropped_s, dropped_s=dropped_s, replayed_s=0.0)
