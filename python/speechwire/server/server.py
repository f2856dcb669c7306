"""What the calls of one process share: the pool, the places, the counters, and the way out."""

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
    """Where a server is in its life."""

    SERVING = "serving"
    DRAINING = "draining"
    """New callers are refused, live calls go on."""
    CLOSED = "closed"


class Refusal(Exception):
    """No call can be taken now.

    Args:
        reason: ``busy``, ``draining`` or ``throttled``.
        words: For a person.
        retry_after_s: When to come back.
    """

    def __init__(self, reason: str, words: str, retry_after_s: float) -> None:
        super().__init__(words)
        self.reason = reason
        self.retry_after_s = retry_after_s


class Server:
    """All that the calls of a process share. It knows no socket: hosts bring it connections.

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
        session_settings: Limits and deadlines of listening; by default those of sessions, with ``hangup_s``
            for the last results.

    Attributes:
        config: The settings, with a token secret where none was given.
        counters: What happened.
        lines: Live calls and callers that wait.
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
        """A place for a caller, before its connection is upgraded.

        Raises:
            Refusal: There is none.
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
        """A line for a caller whose connection has been upgraded; :meth:`closed` must follow."""
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
        """Take no new caller, let the live ones finish, then tell and close those that are left. Idempotent.

        Args:
            timeout_s: How long they may go on; default ``drain_s`` of the settings.
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
        """Tell every caller that the server goes away, and end the calls; returns at once."""
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
        """How late timers are is how late audio is."""
        loop = asyncio.get_running_loop()
        trimming = Trimming(loop.time)
        while True:
            trimming.tick()
            due_s = loop.time() + _TICK_S
            await asyncio.sleep(_TICK_S)
            self.counters.late_s = max(self.counters.late_s, loop.time() - due_s)
