"""One server, one kind of call, N calls: dial, talk at real pace, measure, check what arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from benches.python.server.answer import delivered, judge
from benches.python.server.callers import KINDS, Callers
from benches.python.server.contenders import Contender
from benches.python.server.processes import cpu_s, get, get_json, metric, private_kib, waited_s
from benches.python.server.result import Result

__all__ = ["Trial"]

_WARM_UP_S: Final = 3.0
_SETTLE_S: Final = 1.0
_MOST_WAITS: Final = 12
_TAIL_S: Final = 0.3
_LOOKS: Final = 100
_LOOK_EVERY_S: Final = 0.2


class Trial:
    """A run in progress.

    Args:
        contender: Who.
        kind: Name of the kind of calls.
        calls: How many.
        seconds: Length of the window measured.
        server: Its process.
        load: The processes of the callers and the service.
        port: Where it is.
        service: The service's port.
    """

    def __init__(
        self,
        contender: Contender,
        kind: str,
        calls: int,
        seconds: float,
        *,
        server: int,
        load: Sequence[int],
        port: int,
        service: int,
    ) -> None:
        self._contender = contender
        self._kind = KINDS[kind]
        self._line = contender.lines[kind]
        self._result = Result(contender.name, kind, calls, seconds)
        self._server = server
        self._load = load
        self._port = port
        self._service = service

    async def run(self) -> Result:
        """Do it; takes some 10 s beside the window."""
        result, callers = self._result, Callers(self._kind, self._line, self._port)
        await self._rehearse()
        ended = len(self._counts())
        empty_kib = private_kib(self._server)
        await callers.dial(result.calls)
        before = await self._silent(ended)
        result.first_ms = get_json(self._service, "/lateness")["first"]
        result.idle_kib = (private_kib(self._server) - empty_kib) / result.calls
        await callers.talk(_WARM_UP_S, joining=True)
        await self._steady(callers)
        result.live_kib = (private_kib(self._server) - empty_kib) / result.calls
        if self._contender.ours:
            result.open_kib = metric(self._port, "speechwire_buffered_bytes") / 1024 / result.calls
        unstamped = get_json(self._service, "/lateness")["unstamped"]
        await asyncio.sleep(_TAIL_S)
        after = self._counts()[ended:]
        await self._come_to_rest(callers, ended)
        judge(result, before, after, unstamped=unstamped, gone=callers.gone, missed_s=callers.missed_s)
        return result

    async def _rehearse(self) -> None:
        """A call for a second, so that what is done once per process is not charged to the others."""
        callers = Callers(self._kind, self._line, self._port)
        await callers.dial(1)
        await callers.talk(1.0)
        callers.hang_up()
        await asyncio.sleep(_SETTLE_S)
        get(self._service, "/forget")

    async def _silent(self, ended: int) -> list[dict[str, Any]]:
        """Wait until nothing comes to the service: a session says silence of its own to end a turn."""
        counts = self._counts()[ended:]
        for _ in range(_MOST_WAITS):
            await asyncio.sleep(1.0)
            before, counts = counts, self._counts()[ended:]
            if counts == before:
                break
        return counts

    async def _steady(self, callers: Callers) -> None:
        result, clock = self._result, asyncio.get_running_loop().time
        get(self._service, "/forget")
        callers.late_s, sent = 0.0, callers.sent
        del callers.tally.latencies_us[:]
        before_s = cpu_s(self._server), waited_s(self._server), sum(map(cpu_s, self._load))
        began_s = clock()
        await callers.talk(result.seconds)
        lasted_s = clock() - began_s
        used_s = cpu_s(self._server) - before_s[0]
        result.cpu_ms = 1000 * used_s / ((callers.sent - sent) * self._kind.frame_ms / 1000)
        result.core_share = used_s / lasted_s
        result.starved = (waited_s(self._server) - before_s[1]) / lasted_s
        result.load_share = (sum(map(cpu_s, self._load)) - before_s[2]) / lasted_s
        result.generator_late_ms = callers.late_s * 1000
        result.wire_ms = get_json(self._service, "/lateness")["others"]
        result.caption_ms = _spread_ms(callers.tally.latencies_us)

    async def _come_to_rest(self, callers: Callers, ended: int) -> None:
        """Let the last captions arrive, and count both ends."""
        result = self._result
        get(self._service, "/quiet")
        await asyncio.sleep(_SETTLE_S)
        counts = self._counts()[ended:]
        result.due = delivered(counts, self._contender.delivers)
        result.turns_due = delivered(counts, frozenset({"EndOfTurn"}))
        result.sent_s = callers.sent * self._kind.frame_ms / 1000
        result.captions, result.turns = callers.tally.captions, callers.tally.turns
        if self._contender.ours and result.captions < result.due:
            callers.hang_up()
            result.dropped = await self._dropped()

    async def _dropped(self) -> int:
        """Captions that newer ones replaced; the server tells when the calls are over."""
        for _ in range(_LOOKS):
            if not metric(self._port, "speechwire_calls"):
                break
            await asyncio.sleep(_LOOK_EVERY_S)
        return int(metric(self._port, "speechwire_captions_dropped_total"))

    def _counts(self) -> list[dict[str, Any]]:
        counts: list[dict[str, Any]] = get_json(self._service, "/counts")
        return counts


def _spread_ms(values_us: Sequence[int]) -> dict[str, float]:
    ordered = sorted(values_us)
    if not ordered:
        return {"count": 0}
    middle, most = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    return {"count": len(ordered), "p50": round(middle / 1000, 2), "p99": round(most / 1000, 2)}
