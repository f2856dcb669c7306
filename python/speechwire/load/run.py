"""Runs a number of calls for some seconds, at real pace."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from speechwire.errors import InvalidArgument
from speechwire.load import _wire
from speechwire.load.caller import Caller, Refused
from speechwire.load.dialects import DIALECTS, Dialect
from speechwire.load.result import Moment, Result, Spread

__all__ = ["MOST_CALLS", "MOST_SECONDS", "Load"]

MOST_CALLS: Final = 10_000
MOST_SECONDS: Final = 3600.0
_TICK_S: Final = 0.002
_DIAL_S: Final = 15.0
_END_S: Final = 15.0
_AT_ONCE: Final = 16
_LAST_PAUSE_S: Final = 2.0  # of silence, so that the last turn ends


class Load:
    """Calls that are dialled, talk, and hang up.

    Args:
        url: The server's URL, such as ``http://127.0.0.1:8080``.
        dialect: One of :data:`~.dialects.DIALECTS`.
        calls: How many calls, 1 to 10000.
        seconds: How long they talk after all have connected, 1 to 3600.
        token: The token that the server requires; empty for none.
        per_second: How many calls are dialled in a second.
        progress: Called once a second.

    Raises:
        InvalidArgument: A number is out of range, or the URL or the dialect is not valid.
    """

    def __init__(
        self,
        url: str,
        *,
        dialect: str = "twilio",
        calls: int = 10,
        seconds: float = 10.0,
        token: str = "",
        per_second: float = 50.0,
        progress: Callable[[Moment], None] | None = None,
    ) -> None:
        if dialect not in DIALECTS:
            raise InvalidArgument("dialect", dialect, " or ".join(DIALECTS))
        if not 1 <= calls <= MOST_CALLS:
            raise InvalidArgument("calls", calls, f"1 to {MOST_CALLS}")
        if not 1 <= seconds <= MOST_SECONDS:
            raise InvalidArgument("seconds", seconds, f"1 to {MOST_SECONDS:.0f}")
        if not 0.1 <= per_second <= 1000:
            raise InvalidArgument("per_second", per_second, "0.1 to 1000")
        self._host, self._port, self._is_tls, prefix = _parts(url)
        self._dialect: Dialect = DIALECTS[dialect]
        self._request = _wire.request(prefix + self._dialect.path, f"{self._host}:{self._port}", token)
        self._calls, self._seconds, self._per_second = calls, seconds, per_second
        self._progress = progress or (lambda moment: None)
        self._on: list[Caller] = []
        self._result = Result(dialect, calls, seconds)
        self._late_s: list[float] = []
        self._clock = asyncio.get_running_loop().time
        self._began_s = self._clock()

    async def run(self) -> Result:
        """Run the calls and return the result. Cancelling drops every connection."""
        talking = asyncio.create_task(self._talk())
        try:
            await self._dial()
            await asyncio.sleep(self._seconds)
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
            await self._hang_up()
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
            for caller in self._on:
                caller.abort()
        return self._summed()

    async def _dial(self) -> None:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(index: int) -> None:
            async with turns:
                await self._dial_one(index)

        begin_s = self._clock()
        async with asyncio.TaskGroup() as group:
            for index in range(self._calls):
                await asyncio.sleep(max(0.0, begin_s + index / self._per_second - self._clock()))
                group.create_task(one(index))

    async def _dial_one(self, index: int) -> None:
        caller = Caller(self._dialect, index, self._request)
        try:
            async with asyncio.timeout(_DIAL_S):
                context = ssl.create_default_context() if self._is_tls else None
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: caller, self._host, self._port, ssl=context)
                await caller.on
        except Refused as refused:
            self._result.refused[str(refused)] += 1
        except (OSError, TimeoutError) as error:
            caller.abort()
            self._result.refused[type(error).__name__] += 1
        else:
            self._result.answered += 1
            self._on.append(caller)
            return
        if caller.on.done() and not caller.on.cancelled():
            caller.on.exception()  # marks it as retrieved: it was reported before

    async def _talk(self) -> None:
        """Send a frame of every caller each `frame_ms`, spread evenly; record the state once a second."""
        slots = max(1, round(self._dialect.frame_ms / 1000 / _TICK_S))
        begin_s, tick = self._clock(), 0
        while True:
            due_s = begin_s + tick * _TICK_S
            late_s = self._clock() - due_s
            await asyncio.sleep(max(0.0, -late_s))
            self._late_s.append(max(0.0, self._clock() - due_s))
            for caller in self._on[tick % slots :: slots]:
                caller.say()
            tick += 1
            if tick % round(1 / _TICK_S) == 0:
                self._note_second()

    def _note_second(self) -> None:
        late_s = max(self._late_s[-round(1 / _TICK_S) :])
        calls = sum(not caller.gone.done() for caller in self._on)
        moment = Moment(round(self._clock() - self._began_s, 2), calls, late_s)
        self._result.moments.append(moment)
        self._progress(moment)

    async def _hang_up(self) -> None:
        """End open turns with silence, then end the calls."""
        for caller in self._on:
            if caller.gone.done():
                self._result.ended[str(caller.gone.result())] += 1
                caller.ledger.cut(caller.script.words_said(caller.frames))
        self._result.audio_s = sum(caller.frames for caller in self._on) * self._dialect.frame_ms / 1000
        frame_s = self._dialect.frame_ms / 1000
        for _ in range(round(_LAST_PAUSE_S / frame_s)):
            for caller in self._on:
                caller.say_silence()
            await asyncio.sleep(frame_s)
        for caller in self._on:
            caller.hang_up()
        await asyncio.wait([caller.gone for caller in self._on] or [_done()], timeout=_END_S)

    def _summed(self) -> Result:
        result = self._result
        for caller in self._on:
            caller.ledger.settle()
            for name in ("words", "heard", "lost", "twice", "strange"):
                setattr(result, name, getattr(result, name) + getattr(caller.ledger, name))
            result.turns += [(at_s - self._began_s, delay_s) for at_s, delay_s in caller.turns]
        result.late = Spread.of(self._late_s)
        return result


def _done() -> asyncio.Future[int]:
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    done.set_result(0)
    return done


def _parts(url: str) -> tuple[str, int, bool, str]:
    """Host, port, whether with TLS, and the path before the dialect's."""
    wanted = InvalidArgument("url", url, "the server's URL, such as http://127.0.0.1:8080")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wanted from None
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
        raise wanted
    is_tls = parts.scheme in ("https", "wss")
    return parts.hostname, port or (443 if is_tls else 80), is_tls, parts.path.rstrip("/")
