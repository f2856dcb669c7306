"""What both speech-to-text classes have in common: a core session behind the framework's stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from livekit import rtc
from livekit.agents import APIConnectOptions, stt
from livekit.agents.voice.io import TimedString

from speechwire.audio import PcmPipeline
from speechwire.errors import SessionClosed, SpeechwireError
from speechwire.session import AudioDropped, EventsDropped, OutageBegan, Reconnected, Reconnecting

from ._errors import api_error
from ._framework import check_open, deliver, input_ended, note_acquired, without_retry
from ._options import OptionsFollower, Session, terms
from .log import logger

__all__ = ["SessionSTT", "SessionStream", "timed"]

_USAGE_EVERY_S = 5.0
# A connection opened ahead that no stream has taken is closed after so long.
_PREWARMED_S = 60.0


class SessionSTT(stt.STT):
    """Keeps the options, and tells the streams when they change."""

    def __init__(self, *, capabilities: stt.STTCapabilities, arguments: dict[str, Any]) -> None:
        super().__init__(capabilities=capabilities)
        self._arguments = arguments
        self._user_keyterm: list[str] = list(arguments["keyterm"])
        self._session_keyterm: list[str] = []
        self._streams: WeakSet[SessionStream] = WeakSet()
        self._prewarmed: tuple[Any, Session] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self._arguments["model"])

    @property
    def provider(self) -> str:
        """Who recognises."""
        return "Deepgram"

    def prewarm(self) -> None:
        """Open a connection that the next stream takes. Returns at once; nothing without an event loop."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._prewarmed is None:
            options = self._options(self._arguments)
            session = self._session(options, APIConnectOptions())
            self._prewarmed = options, session
            self.keep(_quietly(session.connect()))
            loop.call_later(_PREWARMED_S, self._drop_prewarmed, session)

    async def aclose(self) -> None:
        """Close every stream without waiting for results, and then their connections in good order."""
        if self._prewarmed is not None:
            self._drop_prewarmed(self._prewarmed[1])
        await asyncio.gather(*(stream.aclose() for stream in list(self._streams)))
        if self._closing:
            await asyncio.wait(self._closing)

    def _options(self, arguments: dict[str, Any]) -> Any:
        """The core's options for the framework's arguments."""
        raise NotImplementedError

    def _session(self, options: Any, conn_options: APIConnectOptions) -> Session:
        """A new session."""
        raise NotImplementedError

    def _begin(self, options: Any, conn_options: APIConnectOptions) -> Session:
        """The session opened ahead if it fits, else a new one."""
        prewarmed, self._prewarmed = self._prewarmed, None
        if prewarmed is not None:
            made_with, session = prewarmed
            if made_with == options and not session.closed and conn_options == APIConnectOptions():
                return session
            self.keep(session.aclose())
        return self._session(options, conn_options)

    def _change(self, changes: dict[str, Any]) -> None:
        """Want other arguments, here and on all streams.

        Raises:
            InvalidArgument: A value is out of its range; nothing changes.
        """
        user_keyterm = list(changes.get("keyterm", self._user_keyterm))
        if "keyterm" in changes:
            changes = {**changes, "keyterm": terms(user_keyterm, self._session_keyterm)}
        arguments = {**self._arguments, **changes}
        self._options(arguments)
        self._arguments, self._user_keyterm = arguments, user_keyterm
        for stream in self._streams:
            stream.change(changes)

    def _update_session_keyterms(self, keyterms: list[str]) -> None:
        if keyterms != self._session_keyterm:
            self._session_keyterm = list(keyterms)
            self._change({"keyterm": self._user_keyterm})

    def _drop_prewarmed(self, session: Session) -> None:
        if self._prewarmed is not None and self._prewarmed[1] is session:
            self._prewarmed = None
            self.keep(session.aclose())

    def keep(self, work: Awaitable[None]) -> None:
        """Have something done that nobody waits for, except :meth:`aclose`."""
        task = asyncio.ensure_future(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class SessionStream(stt.RecognizeStream):
    """One caller's audio in, events out. The session behind it outlives its connections."""

    def __init__(self, owner: SessionSTT, arguments: dict[str, Any], conn_options: APIConnectOptions) -> None:
        options = owner._options(arguments)
        self._owner = owner
        self._arguments = arguments
        self._wire_rate: int = options.sample_rate
        self._core = owner._begin(options, conn_options)
        self._format = (0, 0)
        self._pushed_s = 0.0
        self._pushed_at = time.time()
        self._began = self._speaking = False
        self._acquired = 0
        self._acquired_s = self._used_s = 0.0
        super().__init__(stt=owner, conn_options=without_retry(conn_options))
        self._follower = OptionsFollower(self._core, options)
        owner._streams.add(self)

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        """Take audio and return at once. Its rate and its channels may change; channels are mixed.

        Raises:
            RuntimeError: The input has ended or the stream is closed.
        """
        check_open(self)
        rate, channels = frame.sample_rate, frame.num_channels
        try:
            if self._format != (rate, channels):
                self._core.exchange(self._converter(rate, channels))
                self._format = (rate, channels)
            self._core.push(frame.data)
        except SessionClosed:
            return  # it has failed: the reader of the events gets the reason
        self._pushed_s += frame.samples_per_channel / rate
        self._pushed_at = time.time()

    def flush(self) -> None:
        """Ask for the results of all audio so far (``Finalize``, or ``ForceEndTurn``), behind that audio.

        Raises:
            RuntimeError: The input has ended or the stream is closed.
        """
        check_open(self)
        with suppress(SessionClosed):
            self._core.flush()

    def change(self, changes: dict[str, Any]) -> None:
        """Want other arguments from here on, behind the audio pushed so far; returns at once."""
        self._arguments = {**self._arguments, **changes, "sample_rate": self._wire_rate}
        self._follower.want(self._owner._options(self._arguments))

    async def aclose(self) -> None:
        """Close without waiting for results."""
        await super().aclose()
        if not self._began:  # closed as soon as it was made: `_run`, which closes the session, never ran
            self._owner.keep(self._core.aclose())

    async def _run(self) -> None:
        self._began = True
        work = (self._connect(), self._report_usage(), self._close_after_input())
        tasks = [asyncio.create_task(each) for each in work]
        try:
            async for event in self._core:
                self._take(event)
        except SpeechwireError as error:
            raise api_error(error) from None
        finally:
            self._follower.cancel()
            for task in tasks:
                task.cancel()
            self._report_used()
            # In good order, so that the service ends its bill; nobody waits for it, and it is bounded.
            self._owner.keep(self._core.aclose())

    async def _connect(self) -> None:
        await _quietly(self._core.connect())
        self._report_acquired()

    async def _close_after_input(self) -> None:
        await input_ended(self)
        await self._core.aclose()

    # What the session says

    def _take(self, event: object) -> None:
        match event:
            case Reconnected():
                self._report_acquired()
            case Reconnecting(error=SpeechwireError() as error) | OutageBegan(error=error):
                self._tell(error)
            case AudioDropped():
                logger.warning("%.2f s of audio have no result: %s", event.seconds, event.reason)
            case EventsDropped():
                logger.warning("%d events were dropped: nobody read them in time", event.count)
            case _:
                self._translate(event)

    def _translate(self, event: Any) -> None:
        """Deliver what an event of the service means to the framework."""
        raise NotImplementedError

    def _tell(self, error: SpeechwireError) -> None:
        """Report an error that the session recovers from."""
        told = stt.STTError(
            timestamp=time.time(), label=self._owner.label, error=api_error(error), recoverable=True
        )
        self._owner.emit("error", told)

    def _begin_speech(self, onset_s: float) -> None:
        if not self._speaking:
            self._speaking = True
            start = stt.SpeechEvent(type=stt.SpeechEventType.START_OF_SPEECH)
            start.speech_start_time = self._wall_time(onset_s)
            deliver(self, start)

    def _say(self, kind: stt.SpeechEventType, request_id: str, data: list[stt.SpeechData]) -> None:
        deliver(self, stt.SpeechEvent(type=kind, request_id=request_id, alternatives=data))

    def _end_speech(self, end_s: float) -> None:
        if self._speaking:
            self._speaking = False
            end = stt.SpeechEvent(type=stt.SpeechEventType.END_OF_SPEECH)
            end.speech_end_time = self._wall_time(end_s)
            deliver(self, end)

    def _wall_time(self, audio_s: float) -> float:
        """When a moment of the audio was, by the wall clock; the last push tells how far it has come."""
        return min(time.time(), self._pushed_at - max(0.0, self._pushed_s - audio_s))

    # What is counted

    async def _report_usage(self) -> None:
        while True:
            await asyncio.sleep(_USAGE_EVERY_S)
            self._report_used()

    def _report_used(self) -> None:
        sent_s = self._core.stats().sent_s
        new_s, self._used_s = sent_s - self._used_s, sent_s
        if new_s > 0:
            usage = stt.RecognitionUsage(audio_duration=new_s)
            kind = stt.SpeechEventType.RECOGNITION_USAGE
            request_id = self._core.request_id or ""
            deliver(self, stt.SpeechEvent(type=kind, request_id=request_id, recognition_usage=usage))

    def _report_acquired(self) -> None:
        stats = self._core.stats()
        if stats.connections > self._acquired:
            note_acquired(self, stats.connect.sum_s - self._acquired_s)
            self._acquired, self._acquired_s = stats.connections, stats.connect.sum_s

    def _converter(self, rate: int, channels: int) -> PcmPipeline:
        return PcmPipeline(rate, self._wire_rate, channels=channels, chunk_ms=self._arguments["chunk_ms"])


def timed(words: tuple[Any, ...], texts: list[str], offset_s: float) -> list[TimedString] | None:
    """Return words with their times on the framework's clock; ``None`` where there are none."""
    if not words or any(word.start is None or word.end is None for word in words):
        return None
    return [
        TimedString(
            text=text,
            start_time=word.start + offset_s,
            end_time=word.end + offset_s,
            confidence=word.confidence,
            start_time_offset=offset_s,
        )
        for word, text in zip(words, texts, strict=True)
    ]


async def _quietly(connecting: Awaitable[None]) -> None:
    """The reader of the session's events gets the reason why it could not connect."""
    with suppress(SpeechwireError):
        await connecting
