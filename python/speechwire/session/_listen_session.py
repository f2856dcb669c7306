"""The listening session, for both endpoints."""

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
from speechwire.session._options_state import Change, settle
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
    """Takes audio and gives events, over as many connections as needed.

    Use it as an async context manager, or close it with :meth:`aclose`. It belongs to the event loop of its
    first use; in another loop its methods raise. It cannot be copied or pickled.
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
        """Call ``take`` with every event, in order, often within the event loop's read, which saves a task
        switch. For one consumer, instead of the iteration.

        Args:
            take: Takes an event; returns whether it wants the next. It must not block. It may be called
                outside this task and outside any task, with any context variables.

        Returns:
            True at the end; false once ``take`` has returned false. Later events wait for the next call.

        Raises:
            SpeechwireError: The session failed for good; raised once, after the last event.
            RuntimeError: Another task is waiting for the events.
            Exception: ``take`` raised it. The session goes on, and the next call gets the later events.
        """
        return await self._runner.events.get_each(take)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a session holds a connection and a credential: it can be neither copied nor pickled")

    @property
    def state(self) -> State:
        """The state of the session."""
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
        """Whether the session has ended: nothing will be sent or counted any more."""
        return self._runner.over

    @property
    def buffered_bytes(self) -> int:
        """Bytes of converted audio kept now: audio that waits, and sent audio that a replay may need."""
        held = self._ring.queued_frames + self._ring.kept_frames
        return held * self._runner.audio.rate.frame_bytes

    @property
    def queued_s(self) -> float:
        """Seconds of pushed audio that messages hold, sent or not. What follows waits to fill a message."""
        return self._runner.audio.seconds(self._ring.end)

    @property
    def covered_s(self) -> float:
        """Seconds of audio that final results cover, counted in audio as sent."""
        return self._runner.audio.seconds(self._ring.acknowledged)

    @property
    def replay_from_s(self) -> float:
        """The position at which a replay would begin, in seconds of audio as sent.

        This is :attr:`covered_s`, or up to a second earlier if a result was forced there, as the cut may lie
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
        """Take audio of any length. Does not block: connecting happens in the background.

        If more than ``buffer_s`` of audio waits, the oldest is dropped and counted. One
        :class:`AudioDropped` is emitted when the overflow begins.

        Raises:
            SessionClosed: The session was closed or failed; the cause is chained.
            LocalProtocolError: The session belongs to another event loop.
            RuntimeError: No event loop runs here.
        """
        # Each object read here costs a cache miss per stream and frame.
        if self._machine.loop is not get_running_loop():
            self._runner.check_usable()
        runner = self._runner
        now = runner.now()
        outcome = self._ring.push(pcm, now)
        if outcome is None:
            return
        if isinstance(outcome, list):
            runner.pushed(outcome, now)
        elif (traffic := runner.conversation.traffic) is not None:  # always: a closed ring hands nothing over
            traffic.send_live(outcome, now)

    def exchange(self, converter: Converter) -> None:
        """Use another converter from here on, because the format of the input changes. Does not block.

        Audio left in the old converter is sent first. The output format stays that of the options.

        Raises:
            SessionClosed: The session was closed or failed; the cause is chained.
        """
        self._runner.check_usable()
        self._runner.audio.exchange(converter)
        if self._ring.waiting:
            self._runner.start()

    def flush(self) -> None:
        """Request the results of the audio pushed so far. Does not block.

        ``Finalize`` (v1) or ``ForceEndTurn`` (Flux) follows that audio, including a partial chunk. Does
        nothing without a connection and without audio.

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
            ConnectFailed: The service could not be reached, too often.
            SessionClosed: The session was closed.
        """
        self._runner.check_usable()
        await self._runner.connect()

    async def configure(self, **changes: Any) -> None:
        """Change settings after the audio pushed so far, and on every later connection.

        An open connection is sent ``Configure``; new ones are opened with the settings. Returns when the
        connection has the settings, or at once without one; :class:`ChangeRefused` is emitted if the next one
        is refused because of them. Cancelling the call does not withdraw the settings.

        Args:
            changes: As of ``configure`` of :class:`speechwire.protocol.ListenV2` or ``ListenV1``.

        Raises:
            InvalidArgument: A value is out of range; nothing changes.
            ServiceError: The service refused, and the settings are withdrawn. Or it did not answer within
                ``configure_timeout_s`` (``retryable`` is then true): they take effect on the next connection
                at the latest.
            HandshakeRefused: A connection with these settings was refused; they are withdrawn.
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
            partial(settle, settled),
        )
        if runner.traffic is None and not runner.is_dialing:
            options.adopt()
        runner.notify()
        await settled

    async def reopen(self, options: Any = None) -> None:
        """Replace the connection by a new one, with other options if given. No result is lost or repeated.

        The new connection is opened first. The session switches between turns or utterances, or after
        ``rollover_wait_s``. Without a connection the options apply from the next one on; if it is refused
        because of them, :class:`ChangeRefused` is emitted. Cancelling the call keeps the old options.

        Args:
            options: Of the same type, endpoint and audio format.

        Raises:
            InvalidArgument: The options are of another type or declare another audio format.
            LocalProtocolError: The audio is in a container, which no other connection can continue.
            HandshakeRefused: The service refused the new connection; the old one and its options stay.
            ConnectFailed: The service could not be reached; the old connection and its options stay.
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
            options, lambda _: options, None, self._ring.end, partial(settle, settled)
        )
        try:
            await self._reopen(change)
            change.settle(None)
            await settled
        except BaseException:
            runner.options.withdraw(change)
            raise

    async def aclose(self) -> None:
        """Send the remaining audio, wait for the last results, and close. Idempotent.

        Takes at most ``drain_timeout_s``, nothing if the session's loop has ended. The last event is then
        :class:`SessionEnded`. Cancelling ends the session at once, unless another task waits here too.

        Raises:
            LocalProtocolError: The session belongs to another event loop that still exists: close it there.
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
            await self._handshake_over()  # the connection was lost; the next one may have the options
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
