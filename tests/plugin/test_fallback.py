"""The framework's fallback wrappers switch when they should, and only then."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from videosdk.agents import CustomAudioStreamTrack, FallbackSTT, FallbackTTS, STTResponse
from videosdk.plugins.deepgram import DeepgramSTTV2, DeepgramTTS

from speechwire.emulator import CloseWith, Emulator, Phrase, RefuseUpgrade, Script, ScriptedEngine, tag_of
from speechwire.session import BackoffPolicy, ListenSettings

from .conftest import KEY
from .test_tts import pieces, spoken_ms

HELLO = Script(Phrase(0.3, "Hello there.", 1.0))


def listener(emulator: Emulator) -> DeepgramSTTV2:
    stt = DeepgramSTTV2(api_key=KEY, base_url=f"{emulator.base_url}/v2/listen", eot_threshold=0.7)
    stt.settings = ListenSettings(replay_speed=None)
    return stt


def speaker(emulator: Emulator) -> DeepgramTTS:
    return DeepgramTTS(api_key=KEY, base_url=f"{emulator.base_url}/v1/speak")


async def hear(stt: FallbackSTT, seconds: float) -> list[str]:
    """Feed ``seconds`` of audio at five times real pace and return the finals."""
    finals: list[str] = []

    async def on_transcript(response: STTResponse) -> None:
        if response.event_type.name == "FINAL":
            finals.append(response.data.text)

    stt.on_stt_transcript(on_transcript)
    for _ in range(round(seconds * 50)):
        await stt.process_audio(bytes(3840))
        await asyncio.sleep(0.004)
    await asyncio.sleep(0.2)
    return finals


async def test_a_refused_provider_is_replaced() -> None:
    async with Emulator(faults=[RefuseUpgrade(401)]) as bad, Emulator(script=HELLO) as good:
        first, second = listener(bad), listener(good)
        stt = FallbackSTT([first, second])
        finals = await hear(stt, 3.0)
        assert stt.active_provider is second
        await first.aclose()
        await second.aclose()
    assert finals == ["Hello there."]


async def take_back(stt: FallbackSTT) -> None:
    """Have the fallback try the first provider again with the next frame, whatever the time."""
    stt.temporary_disable_sec = -1.0
    await stt.process_audio(bytes(3840))
    stt.temporary_disable_sec = 60.0


async def test_an_outage_replaces_a_provider_which_is_heard_again_when_it_is_back() -> None:
    """Also where it is tried again while the service is still away: it then says so again."""
    script = Script(Phrase(0.3, "Hello there.", 1.0), Phrase(1.5, "Goodbye.", 2.0))
    async with Emulator(script=script) as good, Emulator(script=script) as returned:
        first, second = listener(good), listener(good)
        patience = BackoffPolicy(base_s=0.01, cap_s=0.02, max_attempts=3)
        first.settings = replace(first.settings, backoff=patience)
        first.base_url = "ws://127.0.0.1:1/v2/listen"  # nobody is there
        stt = FallbackSTT([first, second], permanent_disable_after_attempts=9)
        errors: list[str] = []
        stt.on("error", lambda error: errors.append(error))
        assert await hear(stt, 3.0) == ["Hello there.", "Goodbye."]
        await take_back(stt)
        assert stt.active_provider is first
        await hear(stt, 1.0)
        assert stt.active_provider is second
        assert len(errors) == 2
        first.base_url = f"{returned.base_url}/v2/listen"
        await take_back(stt)
        assert await hear(stt, 3.0) == ["Hello there.", "Goodbye."]
        assert stt.active_provider is first
        await stt.aclose()
        (connection,) = returned.connections
        assert connection.audio_s == pytest.approx(3.02)  # and nothing that others have answered


async def test_a_refused_provider_that_is_tried_again_is_replaced_again() -> None:
    """Not left in charge of audio that it ignores."""
    async with Emulator(faults=[RefuseUpgrade(401)]) as bad, Emulator(script=HELLO) as good:
        first, second = listener(bad), listener(good)
        stt = FallbackSTT([first, second], permanent_disable_after_attempts=9)
        for attempts in (1, 2, 3):
            await hear(stt, 1.0)
            assert stt.active_provider is second
            assert len(bad.connections) == attempts
            await take_back(stt)
        await stt.aclose()


async def test_a_dropped_connection_replaces_nobody() -> None:
    drop = CloseWith(1011, "NET-0000", at_s=0.6, connections={0})
    async with Emulator(script=HELLO, faults=[drop]) as shaky, Emulator() as spare:
        first, second = listener(shaky), listener(spare)
        stt = FallbackSTT([first, second])
        finals = await hear(stt, 3.0)
        assert stt.active_provider is first
        assert len(shaky.connections) == 2
        assert spare.connections == []
        await first.aclose()
        await second.aclose()
    assert finals == ["Hello there."]


@pytest.mark.parametrize("status", [401, 402])
async def test_the_next_voice_speaks_the_whole_text(status: int) -> None:
    engine = ScriptedEngine(seconds_per_character=0.01)
    async with Emulator(faults=[RefuseUpgrade(status)]) as bad, Emulator(engine=engine) as good:
        first, second = speaker(bad), speaker(good)
        tts = FallbackTTS([first, second])
        tts.loop = asyncio.get_running_loop()
        tts.audio_track = track = CustomAudioStreamTrack(tts.loop)
        await tts.synthesize(pieces("Hello", " world", " again."))
        assert tts.active_provider is second
        await first.aclose()
        await second.aclose()
    assert spoken_ms(track) == {tag_of("Hello world again."): pytest.approx(180.0)}
