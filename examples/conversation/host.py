"""The cafe's agent in the framework's own `Pipeline` and `AgentSession`, telephoned without a room."""

from __future__ import annotations

from videosdk.agents import STT, TTS, AgentSession, EOUConfig, Pipeline

from examples.shared.caller import Call
from examples.shared.journal import Journal
from examples.shared.room import hold

from .recording import Recording
from .rules import CafeAgent, RuleBasedLLM


async def converse(stt: STT, tts: TTS, call: Call, journal: Journal) -> Recording:
    """Hold the whole conversation and return what was said and heard.

    Takes as long as the call. The components are closed by the session's own shutdown.
    """
    recording = Recording(call)
    await hold(
        lambda: _session(stt, tts), call, journal, lambda samples: recording.hear(journal.now_s(), samples)
    )
    return recording


def _session(stt: STT, tts: TTS) -> AgentSession:
    # Flux has already decided that the turn is over: the framework need not wait for more speech.
    patience = EOUConfig(min_max_speech_wait_timeout=(0.1, 0.1))
    pipeline = Pipeline(stt=stt, llm=RuleBasedLLM(), tts=tts, eou_config=patience)
    return AgentSession(agent=CafeAgent(), pipeline=pipeline)
