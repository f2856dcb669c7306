"""Pipecat's Deepgram services: started by a pipeline, fed by their own ``run_stt``.

The audio does not pass the pipeline's queues, which cost several times the service; results do. Those named
``…_pipeline`` get it through the queues, as a transport's audio goes. It converts nothing, so it is given
ready-made 16 kHz mono.
"""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

from benches.python.streams.contenders.base import Setup, key
from benches.python.streams.feeding import CoroutineFeed, nothing_awaited
from benches.python.streams.sink import Sink
from benches.python.streams.ticker import Feed
from loguru import logger
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.workers.runner import WorkerRunner

__all__ = ["PipecatStream", "idle", "stream"]

_RATE = 16_000
logger.remove()


class _Watcher(FrameProcessor):  # type: ignore[misc]
    """Takes the transcripts."""

    def __init__(self, sink: Sink) -> None:
        super().__init__(enable_direct_mode=True)
        self._sink = sink

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Note and pass on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame | InterimTranscriptionFrame):
            self._sink(frame.text)
        elif isinstance(frame, ErrorFrame):
            self._sink.complain(frame.error)
        await self.push_frame(frame, direction)


class PipecatStream:
    """A service in a pipeline of its own.

    Args:
        service: Of Pipecat's kind.
        sink: Gets the transcripts.
        queued: Whether the audio passes the pipeline's queues.
    """

    def __init__(self, service: Any, sink: Sink, *, queued: bool) -> None:
        self._service = service
        self._sink = sink
        take = self._queue_frame if queued else self._run_stt
        self.feed: Feed = CoroutineFeed(take, contextvars.copy_context())

    async def connect(self) -> int:
        params = PipelineParams(audio_in_sample_rate=_RATE)
        stages = Pipeline([self._service, _Watcher(self._sink)])
        worker = PipelineWorker(stages, params=params, cancel_on_idle_timeout=False, enable_rtvi=False)
        started = asyncio.Event()  # the services connect while they are started
        worker.add_event_handler("on_pipeline_started", lambda *_: started.set())
        self._worker = worker
        self._runner = WorkerRunner(handle_sigint=False)
        await self._runner.add_workers(worker)
        self._running = asyncio.create_task(self._runner.run())
        await started.wait()
        return 0

    async def close(self) -> None:
        await self._worker.cancel()
        await self._running

    async def _run_stt(self, frame: bytes) -> None:
        async for _ in self._service.run_stt(frame):
            pass

    async def _queue_frame(self, frame: bytes) -> None:
        await self._worker.queue_frame(InputAudioRawFrame(audio=frame, sample_rate=_RATE, num_channels=1))


def stream(name: str, setup: Setup, index: int) -> PipecatStream:
    """Make a stream."""
    api_key, base_url = key(index), setup.base_url
    if name.startswith("pipecat_v2"):
        service: Any = DeepgramFluxSTTService(api_key=api_key, url=f"{base_url}/v2/listen")
    else:
        service = DeepgramSTTService(api_key=api_key, base_url=base_url)
    return PipecatStream(service, setup.sink, queued=name.endswith("_pipeline"))


def idle(name: str) -> Feed:
    """Pacing for a coroutine."""
    return CoroutineFeed(nothing_awaited, contextvars.copy_context())
