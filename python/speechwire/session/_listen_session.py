"""The listening session, for whichever endpoint."""

from __future__ import annotations

import asyncio
from asyncio import get_running_loop
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Generic, NoReturn, Self, TypeVar

from speechwire.errors import InvalidArgument, LocalProtocolError, SpeechwireError
from speechwire.session._connector import Access
from speechwire.session._credential import check_secrecy
from speechwire.session._options_state import Change
from speechwire.session._replacing import Replacing
from speechwire.session._rules import ListenRules
from speechwire.session._runner import Runner
from speechwire.session._states import State
from speechwire.session.converter import Converter
from speechwire.session.events import SessionEvent
from speechwire.session.metrics import ListenStats
from speechwire.session.settings import ListenSettings

__all__ = ["ListeningSession"]

EventT = TypeVar("EventT")


class ListeningSession(Generic[EventT]):
    """Audio in, events out, over as many connections as it takes.

    Use it as an async context manager, or close it with :meth:`aclose`. It belongs to the event loop of its
    first use; elsewhere its methods raise. It can be neither copied nor pickled.
    """

    def __init__(
        self,
        rules: ListenRules[EventT],
        options: Any,
        access: Access,
        *,
        converter: Converter | None,
        base_url: str,
        settings: ListenSettings | None,
        allow_insecure: bool,
    ) -> None:
        check_secrecy(options.url(base_url), allow_insecure=allow_insecure)
        self._rules = rules
        self._settings = settings or ListenSettings()
        self._runner = Runner(rules, options, base_url, access, self._settings, converter, self._watch)
        self._ring = self._runner.audio.ring
        self._machine = self._runner.machine
        self._replacing = Replacing(self._runner, self._settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventT | SessionEvent:
        """Wait for the next event; for one consumer.

        Raises:
            SpeechwireError: The session failed for good; raised once, after the last event.
        """
        return await self._runner.events.get()

    async def receive_each(self, take: Callable[[EventT | SessionEvent], bool]) -> bool:
        """Give every event to ``take``, in order: while this waits, results in the event loop's read,
        which spares a task switch each. For one consumer, in place of the iteration.

        Args:
            take: Takes an event; returns whether it wants the next. Must not wait. It is called in no
                particular context: not in this task's, and not always in a task.

        Returns:
            True at the end; false once ``take`` has returned false: what comes then waits for the next call.

        Raises:
            SpeechwireError: The session failed for good; raised once, after the last event.
            RuntimeError: Another task is waiting for the events.
            Exception: What ``take`` raised; the session goes on, and the next call gets what comes then.
        """
        return await self._runner.events.get_each(take)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a session holds a connection and a credential: it can be neither copied nor pickled")

    @property
    def state(self) -> State:
        """Where the session is in its life."""
        return self._runner.machine.state

    @property
    def error(self) -> BaseException | None:
        """Why the session failed for good, or ``None``."""
        return self._runner.error

    @property
    def request_id(self) -> str | None:
        """The ``dg-request-id`` of the current connection, or of the last one."""
        return self._rules.protocol.request_id

    @property
    def connected(self) -> bool:
        """Whether a connection is open."""
        return self._runner.traffic is not None

    @property
    def closed(self) -> bool:
        """Whether the session was closed or has failed."""
        return not self._runner.machine.accepting

    @property
    def over(self) -> bool:
        """Whether nothing will be sent or counted any more."""
        return self._runner.over

    @property
    def buffered_bytes(self) -> int:
        """Audio kept now, as sent: what waits to be sent and what may have to be sent again."""
        held = self._ring.queued_frames + self._ring.kept_frames
        return held * self._runner.audio.rate.frame_bytes

    @property
    def covered_s(self) -> float:
        """Seconds of audio, as sent, that results cover for good."""
        return self._runner.audio.seconds(self._ring.acknowledged)

    @property
    def replay_from_s(self) -> float:
        """Where a replay would begin, in seconds of audio as sent.

        That is at :attr:`covered_s`, or up to a second before if a result was forced there: the cut may lie
        inside a word.
        """
        audio = self._runner.audio
        return audio.seconds(max(0, self._ring.acknowledged - audio.run_up_frames))

    def stats(self) -> ListenStats:
        """A copy of the counters. See also :attr:`buffered_bytes`."""
        audio = self._runner.audio
        stats = audio.counters()
        stats.sent_s = audio.seconds(stats.sent_bytes // audio.rate.frame_bytes)
        return stats

    def push(self, pcm: bytes) -> None:
        """Take audio of any length. Returns at once: connecting and sending happen behind it.

        Beyond ``buffer_s`` of unsent audio the oldest is dropped and counted, and :class:`AudioDropped`
        says so once while it lasts.

        Raises:
            SessionClosed: The session was closed or failed; the cause is chained.
            LocalProtocolError: The session belongs to another event loop.
            RuntimeError: No event loop runs here.
        """
        # Each object that is looked at here is a cache miss per stream and frame.
        if self._machine.loop is not get_running_loop():
            self._runner.check_usable()
        runner = self._runner
        now = runner.now()
        outcome = self._ring.push(pcm, now)
        if outcome is None:
            return
        if isinstance(outcome, list):
            runner.pushed(outcome, now)
        elif (traffic := runner.conversation.traffic) is not None:  # it is: a closed ring hands nothing over
            traffic.send_live(outcome, now)

    def exchange(self, converter: Converter) -> None:
        """Convert with another converter from here on, as the format of the input changes; returns at once.

        What is left in the one before is sent first. The output's format stays that of the options.

        Raises:
            SessionClosed: The session was closed or failed; the cause is chained.
        """
        self._runner.check_usable()
        self._runner.audio.exchange(converter)
        if self._ring.waiting:
            self._runner.start()

    def flush(self) -> None:
        """Ask for the results of what was pushed so far, behind that audio; returns at once.

        v1 sends ``Finalize``, Flux ``ForceEndTurn``. A partial chunk is sent first. Without a connection and
        without audio there is nothing to ask for.

        Raises:
            SessionClosed: The session was closed or failed.
            LocalProtocolError: The session belongs to another event loop.
            RuntimeError: No event loop runs here.
        """
        runner = self._runner
        runner.check_usable()
        runner.audio.flush_converter()
        if runner.traffic is not None or self._ring.is_unanswered:
            self._ring.mark_flush()
            runner.start()

    async def connect(self) -> None:
        """Open the connection now instead of at the first push. Idempotent.

        Raises:
            HandshakeRefused: The service refused, permanently or too often.
            ConnectFailed: It could not be reached, too often.
            SessionClosed: The session was closed.
        """
        self._runner.check_usable()
        await self._runner.connect()

    async def configure(self, **changes: Any) -> None:
        """Change settings in mid-stream, behind the audio pushed so far, and on every later connection.

        The settings are wanted from this call on: a new connection is made with them, an open one is sent
        ``Configure``. Returns when the connection has them; at once where there is none: if the next one is
        refused with them, :class:`ChangeRefused` says so. When the call is cancelled they stay wanted.

        Args:
            changes: As of ``configure`` of :class:`speechwire.protocol.ListenV2` or ``ListenV1``.

        Raises:
            InvalidArgument: A value is out of its range; nothing changes.
            ServiceError: The service refused, and the settings are wanted no more. Or it did not answer
                within ``configure_timeout_s`` (``retryable`` is then true): they hold on the next connection
                at the latest.
            HandshakeRefused: A connection with these settings was refused; they are wanted no more.
            SessionClosed: The session was closed or failed.
        """
        runner = self._runner
        runner.check_usable()
        options = runner.options
        checked = self._rules.checked(options.wanted, changes)
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        options.add(
            changes,
            partial(self._rules.apply, changes=checked),
            checked,
            self._ring.end,
            partial(_settle, settled),
        )
        if runner.traffic is None and not runner.is_dialing:
            options.adopt()
        runner.notify()
        await settled

    async def reopen(self, options: Any = None) -> None:
        """Replace the connection by a new one, with other options if given, without losing or doubling
        anything.

        The new connection is made first; the change happens between turns or utterances, or after
        ``rollover_wait_s``. Without a connection the options hold from the next one on: if that is refused
        with them, :class:`ChangeRefused` says so. When the call is cancelled the options stay as they were.

        Args:
            options: Of the same type, endpoint and audio format.

        Raises:
            InvalidArgument: The options are of another type or declare another audio format.
            LocalProtocolError: The audio is in a container, which no other connection can continue.
            HandshakeRefused: The service refused the new connection; the old one and its options stay.
            ConnectFailed: It could not be reached; the same holds.
            SessionClosed: The session was closed or failed.
        """
        runner = self._runner
        runner.check_usable()
        self._check_continues(options)
        if options is None:
            await self._reopen(None)
            return
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        change = runner.options.add(
            options, lambda _: options, None, self._ring.end, partial(_settle, settled)
        )
        try:
            await self._reopen(change)
            change.settle(None)
            await settled
        except BaseException:
            runner.options.withdraw(change)
            raise

    async def aclose(self) -> None:
        """Send what is left, take the last results, and close, all within ``drain_timeout_s``. Idempotent.

        The results can be read afterwards; the last event is :class:`SessionEnded`. Cancelled, it ends the
        session at once, unless another task waits in ``aclose`` as well.

        Raises:
            LocalProtocolError: The session belongs to another event loop that still exists: close it there.
                One whose loop has ended is over already, and this returns at once.
        """
        runner = self._runner
        try:
            runner.check_usable()
        except LocalProtocolError:
            raise
        except Exception:
            if runner.over:
                return
        else:
            runner.close_input()
        await runner.close()

    async def _reopen(self, change: Change[Any] | None) -> None:
        runner = self._runner
        await self._handshake_over()
        runner.check_usable()
        if runner.traffic is None:
            runner.options.adopt()
        try:
            await self._replacing.replace()
        except SpeechwireError:
            await self._handshake_over()  # another connection was lost, and the next may have the options
            if change is None or not change.holds:
                raise

    async def _handshake_over(self) -> None:
        while self._runner.is_dialing:
            await self._runner.machine.changed.wait()

    def _watch(self, is_open: bool) -> None:
        self._replacing.watch(is_open)

    def _check_continues(self, options: Any) -> None:
        """Raise unless another connection with these options can continue the audio."""
        current = self._runner.options.wanted
        if options is not None and type(options) is not type(current):
            raise InvalidArgument("options", options, f"of type {type(current).__name__}")
        if options is not None and self._rules.byte_rate(options) != self._runner.audio.rate:
            raise InvalidArgument("options", options, "of the audio format the session was made with")
        if not self._rules.resumable(current) and self._runner.audio.has_sent:
            raise LocalProtocolError("cannot reopen: audio in a container cannot go on in mid-stream")


def _settle(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
        future.exception()  # the caller may have been cancelled: then nobody retrieves it
