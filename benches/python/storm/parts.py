"""What stands in for the network: a Redis in memory, and a service with a quota."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

from redis.exceptions import ConnectionError as RedisAway

from speechwire.cluster._script import HOLD_SCRIPT, LEASE_SCRIPT
from speechwire.errors import HandshakeRefused
from speechwire.transport import CloseEvent, Take

__all__ = ["MemoryRedis", "OpenSocket", "Service"]

_ROUND_TRIP_S: Final = 0.001
_HANDSHAKE_S: Final = (0.05, 0.25)
_TIME_OUT_S: Final = 1.0


class MemoryRedis:
    """Does what the two scripts do. Its clock is the loop's; what it knew is gone after an outage.

    Attributes:
        unreachable: The share of the workers that it does not answer.
        requests: Answered.
    """

    def __init__(self) -> None:
        self.unreachable = 0.0
        self.requests = 0
        self._leases: dict[str, tuple[float, int]] = {}
        self._since = 0.0
        self._hold_until = 0.0

    def register_script(self, script: str) -> Callable[..., Awaitable[Any]]:
        """As ``redis.asyncio.Redis`` does."""
        scripts: dict[str, Callable[..., Any]] = {LEASE_SCRIPT: self._lease, HOLD_SCRIPT: self._hold}
        work = scripts[script]

        async def run(*, keys: list[str], args: list[Any]) -> Any:
            await asyncio.sleep(_ROUND_TRIP_S)
            if self._is_cut_off(args):
                raise RedisAway("away")
            self.requests += 1
            return work(*args)

        return run

    def _is_cut_off(self, args: list[Any]) -> bool:
        """Of whom a hold is, is not known: it is answered unless nobody is."""
        worker = int(args[0]) if len(args) > 1 else 99
        return worker % 100 < 100 * self.unreachable

    def leased(self) -> int:
        """Places in leases that have not expired."""
        now = asyncio.get_running_loop().time()
        return sum(places for expiry, places in self._leases.values() if expiry > now)

    def forget(self) -> None:
        """It was started anew."""
        self._leases, self._hold_until = {}, 0.0

    def _lease(
        self,
        worker: str,
        wanted: int,
        held: int,
        taken: int,
        limit: int,
        reserved: int,
        workers: int,
        lease_ms: int,
        number: int,
    ) -> list[int]:
        """Requests come in their order here, and nobody is replaced."""
        now = asyncio.get_running_loop().time()
        self._leases = {name: lease for name, lease in self._leases.items() if lease[0] > now}
        if not self._leases:
            self._since = now
        others = [places for name, (_, places) in self._leases.items() if name != worker]
        own = self._leases[worker][1] if worker in self._leases else 0
        absent = max(0, workers - 1 - len(others))
        with_reserves = sum(places if places > reserved else reserved for places in others)
        free = limit - with_reserves - absent * reserved
        if absent > 0 and now - self._since < lease_ms / 1000:
            free = min(free, max(held, taken, reserved))
        granted = max(taken, min(max(wanted, reserved), max(free, own))) if wanted else 0
        if wanted:
            self._leases[worker] = now + lease_ms / 1000, granted
        else:
            self._leases.pop(worker, None)
        return [granted, sum(others) + granted, max(0, round(1000 * (self._hold_until - now)))]

    def _hold(self, delay_ms: int) -> int:
        until = asyncio.get_running_loop().time() + delay_ms / 1000
        self._hold_until = max(self._hold_until, until)
        return 0


class Service:
    """Takes connections up to its quota, and answers 429 beyond; 503 while it is out.

    Args:
        quota: Connections at once.
        chance: Of the time a handshake takes.

    Attributes:
        is_out: Whether it is out.
        open: Connections.
        handshakes: Begun.
        refused: Answered 429.
    """

    def __init__(self, quota: int, chance: random.Random) -> None:
        self.quota = quota
        self.is_out = False
        self.open = self.handshakes = self.refused = 0
        self._chance = chance
        self._outage = asyncio.Event()

    async def connect(self) -> asyncio.Event:
        """A handshake; returns what is set when the service drops the connection.

        Raises:
            HandshakeRefused: With 429 or 503.
        """
        self.handshakes += 1
        await asyncio.sleep(self._chance.uniform(*_HANDSHAKE_S))
        if self.is_out:
            await asyncio.sleep(self._chance.uniform(0.0, _TIME_OUT_S))
            raise HandshakeRefused(503)
        if self.open >= self.quota:
            self.refused += 1
            raise HandshakeRefused(429)
        self.open += 1
        return self._outage

    def disconnect(self) -> None:
        """The client has closed."""
        self.open -= 1

    def fail(self) -> None:
        """Drop every connection, and take none."""
        self.is_out = True
        self._outage.set()
        self._outage = asyncio.Event()

    def recover(self) -> None:
        """Take connections again."""
        self.is_out = False


class OpenSocket:
    """A connection that does nothing but be open."""

    request_id = None
    ready = True

    async def send(self, frame: str | bytes) -> None: ...
    def send_now(self, frame: str | bytes) -> None: ...
    async def receive(self) -> str | bytes | CloseEvent: ...  # type: ignore[empty-body]
    async def receive_each(self, take: Take) -> CloseEvent | None: ...
    async def ping(self) -> None: ...
    async def aclose(self, code: int = 1000) -> None: ...
    def abort(self) -> None: ...
