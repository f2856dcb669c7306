"""Hosts a voice agent in the framework's own `Pipeline` and `AgentSession`, with no room and no account."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from videosdk.agents import STT, TTS, AgentSession, CustomAudioStreamTrack, EOUConfig, Pipeline
from videosdk.agents.event_bus import get_current_event_bus
from videosdk.agents.job import _enter_session_scope, _exit_session_scope
from videosdk.agents.room._input_stream import InputStreamManager

from .caller import Call, CallerTrack
from .journal import Journal
from .recording import Recording
from .rules import CafeAgent, RuleBasedLLM


async def converse(stt: STT, tts: TTS, call: Call, journal: Journal) -> Recording:
    """Hold the whole conversation and return what was said and heard.

    Everything between the caller's track and the agent's track is the framework's own code. Takes as long as
    the call. The components are closed by the session's own shutdown.
    """
    scope = _enter_session_scope()
    try:
        return await _converse(stt, tts, call, journal)
    finally:
        _exit_session_scope(scope)


async def _converse(stt: STT, tts: TTS, call: Call, journal: Journal) -> Recording:
    loop = asyncio.get_running_loop()
    speaker = CustomAudioStreamTrack(loop)
    # Flux has already decided that the turn is over: the framework need not wait for more speech.
    patience = EOUConfig(min_max_speech_wait_timeout=(0.1, 0.1))
    pipeline = Pipeline(stt=stt, llm=RuleBasedLLM(), tts=tts, eou_config=patience)
    pipeline._set_loop_and_audio_track(loop, speaker)
    pipeline.on("error", lambda error: journal.note("agent", "error", str(error)))
    _watch_the_bus(journal)
    recording = Recording(call)
    session = AgentSession(agent=CafeAgent(), pipeline=pipeline)
    listening = asyncio.create_task(_listen(speaker, recording, journal))
    starting = asyncio.create_task(session.start())
    try:
        await _play(pipeline, CallerTrack(call, journal.start_clock))
        await starting
    finally:
        await session.close()
        await _end(listening, starting)
    return recording


async def _play(pipeline: Pipeline, track: CallerTrack) -> None:
    """Feed the caller's track as a room does, until the call is over."""
    participant = type("Participant", (), {"track": track, "kind": "audio"})()
    await InputStreamManager(pipeline).add_audio_listener(participant)


async def _listen(speaker: CustomAudioStreamTrack, recording: Recording, journal: Journal) -> None:
    """Take what the agent plays, frame by frame, as a room's encoder does."""
    while True:
        frame = await speaker.recv()
        recording.hear(journal.now_s(), frame.to_ndarray()[0])


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _watch_the_bus(journal: Journal) -> None:
    bus = get_current_event_bus()

    def on_agent_state(data: dict[str, Any]) -> None:
        state = data.get("state", data)
        journal.note("agent", "state", str(getattr(state, "value", state)))

    def on_user_transcript(data: dict[str, Any]) -> None:
        journal.note("caller", "turn", str(data.get("text", data)))

    def on_agent_transcript(data: dict[str, Any]) -> None:
        journal.note("agent", "reply", str(data.get("text", data)))

    bus.on("AGENT_STATE_CHANGED", on_agent_state)
    bus.on("USER_TRANSCRIPT_ADDED", on_user_transcript)
    bus.on("AGENT_TRANSCRIPT_ADDED", on_agent_transcript)
