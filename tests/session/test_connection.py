"""One connection by itself: its tasks, its deadlines, and how it ends."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

import pytest

from speechwire.errors import ConnectionLost, InternalError
from speechwire.protocol import ListenV1
from speechwire.session._connection import Connection, Ended
from speechwire.session._states import Ending
from speechwire.transport import ABNORMAL, CloseEvent

NEVER = float("inf")


class Socket:
    """A peer by hand: frames come by ``give``, and a send can take time or fail."""

    request_id = "r"

    def __init__(self) -> None:
        self.sent: list[object] = []
        self.pings: list[float] = []
        self.aborts = 0
        self.send_s = 0.0
        self.fault: Exception | None = None
        self._frames: asyncio.Queue[Any] = asyncio.Queue()

    def give(self, *frames: object) -> None:
        for frame in frames:
            self._frames.put_nowait(frame)

    async def send(self, frame: object) -> None:
        await asyncio.sleep(self.send_s)
        if self.fault:
            raise self.fault
        self.sent.append(frame)

    async def receive_each(self, take: Any) -> CloseEvent | None:
        while True:
            frame = await self._frames.get()
            if isinstance(frame, Exception):
                raise frame
            if isinstance(frame, CloseEvent):
                return frame
            if not take(frame):
                return None

    async def ping(self) -> None:
        self.pings.append(asyncio.get_running_loop().time())
        if self.fault:
            raise self.fault

    def abort(self) -> None:
        self.aborts += 1
        self.give(CloseEvent(ABNORMAL, "aborted"))


class Traffic:
    """Takes what comes, sends what it is told, and has one deadline."""

    def __init__(self) -> None:
        self.taken: list[object] = []
        self.checked_at: list[float] = []
        self.to_send: list[object] = []
        self.due = NEVER
        self.rooms = 0
        self.full = False
        self.kept_alive: bool | None = False
        self.fault: BaseException | None = None

    async def send_all(self, connection: Connection[Any]) -> None:
        while True:
            while self.to_send:
                await connection.send(cast(str, self.to_send.pop(0)))
            if isinstance(self.fault, asyncio.CancelledError):
                raise self.fault
            await connection.woken()

    def take(self, event: object) -> None:
        if isinstance(self.fault, Exception):
            raise self.fault
        self.taken.append(event)

    def has_room(self) -> bool:
        return not self.full

    async def room(self) -> None:
        self.rooms += 1
        self.full = False

    def due_at(self) -> float:
        return self.due

    def check(self, now: float) -> None:
        self.checked_at.append(now)
        if self.due <= now:
            self.due = NEVER

    def keep_alive(self) -> bool:
        if self.kept_alive is None:
            raise ValueError("keep-alive")
        return self.kept_alive


class Live:
    """A connection that runs."""

    def __init__(self, *, idle_s: float = 4.0) -> None:
        self.socket, self.traffic, self.protocol = Socket(), Traffic(), ListenV1()
        self.connection: Connection[Any] = Connection(
            cast(Any, self.socket),
            cast(Any, self.protocol),
            cast(Any, self.traffic),
            send_timeout_s=5.0,
            idle_s=idle_s,
        )
        self.task = asyncio.create_task(self.connection.run())

    async def ended(self) -> Ended:
        ended = await self.task
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, "nothing of it runs on"
        assert self.socket.aborts, "the socket is let go of"
        return ended


def failure_of(ended: Ended) -> tuple[Ending, str]:
    return ended.ending, str(ended.error)


async def test_frames_are_taken_in_order_until_the_peer_closes() -> None:
    live = Live()
    assert live.protocol.request_id == "r"
    live.socket.give('{"type":"A"}', '{"type":"B"}')
    await asyncio.sleep(1.5)
    live.socket.give(CloseEvent(1000, ""))
    ended = await live.ended()
    assert [event.type for event in cast(Any, live.traffic.taken)] == ["A", "B"]
    assert ended.error is not None and ended.was_said
    assert ended.lived_s == pytest.approx(1.5)
    assert live.traffic.rooms == 1


async def test_an_end_without_a_close_frame_was_not_said() -> None:
    live = Live()
    live.socket.give(CloseEvent(ABNORMAL, ""))
    assert not (await live.ended()).was_said


async def test_a_consumer_without_room_pauses_reading() -> None:
    live = Live()
    await asyncio.sleep(0)
    live.traffic.full = True
    live.socket.give('{"type":"A"}', '{"type":"B"}', CloseEvent(1000, ""))
    await live.ended()
    assert (live.traffic.rooms, len(live.traffic.taken)) == (2, 2)


async def test_the_first_reason_counts() -> None:
    live = Live()
    await asyncio.sleep(1)
    live.connection.end(Ending.STALLED, "first")
    live.connection.end(Ending.ROTATED)
    live.connection.fail(ValueError("last"))
    ended = await live.ended()
    assert ended.ending is Ending.STALLED
    assert isinstance(ended.error, ConnectionLost)
    assert (ended.error.request_id, "first" in str(ended.error)) == ("r", True)


async def test_an_end_without_a_reason_has_no_error() -> None:
    live = Live()
    await asyncio.sleep(0)
    live.connection.end(Ending.ROTATED)
    ended = await live.ended()
    assert (ended.ending, ended.error) == (Ending.ROTATED, None)


def fault_of(ended: Ended) -> str:
    assert ended.ending is Ending.FAULTED
    assert isinstance(ended.error, InternalError)
    return repr(ended.error.__cause__)


@pytest.mark.parametrize("where", ["receive", "take", "send", "ping", "keep-alive"])
async def test_a_fault_of_ours_ends_the_connection_and_says_so(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    live = Live()
    fault = ValueError(where)
    match where:
        case "receive":
            live.socket.give(fault)
        case "take":
            live.traffic.fault = fault
            live.socket.give('{"type":"A"}')
        case "send":
            live.socket.fault = fault
            live.traffic.to_send = ["text"]
        case "ping":
            live.socket.fault = fault
        case _:
            live.traffic.kept_alive = None
    with caplog.at_level(logging.ERROR, "speechwire.session"):
        assert fault_of(await live.ended()) == f"ValueError('{where}')"
    (record,) = caplog.records
    assert record.exc_info is not None
    assert repr(record.exc_info[1]) == f"ValueError('{where}')"


@pytest.mark.parametrize("where", ["send", "ping"])
async def test_a_loss_that_is_noticed_while_sending_is_for_the_receiver_to_tell(where: str) -> None:
    live = Live()
    live.socket.fault = ConnectionLost(ABNORMAL, "gone")
    if where == "send":
        live.traffic.to_send = ["text"]
    ended = await live.ended()
    assert (ended.ending, ended.was_said) == (Ending.LOST, False)


async def test_a_task_that_somebody_else_cancels_ends_the_connection() -> None:
    live = Live()
    live.traffic.fault = asyncio.CancelledError()
    ended = await live.ended()
    assert ended.ending is Ending.FAULTED
    assert isinstance(ended.error, ConnectionLost)
    assert ended.error.reason == "the task that sends was cancelled"


async def test_cancelling_drops_the_connection() -> None:
    live = Live()
    await asyncio.sleep(1)
    live.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await live.ended()
    checked = len(live.traffic.checked_at)
    await asyncio.sleep(10)
    assert len(live.traffic.checked_at) == checked, "nobody watches the time any more"


async def test_a_peer_that_stops_reading_is_left() -> None:
    live = Live(idle_s=60)
    await asyncio.sleep(0.3)
    live.socket.send_s = 3600
    live.traffic.to_send = ["text"]
    live.connection.wake()
    begin = asyncio.get_running_loop().time()
    ended = await live.ended()
    assert ended.ending is Ending.STALLED
    assert "the service stopped reading: a send took over 5 s" in str(ended.error)
    assert asyncio.get_running_loop().time() - begin == pytest.approx(5.0)


async def test_sends_in_time_are_no_stall() -> None:
    live = Live(idle_s=60)
    live.socket.send_s = 4.9
    live.traffic.to_send = ["1", "2", "3"]
    await asyncio.sleep(4.9 * 3 + 0.1)
    assert live.socket.sent == ["1", "2", "3"]
    assert live.connection.sending_since is None
    await asyncio.sleep(20)
    live.socket.give(CloseEvent(1000, ""))
    assert (await live.ended()).was_said


@pytest.mark.parametrize("kept_alive", [False, True])
async def test_silence_of_ours_is_filled(kept_alive: bool) -> None:
    live = Live(idle_s=4.0)
    live.traffic.kept_alive = kept_alive
    begin = asyncio.get_running_loop().time()
    await asyncio.sleep(2.0)
    live.traffic.to_send = ["text"]
    live.connection.wake()
    await asyncio.sleep(13.0)
    live.socket.give(CloseEvent(1000, ""))
    await live.ended()
    pings = [at - begin for at in live.socket.pings]
    assert pings == ([] if kept_alive else pytest.approx([6.0, 10.0, 14.0]))
    assert len(live.connection._helpers) == (1 if kept_alive else 2), "those that are done are let go of"


async def test_nothing_is_kept_alive_once_the_end_was_asked_for() -> None:
    live = Live(idle_s=4.0)
    live.protocol.close_stream()
    await asyncio.sleep(10)
    assert live.socket.pings == []
    live.socket.give(CloseEvent(1000, ""))
    await live.ended()


async def test_time_is_looked_at_when_something_is_due_and_every_second() -> None:
    live = Live(idle_s=60)
    begin = asyncio.get_running_loop().time()
    live.traffic.due = begin + 1.3
    await asyncio.sleep(2.5)
    live.socket.give(CloseEvent(1000, ""))
    await live.ended()
    assert [at - begin for at in live.traffic.checked_at] == pytest.approx([1.0, 1.3, 2.3])


async def test_a_deadline_that_has_passed_is_not_looked_at_without_a_pause() -> None:
    live = Live(idle_s=60)

    def check(now: float) -> None:
        live.traffic.checked_at.append(now)

    live.traffic.check = check  # type: ignore[method-assign]
    live.traffic.due = 0.0
    await asyncio.sleep(0.1)
    assert 5 <= len(live.traffic.checked_at) <= 10
    live.socket.give(CloseEvent(1000, ""))
    await live.ended()


async def test_a_loop_that_stood_still_takes_in_first_what_came_meanwhile() -> None:
    live = Live(idle_s=60)
    loop = cast(Any, asyncio.get_running_loop())
    await asyncio.sleep(0)
    begin = loop.time()
    loop.advance(10.0)
    await asyncio.sleep(0.1)
    assert live.traffic.checked_at == []
    await asyncio.sleep(0.2)
    assert [at - begin for at in live.traffic.checked_at] == pytest.approx([10.2])
    loop.advance(1.1)
    await asyncio.sleep(0.05)
    assert len(live.traffic.checked_at) == 2, "so little is not late"
    live.socket.give(CloseEvent(1000, ""))
    await live.ended()


async def test_waiting_to_be_woken() -> None:
    live = Live()
    loop = asyncio.get_running_loop()
    begin = loop.time()
    live.connection.wake()
    await live.connection.woken(0.5)
    assert loop.time() - begin == pytest.approx(0.5)
    loop.call_later(0.2, live.connection.wake)
    await live.connection.woken(0.5)
    assert loop.time() - begin == pytest.approx(0.7)
    live.socket.give(CloseEvent(1000, ""))
    await live.ended()
