"""Opens connections with retries, and reports attempts that fail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from speechwire.errors import HandshakeRefused, SpeechwireError
from speechwire.session._connection import Ended
from speechwire.session._connector import Access, Connector
from speechwire.session._options_state import OptionsState, Snapshot
from speechwire.session._outgoing import OutgoingAudio
from speechwire.session._states import Attempt, Ending, State, StateMachine
from speechwire.session._wakeup import Wakeup
from speechwire.session.backoff import Backoff
from speechwire.session.events import OutageBegan, OutageEnded, Reconnecting, SessionEvent
from speechwire.session.settings import ListenSettings
from speechwire.transport import WebSocket

__all__ = ["Dialing", "Opened"]

_logger = logging.getLogger("speechwire.session")

Opened = tuple[WebSocket, Snapshot[Any]]
"""An open connection, and the options it was opened with."""

_AT_ONCE_S: Final = 0.0
_OF_THE_PROJECT: Final = frozenset({401, 402})


class Dialing:
    """Opens a session's connections. Made inside the event loop.

    Args:
        access: How to reach the service.
        base_url: The service's URL.
        settings: Limits and deadlines.
        options: The wanted options.
        machine: The session's state.
        audio: The session's audio.
        wakeup: Makes the session's task wait.
        now: Returns the loop's time.
        emit: Takes events.

    Attributes:
        connector: Makes the attempts.
        error: Why the last attempt failed or the last connection was lost.
        failures: How many attempts failed and connections were lost so far.
    """

    def __init__(
        self,
        access: Access,
        base_url: str,
        settings: ListenSettings,
        options: OptionsState[Any],
        machine: StateMachine,
        audio: OutgoingAudio,
        wakeup: Wakeup,
        now: Callable[[], float],
        emit: Callable[[SessionEvent], None],
    ) -> None:
        self.connector = Connector(access, settings.connect_timeout_s, audio.stats)
        self.error: SpeechwireError | None = None
        self.failures = 0
        self._base_url = base_url
        self._settings = settings
        self._options = options
        self._machine = machine
        self._audio = audio
        self._wakeup = wakeup
        self._now = now
        self._emit = emit
        self._backoff = Backoff(settings.backoff, uniform=access.uniform)
        self._has_url = False
        self._dialed = options.snapshot()  # the options of the last attempt
        self._outage_since: float | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether an attempt is under way whose options can no longer be changed."""
        return self._has_url

    @property
    def is_outage(self) -> bool:
        """Whether the attempts are used up."""
        return self._outage_since is not None

    async def open(self, *, borrowed: bool = False) -> Opened:
        """Open a connection with the options that are wanted when the attempt begins.

        Args:
            borrowed: Whether it is opened beside another one, in a place borrowed from the limiter.

        Raises:
            SpeechwireError: The connection could not be opened.
        """
        while (opened := await self._open(borrowed))[1].is_stale:
            opened[0].abort()
        if not borrowed:  # a borrowed one counts when it replaces the other
            self._options.made(opened[1])
        return opened

    async def _open(self, borrowed: bool) -> Opened:
        snapshot = self._options.snapshot()

        def url() -> str:
            nonlocal snapshot
            snapshot = self._options.snapshot()
            if not borrowed:
                self._dialed, self._has_url = snapshot, True
            return str(snapshot.options.url(self._base_url))

        websocket = await self.connector.open(url, borrowed=borrowed)
        return websocket, snapshot

    async def attempt(self) -> Opened | None:
        """Make one attempt. If it fails, wait until the next is due and return ``None``.

        Raises:
            SpeechwireError: Why no further attempt is made.
        """
        self._machine.step(Attempt.DIAL)
        self._wakeup.hurry = False
        pushes, begun_at = self._audio.ring.pushes, self._now()
        try:
            opened = await self.open()
        except SpeechwireError as error:
            failure = error
        else:
            self._machine.step(Attempt.OPENED)
            return opened
        finally:
            self._has_url = False
        await self._unreachable(failure, pushes, self._now() - begun_at)
        return None

    async def lost(self, ended: Ended, error: SpeechwireError, *, progressed: bool) -> None:
        """A connection was lost; wait until the next attempt is due.

        Raises:
            SpeechwireError: Why no further attempt is made.
        """
        throttled = ended.ending is Ending.THROTTLED
        delay_s = self._backoff.ended(lived_s=ended.lived_s, progressed=progressed, throttled=throttled)
        await self._failed(error, delay_s, self._audio.ring.pushes, 0.0)

    def again_at_once(self, error: SpeechwireError | None) -> None:
        """Report that a connection ended normally and the next follows at once."""
        self._say_retry(_AT_ONCE_S, error)

    def is_quick(self, ended: Ended) -> bool:
        """Whether a connection ended so soon that the next one should not follow at once."""
        return self._backoff.is_quick(ended.lived_s)

    def end_outage(self) -> None:
        """The service answers again."""
        if self._outage_since is not None:
            lasted_s, self._outage_since = self._now() - self._outage_since, None
            self._backoff.succeeded()
            self._emit(OutageEnded(lasted_s=lasted_s))

    async def _unreachable(self, error: SpeechwireError, pushes: int, attempt_s: float) -> None:
        if error.retryable:
            self._machine.step(Attempt.UNREACHABLE)
            await self._failed(error, self._backoff.refused(error), pushes, attempt_s)
        elif not _is_of_the_project(error) and self._options.refused_together(error, self._dialed.unproven):
            # Without the changes that the service has never accepted, an attempt may succeed.
            self._machine.step(Attempt.UNREACHABLE)
            self._say_retry(_AT_ONCE_S, error)
        else:
            self._machine.step(Attempt.REFUSED)
            raise error

    async def _failed(
        self, error: SpeechwireError, delay_s: float | None, pushes: int, attempt_s: float
    ) -> None:
        self.error = error
        self.failures += 1
        self._options.adopt()
        if delay_s is not None and not self.is_outage:
            delay_s = self._backoff.behind(attempt_s, delay_s)
            delay_s = max(delay_s, min(self._settings.backoff.cap_s, self._audio.overdraft_s()))
            self._say_retry(delay_s, error)
            await self._wakeup.pause(delay_s)
        elif not self._settings.wait_out_outages:
            self._machine.step(Attempt.ABANDONED)
            raise error
        elif self._machine.state is State.DRAINING:
            self._machine.step(Attempt.ABANDONED)
        else:
            self._begin_outage(error)
            await self._wakeup.pause(self._backoff.behind(attempt_s, self._backoff.patient_s()))
            while self._audio.ring.pushes == pushes and not self._wakeup.hurry:
                await self._wakeup.look()  # without new audio no attempt is needed

    def _begin_outage(self, error: SpeechwireError) -> None:
        if self._outage_since is None:
            self._outage_since = self._now()
            event = OutageBegan(error=error)
            _logger.warning("%s", event)
            self._emit(event)
        self._machine.changed.notify()

    def _say_retry(self, delay_s: float, error: SpeechwireError | None) -> None:
        if not self.is_outage:  # an outage was reported once, when it began
            event = Reconnecting(attempt=self._backoff.attempts, delay_s=delay_s, error=error)
            _logger.warning("%s", event)
            self._emit(event)


def _is_of_the_project(error: SpeechwireError) -> bool:
    """Whether a refusal is about the key or the balance: other options would be refused as well."""
    return isinstance(error, HandshakeRefused) and error.status in _OF_THE_PROJECT
