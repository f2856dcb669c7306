"""What the calls of one process share: the pool, the places, the counters and the shutdown."""

from __future__ import annotations

import asyncio
import enum
import logging
import secrets
from contextlib import suppress
from dataclasses import replace
from typing import Final

from speechwire.server import _ending as endings
from speechwire.server._counters import Counters
from speechwire.server._line import Line
from speechwire.server._memory import Trimming
from speechwire.server._shared import Shared
from speechwire.server.admission import Admission, Place
from speechwire.server.call import Answer, CallLogger
from speechwire.server.codec import Codec
from speechwire.server.config import Config
from speechwire.session import ListenSettings, SessionPool

__all__ = ["CONTRACT_CALLS", "Phase", "Refusal", "Server"]

# Pay-as-you-go, concurrent listening streams (developers.deepgram.com/reference/api-rate-limits).
CONTRACT_CALLS: Final = 150
_TICK_S: Final = 0.1

_logger = logging.getLogger("speechwire.server")


class Phase(enum.StrEnum):
    """The phase of a server's life."""

    SERVING = "serving"
    DRAINING = "draining"
    """New callers are refused, live calls go on."""
    CLOSED = "closed"


class Refusal(Exception):
    """The server takes no call now.

    Args:
        reason: ``busy``, ``draining`` or ``throttled``.
        words: The reason in words, for a person.
        retry_after_s: Seconds after which to try again.
    """

    def __init__(self, reason: str, words: str, retry_after_s: float) -> None:
        super().__init__(words)
        self.reason = reason
        self.retry_after_s = retry_after_s


class Server:
    """What the calls of a process share. It has no socket; hosts such as `AiohttpHost` bring connections.

    ::

        async with SessionPool(key) as pool:
            server = Server(config, pool, answer)
            async with AiohttpHost(server) as host:
                print(host.url)
                await stopped
                await server.drain()

    Args:
        config: Settings.
        pool: Makes the sessions. It is not closed.
        answer: The application; ``None`` for captions only.
        session_settings: Limits and deadlines of listening. The default is that of sessions, with
            ``hangup_s`` as the time for the last results.

    Attributes:
        config: The settings, with a new token secret where none was given.
        counters: Totals since the start.
        lines: Live calls, and callers that wait.
    """

    def __init__(
        self,
        config: Config,
        pool: SessionPool,
        answer: Answer | None = None,
        *,
        session_settings: ListenSettings | None = None,
    ) -> None:
        if not config.token_secret:
            config = replace(config, token_secret=secrets.token_urlsafe(32))
        self.config = config
        self.pool = pool
        self.counters = Counters()
        self.lines: set[Line] = set()
        self.admission = Admission(
            config.max_calls or CONTRACT_CALLS, queue=config.queue, queue_s=config.queue_s
        )
        self.phase = Phase.SERVING
        self._empty = asyncio.Event()
        self._empty.set()
        self._shared = Shared(
            pool=pool,
            answer=answer,
            limits=config.limits,
            listen=config.listen,
            speak=config.speak,
            session_settings=session_settings or ListenSettings(drain_timeout_s=config.hangup_s),
            counters=self.counters,
        )
        self._ticking: asyncio.Task[None] | None = None

    def claim(self) -> Place:
        """Claim a place for a caller, before its connection is upgraded.

        Raises:
            Refusal: There is no place, the server is draining, or the service throttles.
        """
        retry_after_s = self.config.retry_after_s
        if self.phase is not Phase.SERVING:
            raise self._refused(Refusal("draining", "the server is going away", retry_after_s))
        if self.pool.throttled:
            raise self._refused(Refusal("throttled", "the speech service asks for less", retry_after_s))
        place = self.admission.claim()
        if place is None:
            raise self._refused(Refusal("busy", "all places are taken", retry_after_s))
        return place

    def open(self, codec: Codec, place: Place) -> Line:
        """Make the line of a caller after the upgrade; call :meth:`closed` when its connection is closed."""
        call_id = secrets.token_hex(8)
        log = CallLogger(_logger, {"call_id": call_id, "dialect": codec.name})
        line = Line(codec, place, self._shared, call_id=call_id, log=log)
        self.lines.add(line)
        self._empty.clear()
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._watch_the_loop())
        return line

    def closed(self, line: Line) -> None:
        """A line's connection is closed and its call over."""
        if line in self.lines:
            self.counters.accepted[line.dialect] += 1
            self.lines.discard(line)
        if not self.lines:
            self._empty.set()

    async def drain(self, timeout_s: float | None = None) -> None:
        """Take no new callers, wait for live calls to finish, then end those that are left. Idempotent.

        Args:
            timeout_s: How long calls may go on, in seconds; by default ``drain_s`` of the settings.
        """
        if self.phase is Phase.SERVING:
            self.phase = Phase.DRAINING
            _logger.info("draining", extra={"calls": len(self.lines)})
        with suppress(TimeoutError):
            async with asyncio.timeout(self.config.drain_s if timeout_s is None else timeout_s):
                await self._empty.wait()
        self.hang_up_all()
        await self._empty.wait()

    def hang_up_all(self) -> None:
        """Begin to end all calls, and tell every caller that the server shuts down. Does not block."""
        for line in self.lines:
            line.finish(endings.CLOSING)

    async def aclose(self) -> None:
        """End what is left. Idempotent."""
        self.phase = Phase.CLOSED
        self.hang_up_all()
        ticking, self._ticking = self._ticking, None
        if ticking is not None:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking

    def _refused(self, refusal: Refusal) -> Refusal:
        self.counters.refused[refusal.reason] += 1
        return refusal

    async def _watch_the_loop(self) -> None:
        """Measure the delay of timers: audio is as late as they are."""
        loop = asyncio.get_running_loop()
        trimming = Trimming(loop.time)
        while True:
            trimming.tick(is_idle=not self.lines)
            due_s = loop.time() + _TICK_S
            await asyncio.sleep(_TICK_S)
            self.counters.late_s = max(self.counters.late_s, loop.time() - due_s)
