"""The listening session, for whichever endpoint."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Generic, NoReturn, Self, TypeVar

from speechwire.errors import InvalidArgument, ServiceError, SessionClosed
from speechwire.session._conductor import Conductor
from speechwire.session._credential import check_secrecy
from speechwire.session._dialer import Dialing
from speechwire.session._strategy import Strategy
from speechwire.session.converter import Converter, Passthrough
from speechwire.session.events import SessionEvent
from speechwire.session.metrics import ListenStats
from speechwire.session.settings import ListenSettings

__all__ = ["ListeningSession"]

EventT = TypeVar("EventT")


class ListeningSession(Generic[EventT]):
    """Audio in, events out, over as many connections as it takes.

    Use it as an async context manager, or close it with :meth:`aclose`. All methods belong to one event
    loop's thread.
    """

    def __init__(
        self,
        strategy: Strategy[EventT],
        dialing: Dialing,
        *,
        converter: Converter | None,
        base_url: str,
        settings: ListenSettings | None,
        allow_insecure: bool,
    ) -> None:
        check_secrecy(strategy.url(base_url), allow_insecure=allow_insecure)
        self._strategy = strategy
        self._settings = settings or ListenSettings()
        self._converter = converter or Passthrough(strategy.format().frame_bytes)
        self._conductor = Conductor(strategy, base_url, dialing, self._settings)
        self._changing = asyncio.Lock()

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
        return await self._conductor.events.get()

    @property
    def error(self) -> BaseException | None:
        """Why the session failed for good, or ``None``."""
        return self._conductor.error

    @property
    def request_id(self) -> str | None:
        """The ``dg-request-id`` of the current connection, or of the last one."""
        return self._strategy.protocol.request_id

    @property
    def connected(self) -> bool:
        """Whether a connection is open."""
        return self._conductor.link is not None

    @property
    def closed(self) -> bool:
        """Whether the session was closed or has failed."""
        return not self._conductor.accepting

    @property
    def over(self) -> bool:
        """Whether its task has ended: nothing will be sent or counted any more."""
        return self._conductor.over

    @property
    def buffered_bytes(self) -> int:
        """Audio kept now, as sent: what waits to be sent and what may have to be sent again."""
        return self._conductor.kept_bytes

    def stats(self) -> ListenStats:
        """A copy of the counters. See also :attr:`buffered_bytes`."""
        stats = ListenStats() + self._conductor.stats
        bytes_per_s = self._conductor.format.bytes_per_s
        stats.sent_s = stats.sent_bytes / bytes_per_s if bytes_per_s else 0.0
        return stats

    def push(self, pcm: bytes) -> None:
        """Take audio of any length. Returns at once: connecting and sending happen behind it.

        Beyond ``buffer_s`` of unsent audio the oldest is dropped and counted, and :class:`AudioDropped`
        tells it once per outage.

        Raises:
            SessionClosed: The session was closed or failed; the cause is chained.
        """
        conductor = self._conductor
        if not conductor.accepting:
            self._refuse()
        chunks = self._converter.push(pcm)
        if chunks:
            conductor.push(chunks)
        elif pcm and not conductor.started:
            conductor.start(connect=True)  # the handshake need not wait for a whole chunk

    def exchange(self, converter: Converter) -> None:
        """Convert with another converter from here on, as the format of the input changes; returns at once.

        What is left in the one before is sent first. The output's format stays that of the options.

        Raises:
            SessionClosed: The session was closed or failed; the cause is chained.
        """
        self._check_usable()
        self._conductor.push(self._converter.flush())
        self._converter = converter

    def flush(self) -> None:
        """Ask for the results of what was pushed so far, behind that audio; returns at once.

        v1 sends ``Finalize``, Flux ``ForceEndTurn``. A partial chunk is sent first.

        Raises:
            SessionClosed: The session was closed or failed.
        """
        self._check_usable()
        self._append_tail()
        self._conductor.mark(self._strategy.flush)

    async def connect(self) -> None:
        """Open the connection now instead of at the first push. Idempotent.

        Raises:
            HandshakeRefused: The service refused, permanently or too often.
            ConnectFailed: It could not be reached, too often.
            SessionClosed: The session was closed.
        """
        self._check_usable()
        if self._conductor.link is None:
            self._conductor.start(connect=True)
            await self._conductor.linked.wait()
        if self._conductor.link is None:
            raise self._conductor.error or SessionClosed("the session was closed while connecting")

    async def configure(self, **changes: Any) -> None:
        """Change settings in mid-stream, behind the audio pushed so far, and on every later connection.

        Calls are made one after the other. Without a connection the settings hold from the next one on.

        Args:
            changes: As of ``configure`` of :class:`speechwire.protocol.ListenV2` or ``ListenV1``.

        Raises:
            InvalidArgument: A value is out of its range.
            ServiceError: The service refused and nothing changed; or it did not answer within
                ``configure_timeout_s``, and what holds is not known.
            SessionClosed: The session was closed or failed.
        """
        self._check_usable()
        self._strategy.check_configure(changes)
        async with self._changing:
            self._check_usable()
            if self._conductor.link is not None:
                await self._ask_to_configure(changes)
            self._strategy.adopt(changes)

    async def reopen(self, options: Any = None) -> None:
        """Replace the connection by a new one, with other options if given, without losing or doubling
        anything.

        The new connection is made first; the change happens between turns or utterances, or after
        ``rollover_wait_s``. Without a connection the options hold from the next one on.

        Args:
            options: Of the same type, endpoint and audio format.

        Raises:
            InvalidArgument: The options declare another audio format.
            HandshakeRefused: The service refused the new connection; the old one and its options stay.
            ConnectFailed: It could not be reached; the same holds.
            SessionClosed: The session was closed or failed.
        """
        self._check_usable()
        async with self._changing:
            before = self._strategy.options
            if options is not None:
                self._strategy.options = options
                if self._strategy.format() != self._conductor.format:
                    self._strategy.options = before
                    raise InvalidArgument("options", options, "of the audio format the session was made with")
            try:
                await self._conductor.roll_over()
            except Exception:
                self._strategy.options = before
                raise

    async def aclose(self) -> None:
        """Send what is left, take the last results, and close, all within ``drain_timeout_s``. Idempotent.

        The results can be read afterwards; the last event is :class:`SessionEnded`.
        """
        if not self.closed:
            self._append_tail()
            self._conductor.stop_accepting()
            self._conductor.mark(self._strategy.finish)
        await self._conductor.close()

    def _append_tail(self) -> None:
        for chunk in self._converter.flush():
            self._conductor.append(chunk)

    async def _ask_to_configure(self, changes: dict[str, Any]) -> None:
        answer = self._conductor.expect_answer()
        self._conductor.mark(lambda: self._strategy.configure(changes))
        try:
            async with asyncio.timeout(self._settings.configure_timeout_s):
                refusal = await answer
        except TimeoutError:
            self._strategy.protocol.give_up_configure()
            raise ServiceError("", "no answer to Configure", retryable=True) from None
        if refusal is not None:
            raise refusal

    def _check_usable(self) -> None:
        if not self._conductor.accepting:
            self._refuse()

    def _refuse(self) -> NoReturn:
        error = self._conductor.error
        if error is not None:
            raise SessionClosed(f"the session has failed: {error}") from error
        raise SessionClosed("the session has been closed")
