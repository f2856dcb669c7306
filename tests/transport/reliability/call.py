"""One call from beginning to end: what the caller does, and a service that can be struck at any moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, cast

from aiohttp import web
from tests.session.counted import RATE, SAMPLE_BYTES, counted
from tests.session.driving import finals, words_of
from tests.transport.counted_engine import CountedEngine

from speechwire.emulator import CloseWith, Connection, Emulator, Fault, HalfOpen, Reset, Stall
from speechwire.emulator._endpoints import Serve
from speechwire.emulator._inlet import Inlet, Timeout, Timers
from speechwire.emulator._outlet import Outlet
from speechwire.emulator.faults import FaultSession
from speechwire.errors import SpeechwireError
from speechwire.protocol import ListenV1Options
from speechwire.protocol.listen_v1_events import Results
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import BackoffPolicy, ListenSettings, ListenV1Session, ListenV2Session

__all__ = ["POLICY", "SECONDS", "Call", "Ending", "Service", "make_session"]

SECONDS: Final = 8.0
"""How much audio a call has."""

POLICY: Final = BackoffPolicy(base_s=0.05, cap_s=0.2, throttled_base_s=0.1, max_quick_failures=4)
_FRAME: Final = RATE // 50
_PATIENCE_S: Final = 30.0

Ending = Reset | CloseWith | Stall | HalfOpen
"""What ends a connection, or makes it one in name only."""


class Service(Emulator):
    """An emulator of counted audio whose connections can be struck when no audio comes, too.

    Args:
        turns: When something is said.
        faults: Of the emulator.
        upon: The first connection is struck when this message comes, before it is answered.
        ending: How.
    """

    def __init__(
        self,
        turns: Sequence[tuple[float, float]],
        faults: Sequence[Fault] = (),
        upon: str = "",
        ending: Ending | None = None,
    ) -> None:
        self.heard = CountedEngine(turns)
        super().__init__(self.heard, faults=faults, keep_audio=True)
        self._outlets: dict[int, Outlet] = {}
        self._upon = upon
        self._ending = ending

    async def strike(self, connection: int, ending: Ending) -> None:
        """Let this happen now, on a connection that is open."""
        await self._outlets[connection]._happen(ending)

    async def accepted(self, count: int) -> None:
        """Wait until so many connections have been accepted."""
        async with asyncio.timeout(_PATIENCE_S):
            while self.opened < count:
                await asyncio.sleep(0.005)

    @property
    def opened(self) -> int:
        """How many connections have been accepted so far."""
        return len(self._outlets)

    async def _serve(
        self, request: web.BaseRequest, record: Connection, faults: FaultSession, serve: Serve
    ) -> web.WebSocketResponse:
        async def noted(inlet: Inlet, outlet: Outlet) -> None:
            self._outlets[record.index] = outlet
            watched = _Watched(inlet, record, self._before) if record.index == 0 else inlet
            await serve(cast(Inlet, watched), outlet)

        return await super()._serve(request, record, faults, noted)

    async def _before(self, text: str) -> None:
        if self._ending is not None and json.loads(text)["type"] == self._upon:
            await self.strike(0, self._ending)


class _Watched:
    """Lets somebody do something before a message is handled, and after all before it was."""

    def __init__(self, inlet: Inlet, record: Connection, before: Callable[[str], Awaitable[None]]) -> None:
        self._inlet = inlet
        self._record = record
        self._before = before

    async def frames(self, timers: Timers) -> AsyncIterator[str | bytes | Timeout]:
        async for frame in self._inlet.frames(timers):
            if isinstance(frame, str):
                await self._caught_up()
                await self._before(frame)
            yield frame

    async def _caught_up(self) -> None:
        while self._record.audio_s * RATE * SAMPLE_BYTES < self._record.audio_bytes:
            await asyncio.sleep(0)
        for _ in range(10):  # a message is handled in fewer steps of the event loop
            await asyncio.sleep(0)


def make_session(endpoint: str, base_url: str, **changes: Any) -> Any:
    """A session that is as patient as a fast test can be: a slow machine is neither a stall nor a pause."""
    settings = ListenSettings(
        **{
            "connect_timeout_s": 2.0,
            "send_timeout_s": 0.5,
            "progress_timeout_s": 2.0,
            "pause_after_s": None,
            "drain_timeout_s": 20.0,
            "replay_speed": None,
            "backoff": POLICY,
        }
        | changes
    )
    if endpoint == "/v2/listen":
        return ListenV2Session("key", base_url=base_url, settings=settings)
    options = ListenV1Options(encoding="linear16", sample_rate=RATE, interim_results=True, endpointing=300)
    return ListenV1Session("key", options, base_url=base_url, settings=settings)


class Call:
    """A caller with a session.

    Attributes:
        session: Reads what is pushed.
        service: What the session talks to.
        events: What the session has said so far.
        error: What it ended with.
    """

    def __init__(self, session: Any, service: Service) -> None:
        self.session = session
        self.service = service
        self.events: list[Any] = []
        self.error: SpeechwireError | None = None
        self._said = asyncio.Condition()
        self._position = 0
        self._reading = asyncio.create_task(self._read())

    async def speak(self, until_s: float = SECONDS, *, at_once: bool = False) -> None:
        """Push audio up to here, far above real time.

        At once: what is pushed so has no pause in it, however slow the machine is.
        """
        while self._position < round(until_s * RATE):
            self.session.push(counted(self._position, _FRAME))
            self._position += _FRAME
            if not at_once:
                await asyncio.sleep(0.001)

    async def is_mentioned(self, word: int) -> None:
        """Wait for any result that has this word."""
        await self._until(lambda: word in _words_of_any(self.events))

    async def is_heard(self, word: int) -> None:
        """Wait for the final result that has this word."""
        await self._until(lambda: word in self.words)

    async def hang_up(self) -> None:
        """Close, and read the rest."""
        await self.session.aclose()
        await self._reading

    @property
    def words(self) -> list[int]:
        """What was heard so far, in final results."""
        return _words(finals(self.events))

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(_PATIENCE_S), self._said:
            await self._said.wait_for(is_so)

    async def _read(self) -> None:
        try:
            async for event in self.session:
                async with self._said:
                    self.events.append(event)
                    self._said.notify_all()
        except SpeechwireError as error:
            self.error = error


def _words_of_any(events: Sequence[Any]) -> list[int]:
    return _words([event for event in events if isinstance(event, TurnInfo | Results)])


def _words(results: Sequence[Any]) -> list[int]:
    return [int(word.word) for result in results for word in words_of(result)]
