"""What a caller does, each with what it may lead to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.model.ears import QUARTER
from tests.model.loop import cancelled_at
from tests.model.story import Operation
from tests.model.watch import Watch, settings_of
from tests.session.counted import RATE, SAMPLE_BYTES, counted

from speechwire.errors import (
    ConnectFailed,
    HandshakeRefused,
    InternalError,
    InvalidArgument,
    ServiceError,
    SessionClosed,
)
from speechwire.protocol import ListenV1Options, ListenV2Options

__all__ = ["OPERATIONS", "Chunks", "Operations"]

_REFUSALS = ("CONFIGURE_KEYTERM_LIMIT_EXCEEDED", "INVALID_THRESHOLD")
_SLACK_S = 0.1
_LONGEST_WORD_S = 1.0

Call = Callable[[], Coroutine[Any, Any, None]]


class Chunks:
    """A converter that only cuts."""

    def __init__(self, chunk_ms: int) -> None:
        self._size = RATE * chunk_ms // 1000 * SAMPLE_BYTES
        self._rest = b""

    def push(self, pcm: bytes, /) -> list[bytes]:
        data = self._rest + pcm
        whole = len(data) - len(data) % self._size
        self._rest = data[whole:]
        return [data[at : at + self._size] for at in range(0, whole, self._size)]

    def flush(self) -> list[bytes]:
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


class Operations(Watch):
    """One method for each kind of operation."""

    def v1_options(self, **more: Any) -> ListenV1Options:
        interims = True if self.story.endpoint == "nova" else None
        return ListenV1Options(interim_results=interims, **{**self.story.options, **more})

    async def speak(self, operation: Operation) -> None:
        await self._push_all(operation, pace=True)

    async def burst(self, operation: Operation) -> None:
        await self._push_all(operation, pace=False)

    async def _push_all(self, operation: Operation, *, pace: bool) -> None:
        begin = self.record.pushed
        count = round(operation.seconds * RATE)
        pcm = counted(begin, count)
        size = RATE * operation.frame_ms // 1000 * SAMPLE_BYTES
        at = 0
        while at < len(pcm):
            end = min(at + size, len(pcm))
            if operation.odd and end < len(pcm):
                end = min(end + 1 - 2 * (end % 2), len(pcm))
            if not self._push(pcm[at:end], begin + end // SAMPLE_BYTES):
                return
            at = end
            if pace:
                await asyncio.sleep(operation.frame_ms / 1000)
            elif at % (size * 8) == 0:
                await asyncio.sleep(0)

    def _push(self, pcm: bytes, position: int) -> bool:
        now_s = self.loop.time()
        if now_s - self.pushes[-1][0] > _LONGEST_WORD_S:
            self.record.torn.add(self.record.pushed // QUARTER)
        self.record.pushed = position
        self.pushes.append((now_s, position))
        self._count("push")
        try:
            self.session.push(pcm)
        except SessionClosed:
            self.pushes.pop()
            self.record.pushed = self.pushes[-1][1]
            self.check_over("push")
            return False
        self.record.pushed_s.append(now_s)
        return True

    async def pause(self, operation: Operation) -> None:
        await asyncio.sleep(operation.seconds)
        if operation.seconds >= self._pause_after_s + 1.0:
            self._check_mute(operation.seconds)

    async def flush(self, operation: Operation) -> None:
        self._count("flush")
        try:
            self.session.flush()
        except SessionClosed:
            self.check_over("flush")

    async def exchange(self, operation: Operation) -> None:
        self._count("exchange")
        try:
            self.session.exchange(Chunks(operation.value))
        except SessionClosed:
            self.check_over("exchange")

    async def configure(self, operation: Operation) -> None:
        changes = dict(operation.value)
        arguments: dict[str, Any] = dict(changes)
        if not self.story.flux and "numerals" in arguments:
            arguments["features"] = {"numerals": arguments.pop("numerals")}
        limit_s = (self.calls_under_way + 1) * (self.settings.configure_timeout_s + 0.5) + self._backlog_s
        # It waits for a handshake that is under way, and behind what was pushed at once and is paced.
        limit_s += self.settings.connect_timeout_s + self.longest_burst_s + self._unread_s
        self.asked.append((arguments, changes))
        await self._set(operation, lambda: self.session.configure(**arguments), changes, limit_s)

    async def reopen(self, operation: Operation) -> None:
        # A handshake may be under way; another follows, and a boundary.
        limit_s = 2 * self.settings.connect_timeout_s + self.settings.rollover_wait_s + 1.0
        limit_s += self.calls_under_way * (limit_s + self.settings.configure_timeout_s) + self._backlog_s
        if operation.value is None:
            await self._set(operation, self.session.reopen, {}, limit_s)
            return
        if operation.value == "wrong":
            await self._reopen_wrongly()
            return
        options = {**self.story.options, "tag": (operation.value,)}
        changes = {**settings_of(self.story.options), "tag": (operation.value,)}
        made = ListenV2Options(**options) if self.story.flux else self.v1_options(tag=(operation.value,))
        self.asked.append((made, changes))
        await self._set(operation, lambda: self.session.reopen(made), changes, limit_s)

    async def _reopen_wrongly(self) -> None:
        """Another audio format is refused at once."""
        wrong = ListenV2Options(sample_rate=8000) if self.story.flux else self.v1_options(sample_rate=8000)
        try:
            async with asyncio.timeout(1.0):
                await self.session.reopen(wrong)
        except InvalidArgument:
            return
        except SessionClosed:
            self.check_over("reopen")
            return
        except Exception as error:
            self.broken("calls raise what is documented", f"reopen with another format: {error!r}")
            return
        self.broken("calls raise what is documented", "reopen takes another format")

    @property
    def _unread_s(self) -> float:
        """How long a service that reads slowly takes for what a socket holds, in frames of 50 ms."""
        frames = self.story.window_bytes / (RATE * SAMPLE_BYTES * 0.05)
        return frames * max((fate.reads_s for fate in (*self.story.fates, self.story.rest)), default=0.0)

    @property
    def _backlog_s(self) -> float:
        return float(self.session.buffered_bytes / RATE / SAMPLE_BYTES)

    async def connect(self, operation: Operation) -> None:
        self.record.disturbed_s.append(self.loop.time())
        task = self._start(operation, self.session.connect, 400.0)
        if operation.awaited:
            await asyncio.wait({task}, timeout=3.0)

    async def _set(self, operation: Operation, call: Call, changes: dict[str, Any], limit_s: float) -> None:
        self.record.disturbed_s.append(self.loop.time())
        self.record.changes += 1
        self.wanted.begin(self.record.pushed, changes)
        self.calls_under_way += 1
        task = self._start(operation, call, limit_s, lambda error: self._settle(operation, changes, error))
        if operation.awaited:
            await asyncio.wait({task})

    def _settle(self, operation: Operation, changes: dict[str, Any], error: BaseException | None) -> None:
        self.calls_under_way -= 1
        position = self.record.pushed + RATE // 1000
        refused = isinstance(error, HandshakeRefused | ConnectFailed) or (
            isinstance(error, ServiceError) and error.code in _REFUSALS
        )
        if error is None:
            sure = changes if operation.kind == "configure" else ("tag",)
            self.wanted.hold(position, changes, sure=sure)
        elif refused:
            self.wanted.withdraw(position, changes)
        else:
            self.wanted.doubt(position, changes)

    async def aclose(self, operation: Operation) -> None:
        await self._aclose(operation)

    async def _aclose(self, operation: Operation) -> None:
        self.record.aclose_cancelled = self.record.aclose_cancelled or operation.cancel_at > 0
        self.record.closed_s = min(self.record.closed_s, self.loop.time())
        task = self._start(operation, self.session.aclose, self.settings.drain_timeout_s + _SLACK_S)
        if operation.awaited:
            await asyncio.wait({task})
        if operation.awaited and not operation.cancel_at:
            self._check_patience()

    async def cancel_all(self, operation: Operation) -> None:
        self.record.cancelled = True
        self._count("cancel all")
        spared = {asyncio.current_task(), *self.transport._tasks}
        for task in asyncio.all_tasks() - spared:
            task.cancel()
        await asyncio.sleep(0.05)
        if self.session.closed:
            return
        if self.service.attempts:
            self.broken("cancelled means closed", "the session says it is open")
        self.record.cancelled = False  # there was nothing yet to be cancelled
        self.consumer = self.loop.create_task(self.consume())

    async def consume(self) -> None:
        raise NotImplementedError

    async def read_anew(self, operation: Operation) -> None:
        raise NotImplementedError

    async def stop_reading(self, operation: Operation) -> None:
        self.reading.clear()

    async def read_on(self, operation: Operation) -> None:
        self.reading.set()

    def _start(
        self,
        operation: Operation,
        call: Call,
        limit_s: float,
        settle: Callable[[BaseException | None], None] | None = None,
    ) -> asyncio.Task[None]:
        task = self.loop.create_task(self._call(operation, call, limit_s, settle), name=str(operation))
        self.tasks.append(task)
        return task

    async def _call(
        self,
        operation: Operation,
        call: Call,
        limit_s: float,
        settle: Callable[[BaseException | None], None] | None,
    ) -> None:
        began_s = self.loop.time()
        self._count(operation.kind)
        error: BaseException | None = None
        try:
            async with asyncio.timeout(limit_s + 5.0) as deadline:
                await cancelled_at(call(), operation.cancel_at)
        except asyncio.CancelledError as cancelled:
            error = cancelled
            if not operation.cancel_at and not self.record.cancelled:
                self.broken("nothing raises out of a session", f"{operation.kind}: CancelledError")
        except Exception as raised:
            error = raised
        took_s = self.loop.time() - began_s
        self.note("caller", f"{operation.kind} took {took_s:.3f} s: {error!r}")
        if settle is not None:
            settle(error)
        if deadline.expired() or took_s > limit_s:
            self.broken(f"{operation.kind} ends in time", f"{took_s:.3f} s of {limit_s:.3f} s allowed")
        elif error is not None and not isinstance(error, asyncio.CancelledError):
            self._check_error(operation, error)

    def _check_error(self, operation: Operation, error: BaseException) -> None:
        if not isinstance(error, _ALLOWED[operation.kind]):
            self.broken("calls raise what is documented", f"{operation.kind}: {error!r}")
        elif isinstance(error, SessionClosed):
            self.check_over(operation.kind)


_ALLOWED: dict[str, tuple[type[BaseException], ...]] = {
    "configure": (ServiceError, HandshakeRefused, SessionClosed),
    # The last is what a transport's bug becomes.
    "reopen": (HandshakeRefused, ConnectFailed, SessionClosed, InternalError),
    "connect": (HandshakeRefused, ConnectFailed, SessionClosed, InternalError),
    "aclose": (),
}

OPERATIONS: dict[str, Callable[[Operations, Operation], Coroutine[Any, Any, None]]] = {
    "speak": Operations.speak,
    "burst": Operations.burst,
    "pause": Operations.pause,
    "flush": Operations.flush,
    "exchange": Operations.exchange,
    "configure": Operations.configure,
    "reopen": Operations.reopen,
    "connect": Operations.connect,
    "aclose": Operations.aclose,
    "cancel all": Operations.cancel_all,
    "read anew": lambda caller, operation: caller.read_anew(operation),
    "stop reading": Operations.stop_reading,
    "read on": Operations.read_on,
}
