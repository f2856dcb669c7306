"""The demo's agent in Pipecat's own pipeline, tested with the fixtures for tests of agents.

Pipecat's own services and ours go through the same tests: what is asked is what Deepgram saw.
"""

from __future__ import annotations

import numpy as np
import pytest
from tests.pipecat.services import aura, flux, their_aura, their_flux

from examples.conversation.on_pipecat import Components, hold
from examples.shared.caller import FRAME_SAMPLES, Call
from examples.shared.journal import Journal
from examples.shared.pipecat_room import Microphone, Speaker
from speechwire.emulator import EmulatedCall

pytestmark = pytest.mark.paced  # a caller who speaks at real pace

pytest_plugins = ["speechwire.emulator.pytest_plugin"]

RATE = 48_000
MENU = "What do you have for breakfast?"
STOP = "Wait, what time do you close?"


@pytest.fixture(params=[(their_flux, their_aura), (flux, aura)], ids=["pipecat", "pipecat-speechwire"])
def parts(request: pytest.FixtureRequest, deepgram_call: EmulatedCall) -> Components:
    return Components(*(make(deepgram_call.emulator) for make in request.param))


async def converse(call: EmulatedCall, parts: Components, *texts: str, between_s: float) -> bytes:
    """Hold a call in which the caller says these texts; return what the agent played."""
    audio = b"".join(call.audio(text, rate=RATE, before_s=between_s, after_s=0.0) for text in texts)
    samples = np.frombuffer(audio + bytes(2 * RATE * 4), "<i2")
    whole = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES]
    played = bytearray()
    speaker = Speaker(lambda heard: played.extend(heard.tobytes()))
    await hold(parts, Microphone(), speaker, Call(whole, ()), Journal(show=lambda entry: None))
    return bytes(played)


async def test_it_greets_hears_and_answers(deepgram_call: EmulatedCall, parts: Components) -> None:
    played = await converse(deepgram_call, parts, MENU, between_s=4.0)
    assert deepgram_call.heard(MENU, times=1)
    assert deepgram_call.spoken("this is the station cafe")
    assert deepgram_call.spoken("for breakfast we have fresh rolls")
    assert any("breakfast" in text for text in deepgram_call.texts_in(played))


async def test_it_stops_when_the_caller_speaks(deepgram_call: EmulatedCall, parts: Components) -> None:
    await converse(deepgram_call, parts, MENU, STOP, between_s=4.0)
    assert deepgram_call.heard(STOP)
    assert deepgram_call.interrupted_within(20.0)
    assert deepgram_call.spoken("we are open every day")
