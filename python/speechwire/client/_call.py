"""A call over as many connections as needed."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Final, NoReturn, Self

from speechwire.client._conversation import Conversation
from speechwire.client._talking import Talking
from speechwire.client.events import CallEvent, Disconnected, Ended, SpeechAudio
from speechwire.errors import (
    ConnectionLost,
    InternalError,
    SessionClosed,
    SpeechwireError,
)
from speechwire.server.own_socket.messages import AudioFormat, Failure
from speechwire.session.backoff import Backoff, BackoffPolicy
from speechwire.transport import CloseEvent, ConnectRequest, Transport, new_transport

__all__ = ["Call"]

_FINAL_CODES: Final = frozenset({1000, 1008, 4400, 4401})
_UNFINISHED: Final = "unfinished"
_MOST_UNFINISHED: Final = 3


class Call:
    """A conversation with the server that outlives its connections. Made by :func:`connect`.

    It belongs to the event loop it is entered in. Only one task may read the events. When `event_limit`
    events wait, the connection is not read.
    """

    def __init__(
        self,
        conversation: Conversation,
        request: ConnectRequest,
        transport: Transport | None,
        *,
        policy: BackoffPolicy,
        event_limit: int,
        drain_timeout_s: float,
    ) -> None:
        self._conversation = conversation
        self._request = request
        self._own_transport = None if transport else new_transport()
        self._transport = transport or self._own_transport
        self._policy = policy
        self._backoff = Backoff(policy)
        self._drain_timeout_s = drain_timeout_s
        self._events: asyncio.Queue[CallEvent | None] = asyncio.Queue(event_limit)
        self._wake = asyncio.Event()
        self._talking = Talking(conversation, self._wake, self._events, self._note_answer)
        self._answered: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._error: SpeechwireError | None = None
        self._over = False
        self._ever_answered = False
        self._unfinished = 0  # how often the server could not finish, at this acknowledged sample
        self._unfinished_at = -1

    async def __aenter__(self) -> Self:
        """Connect, and wait for the server's answer.

        Raises:
            HandshakeRefused: The server refused, permanently or too often.
            ConnectFailed: The server could not be reached, too often.
            ConnectionLost: The server ended the call at once.
        """
        self._answered = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name="speechwire.client call")
        try:
            await self._answered
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.aclose()
        else:
            await self._stop()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a call holds a connection and a credential: it can be neither copied nor pickled")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CallEvent:
        """Wait for the next event; the last is :class:`Ended`.

        Raises:
            SpeechwireError: The call failed for good; raised once, after the last event.
        """
        while True:
            event = None if self._over and self._events.empty() else await self._events.get()
            if event is None:
                break
            if not isinstance(event, SpeechAudio) or event.utterance >= self._conversation.silenced_before:
                return event
        error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopAsyncIteration

    @property
    def id(self) -> str:
        """The server's id of the call, for logs and support."""
        return self._conversation.call

    @property
    def speech(self) -> AudioFormat | None:
        """The format of the speech that will come; ``None`` for no speech."""
        return self._conversation.speech

    @property
    def unacknowledged_s(self) -> float:
        """Seconds of audio kept: not sent yet, or sent and not acknowledged."""
        return self._conversation.kept_s

    @property
    def dropped_s(self) -> float:
        """Audio lost so far, in seconds."""
        return self._conversation.dropped_s

    def push(self, pcm: bytes) -> None:
        """Take audio of any length. Does not block.

        If more than ``buffer_s`` of audio is unacknowledged, the oldest is dropped. Dropped audio is lost if
        it had not been sent, or if its connection ends before the server acknowledges it. One
        :class:`AudioDropped` is emitted when the overflow begins.

        Raises:
            SessionClosed: The call is over.
            LocalProtocolError: :meth:`finish` was called before.
        """
        self._check_open()
        for event in self._conversation.push(pcm):
            self._tell(event)
        self._wake.set()

    def change_format(self, format: AudioFormat) -> None:
        """Set the format of the audio pushed from here on. Does not block."""
        self._check_open()
        self._conversation.change_format(format)

    def say(self, text: str) -> str:
        """Ask for a text to be spoken after those before it; return the ``id`` of its speech. Does not block.

        Raises:
            InvalidArgument: `text` is empty or has more than 10000 characters.
            LocalProtocolError: Too many texts wait to be spoken.
            SessionClosed: The call is over.
        """
        self._check_open()
        said = self._conversation.say(text)
        self._wake.set()
        return said

    def interrupt(self) -> None:
        """Stop all speech, including texts that wait. Does not block; no more audio of it is delivered."""
        self._check_open()
        self._conversation.interrupt()
        self._wake.set()

    def end_turn(self) -> None:
        """Tell the server that the turn ends with the audio pushed so far. Does not block."""
        self._check_open()
        self._conversation.end_turn()
        self._wake.set()

    def played(self, utterance: int, samples: int) -> None:
        """Report how many samples of an utterance were heard. Does not block."""
        self._check_open()
        self._conversation.played(utterance, samples)
        self._wake.set()

    def finish(self) -> None:
        """End the audio. Captions of the pushed audio still come, speech does not. Idempotent."""
        self._conversation.finish()
        self._wake.set()

    async def aclose(self) -> None:
        """Finish, wait up to ``drain_timeout_s`` for the last events, and close. Idempotent.

        Events may be dropped meanwhile if no task reads them.
        """
        self.finish()
        task = self._task
        if task is not None and not task.done():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._drain_timeout_s):
                    await self._drained(task)
        await self._stop()

    async def _drained(self, task: asyncio.Task[None]) -> None:
        """Make room for events until the call is over."""
        while not task.done():
            if self._events.full():
                self._events.get_nowait()
            await asyncio.wait({task}, timeout=0.01)

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._over = True
        if self._own_transport is not None:
            await self._own_transport.aclose()

    async def _run(self) -> None:
        try:
            await self._connections()
        except SpeechwireError as error:
            self._fail(error)
        except Exception as error:
            self._fail(InternalError(error))
        finally:
            self._over = True
        await self._events.put(None)

    async def _connections(self) -> None:
        while True:
            delay_s, reason = await self._one_connection()
            if delay_s is None:
                return
            for event in self._conversation.lost_before():
                await self._events.put(event)
            attempt = max(self._backoff.attempts, 1)
            await self._events.put(Disconnected(attempt=attempt, delay_s=delay_s, reason=reason))
            await asyncio.sleep(delay_s)

    async def _one_connection(self) -> tuple[float | None, str]:
        """Run one connection; return the delay before the next (``None`` for no other) and the reason."""
        loop = asyncio.get_running_loop()
        assert self._transport is not None
        try:
            socket = await self._transport.connect(self._request)
        except SpeechwireError as error:
            return self._after_failure(error), str(error)
        began = loop.time()
        try:
            close = await self._talking.talk(socket)
        finally:
            socket.abort()
        return await self._after(close, loop.time() - began)

    def _note_answer(self) -> None:
        if self._conversation.answered:
            self._ever_answered = True
            if self._answered is not None and not self._answered.done():
                self._answered.set_result(None)

    async def _after(self, close: CloseEvent, lived_s: float) -> tuple[float | None, str]:
        """Decide what follows after a connection ended; return as :meth:`_one_connection`."""
        conversation = self._conversation
        goodbye, failure = conversation.goodbye, conversation.failure
        reason = failure.description if failure else close.reason or (goodbye.reason if goodbye else "")
        code = goodbye.code if goodbye and close.code in (1005, 1006) else close.code
        is_final = not failure.retryable if failure else code in _FINAL_CODES
        if not is_final and self._has_stood_still(failure):
            await self._events.put(conversation.give_up())
            is_final = True
        if is_final:
            await self._end(code, reason)
            return None, reason
        asked_s = (goodbye.retry_after_s or 0.0) if goodbye else 0.0
        delay_s = self._backoff.ended(lived_s=lived_s, progressed=conversation.answered)
        delay_s = self._backoff.patient_s() if delay_s is None else delay_s
        return max(delay_s, asked_s), reason or f"the connection was lost (close code {code})"

    def _has_stood_still(self, failure: Failure | None) -> bool:
        """Whether the server failed at the same audio several times, so that another attempt is useless."""
        if failure is None or failure.code != _UNFINISHED:
            return False
        acknowledged = self._conversation.acknowledged
        self._unfinished = self._unfinished + 1 if acknowledged == self._unfinished_at else 1
        self._unfinished_at = acknowledged
        return self._unfinished >= _MOST_UNFINISHED

    async def _end(self, code: int, reason: str) -> None:
        lost = ConnectionLost(code, reason, retryable=False)
        if self._answered is not None and not self._answered.done():
            raise lost
        conversation = self._conversation
        await self._events.put(
            Ended(
                code=code,
                reason=reason,
                pushed_s=conversation.pushed_s,
                dropped_s=conversation.dropped_s,
            )
        )
        if code != 1000:
            self._error = lost

    def _after_failure(self, error: SpeechwireError) -> float:
        """A connection could not be opened; return the seconds to wait.

        Raises:
            SpeechwireError: No further attempt is made.
        """
        delay_s = self._backoff.refused(error)
        if delay_s is not None:
            return delay_s
        if not error.retryable or not self._ever_answered:
            raise error
        return self._backoff.patient_s()

    def _fail(self, error: SpeechwireError) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)
        else:
            self._error = error

    def _check_open(self) -> None:
        if self._over:
            raise SessionClosed("the call is over")

    def _tell(self, event: CallEvent) -> None:
        """Emit an event that the caller caused. Without room it is dropped; the counters have the numbers."""
        with contextlib.suppress(asyncio.QueueFull):
            self._events.put_nowait(event)
