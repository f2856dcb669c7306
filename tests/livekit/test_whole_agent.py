"""The demo's agent in LiveKit's `AgentSession`, tested with the fixtures for tests of agents.

Both plugins go through the same tests: what is asked is what Deepgram saw.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from livekit.agents.utils import http_context
from livekit.plugins import deepgram, speechwire

from examples.conversation.on_livekit import components, hold
from examples.shared.caller import Call
from examples.shared.journal import Journal
from examples.shared.livekit_room import Microphone, Speaker
from speechwire.emulator import EmulatedCall

pytestmark = pytest.mark.paced  # a caller who speaks at real pace

pytest_plugins = ["speechwire.emulator.pytest_plugin"]

RATE = 48_000
MENU = "What do you have for breakfast?"
STOP = "Wait, what time do you close?"


@pytest.fixture(params=[deepgram, speechwire], ids=["livekit-plugins-deepgram", "livekit-plugins-speechwire"])
def plugin(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


async def converse(call: EmulatedCall, plugin: ModuleType, *texts: str, between_s: float) -> bytes:
    """Hold a call in which the caller says these texts; return what the agent played."""
    audio = b"".join(call.audio(text, rate=RATE, before_s=between_s, after_s=0.0) for text in texts)
    audio += bytes(2 * RATE * 4)
    played = bytearray()
    speaker = Speaker(lambda samples: played.extend(samples.tobytes()))
    microphone = Microphone(Call(np.frombuffer(audio, "<i2"), ()), lambda: None)
    async with http_context.open():
        await hold(*components(call.base_url, plugin), microphone, speaker, Journal(show=lambda entry: None))
    return bytes(played)


async def test_it_greets_hears_and_answers(deepgram_call: EmulatedCall, plugin: ModuleType) -> None:
    played = await converse(deepgram_call, plugin, MENU, between_s=4.0)
    assert deepgram_call.heard(MENU, times=1)
    assert deepgram_call.spoken("this is the station cafe")
    assert deepgram_call.spoken("for breakfast we have fresh rolls")
    assert any("breakfast" in text for text in deepgram_call.texts_in(played))


async def test_it_stops_when_the_caller_speaks(deepgram_call: EmulatedCall, plugin: ModuleType) -> None:
    await converse(deepgram_call, plugin, MENU, STOP, between_s=4.0)
    assert deepgram_call.heard(STOP)
    assert deepgram_call.interrupted_within(20.0)
    assert deepgram_call.spoken("we are open every day")


async def test_a_reset_loses_no_word_here(deepgram_call: EmulatedCall) -> None:
    deepgram_call.fails_with(deepgram_call.common_faults()["reset"])
    await converse(deepgram_call, speechwire, MENU, between_s=0.2)
    assert deepgram_call.heard(MENU, times=1)
