"""Places: taken, borrowed, handed over and given back."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from tests.session.test_limiter import is_admitted

from speechwire.errors import HandshakeRefused
from speechwire.session import BackoffPolicy, ConnectionLimiter
from speechwire.transport import CloseEvent


class Socket:
    """A connection that does what it is told, and notes it."""

    request_id = "r"
    ready = True

    def __init__(self) -> None:
        self.done: list[object] = []

    async def send(self, data: object) -> None:
        self.done.append(("send", data))

    def send_now(self, data: object) -> None:
        self.done.append(("send_now", data))

    async def receive(self) -> str:
        return "received"

    async def receive_each(self, take: object) -> CloseEvent | None:
        self.done.append(("each", take))
        return None

    async def ping(self) -> None:
        self.done.append("ping")

    async def aclose(self, code: int = 1000) -> None:
        self.done.append(("close", code))
        if code == 1011:
            raise OSError

    def abort(self) -> None:
        self.done.append("abort")


async def opened(limiter: ConnectionLimiter, *, borrowed: bool = False) -> Any:
    await limiter.admit(borrowed=borrowed)
    return limiter.opened(cast(Any, Socket()), borrowed=borrowed)


def counts(limiter: ConnectionLimiter) -> tuple[int, int]:
    return limiter.open_connections, limiter.taken


async def test_a_connection_is_the_one_that_was_opened() -> None:
    limiter, socket = ConnectionLimiter(), Socket()
    await limiter.admit()
    counted = limiter.opened(cast(Any, socket))
    await counted.send("text")
    counted.send_now(b"now")
    await counted.ping()
    take = cast(Any, object())
    assert await counted.receive_each(take) is None
    assert (await counted.receive(), counted.request_id, counted.ready) == ("received", "r", True)
    await counted.aclose(4000)
    counted.abort()
    assert socket.done == [
        *(("send", "text"), ("send_now", b"now"), "ping", ("each", take), ("close", 4000), "abort")
    ]


@pytest.mark.parametrize("code", [1000, 1011])
async def test_a_place_is_given_back_once_however_a_connection_ends(code: int) -> None:
    limiter = ConnectionLimiter(max_connections=2)
    one, other = await opened(limiter), await opened(limiter)
    assert counts(limiter) == (2, 2)
    assert not await is_admitted(limiter)
    waiting = asyncio.create_task(limiter.admit())
    await asyncio.sleep(1)
    await asyncio.gather(one.aclose(code), return_exceptions=True)
    one.abort()
    await waiting
    limiter.failed(OSError())
    assert counts(limiter) == (1, 1)
    other.abort()
    await other.aclose()
    assert counts(limiter) == (0, 0)


async def test_a_borrowed_place_is_beyond_the_limit_and_is_handed_over() -> None:
    limiter = ConnectionLimiter(max_connections=1)
    old = await opened(limiter)
    async with limiter.borrow():
        new = await opened(limiter, borrowed=True)
        assert counts(limiter) == (2, 1)
        limiter.hand_over(old, new)
        old.abort()
        assert counts(limiter) == (1, 1)
    assert not await is_admitted(limiter)
    new.abort()
    assert counts(limiter) == (0, 0)


async def test_a_handover_from_one_that_has_ended_leaves_no_place() -> None:
    limiter = ConnectionLimiter()
    old, new = await opened(limiter), await opened(limiter, borrowed=True)
    old.abort()
    limiter.hand_over(old, new)
    limiter.hand_over(cast(Any, Socket()), new)
    limiter.hand_over(new, cast(Any, Socket()))
    assert counts(limiter) == (1, 0)
    new.abort()
    assert counts(limiter) == (0, 0)


async def test_a_borrowed_handshake_that_fails_takes_no_place_with_it() -> None:
    limiter = ConnectionLimiter(max_connections=1, max_handshakes=2)
    await opened(limiter)
    await limiter.admit(borrowed=True)
    limiter.failed(OSError(), borrowed=True)
    assert counts(limiter) == (1, 1)
    assert not await is_admitted(limiter)


async def test_so_many_handshakes_at_once_and_so_many_borrowers() -> None:
    limiter = ConnectionLimiter(max_handshakes=2)
    await limiter.admit()
    await limiter.admit(borrowed=True)
    waiting = asyncio.create_task(limiter.admit(borrowed=True))
    await asyncio.sleep(1)
    assert (waiting.done(), limiter.waiting) == (False, 0), "a borrowed place is not waited for"
    limiter.opened(cast(Any, Socket()))
    await waiting
    order: list[int] = []

    async def borrow(number: int) -> None:
        async with limiter.borrow():
            order.append(number)
            await asyncio.sleep(1)
            order.append(number)

    await asyncio.gather(*map(borrow, range(3)))
    assert sorted(order[:2]) == [0, 1]
    assert order[-2:] == [2, 2]


async def test_by_default_sixteen_handshakes_are_under_way_at_once() -> None:
    limiter = ConnectionLimiter()
    assert [await is_admitted(limiter) for _ in range(17)] == [True] * 16 + [False]


async def test_whoever_is_refused_for_too_many_holds_all_back_for_longer_each_time() -> None:
    limiter = ConnectionLimiter(policy=BackoffPolicy(throttled_base_s=2.0, cap_s=8.0, max_attempts=3))
    delays: list[float] = []
    limiter.watch(on_throttled=delays.append)
    assert not limiter.throttled
    for _ in range(4):
        await limiter.admit()
        limiter.failed(HandshakeRefused(429))
        assert limiter.throttled
    for delay_s, bound_s in zip(delays, (2.0, 4.0, 8.0, 8.0), strict=True):
        assert bound_s / 2 <= delay_s <= bound_s
    assert delays[2] == 8.0, "the attempts are used up: the cap holds"
    socket = await opened(limiter)
    assert not limiter.throttled
    socket.abort()
    await limiter.admit()
    limiter.failed(HandshakeRefused(429))
    assert delays[4] <= 2.0, "one got in: it counts from the beginning"


@pytest.mark.parametrize("error", [HandshakeRefused(503), OSError()])
async def test_other_failures_hold_nobody_back(error: Exception) -> None:
    limiter = ConnectionLimiter()
    await limiter.admit()
    limiter.failed(error)
    assert not limiter.throttled
    assert await is_admitted(limiter)


async def test_demand_is_reported_at_every_change_of_it() -> None:
    limiter, reports = ConnectionLimiter(max_connections=1), list[tuple[int, int]]()
    limiter.watch(on_demand=lambda: reports.append((limiter.taken, limiter.waiting)))
    socket = await opened(limiter)
    socket.abort()
    assert reports == [(1, 0), (0, 0)]
    limiter.watch()
    (await opened(limiter)).abort()
    assert len(reports) == 2
