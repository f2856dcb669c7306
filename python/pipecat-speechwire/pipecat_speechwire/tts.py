"""Text to speech with Aura (``/v1/speak``)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.deepgram.tts import format_deepgram_pronunciation  # needs no deepgram-sdk
from pipecat.services.tts_service import TTSService
from pipecat.utils.tracing.service_decorators import traced_tts

from speechwire.errors import SessionClosed, SpeechwireError
from speechwire.protocol import SpeakV1Options
from speechwire.session import Reconnecting, SpeakSession, SpeakSettings, SpeakStats
from speechwire.session.word_times import SpeakingRate, WordTimes

from ._decoding import FORMATS, decoded
from ._errors import category_of
from ._listening import ApiKey
from ._options import speak_v1_options, websocket_url
from ._playback import Playback, Timeline
from ._private import announce, sync_model_name, warn_of_moved_argument
from ._utterance import FlushBudget, Utterance
from .settings import SpeechwireTTSSettings

__all__ = ["SpeechwireTTSService"]

_CHECKED_RATE = 24_000
# How long a context waits for audio before Pipecat drops it; every utterance here ends by itself.
_CONTEXT_PATIENCE_S = 60.0


class SpeechwireTTSService(TTSService):
    """Deepgram Aura for Pipecat, in the place of ``DeepgramTTSService``.

    Audio belongs to the context that asked for it: after an interruption nothing of it is heard, whatever is
    still on its way. The first sentence is spoken at once, the following together as soon as it is through.
    A lost connection is replaced, and what was not heard is spoken again. The words are reported as they are
    played (see :mod:`speechwire.session.word_times`), so that after an interruption the context has what was
    spoken, and not the whole reply.

    Args:
        api_key: Deepgram API key, or a callable, plain or async, asked for one at each connect.
        voice: Deprecated; a setting.
        base_url: Where the service is.
        sample_rate: Hz of the frames; by default the pipeline's. What Aura does not have is converted.
        encoding: What Aura is asked for: ``linear16``, ``mulaw`` or ``alaw``. The frames are 16 bit PCM.
        mip_opt_out: Keep the text out of the model improvement program.
        settings: What differs from the defaults, which are those of ``DeepgramTTSService``.
        session_settings: Limits and deadlines of the session.
        allow_insecure: Permit sending the key over ``ws://`` to another machine.
        **kwargs: Those of ``TTSService``. With ``push_text_frames=True`` the text of a whole sentence is
            reported after its audio, instead of its words.

    Raises:
        ValueError: The encoding is unknown, or a value out of its range.
        InvalidArgumentType: A value has the wrong type. It is a ``TypeError``.
    """

    Settings = SpeechwireTTSSettings
    SUPPORTED_ENCODINGS = tuple(FORMATS)

    def __init__(
        self,
        *,
        api_key: ApiKey,
        voice: str | None = None,
        base_url: str = "wss://api.deepgram.com",
        sample_rate: int | None = None,
        encoding: str = "linear16",
        mip_opt_out: bool | None = None,
        settings: SpeechwireTTSSettings | None = None,
        session_settings: SpeakSettings | None = None,
        allow_insecure: bool = False,
        **kwargs: Any,
    ) -> None:
        if encoding.lower() not in self.SUPPORTED_ENCODINGS:
            raise ValueError(
                f"encoding must be one of {', '.join(self.SUPPORTED_ENCODINGS)}, got {encoding!r}"
            )
        chosen = SpeechwireTTSSettings(model=None, voice="aura-2-helena-en", language=None, speed=None)
        if voice is not None:
            chosen.voice = voice
        if settings is not None:
            chosen.apply_update(settings)
        chosen.model = chosen.voice
        defaults = {
            "push_text_frames": False,
            "push_start_frame": True,
            "append_trailing_space": True,
            "stop_frame_timeout_s": _CONTEXT_PATIENCE_S,
        }
        super().__init__(sample_rate=sample_rate, settings=chosen, **defaults | kwargs)
        if voice is not None:
            warn_of_moved_argument(self, "voice", "voice")
        self._api_key = api_key
        self._base_url = websocket_url(base_url)
        self._encoding = encoding.lower()
        self._mip_opt_out = mip_opt_out
        self._limits = session_settings or SpeakSettings()
        self._allow_insecure = allow_insecure
        self._tells_words = not (defaults | kwargs)["push_text_frames"]
        self._timeline, self._budget, self._speaking_rate = Timeline(), FlushBudget(), SpeakingRate()
        self._session = self._new_session(sample_rate or _CHECKED_RATE)  # for its checks
        self._utterances: dict[str, Utterance] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._retiring: set[asyncio.Task[Any]] = set()
        self._is_waiting = False

    @classmethod
    def format_pronunciation(cls, word: str, ipa: str) -> str | None:
        """Render a pronunciation as Aura reads it, as ``DeepgramTTSService`` does; None where it cannot."""
        written: str | None = format_deepgram_pronunciation(word, ipa)
        return written

    def can_generate_metrics(self) -> bool:
        """Whether there are metrics: yes."""
        return True

    @property
    def supports_processing_metrics(self) -> bool:
        """Whether `run_tts` takes as long as the synthesis: no, it returns at once."""
        return False

    def stats(self) -> SpeakStats:
        """A copy of the session's counters."""
        return self._session.stats()

    # Pipecat's life cycle

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Begin to connect, so that the first reply does not wait for it."""
        await super().setup(setup)
        self._session = self._new_session(self.sample_rate)
        self._in_background(self._prewarm(self._session))

    async def stop(self, frame: EndFrame) -> None:
        """Speak what there is to its end, then close."""
        for utterance in self._utterances.values():
            utterance.end()
        await super().stop(frame)
        await self._close()

    async def cancel(self, frame: CancelFrame) -> None:
        """Fall silent and close."""
        self._interrupt_all()
        await super().cancel(frame)
        await self._close()

    async def cleanup(self) -> None:
        """Let go of everything."""
        self._interrupt_all()
        await super().cleanup()
        await self._close()

    async def set_usable(self, is_usable: bool) -> None:
        """Be given work, or not."""
        if is_usable and not self.is_usable:
            self._in_background(self._prewarm(self._session))
        await super().set_usable(is_usable)

    # Speaking

    @traced_tts  # type: ignore[untyped-decorator]
    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Take a text and return at once; its audio goes to the context as it comes."""
        utterance = self._utterances.get(context_id)
        if utterance is None:
            utterance = self._utterances[context_id] = Utterance(self._session, self._budget)
            utterance.task = self._in_background(self._speak(context_id, utterance))
        utterance.push(text)
        await self.start_tts_usage_metrics(text)
        yield None

    async def flush_audio(self, context_id: str | None = None) -> None:
        """No text follows in this context, or in any."""
        for name, utterance in self._utterances.items():
            if context_id in (None, name):
                utterance.end()
        if context_id is not None and context_id not in self._utterances:
            await self._end_context(context_id)  # no text was given to us: the service is unusable

    async def on_audio_context_interrupted(self, context_id: str) -> None:
        """Fall silent. `Clear` is sent in the background; nothing here waits for the network."""
        utterance = self._utterances.pop(context_id, None)
        if utterance is not None:
            utterance.interrupt()
        await self.stop_all_metrics()
        await super().on_audio_context_interrupted(context_id)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Process a frame; behind an interruption nothing of what came before is played."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self._timeline.reset()

    async def _speak(self, context_id: str, utterance: Utterance) -> None:
        playback = Playback(self._timeline)
        try:
            while (text := await utterance.next_text()) is not None:
                await self._utter(context_id, utterance, text, playback)
        except SpeechwireError as error:
            await self._report(error, utterance)
            await utterance.ended()
        if utterance.interrupted:
            return
        self._utterances.pop(context_id, None)
        await self._end_context(context_id)

    async def _end_context(self, context_id: str) -> None:
        if self.audio_context_available(context_id):
            await self.append_to_audio_context(context_id, TTSStoppedFrame(context_id=context_id))
            await self.remove_audio_context(context_id)

    async def _utter(self, context_id: str, utterance: Utterance, text: str, playback: Playback) -> None:
        """Play a text behind the audio that its context has had."""
        times = WordTimes(text, self._speaking_rate, begins_s := playback.heard_s)
        request = utterance.request = utterance.session.speak(text)
        rate = self._options(self.sample_rate).output_rate
        async for pcm in decoded(request, self._encoding, rate, self.sample_rate):
            if utterance.interrupted:
                return
            frame = TTSAudioRawFrame(pcm, self.sample_rate, 1, context_id=context_id)
            await self.append_to_audio_context(context_id, frame)
            playback.add(frame.num_frames / self.sample_rate)
            await self._tell(playback.timed(times.advance(playback.heard_s - begins_s)), context_id)
        if not utterance.interrupted:
            await self._tell(playback.timed(times.finish(playback.heard_s - begins_s)), context_id)

    async def _tell(self, words: list[tuple[str, float]], context_id: str) -> None:
        if words and self._tells_words:
            await self.add_word_timestamps(words, context_id)

    def _interrupt_all(self) -> None:
        utterances, self._utterances = self._utterances, {}
        for utterance in utterances.values():
            utterance.interrupt()

    # Errors

    async def _report(self, error: SpeechwireError, utterance: Utterance) -> None:
        """A text could not be spoken. Where that is the service's fault, others may do better."""
        if utterance.interrupted or isinstance(error, SessionClosed):
            return
        await announce(self, "on_connection_error", str(error))
        category = category_of(error)
        lasting = category is not category.APPLICATION
        await self.push_error_frame(
            ErrorFrame(str(error), exception=error, category=category), force_treat_as_permanent=lasting
        )
        if lasting and error.retryable and not self._is_waiting:
            self._is_waiting = True
            self._in_background(self._wait_for_the_service())

    async def _wait_for_the_service(self) -> None:
        """Become usable again once there is a connection."""
        while not self.is_usable and not self._session.over:
            await asyncio.sleep(self._limits.backoff.cap_s)
            with suppress(SpeechwireError):
                await self._session.prewarm()
                logger.info(f"{self}: the service answers again")
                await super().set_usable(True)
                await announce(self, "on_connected")
        self._is_waiting = False

    # Sessions

    async def _update_settings(self, delta: Any) -> dict[str, Any]:
        """Speak what follows with other settings; what is being spoken keeps its own."""
        before = self.settings.copy()
        changed: dict[str, Any] = await super()._update_settings(delta)
        self.settings.model = self.settings.voice
        sync_model_name(self)
        if changed.keys() - {"model", "language"}:
            try:
                session = self._new_session(self.sample_rate)
            except SpeechwireError as error:
                self.settings.apply_update(before)
                sync_model_name(self)
                message = f"settings were refused, the others stay: {error}"
                await self.push_error(message, exception=error, category=category_of(error))
            else:
                self._begin_to_retire(self._session)
                self._session, self._budget, self._speaking_rate = session, FlushBudget(), SpeakingRate()
                self._in_background(self._prewarm(session))
        return changed

    def _new_session(self, sample_rate: int) -> SpeakSession:
        return SpeakSession(
            self._api_key,
            self._options(sample_rate),
            base_url=self._base_url,
            settings=self._limits,
            allow_insecure=self._allow_insecure,
            on_retry=self._on_retry,
        )

    def _options(self, sample_rate: int) -> SpeakV1Options:
        return speak_v1_options(self.settings, self._encoding, sample_rate, mip_opt_out=self._mip_opt_out)

    def _on_retry(self, event: Reconnecting) -> None:
        logger.warning(f"{self}: no connection, attempt {event.attempt}: {event.error}")

    async def _prewarm(self, session: SpeakSession) -> None:
        try:
            await session.prewarm()
        except SpeechwireError as error:
            if session is self._session and not isinstance(error, SessionClosed):
                await self._report(error, Utterance(session, self._budget))
        else:
            await announce(self, "on_connected")

    def _begin_to_retire(self, session: SpeakSession) -> None:
        task = self._in_background(self._retire(session))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _retire(self, session: SpeakSession) -> None:
        tasks = {each.task for each in self._utterances.values() if each.session is session and each.task}
        if tasks:
            await asyncio.wait(tasks)
        await session.aclose()

    async def _close(self) -> None:
        open_before = not self._session.over
        await asyncio.gather(self._session.aclose(), *self._retiring)
        for task in tuple(self._tasks):
            await self.cancel_task(task)
        if open_before:
            await announce(self, "on_disconnected")

    def _in_background(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = self.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
