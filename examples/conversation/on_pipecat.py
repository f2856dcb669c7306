"""The cafe's agent in Pipecat's own pipeline, telephoned without a network."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from examples.shared.caller import Call
from examples.shared.journal import Journal
from examples.shared.pipecat_room import MICROPHONE_RATE, SPEAKER_RATE, Microphone, Speaker
from pipecat_speechwire import SpeechwireFluxSTTService, SpeechwireTTSService
from speechwire.protocol import listen_v2_events as flux

from .recording import Recording
from .rules import GREETING, INSTRUCTIONS, answer, sentences


@dataclass(frozen=True)
class Components:
    """The two services; any of Pipecat's kind will do."""

    stt: Any
    tts: Any


async def converse(call: Call, base_url: str | None, journal: Journal) -> Recording:
    """Hold the whole conversation, noting the turns as they are told; return what was heard.

    Takes as long as the call.
    """
    logger.remove()
    recording = Recording(call)
    speaker = Speaker(lambda samples: recording.hear(journal.now_s(), samples))
    parts = components(base_url)

    async def on_event(_: Any, event: object) -> None:
        if isinstance(event, flux.TurnInfo) and event.transcript:
            journal.note("deepgram", event.event, event.transcript)

    parts.stt.add_event_handler("on_session_event", on_event)
    await hold(parts, Microphone(), speaker, call, journal)
    return recording


def components(base_url: str | None) -> Components:
    """The services, pointed at the emulator, or at the real service with the key in the environment."""
    turns = SpeechwireFluxSTTService.Settings(eot_threshold=0.7, eot_timeout_ms=3000)
    if base_url is None:
        key = os.environ["DEEPGRAM_API_KEY"]
        stt = SpeechwireFluxSTTService(api_key=key, settings=turns)
        return Components(stt, SpeechwireTTSService(api_key=key))
    stt = SpeechwireFluxSTTService(api_key="emulator", url=f"{base_url}/v2/listen", settings=turns)
    return Components(stt, SpeechwireTTSService(api_key="emulator", base_url=base_url))


async def hold(
    parts: Components, microphone: Microphone, speaker: Speaker, call: Call, journal: Journal
) -> LLMContext:
    """Hold the call; return the conversation as the language model is told it."""
    context = LLMContext([{"role": "system", "content": INSTRUCTIONS}])
    aggregators = LLMContextAggregatorPair(context)
    watch(aggregators, journal)
    stages = [
        microphone,
        parts.stt,
        aggregators.user(),
        RuleBasedLLM(),
        parts.tts,
        speaker,
        aggregators.assistant(),
    ]
    params = PipelineParams(audio_in_sample_rate=MICROPHONE_RATE, audio_out_sample_rate=SPEAKER_RATE)
    worker = PipelineWorker(Pipeline(stages), params=params, cancel_on_idle_timeout=False, enable_rtvi=False)
    started = asyncio.Event()
    worker.add_event_handler("on_pipeline_started", lambda *_: started.set())
    worker.add_event_handler("on_pipeline_error", noting(journal))
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    try:
        await started.wait()
        await worker.queue_frame(TTSSpeakFrame(GREETING))
        await microphone.play(call, journal.start_clock)
        await worker.queue_frame(EndFrame())
    finally:
        await running
    return context


def watch(aggregators: LLMContextAggregatorPair, journal: Journal) -> None:
    """Note turns and replies."""

    async def on_turn(_: Any, __: Any, message: Any) -> None:
        journal.note("caller", "turn", message.content or "")

    async def on_reply(_: Any, message: Any) -> None:
        journal.note("agent", "interrupted" if message.interrupted else "reply", message.content)

    aggregators.user().add_event_handler("on_user_turn_stopped", on_turn)
    aggregators.assistant().add_event_handler("on_assistant_turn_stopped", on_reply)


def noting(journal: Journal) -> Any:
    """A handler that notes errors."""

    async def on_error(_: Any, frame: ErrorFrame) -> None:
        journal.note("agent", "error", frame.error)

    return on_error


class RuleBasedLLM(FrameProcessor):
    """Answers the last thing the user said, sentence by sentence, as a language model would stream it."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Reply to a context."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        for sentence in sentences(answer(last_user_text(frame.context))):
            await self.push_frame(LLMTextFrame(sentence))
        await self.push_frame(LLMFullResponseEndFrame())


def last_user_text(context: LLMContext) -> str:
    """Return the text of the last message by the user, or an empty string."""
    said = [message for message in context.get_messages() if message.get("role") == "user"]
    return str(said[-1]["content"]) if said else ""
