"""Three ways to stage the same call: with an offline Deepgram, a scripted one, or the real one."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module

from examples.shared.caller import Call, Line, render, tone_voice
from examples.shared.journal import Journal
from examples.shared.voice import espeak_voice
from speechwire.emulator import Emulator, Phrase, Script, ScriptedEngine

from .recording import Recording

# The second line is spoken while the agent still answers the first: the barge-in.
SCRIPT = (
    Line(4.5, "what do you have for breakfast"),
    Line(10.5, "wait what time do you close on sunday"),
    Line(18.5, "please book a table for two people"),
)
TAIL_S = 5.0

FRAMEWORKS = {"videosdk": "VideoSDK Agents", "livekit": "LiveKit Agents", "pipecat": "Pipecat"}
"""By the name of ``--framework``; each has a module ``on_<name>``."""


@dataclass(frozen=True)
class Scene:
    """A rendered call and the service that will hear it.

    Attributes:
        call: The caller's side.
        service: The service's name, for people.
        base_url: ``ws://host:port`` of an emulator; None for the real service.
    """

    call: Call
    service: str
    base_url: str | None


def live_scene() -> Scene:
    """Stage the call with the real service; the caller's voice is synthesized here."""
    return Scene(render(SCRIPT, espeak_voice, tail_s=TAIL_S), "api.deepgram.com", None)


async def offline_scene(stack: AsyncExitStack) -> Scene:
    """Stage the call with real recognition and synthesis on this machine, and no network."""
    emulator = await stack.enter_async_context(Emulator(engine="offline"))
    call = render(SCRIPT, espeak_voice, tail_s=TAIL_S)
    return Scene(call, "emulator with pocketsphinx and espeak-ng", emulator.base_url)


async def scripted_scene(stack: AsyncExitStack) -> Scene:
    """Stage the call with an emulator that knows what will be said: deterministic, nothing to install."""
    call = render(SCRIPT, tone_voice, tail_s=TAIL_S)
    phrases = [Phrase(line.start_s, f"{line.text.capitalize()}.", line.end_s) for line in call.lines]
    engine = ScriptedEngine(Script(*phrases))
    emulator = await stack.enter_async_context(Emulator(engine=engine))
    return Scene(call, "emulator with a script", emulator.base_url)


async def stage(scene: Scene, journal: Journal, framework: str = "videosdk") -> Recording:
    """Hold the conversation in this framework, noting Deepgram's turn events as they come."""
    module = import_module(f"examples.conversation.on_{framework}")  # each lives in an environment of its own
    recording: Recording = await module.converse(scene.call, scene.base_url, journal)
    return recording
