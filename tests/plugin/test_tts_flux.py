"""`DeepgramTTS` with a Flux voice: ``/v2/speak``, audio while the text still comes, the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from videosdk.agents import CustomAudioStreamTrack, FlushMarker
from videosdk.plugins.deepgram import DeepgramTTS

from speechwire.emulator import CloseWith, Emulator, HalfOpen, tag_of
from speechwire.session import SpeakSettings

from .conftest import KEY
from .test_tts import barge_in, emulator, pieces, spoken_ms


def plugin(server: Emulator, **arguments: object) -> tuple[DeepgramTTS, CustomAudioStreamTrack]:
    url = f"{server.base_url}/v1/speak"
    tts = DeepgramTTS(api_key=KEY, model="flux-alexis-en", base_url=url, **arguments)  # type: ignore[arg-type]
    tts.loop = asyncio.get_running_loop()
    tts.audio_track = CustomAudioStreamTrack(tts.loop)
    return tts, tts.audio_track


def sent(server: Emulator, connection: int = 0) -> list[str]:
    return [message["type"] for message in server.connections[connection].received]


async def test_the_endpoint_follows_the_voice() -> None:
    async with emulator() as server:
        tts, track = plugin(server, speed=1.05)
        await tts.synthesize("Your train leaves at nine.")
        await tts.aclose()
        record = server.connections[0]
    assert record.endpoint == "/v2/speak"
    assert {"model": "flux-alexis-en", "speed": "1.05", "sample_rate": "24000"}.items() <= dict(
        record.query
    ).items()
    assert list(spoken_ms(track)) == [tag_of("Your train leaves at nine.")]
    assert sent(server) == ["Speak", "Flush", "Close"]


async def test_audio_comes_before_the_text_is_complete() -> None:
    first_audio = asyncio.Event()

    async def on_first_audio() -> None:
        first_audio.set()

    async def text() -> AsyncIterator[str]:
        yield "This is a whole sentence."
        await asyncio.wait_for(first_audio.wait(), 5.0)
        yield " And this is another."

    async with emulator() as server:
        tts, track = plugin(server)
        tts.on_first_audio_byte(on_first_audio)
        await asyncio.wait_for(tts.synthesize(text()), 10.0)
        await tts.aclose()
    assert len(spoken_ms(track)) >= 1
    assert first_audio.is_set()


async def test_markers_make_turns_and_nothing_is_lost() -> None:
    async with emulator() as server:
        tts, track = plugin(server)
        await tts.synthesize(pieces("One.", FlushMarker(), "Two.", FlushMarker(), FlushMarker()))
        await tts.aclose()
        assert sent(server) == ["Speak", "Flush", "Speak", "Flush", "Close"]
    assert list(spoken_ms(track)) == [tag_of("One."), tag_of(" Two.")]


async def test_after_an_interruption_nothing_of_the_old_answer_is_heard() -> None:
    async with emulator(pace=4.0) as server:
        tts, track = plugin(server)
        await barge_in(tts, track)
        await tts.aclose()
        assert len(server.connections) == 1
        assert "Interrupt" in sent(server)
    assert spoken_ms(track) == {tag_of("The new answer."): pytest.approx(150.0)}


async def test_an_interruption_before_any_audio_leaves_the_connection_usable() -> None:
    never_ending = asyncio.Event()

    async def text() -> AsyncIterator[str]:
        yield "Hm."
        await never_ending.wait()
        yield ""

    async with emulator(pace=1.0) as server:
        tts, track = plugin(server)
        await tts.prewarm()
        speaking = asyncio.create_task(tts.synthesize(text()))
        await asyncio.sleep(0.02)
        await tts.interrupt()
        await asyncio.wait_for(speaking, 1.0)
        track.interrupt()
        track.frame_buffer.clear()
        track.enable_audio_input()
        await asyncio.wait_for(tts.synthesize("After all."), 10.0)
        await tts.aclose()
    assert list(spoken_ms(track))[-1] == tag_of("After all.")


async def test_a_lost_connection_is_mended_and_no_audio_is_heard_twice() -> None:
    text = "A text that is cut off in the middle by the network and spoken again."
    async with emulator(faults=(CloseWith(1011, "NET-0000", at_s=0.2, connections={0}),)) as server:
        tts, track = plugin(server)
        await asyncio.wait_for(tts.synthesize(text), 15.0)
        await tts.aclose()
        assert len(server.connections) == 2
    assert spoken_ms(track) == {tag_of(text): pytest.approx(len(text) * 10.0)}


async def test_a_silent_service_never_holds_the_answer() -> None:
    async with emulator(faults=(HalfOpen(at_s=0.1, connections={0}),)) as server:
        tts, track = plugin(server)
        tts.settings = SpeakSettings(progress_timeout_s=0.3)
        await asyncio.wait_for(tts.synthesize("Spoken after all, by the second one."), 15.0)
        await tts.aclose()
        assert len(server.connections) == 2
    assert sum(spoken_ms(track).values()) == pytest.approx(360.0)


@pytest.mark.parametrize("text", ["", "   ", "..."])
async def test_a_text_without_a_word_returns_at_once(text: str) -> None:
    async with emulator() as server:
        tts, track = plugin(server)
        await asyncio.wait_for(tts.synthesize(text), 5.0)
        await tts.aclose()
    assert spoken_ms(track) == {}


async def test_both_kinds_of_voice_in_one_plugin() -> None:
    async with emulator() as server:
        tts, track = plugin(server)
        await tts.synthesize("One.")
        tts.speed = None
        await tts.synthesize("Two.", voice_id="aura-2-zeus-en")
        await tts.aclose()
        assert [record.endpoint for record in server.connections] == ["/v2/speak", "/v1/speak"]
    assert list(spoken_ms(track)) == [tag_of("One."), tag_of("Two.")]
