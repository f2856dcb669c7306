"""A service in a pipeline of Pipecat's, and what passes there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner
from tests.clients.speech import RATE, chunks

__all__ = ["KEY", "Passed", "endings", "frames_of", "heard", "push", "reply", "running", "running_frames"]

KEY = "not-a-real-key"
CHUNK_S = 0.02


@dataclass
class Passed:
    """A frame that passed.

    Attributes:
        frame: As it passed.
        upstream: Whether it went up.
        at_s: When, on the monotonic clock.
    """

    frame: Any
    upstream: bool
    at_s: float = field(default_factory=time.monotonic)


class Watcher(FrameProcessor):
    """Shows every frame that passes, whichever way it goes."""

    def __init__(self, note: Callable[[Passed], None]) -> None:
        super().__init__(enable_direct_mode=True)
        self._note = note

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self._note(Passed(frame, direction is FrameDirection.UPSTREAM))
        await self.push_frame(frame, direction)


@asynccontextmanager
async def running(
    *stages: FrameProcessor, note: Callable[[Passed], None], end: bool = True, **params: Any
) -> AsyncIterator[Any]:
    """Run stages between two watchers; ended as a call would end, or cancelled.

    Yields:
        The worker.
    """
    options = {"audio_in_sample_rate": RATE, "audio_out_sample_rate": RATE} | params
    pipeline = Pipeline([Watcher(note), *stages, Watcher(note)])
    worker = PipelineWorker(
        pipeline, params=PipelineParams(**options), cancel_on_idle_timeout=False, enable_rtvi=False
    )
    started = asyncio.Event()
    worker.add_event_handler("on_pipeline_started", lambda *_: started.set())
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    task = asyncio.create_task(runner.run())
    await started.wait()
    try:
        yield worker
        if end:
            await worker.queue_frame(EndFrame())
        else:
            await worker.cancel()
    except BaseException:
        await worker.cancel()
        raise
    finally:
        await task


@asynccontextmanager
async def running_frames(*stages: FrameProcessor, **options: Any) -> AsyncIterator[tuple[Any, list[Passed]]]:
    """As `running`; yields the worker and the list of what passes."""
    passed: list[Passed] = []
    async with running(*stages, note=passed.append, **options) as worker:
        yield worker, passed


async def push(worker: Any, pcm: bytes, *, paced: bool = False) -> None:
    """What a transport does: 20 ms at a time, at once or at real pace."""
    start = time.monotonic()
    for number, chunk in enumerate(chunks(pcm)):
        if paced:
            await asyncio.sleep(max(0.0, start + number * CHUNK_S - time.monotonic()))
        await worker.queue_frame(InputAudioRawFrame(audio=chunk, sample_rate=RATE, num_channels=1))


async def reply(worker: Any, *texts: str) -> None:
    """What a language model does."""
    await worker.queue_frame(LLMFullResponseStartFrame())
    for text in texts:
        await worker.queue_frame(LLMTextFrame(text))
    await worker.queue_frame(LLMFullResponseEndFrame())


def frames_of(passed: list[Passed], *kinds: type[Any], upstream: bool | None = None) -> list[Any]:
    """The frames of these types, each once."""
    found = [each for each in passed if isinstance(each.frame, kinds)]
    if upstream is not None:
        found = [each for each in found if each.upstream is upstream]
    return list({each.frame.id: each.frame for each in found}.values())


def heard(passed: list[Passed]) -> bytes:
    """All audio that came."""
    return b"".join(frame.audio for frame in frames_of(passed, TTSAudioRawFrame))


def endings(passed: list[Passed]) -> tuple[list[str], list[str], list[str]]:
    """Finals, interims, and errors."""
    return (
        [frame.text for frame in frames_of(passed, TranscriptionFrame)],
        [frame.text for frame in frames_of(passed, InterimTranscriptionFrame)],
        [frame.error for frame in frames_of(passed, ErrorFrame)],
    )
