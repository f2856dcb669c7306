"""A VideoSDK room without an account: a caller's track goes in, what the agent plays comes out.

Everything between the two tracks is the framework's own code. A real room does the same with WebRTC.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import av
import numpy as np
from videosdk.agents import AgentSession, CustomAudioStreamTrack
from videosdk.agents.event_bus import get_current_event_bus
from videosdk.agents.job import _enter_session_scope, _exit_session_scope
from videosdk.agents.room._input_stream import InputStreamManager
from vsaiortc.mediastreams import MediaStreamError

from .caller import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, Call
from .journal import Journal

__all__ = ["hold"]

Hear = Callable[[np.ndarray], None]


class CallerTrack:
    """The remote participant's audio track, as the framework's input stream expects it.

    Args:
        call: What to play.
        on_start: Called when the first frame is due: the conversation's 0 s.
    """

    def __init__(self, call: Call, on_start: Callable[[], None]) -> None:
        self._frames = call.mono.reshape(-1, FRAME_SAMPLES)
        self._on_start = on_start
        self._next = 0
        self._started_at = 0.0

    async def recv(self) -> av.AudioFrame:
        """Return the next 20 ms, packed s16 stereo at 48 kHz, when they are due.

        Raises:
            MediaStreamError: The call is over.
        """
        if self._next == len(self._frames):
            raise MediaStreamError
        await self._wait_until_due()
        stereo = np.repeat(self._frames[self._next], 2).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(stereo, format="s16", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        self._next += 1
        return frame

    async def _wait_until_due(self) -> None:
        loop = asyncio.get_running_loop()
        if self._next == 0:
            self._started_at = loop.time()
            self._on_start()
        await asyncio.sleep(self._started_at + self._next * FRAME_MS / 1000 - loop.time())


async def hold(
    make_session: Callable[[], AgentSession], call: Call, journal: Journal, hear: Hear | None = None
) -> None:
    """Hold a whole call; takes as long as the call. The session and its components are closed afterwards.

    Args:
        make_session: Makes the agent's session, within the framework's scope of one session.
        call: What the caller says.
        journal: Gets turns, replies, the agent's states and errors; its clock starts with the first frame.
        hear: Called with every 20 ms that the agent plays: mono s16 at 24 kHz.
    """
    scope = _enter_session_scope()
    try:
        await _hold(make_session(), call, journal, hear or _nothing)
    finally:
        _exit_session_scope(scope)


async def _hold(session: AgentSession, call: Call, journal: Journal, hear: Hear) -> None:
    loop = asyncio.get_running_loop()
    speaker = CustomAudioStreamTrack(loop)
    session.pipeline._set_loop_and_audio_track(loop, speaker)
    session.pipeline.on("error", lambda error: journal.note("agent", "error", str(error)))
    _watch_the_bus(journal)
    listening = asyncio.create_task(_listen(speaker, hear))
    starting = asyncio.create_task(session.start())
    try:
        await _play(session, CallerTrack(call, journal.start_clock))
        await starting
    finally:
        await session.close()
        await _end(listening, starting)


async def _play(session: AgentSession, track: CallerTrack) -> None:
    """Feed the caller's track as a room does, until the call is over."""
    participant = type("Participant", (), {"track": track, "kind": "audio"})()
    await InputStreamManager(session.pipeline).add_audio_listener(participant)


async def _listen(speaker: CustomAudioStreamTrack, hear: Hear) -> None:
    """Take what the agent plays, frame by frame, as a room's encoder does."""
    while True:
        frame = await speaker.recv()
        hear(frame.to_ndarray()[0])


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _nothing(_: np.ndarray) -> None:
    """Nobody listens."""


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
