"""Shared by both speech-to-text services: a session that takes the pipeline's audio and yields frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from loguru import logger
from pipecat.frames.frames import CancelFrame, EndFrame, Frame, InputAudioRawFrame
from pipecat.metrics.metrics import STTUsage
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import STTService
from pipecat.transcriptions.language import Language
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.tracing.service_decorators import traced_stt

from speechwire.errors import ServiceError, SessionClosed, SpeechwireError
from speechwire.session import (
    AudioDropped,
    ChangeRefused,
    EventsDropped,
    ListenSettings,
    ListenStats,
    ListenV1Session,
    ListenV2Session,
    OutageBegan,
    OutageEnded,
    Reconnected,
    Reconnecting,
    SessionEnded,
)

from ._errors import category_of
from ._private import announce, register_events

__all__ = ["ApiKey", "ListeningService"]

ApiKey = str | Callable[[], str | Awaitable[str]]
"""A key, or a callable, plain or async, that is asked for one at each connect."""

Session = ListenV1Session | ListenV2Session


class ListeningService(STTService):
    """A session in a pipeline.

    An outage is reported once, as an error that makes the service unusable, so that a ``ServiceSwitcher``
    moves on. Audio that still comes is kept, and sent when Deepgram answers again, which makes the service
    usable by itself. Only an error that no retry can change ends the session; other settings, or
    ``set_usable(True)``, begin another.

    Args:
        session_settings: Limits and deadlines of the sessions.
        **kwargs: Pipecat's.

    Events: ``on_session_event(service, event)`` with every message and session event of `speechwire`.
    """

    def __init__(self, *, session_settings: ListenSettings | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._limits = session_settings or ListenSettings()
        self._session: Session | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reading: asyncio.Task[None] | None = None
        self._connected = False
        self._outage = False
        self._over = False
        self._reported_s = 0.0
        register_events(self, ["on_session_event"])

    def can_generate_metrics(self) -> bool:
        """Whether there are metrics: yes."""
        return True

    @property
    def request_id(self) -> str | None:
        """The ``dg-request-id`` of the current connection, or of the last one."""
        return None if self._session is None else self._session.request_id

    def stats(self) -> ListenStats:
        """A copy of the session's counters."""
        return ListenStats() if self._session is None else self._session.stats()

    # What the services say about themselves

    def make_session(self) -> Session:
        """Make a session from the settings."""
        raise NotImplementedError

    async def take(self, event: Any) -> None:
        """Push the frames that one of the service's own messages means."""
        raise NotImplementedError

    async def bring(self, changed: dict[str, Any]) -> None:
        """Bring the open session to the settings; ``changed`` has what they were before."""
        raise NotImplementedError

    # Pipecat's life cycle

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Begin to connect. Audio that comes earlier than the connection waits for it."""
        await super().setup(setup)
        self._begin()

    async def stop(self, frame: EndFrame) -> None:
        """Send the last audio and push the last transcripts, within the session's drain timeout."""
        await self._close(drain=True)
        await super().stop(frame)

    async def cancel(self, frame: CancelFrame) -> None:
        """Stop at once."""
        await self._close(drain=False)
        await super().cancel(frame)

    async def cleanup(self) -> None:
        """Let go of everything."""
        await self._close(drain=False)
        await super().cleanup()

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Take audio and return at once; connecting and sending happen behind it."""
        self._push(audio)
        yield None

    async def process_audio_frame(self, frame: InputAudioRawFrame, direction: FrameDirection) -> None:
        """Take audio; during an outage too, so that what is said meanwhile is transcribed after it."""
        if self._outage and not self.is_usable and not self.is_muted:
            self._push(frame.audio)
        else:
            await super().process_audio_frame(frame, direction)

    async def set_usable(self, is_usable: bool) -> None:
        """Be given work, or not.

        Whoever makes this usable again after an outage or a refusal gets a new session: what the old one
        has kept, others have answered meanwhile.
        """
        if is_usable and not self.is_usable and not self._over:
            await self._drop_session()
            self._begin()
        await super().set_usable(is_usable)

    async def emit_stt_usage_metrics(self) -> None:
        """Report the audio sent since the last report: replays and silence put in too, as they are billed."""
        stats = self.stats()
        if stats.sent_bytes and not stats.sent_s:  # compressed: only the framework's estimate is left
            await super().emit_stt_usage_metrics()
            return
        seconds, self._reported_s = stats.sent_s - self._reported_s, stats.sent_s
        if seconds > 0:
            await self.start_stt_usage_metrics(STTUsage(audio_seconds=seconds))

    async def _update_settings(self, delta: STTSettings) -> dict[str, Any]:
        """Change settings without losing a word. Returns at once; a refusal is pushed as an error."""
        changed: dict[str, Any] = await super()._update_settings(delta)
        if changed and self._session is not None and not self._session.closed:
            self.in_background(self._bring(changed, {name: self._setting(name) for name in changed}))
        return changed

    # For the services

    def in_background(self, work: Any) -> asyncio.Task[Any]:
        """Do something nobody waits for; it ends with the service."""
        task: asyncio.Task[Any] = self.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @traced_stt  # type: ignore[untyped-decorator]
    async def _handle_transcription(
        self, transcript: str, is_final: bool, language: Language | None = None
    ) -> None:
        """Nothing: the decorator ends the transcription's span with it."""

    # The session

    def _begin(self) -> Session | None:
        if self._over:
            return None
        try:
            session = self.make_session()
        except (SpeechwireError, ValueError, TypeError) as error:
            self.in_background(self._give_up(error))
            return None
        self._session, self._outage, self._reported_s = session, False, 0.0
        self._reading = self.in_background(self._read(session))
        self.in_background(self._connect(session))
        return session

    def _push(self, audio: bytes) -> None:
        session = self._session or self._begin()
        if session is not None:
            with suppress(SessionClosed):  # whoever reads its events says why
                session.push(audio)

    async def _connect(self, session: Session) -> None:
        with suppress(SpeechwireError):  # reported by the events
            await session.connect()
            await self._note_connected(session.connected)

    async def _read(self, session: Session) -> None:
        try:
            async for event in session:
                if session is self._session:
                    await announce(self, "on_session_event", event)
                    await self._take(event)
        except SpeechwireError as error:
            if session is self._session and not self._over:
                await self._drop_session()
                await self._give_up(error)

    async def _take(self, event: Any) -> None:
        match event:
            case Reconnecting():
                logger.warning(f"{self}: no connection, attempt {event.attempt}: {event.error}")
                await self._note_connected(False)
                await announce(self, "on_connection_error", str(event.error))
            case Reconnected():
                logger.info(f"{self}: connected again, {event.replayed_s:.2f} s of audio are sent again")
                await self._note_connected(True)
            case OutageBegan():
                await self._begin_outage(event.error)
            case OutageEnded():
                await self._end_outage(event.lasted_s)
            case ChangeRefused():
                logger.warning(f"{self}: a change of the settings was refused: {event.error}")
            case AudioDropped() | EventsDropped():
                logger.warning(f"{self}: {event}")
            case SessionEnded():
                if not event.complete and event.dropped_s:
                    logger.warning(f"{self}: {event.dropped_s:.2f} s of audio have no final transcript")
            case _:
                await self.take(event)

    async def _begin_outage(self, error: SpeechwireError) -> None:
        self._outage = True
        await self._give_up(error)

    async def _end_outage(self, lasted_s: float) -> None:
        logger.info(f"{self}: the service answers again after {lasted_s:.1f} s")
        self._outage = False
        await self._note_connected(True)
        await super().set_usable(True)

    async def _note_connected(self, connected: bool) -> None:
        if connected is not self._connected:
            self._connected = connected
            await announce(self, "on_connected" if connected else "on_disconnected")

    async def _give_up(self, error: BaseException) -> None:
        """Say once that the service does not do its work now."""
        await self.stop_all_metrics()
        await announce(self, "on_connection_error", str(error))
        await self.push_error(
            str(error), exception=error, category=category_of(error), force_treat_as_permanent=True
        )

    async def _close(self, *, drain: bool) -> None:
        self._over = True
        session = self._session
        if session is not None and drain:
            await session.aclose()
            if self._reading is not None:
                await asyncio.wait({self._reading})
        await self._drop_session()
        for task in tuple(self._tasks):
            await self.cancel_task(task)

    async def _drop_session(self) -> None:
        """Close the session without waiting for results; its events are nobody's any more."""
        if self._session is None:
            return
        await self.emit_stt_usage_metrics()
        session, self._session, self._outage = self._session, None, False
        reading, self._reading = self._reading, None
        if reading is not None and not reading.done() and reading is not asyncio.current_task():
            await self.cancel_task(reading)
        await self._note_connected(False)
        if not session.over:
            closing = asyncio.ensure_future(session.aclose())
            await asyncio.sleep(0)
            closing.cancel()
            await asyncio.wait({closing})

    # Settings

    def _setting(self, name: str) -> Any:
        return getattr(self.settings, name, self.settings.extra.get(name))

    async def _bring(self, changed: dict[str, Any], wanted: dict[str, Any]) -> None:
        try:
            await self.bring(changed)
        except SessionClosed:
            return  # the next session is made from the settings
        except SpeechwireError as error:
            if isinstance(error, ServiceError) and error.retryable:  # `Configure` had no answer in time
                logger.warning(f"{self}: the next connection has the settings at the latest: {error}")
                return
            self._withdraw(changed, wanted)
            message = f"settings were refused, the others stay: {error}"
            await self.push_error(message, exception=error, category=ErrorCategory.APPLICATION)

    def _withdraw(self, changed: dict[str, Any], wanted: dict[str, Any]) -> None:
        """What was refused is wanted no more, as far as nothing else is wanted by now."""
        for name, before in changed.items():
            if self._setting(name) == wanted[name]:
                if hasattr(self.settings, name):
                    setattr(self.settings, name, before)
                else:
                    self.settings.extra[name] = before
