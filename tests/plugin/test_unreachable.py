"""A server that is not there: one clear error, no storm, no hang, and no key in it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest
from videosdk.agents import CustomAudioStreamTrack
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2, DeepgramTTS

from speechwire.errors import ConnectFailed
from speechwire.session import BackoffPolicy, ListenSettings, SpeakSettings

from .conftest import KEY, Listener, speak, until

IMPATIENT = BackoffPolicy(base_s=0.01, cap_s=0.02, max_attempts=3)


@pytest.fixture
def nowhere() -> str:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"ws://127.0.0.1:{taken.getsockname()[1]}"


async def test_the_stt_says_so_once(nowhere: str) -> None:
    stt = DeepgramSTTV2(api_key=KEY, base_url=f"{nowhere}/v2/listen")
    listener = Listener(stt)
    stt.settings = ListenSettings(backoff=IMPATIENT)
    await speak(stt, 0.3)
    await until(lambda: listener.errors)
    await speak(stt, 0.3)
    await stt.aclose()
    assert len(listener.errors) == 1
    assert f"could not connect to {nowhere}/v2/listen" in listener.errors[0]
    assert KEY not in listener.errors[0]


async def test_the_tts_raises_it(nowhere: str) -> None:
    tts = DeepgramTTS(api_key=KEY, base_url=f"{nowhere}/v1/speak")
    tts.settings = SpeakSettings(backoff=IMPATIENT)
    tts.loop = asyncio.get_running_loop()
    tts.audio_track = CustomAudioStreamTrack(tts.loop)
    with pytest.raises(ConnectFailed, match="could not connect"):
        await tts.synthesize("Hello.")
    await tts.aclose()


async def test_closing_while_it_still_tries_is_quick_and_leaves_nothing(nowhere: str) -> None:
    stt = DeepgramSTTV2(api_key=KEY, base_url=f"{nowhere}/v2/listen")
    listener = Listener(stt)
    stt.settings = ListenSettings(drain_timeout_s=0.1)
    await speak(stt, 0.5)
    await asyncio.wait_for(stt.aclose(), 2.0)
    assert listener.errors == []
    ended = [event for event in listener.events if type(event).__name__ == "SessionEnded"]
    assert [(event.complete, round(event.dropped_s, 1)) for event in ended] == [(False, 0.5)]


@pytest.mark.parametrize("plugin", [DeepgramSTT, DeepgramSTTV2, DeepgramTTS])
@pytest.mark.parametrize("host", ["api.example.com", "10.0.0.1"])
def test_the_key_is_never_sent_in_the_clear(plugin: Callable[..., object], host: str) -> None:
    with pytest.raises(ValueError, match="base_url") as told:
        plugin(api_key=KEY, base_url=f"ws://{host}")
    assert KEY not in str(told.value)
    plugin(api_key=KEY, base_url=f"ws://{host}", allow_insecure=True)
