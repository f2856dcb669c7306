"""A quota of connections that many processes share through Redis or Valkey."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, Self, TypeAlias

from redis.asyncio import Redis

from speechwire.cluster._script import HOLD_SCRIPT, LATE, LEASE_SCRIPT
from speechwire.errors import InvalidArgument
from speechwire.session import ConnectionLimiter

__all__ = ["QuotaState", "SharedQuota"]

_BLOCK: Final = 8
_SHORTEST_PAUSE_S: Final = 0.05  # between two requests, however quickly the demand changes

_logger = logging.getLogger("speechwire.cluster")

Keys: TypeAlias = list[str]


@dataclass(frozen=True, slots=True)
class QuotaState:
    """What a worker knows of the quota.

    Attributes:
        leased: Places leased to this worker and still valid.
        leased_by_all: Places leased to all workers, at the last answer of Redis.
        taken: Places that this worker's connections take. More than ``leased`` only after a lease expired or
            shrank while connections were open; none is opened then.
        away: Whether Redis did not answer last time.
        failures: Requests that Redis did not answer.
    """

    leased: int
    leased_by_all: int
    taken: int
    away: bool
    failures: int


class _Script(Protocol):
    async def __call__(self, keys: Keys, args: list[str | int]) -> list[int]: ...


class SharedQuota:
    """Keeps a limiter within a quota that it shares with the limiters of other processes.

    ::

        limiter = ConnectionLimiter()
        redis = Redis.from_url("redis://127.0.0.1")
        async with SharedQuota(redis, limiter, name="eu/flux", limit=150, workers=4):
            session = ListenV2Session(key, limiter=limiter)

    Deepgram counts connections per project, region and product, so each of those needs a quota of its own.
    Places are leased in blocks, so that a connect seldom waits for Redis, for ``lease_s``, and renewed three
    times in that time. A worker that dies gives its places back when its lease expires. One that was paused
    for longer than that takes none that are not leased anew.

    A part of the limit is reserved in equal shares and never leased to others. This share is what a worker
    has while Redis does not answer and its lease has expired. So the leases of all workers and the shares of
    those without Redis are never above the limit. What can be above it are connections that were open when a
    lease expired; they stay, and Deepgram's 429 has the last word. They count again when their worker reaches
    Redis: nobody gets their places then.

    A worker more than ``workers``, which replaces another that still has connections, gets what is free.

    Args:
        redis: A client; not closed. Give it a ``socket_timeout``: an answer that comes later than ``renew_s``
            is not waited for in any case.
        limiter: Of the sessions of this process; its limit is set from here.
        name: Of the quota, the same in all workers.
        limit: Connections open at once over all workers.
        workers: How many processes share the quota.
        worker: Name of this one, different from all others. Default: random.
        reserved: Places that are always this worker's. Default: half of an equal share.
        block: Places leased at once; half of one is kept free. Default: 8, or a quarter of an equal share if
            that is less.
        lease_s: For how long places are leased; the same in all workers.
        demand: How many places are needed, if that is not only what the limiter's connections take; call
            :meth:`demand_changed` when it changes.
        on_places: Told how many places this worker has, after each answer of Redis and each failure.

    Raises:
        InvalidArgument: A number is out of its range, or the reserves are more than the limit.
    """

    def __init__(
        self,
        redis: Redis,
        limiter: ConnectionLimiter,
        *,
        name: str,
        limit: int,
        workers: int,
        worker: str | None = None,
        reserved: int | None = None,
        block: int | None = None,
        lease_s: float = 15.0,
        demand: Callable[[], int] | None = None,
        on_places: Callable[[int], None] | None = None,
    ) -> None:
        for argument, value in {"limit": limit, "workers": workers, "block": block}.items():
            if value is not None and value < 1:
                raise InvalidArgument(argument, value, "at least 1")
        if lease_s < 0.3:
            raise InvalidArgument("lease_s", lease_s, "at least 0.3 s")
        self.reserved = limit // (2 * workers) if reserved is None else reserved
        if not 0 <= self.reserved * workers <= limit:
            raise InvalidArgument("reserved", self.reserved, f"0 to {limit // workers}, the equal share")
        self.worker = worker or uuid.uuid4().hex
        self._limiter = limiter
        self._limit, self._workers = limit, workers
        self._block = block or max(1, min(_BLOCK, limit // (4 * workers)))
        self._spare = -(-self._block // 2)
        self._lease_s, self._renew_s = lease_s, lease_s / 3
        self._keys = [f"speechwire:{{{name}}}:{part}" for part in ("leases", "hold")]
        self._lease: _Script = redis.register_script(LEASE_SCRIPT)
        self._hold: _Script = redis.register_script(HOLD_SCRIPT)
        self._leased = self._leased_by_all = self._failures = 0
        self._valid_until = 0.0
        self._number = 0
        self._demand = demand or (lambda: 0)
        self._on_places = on_places or (lambda places: None)
        self._away = False
        self._short = False  # Redis did not give what was wanted: to ask at each change would only be a load
        self._changed = asyncio.Event()
        self._held_s = 0.0  # how long this worker holds back because of a 429 that the others do not know of
        self._task: asyncio.Task[None] | None = None
        # A call to Redis may swallow a cancellation, as asyncio.wait_for does before Python 3.12.
        self._ending = False

    async def __aenter__(self) -> Self:
        """Lease the first block. Without an answer from Redis the worker has its reserve."""
        self._ending = False
        self._limiter.watch(on_demand=self._changed.set, on_throttled=self._throttled)
        self._limiter.limit(self.reserved)
        await self._request(self._wanted())
        self._task = asyncio.create_task(self._keep(), name=f"quota of {self.worker}")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give all places back; close the connections before. The limiter lets nobody in any more."""
        assert self._task is not None
        self._ending = True
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._limiter.watch()
        self._limiter.limit(0)
        await self._ask(0)

    def demand_changed(self) -> None:
        """Look at the demand again, soon."""
        self._changed.set()

    def state(self) -> QuotaState:
        """What is leased now. Costs nothing; asks nobody."""
        return QuotaState(
            leased=self._held(),
            leased_by_all=self._leased_by_all,
            taken=self._limiter.taken,
            away=self._away,
            failures=self._failures,
        )

    async def _keep(self) -> None:
        """Renew the lease, and change it as demand does."""
        while not self._ending:
            await self._pause()
            self._changed.clear()
            if self._held_s:
                await self._share_hold()
            await self._request(self._wanted())
            await asyncio.sleep(_SHORTEST_PAUSE_S)

    async def _pause(self) -> None:
        """Until the lease has to be renewed, or another number of places is wanted."""
        deadline = asyncio.get_running_loop().time() + self._renew_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while True:
                    await self._changed.wait()
                    if self._held_s or (self._wanted() > self._held() and not self._short):
                        return
                    self._changed.clear()

    def _wanted(self) -> int:
        """Whole blocks, with half of one to spare."""
        needed = max(self._demand(), self._limiter.taken + self._limiter.waiting) + self._spare
        return min(self._limit, -(-needed // self._block) * self._block)

    def _held(self) -> int:
        return self._leased if self._is_valid() else 0

    def _is_valid(self) -> bool:
        return asyncio.get_running_loop().time() < self._valid_until

    async def _request(self, wanted: int) -> None:
        self._give_up_beyond(max(wanted, self.reserved))
        asked_at = asyncio.get_running_loop().time()
        answer = await self._ask(wanted)
        if answer is None:
            return
        if self._away:
            _logger.warning("quota: Redis answers again")
        self._away = False
        self._leased, self._leased_by_all, hold_ms = answer
        self._short = self._leased < wanted
        # From when it was asked: whoever was paused while waiting for the answer holds what has expired
        # since.
        self._valid_until = asked_at + self._lease_s
        self._apply()
        if hold_ms > 0:
            self._limiter.hold_back(hold_ms / 1000)

    async def _ask(self, wanted: int) -> tuple[int, int, int] | None:
        """What Redis grants, to this worker and to all, and for how many ms to hold back."""
        numbers = [wanted, self._held(), self._limiter.taken, self._limit, self.reserved, self._workers]
        arguments: list[str | int] = [self.worker, *numbers, round(1000 * self._lease_s), self._next()]
        try:
            async with asyncio.timeout(self._renew_s):
                answer = await self._lease(keys=self._keys, args=arguments)
            granted, by_all, hold_ms = map(int, answer)
            if granted == LATE:
                raise TimeoutError
        except Exception as error:  # also an answer that is none
            self._failed(error)
            return None
        return granted, by_all, hold_ms

    def _next(self) -> int:
        """The number of a request. Redis may read one after a later one, of which it was told meanwhile.

        Grows over processes too, for one that is started again under its name.
        """
        self._number = max(self._number + 1, time.time_ns() // 1_000_000)
        return self._number

    def _give_up_beyond(self, places: int) -> None:
        """Before Redis is told: its answer may be lost, and others then have what is given up."""
        if places < self._held():
            self._leased = places
            self._apply()

    def _apply(self) -> None:
        valid_s = self._valid_until - asyncio.get_running_loop().time()
        if valid_s > 0:
            self._limiter.limit(self._leased, valid_s=valid_s, then=self.reserved)
        else:
            self._limiter.limit(self.reserved)
        self._tell_places()

    def _tell_places(self) -> None:
        self._on_places(self._leased if self._is_valid() else self.reserved)

    def _failed(self, error: BaseException) -> None:
        self._failures += 1
        if not self._away:
            _logger.warning(
                "quota: Redis does not answer (%s); %d places stay for %.0f s, then %d",
                type(error).__name__,
                self._held(),
                max(0.0, self._valid_until - asyncio.get_running_loop().time()),
                self.reserved,
            )
        self._away = self._short = True
        self._tell_places()

    def _throttled(self, delay_s: float) -> None:
        self._held_s = delay_s
        self._changed.set()

    async def _share_hold(self) -> None:
        delay_ms, self._held_s = round(1000 * self._held_s), 0.0
        with contextlib.suppress(Exception):  # the next request tells of what is wrong
            async with asyncio.timeout(self._renew_s):
                await self._hold(keys=self._keys[1:], args=[delay_ms])
