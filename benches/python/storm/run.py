"""A scenario: workers, their callers, what fails and when, and what is seen each quarter of a second."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final, cast

from benches.python.storm.parts import MemoryRedis, OpenSocket, Service

from speechwire.cluster import SharedQuota
from speechwire.errors import HandshakeRefused
from speechwire.session import BackoffPolicy, ConnectionLimiter
from speechwire.session.backoff import Backoff

__all__ = ["SAMPLE_S", "SCENARIOS", "Outcome", "Sample", "Scenario", "play"]

SAMPLE_S: Final = 0.25
_FULL: Final = 0.99  # of what could be open


@dataclass(frozen=True)
class Scenario:
    """What happens.

    Attributes:
        title: For people.
        begin, end: Called with the parts at `from_s` and at `to_s`.
        demand: Callers, as a share of the quota.
        service_share: The service's quota, as a share of the one that the workers were told.
    """

    title: str
    begin: Callable[[Service, MemoryRedis], None]
    end: Callable[[Service, MemoryRedis], None]
    demand: float
    from_s: float = 60.0
    to_s: float = 90.0
    seconds: float = 180.0
    service_share: float = 1.0


def _nothing(service: Service, redis: MemoryRedis) -> None:
    return


def _lose_redis(service: Service, redis: MemoryRedis) -> None:
    redis.unreachable = 1.0


def _bring_redis(service: Service, redis: MemoryRedis) -> None:
    redis.forget()
    redis.unreachable = 0.0


def _split(service: Service, redis: MemoryRedis) -> None:
    redis.unreachable = 0.5


def _join(service: Service, redis: MemoryRedis) -> None:
    redis.unreachable = 0.0


SCENARIOS: Final = {
    "outage": Scenario(
        "The service is out for 30 s; 90 % of the quota in use",
        lambda service, redis: service.fail(),
        lambda service, redis: service.recover(),
        demand=0.9,
    ),
    "filled": Scenario("Callers for 120 % of the quota", _nothing, _nothing, demand=1.2),
    "foreign": Scenario(
        "Callers for 120 %; others use a tenth of the quota, so the service says 429",
        _nothing,
        _nothing,
        demand=1.2,
        service_share=0.9,
    ),
    "redis": Scenario(
        "Redis is lost for 60 s and comes back empty; 90 % of the quota in use",
        _lose_redis,
        _bring_redis,
        demand=0.9,
        to_s=120.0,
    ),
    "split": Scenario(
        "Half of the workers cannot reach Redis for 60 s; callers for 120 %",
        _split,
        _join,
        demand=1.2,
        to_s=120.0,
    ),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """What was so at one time."""

    at_s: float
    open: int
    taken: int
    leased: int
    could_be: int
    handshakes: int
    refused: int


@dataclass
class Outcome:
    """Of a scenario."""

    scenario: Scenario
    limit: int
    samples: list[Sample] = field(default_factory=list)

    @property
    def overshoot(self) -> int:
        """Places taken beyond the limit, at the worst."""
        return max(0, max(sample.taken for sample in self.samples) - self.limit)

    @property
    def overshoot_s(self) -> float:
        """For how long there was any."""
        return SAMPLE_S * sum(sample.taken > self.limit for sample in self.samples)

    def undershoot(self, from_s: float, to_s: float) -> tuple[int, float]:
        """Places that callers waited for and the service had, at the worst; and how long it was over 1 %."""
        within = [sample for sample in self.samples if from_s <= sample.at_s < to_s]
        missing = [max(0, sample.could_be - sample.open) for sample in within]
        long = sum(lack > (1 - _FULL) * self.limit for lack in missing)
        return max(missing, default=0), SAMPLE_S * long

    def busiest(self, from_s: float, to_s: float) -> tuple[int, int]:
        """Handshakes, and answers of 429, in the worst second."""
        per_s = round(1 / SAMPLE_S)
        within = [sample for sample in self.samples if from_s <= sample.at_s < to_s]
        pairs = list(zip(within, within[per_s:], strict=False))
        return (
            max((later.handshakes - sooner.handshakes for sooner, later in pairs), default=0),
            max((later.refused - sooner.refused for sooner, later in pairs), default=0),
        )


class _World:
    """All the workers, and the callers of each."""

    def __init__(self, scenario: Scenario, workers: int, limit: int, chance: random.Random) -> None:
        self.scenario, self.limit, self.chance = scenario, limit, chance
        self.redis = MemoryRedis()
        self.service = Service(int(limit * scenario.service_share), chance)
        self.limiters = [ConnectionLimiter() for _ in range(workers)]
        self.wanting = 0

    async def call(self, limiter: ConnectionLimiter) -> None:
        """Callers one after the other on one line: each talks for two minutes, more or less."""
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(self.chance.uniform(0, 30))
        while True:
            self.wanting += 1
            over_s = clock() + self.chance.expovariate(1 / 120)
            while clock() < over_s:
                await self._connection(limiter, over_s)
            self.wanting -= 1
            await asyncio.sleep(self.chance.expovariate(1 / 5))

    async def _connection(self, limiter: ConnectionLimiter, over_s: float) -> None:
        """As a session does it: one connection, with what it takes to get it."""
        websocket, dropped = await self._connected(limiter)
        try:
            async with asyncio.timeout_at(max(over_s, asyncio.get_running_loop().time() + 1.0)):
                await dropped.wait()
        except TimeoutError:
            pass
        self.service.disconnect()
        websocket.abort()

    async def _connected(self, limiter: ConnectionLimiter) -> tuple[Any, asyncio.Event]:
        backoff = Backoff(BackoffPolicy(), uniform=self.chance.uniform)
        while True:
            await limiter.admit()
            try:
                dropped = await self.service.connect()
            except HandshakeRefused as error:
                limiter.failed(error)
                delay_s = backoff.refused(error)
                await asyncio.sleep(backoff.patient_s() if delay_s is None else delay_s)
            else:
                return limiter.opened(OpenSocket()), dropped

    def sample(self) -> Sample:
        """Look."""
        possible = 0 if self.service.is_out else min(self.wanting, self.service.quota)
        return Sample(
            asyncio.get_running_loop().time(),
            self.service.open,
            sum(limiter.taken for limiter in self.limiters),
            self.redis.leased(),
            possible,
            self.service.handshakes,
            self.service.refused,
        )


async def play(scenario: Scenario, *, workers: int = 100, limit: int = 1500, seed: int = 1) -> Outcome:
    """Play it on a loop of virtual time.

    Args:
        scenario: One of :data:`SCENARIOS`.
        workers: Processes that share the quota.
        limit: The quota.
        seed: Of all chance but the limiters' own.
    """
    chance = random.Random(seed)
    world = _World(scenario, workers, limit, chance)
    outcome = Outcome(scenario, limit)
    loop = asyncio.get_running_loop()
    loop.call_at(scenario.from_s, scenario.begin, world.service, world.redis)
    loop.call_at(scenario.to_s, scenario.end, world.service, world.redis)
    weights = [chance.uniform(0.5, 1.5) for _ in world.limiters]
    callers = chance.choices(world.limiters, weights, k=int(limit * scenario.demand))
    async with AsyncExitStack() as stack:
        for index, limiter in enumerate(world.limiters):
            redis = cast(Any, world.redis)
            quota = SharedQuota(redis, limiter, name="storm", limit=limit, workers=workers, worker=str(index))
            await stack.enter_async_context(quota)
        tasks = [asyncio.create_task(world.call(limiter)) for limiter in callers]
        while loop.time() < scenario.seconds:
            await asyncio.sleep(SAMPLE_S)
            outcome.samples.append(world.sample())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return outcome
