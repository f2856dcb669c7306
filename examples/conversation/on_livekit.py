"""The cafe's agent in LiveKit's own `AgentSession`, telephoned without a room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, ModelSettings, llm, stt
from livekit.agents.voice import TranscriptSynchronizer, io
from livekit.plugins import speechwire

from examples.shared.caller import Call
from examples.shared.journal import Journal
from examples.shared.livekit_room import Microphone, Speaker

from .recording import Recording
from .rules import GREETING, INSTRUCTIONS, answer, sentences

# What Flux calls the framework's events.
_EVENTS = {
    stt.SpeechEventType.START_OF_SPEECH: "StartOfTurn",
    stt.SpeechEventType.INTERIM_TRANSCRIPT: "Update",
    stt.SpeechEventType.PREFLIGHT_TRANSCRIPT: "EagerEndOfTurn",
    stt.SpeechEventType.FINAL_TRANSCRIPT: "EndOfTurn",
}


async def converse(call: Call, base_url: str | None, journal: Journal) -> Recording:
    """Hold the whole conversation, noting the turns as they are told; return what was heard.

    Takes as long as the call.
    """
    recording = Recording(call)
    recogniser, synthesiser = components(base_url, speechwire)
    microphone = Microphone(call, journal.start_clock)
    speaker = Speaker(lambda samples: recording.hear(journal.now_s(), samples))
    await hold(recogniser, synthesiser, microphone, speaker, journal)
    return recording


def components(base_url: str | None, plugin: Any) -> tuple[Any, Any]:
    """The components of a plugin, pointed at the emulator, or at the real service with the key in the
    environment.
    """
    turns = {"eot_threshold": 0.7, "eot_timeout_ms": 3000}
    if base_url is None:
        return plugin.STTv2(**turns), plugin.TTS()
    http_url, key = base_url.replace("ws", "http", 1), "emulator"
    return (
        plugin.STTv2(api_key=key, base_url=f"{base_url}/v2/listen", **turns),
        plugin.TTS(api_key=key, base_url=f"{http_url}/v1/speak"),
    )


async def hold(
    recogniser: stt.STT, synthesiser: Any, microphone: Microphone, speaker: Speaker, journal: Journal
) -> AgentSession:
    """Hold the call with any components; they are closed afterwards."""
    session: AgentSession = AgentSession(
        stt=recogniser,
        llm=RuleBasedLLM(),
        tts=synthesiser,
        vad=None,
        # Flux has already decided that the turn is over: the framework need not wait for more speech.
        turn_handling={
            "turn_detection": "stt",
            "endpointing": {"min_delay": 0.0, "max_delay": 0.0},
            "interruption": {"mode": "vad", "resume_false_interruption": False},
        },
        aec_warmup_duration=None,
    )
    watch(session, journal)
    # As in a room: text is told as it is heard, so that an interrupted reply is what was really spoken.
    synchronizer = TranscriptSynchronizer(next_in_chain_audio=speaker, next_in_chain_text=_Unread())
    session.input.audio = microphone
    session.output.audio = synchronizer.audio_output
    session.output.transcription = synchronizer.text_output
    playing = asyncio.create_task(speaker.play())
    try:
        await session.start(CafeAgent(journal), record=False)
        await microphone.over.wait()
    finally:
        await session.aclose()
        await synchronizer.aclose()
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing
        await recogniser.aclose()
        await synthesiser.aclose()
    return session


def watch(session: AgentSession, journal: Journal) -> None:
    """Note turns, replies, states and errors."""

    def on_item(event: Any) -> None:
        role, text = getattr(event.item, "role", ""), getattr(event.item, "text_content", "") or ""
        if role == "user":
            journal.note("caller", "turn", text)
        elif role == "assistant":
            journal.note("agent", "interrupted" if event.item.interrupted else "reply", text)

    session.on("conversation_item_added", on_item)
    session.on("agent_state_changed", lambda event: journal.note("agent", "state", str(event.new_state)))
    session.on("error", lambda event: journal.note("agent", "error", str(event.error.error)))


class RuleBasedLLM(llm.LLM):
    """Answers the last thing the user said, sentence by sentence, as a language model would stream it."""

    def chat(self, *, chat_ctx: llm.ChatContext, **options: Any) -> llm.LLMStream:
        """Begin a reply."""
        return _Reply(self, chat_ctx=chat_ctx, tools=[], conn_options=options["conn_options"])


class _Reply(llm.LLMStream):
    async def _run(self) -> None:
        for sentence in sentences(answer(_last_user_text(self._chat_ctx))):
            delta = llm.ChoiceDelta(role="assistant", content=sentence)
            self._event_ch.send_nowait(llm.ChatChunk(id="reply", delta=delta))


def _last_user_text(chat_ctx: llm.ChatContext) -> str:
    said = [item for item in chat_ctx.items if getattr(item, "role", "") == "user"]
    return (said[-1].text_content or "") if said else ""


class CafeAgent(Agent):
    """Greets whoever calls.

    Args:
        journal: Gets what is recognised.
    """

    def __init__(self, journal: Journal) -> None:
        super().__init__(instructions=INSTRUCTIONS)
        self._journal = journal

    async def on_enter(self) -> None:
        """Greet the caller."""
        self.session.say(GREETING)

    async def stt_node(
        self, audio: AsyncIterable[rtc.AudioFrame], model_settings: ModelSettings
    ) -> AsyncIterator[stt.SpeechEvent]:
        """Recognise as the framework does, and note what is told."""
        async for event in Agent.default.stt_node(self, audio, model_settings):
            if event.type in _EVENTS:
                text = event.alternatives[0].text if event.alternatives else ""
                self._journal.note("deepgram", _EVENTS[event.type], text)
            yield event


class _Unread(io.TextOutput):
    """Takes the text that a room would show."""

    def __init__(self) -> None:
        super().__init__(label="unread", next_in_chain=None)

    async def capture_text(self, text: str) -> None:
        """Take a piece."""

    def flush(self) -> None:
        """Take the end."""
