"""Pipecat's Deepgram services, each in a pipeline of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService
from pipecat.services.deepgram.flux.tts import DeepgramFluxTTSService
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.deepgram.tts import DeepgramTTSService
from pipecat.workers.runner import WorkerRunner
from tests.clients.drivers import KEY, Client, Heard, Spoken
from tests.clients.speech import EAGER_EOT_THRESHOLD, EOT_THRESHOLD, FLUX_VOICE, RATE, VOICE, chunks

from speechwire.emulator import Emulator


class Watcher(FrameProcessor):
    """Shows every frame that passes, whichever way it goes."""

    def __init__(self, note: Callable[[Frame], None]) -> None:
        super().__init__(enable_direct_mode=True)
        self._note = note

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Note and pass on."""
        await super().process_frame(frame, direction)
        self._note(frame)
        await self.push_frame(frame, direction)


@asynccontextmanager
async def pipeline(service: FrameProcessor, note: Callable[[Frame], None]) -> AsyncIterator[PipelineWorker]:
    """Run a service between two watchers; it is ended as a call would end it."""
    params = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
    stages = Pipeline([Watcher(note), service, Watcher(note)])
    worker = PipelineWorker(stages, params=params, cancel_on_idle_timeout=False, enable_rtvi=False)
    started = asyncio.Event()
    worker.add_event_handler("on_pipeline_started", lambda *_: started.set())
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await started.wait()
    try:
        yield worker
    except BaseException:
        await worker.cancel()
        raise
    else:
        await worker.queue_frame(EndFrame())
    finally:
        await running


def nova(emulator: Emulator) -> DeepgramSTTService:
    """Nova, with what it has by default."""
    return DeepgramSTTService(api_key=KEY, base_url=emulator.base_url)


def flux(emulator: Emulator) -> DeepgramFluxSTTService:
    """Flux with an eager end of turn."""
    settings = DeepgramFluxSTTService.Settings(
        eager_eot_threshold=EAGER_EOT_THRESHOLD, eot_threshold=EOT_THRESHOLD
    )
    return DeepgramFluxSTTService(api_key=KEY, url=f"{emulator.base_url}/v2/listen", settings=settings)


def aura(emulator: Emulator) -> DeepgramTTSService:
    """Aura."""
    settings = DeepgramTTSService.Settings(voice=VOICE)
    return DeepgramTTSService(api_key=KEY, base_url=emulator.base_url, settings=settings)


def flux_tts(emulator: Emulator) -> DeepgramFluxTTSService:
    """Flux TTS."""
    settings = DeepgramFluxTTSService.Settings(voice=FLUX_VOICE)
    return DeepgramFluxTTSService(api_key=KEY, url=f"{emulator.base_url}/v2/speak", settings=settings)


async def _listen(service: FrameProcessor, pcm: bytes, turns: int) -> Heard:
    heard, complete = Heard(), asyncio.Event()

    def note(frame: Frame) -> None:
        if isinstance(frame, ErrorFrame):
            heard.problems.append(frame.error)
        elif isinstance(frame, TranscriptionFrame):
            heard.finals.append(frame.text)
            if len(heard.finals) == turns:
                complete.set()
        elif isinstance(frame, InterimTranscriptionFrame):
            heard.interims.append(frame.text)
        if not isinstance(frame, InputAudioRawFrame):
            heard.events.append(type(frame).__name__)

    async with pipeline(service, note) as worker:
        for chunk in chunks(pcm):
            await worker.queue_frame(InputAudioRawFrame(audio=chunk, sample_rate=RATE, num_channels=1))
        await complete.wait()
    return heard


async def _speak(service: FrameProcessor, text: str) -> Spoken:
    spoken, complete = Spoken(), asyncio.Event()

    def note(frame: Frame) -> None:
        if isinstance(frame, ErrorFrame):
            spoken.problems.append(frame.error)
        if isinstance(frame, TTSAudioRawFrame):
            spoken.audio += frame.audio
        else:
            spoken.events.append(type(frame).__name__)
        if isinstance(frame, TTSStoppedFrame):
            complete.set()

    async with pipeline(service, note) as worker:
        await worker.queue_frame(TTSSpeakFrame(text))
        await complete.wait()
    return spoken


async def listen_v1(emulator: Emulator, pcm: bytes, turns: int) -> Heard:
    """Stream to Nova; what is not final when the call ends is lost by the client."""
    return await _listen(nova(emulator), pcm, turns)


async def listen_v2(emulator: Emulator, pcm: bytes, turns: int) -> Heard:
    """Stream to Flux."""
    return await _listen(flux(emulator), pcm, turns)


async def speak_v1(emulator: Emulator, text: str) -> Spoken:
    """Have Aura speak."""
    return await _speak(aura(emulator), text)


async def speak_v2(emulator: Emulator, text: str) -> Spoken:
    """Have Flux TTS speak."""
    return await _speak(flux_tts(emulator), text)


PIPECAT = Client("pipecat-ai", "pipecat-ai", listen_v1, listen_v2, speak_v1, speak_v2)
