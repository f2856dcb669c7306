"""Who waits for speech and who for a connection, and what becomes of them."""

from __future__ import annotations

import asyncio

import pytest
from tests.session.test_request import Owner

from speechwire.errors import LocalProtocolError, SessionClosed
from speechwire.session import SpeakRequest, SpeakStats
from speechwire.session._speak_queue import SpeakQueue

ERROR = SessionClosed("why")


def queue_of(count: int, limit: int = 3) -> tuple[SpeakQueue, SpeakStats, list[SpeakRequest]]:
    stats = SpeakStats()
    queue = SpeakQueue(limit, stats)
    requests = [SpeakRequest(Owner(), sample_bytes=2, text_limit=100) for _ in range(count)]
    for request in requests:
        request.push("text")
        queue.add(request)
    return queue, stats, requests


async def test_requests_are_spoken_in_order_without_those_that_are_done() -> None:
    queue, stats, requests = queue_of(3)
    assert (queue.first(), stats.requests) == (requests[0], 3)
    requests[1].interrupt()
    assert queue.first() is requests[0]
    requests[0].interrupt()
    assert queue.first() is requests[2]
    assert not queue.is_empty
    requests[2].interrupt()
    assert queue.first() is None
    assert queue.is_empty


async def test_only_requests_that_are_not_done_take_room() -> None:
    queue, _, requests = queue_of(2)
    queue.check_room()
    queue.add(SpeakRequest(Owner(), sample_bytes=2, text_limit=100))
    with pytest.raises(LocalProtocolError) as refused:
        queue.check_room()
    assert str(refused.value) == ("cannot make another request: 3 wait already (SpeakSettings.request_limit)")
    requests[1].interrupt()
    queue.check_room()
    assert queue.first() is requests[0]


async def waiting(queue: SpeakQueue, count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(queue.connected()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("fails", [False, True])
async def test_all_who_want_a_connection_are_told(fails: bool) -> None:
    queue, _, _ = queue_of(0)
    tasks = await waiting(queue, 3)
    assert not queue.is_empty
    tasks[0].cancel()
    await asyncio.sleep(0)
    assert not queue.is_empty
    if fails:
        queue.fail(ERROR)
    else:
        queue.opened()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert [*outcomes[1:], queue.is_empty] == [*([ERROR] * 2 if fails else [None] * 2), True]
    queue.fail(ERROR)


async def test_who_waits_for_a_connection_and_gives_up_leaves_nothing() -> None:
    queue, _, _ = queue_of(0)
    (task,) = await waiting(queue, 1)
    task.cancel()
    await asyncio.sleep(0)
    assert queue.is_empty


async def test_a_failure_counts_and_ends_every_request_that_is_not_done() -> None:
    queue, stats, requests = queue_of(3)
    requests[1].interrupt()
    queue.fail(ERROR)
    assert [request.error for request in requests] == [ERROR, None, ERROR]
    assert (stats.requests, stats.failed, queue.is_empty) == (3, 2, True)


async def test_abandoned_requests_have_their_error() -> None:
    queue, stats, requests = queue_of(3)
    requests[1].interrupt()
    queue.abandon(ERROR)
    assert [request.error for request in requests] == [ERROR, None, ERROR]
    assert (stats.failed, queue.first()) == (0, None)
