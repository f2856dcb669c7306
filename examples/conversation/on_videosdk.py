"""The cafe's agent in VideoSDK's own `Pipeline` and `AgentSession`, telephoned without a room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from videosdk.agents import (
    LLM,
    STT,
    TTS,
    Agent,
    AgentSession,
    ChatContext,
    ChatRole,
    EOUConfig,
    LLMResponse,
    Pipeline,
)
from videosdk.plugins.deepgram import DeepgramSTTV2, DeepgramTTS

from examples.shared.caller import Call
from examples.shared.journal import Journal
from examples.shared.room import hold
from speechwire.protocol import listen_v2_events as flux

from .recording import Recording
from .rules import GREETING, INSTRUCTIONS, answer, sentences


async def converse(call: Call, base_url: str | None, journal: Journal) -> Recording:
    """Hold the whole conversation, noting Deepgram's turn events as they come; return what was heard.

    Takes as long as the call. The components are closed by the session's own shutdown.
    """
    recording = Recording(call)
    stt, tts = _components(base_url)

    def on_event(event: object) -> None:
        if isinstance(event, flux.TurnInfo) and event.transcript:
            journal.note("deepgram", event.event, event.transcript)

    stt.on("event", on_event)
    await hold(
        lambda: _session(stt, tts), call, journal, lambda samples: recording.hear(journal.now_s(), samples)
    )
    return recording


def _components(base_url: str | None) -> tuple[DeepgramSTTV2, DeepgramTTS]:
    """The plugin, pointed at the emulator, or at the real service with the key in the environment."""
    if base_url is None:
        return DeepgramSTTV2(eot_threshold=0.7, eot_timeout_ms=3000), DeepgramTTS()
    stt = DeepgramSTTV2(
        api_key="emulator", base_url=f"{base_url}/v2/listen", eot_threshold=0.7, eot_timeout_ms=3000
    )
    return stt, DeepgramTTS(api_key="emulator", base_url=f"{base_url}/v1/speak")


def _session(stt: STT, tts: TTS) -> AgentSession:
    # Flux has already decided that the turn is over: the framework need not wait for more speech.
    patience = EOUConfig(min_max_speech_wait_timeout=(0.1, 0.1))
    pipeline = Pipeline(stt=stt, llm=RuleBasedLLM(), tts=tts, eou_config=patience)
    return AgentSession(agent=CafeAgent(), pipeline=pipeline)


class RuleBasedLLM(LLM):
    """Answers the last thing the user said, sentence by sentence, as a language model would stream it."""

    async def chat(
        self,
        messages: ChatContext,
        tools: list[Any] | None = None,
        conversational_graph: Any | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[LLMResponse]:
        """Yield the reply in a few pieces."""
        for sentence in sentences(answer(last_user_text(messages))):
            yield LLMResponse(content=sentence, role=ChatRole.ASSISTANT)

    async def cancel_current_generation(self) -> None:
        """Do nothing: a reply is made at once."""


def last_user_text(messages: ChatContext) -> str:
    """Return the text of the last message by the user, or an empty string."""
    for item in reversed(messages.items):
        if getattr(item, "role", None) == ChatRole.USER:
            content = item.content
            parts = content if isinstance(content, list) else [content]
            return " ".join(part for part in parts if isinstance(part, str))
    return ""


class CafeAgent(Agent):
    """Greets whoever calls."""

    def __init__(self) -> None:
        super().__init__(instructions=INSTRUCTIONS)

    async def on_enter(self) -> None:
        """Greet the caller."""
        await self.session.say(GREETING)

    async def on_exit(self) -> None:
        """Leave without a word: the goodbye has been said."""
