"""``/v1/speak`` over a real socket, with the scripted engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from speechwire.emulator import (
    Behaviour,
    Delivery,
    Emulator,
    ScriptedEngine,
    SpeakLimits,
    StreamInfo,
    tag_of,
)
from speechwire.emulator._audio_format import AudioFormat, Decoder, encode
from speechwire.errors import InvalidArgument, SpeechwireError

from .conftest import Client, types

URL = "/v1/speak?model=aura-2-thalia-en&encoding=linear16&sample_rate=16000"
FLUSH, CLEAR, CLOSE = {"type": "Flush"}, {"type": "Clear"}, {"type": "Close"}


def speak(text: str) -> dict[str, Any]:
    return {"type": "Speak", "text": text}


def heard(messages: list[Any]) -> list[int]:
    """The tags heard, in order, each once per run."""
    samples = np.frombuffer(b"".join(m for m in messages if isinstance(m, bytes)), "<i2")
    edges = np.flatnonzero(np.diff(samples)) + 1
    return [int(samples[at]) for at in (0, *edges)] if len(samples) else []


async def test_metadata_first_then_audio_only_after_flush(client: Client) -> None:
    async with Emulator() as emulator:
        socket = await client.open(emulator.base_url + URL)
        metadata = await socket.receive()
        assert isinstance(metadata, dict)
        assert metadata["type"] == "Metadata"
        assert metadata["model_name"] == "aura-2-thalia-en"
        await socket.send(speak("Hello "), speak("there."))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.ws.receive(), 0.1)
        await socket.send(FLUSH)
        messages = await socket.until("Flushed")
        assert heard(messages) == [tag_of("Hello there.")]
        assert sum(len(m) for m in messages[:-1]) == round(12 * 0.06 * 16000) * 2
        await socket.send(CLOSE)
        assert await socket.rest() == []
        assert socket.close == (1000, "")


async def test_each_flush_is_spoken_and_acknowledged_in_turn(client: Client) -> None:
    async with Emulator() as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.send(speak("one"), FLUSH, speak("two"), FLUSH, FLUSH, CLOSE)
        messages = (await socket.rest())[1:]
    texts = [m for m in messages if isinstance(m, dict)]
    assert texts == [{"type": "Flushed", "sequence_id": n} for n in range(3)]
    assert heard(messages) == [tag_of("one"), tag_of("two")]
    first = messages.index(texts[0])
    assert heard(messages[:first]) == [tag_of("one")]


async def test_clear_lets_audio_in_flight_arrive_before_cleared_and_nothing_after(client: Client) -> None:
    delivery = Delivery(pace=1.0, frame_bytes=(640,), in_flight=3)
    async with Emulator(behaviour=Behaviour(delivery=delivery)) as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.send(speak("a long sentence that takes seconds"), FLUSH)
        await socket.until("Metadata")
        assert isinstance(await socket.receive(), bytes)
        await socket.send(CLEAR)
        before = await socket.until("Cleared")
        assert len([m for m in before if isinstance(m, bytes)]) >= 3
        await socket.send(speak("next"), FLUSH)
        after = await socket.until("Flushed")
    assert heard(after) == [tag_of("next")]
    assert after[-1] == {"type": "Flushed", "sequence_id": 1}


@pytest.mark.parametrize("sizes", [(1,), (639,), (1, 3, 777)])
async def test_binary_frames_may_split_samples(client: Client, sizes: tuple[int, ...]) -> None:
    async with Emulator(behaviour=Behaviour(delivery=Delivery(frame_bytes=sizes))) as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.send(speak("odd"), FLUSH)
        messages = await socket.until("Flushed")
    frames = [m for m in messages if isinstance(m, bytes)]
    assert any(len(frame) % 2 for frame in frames)
    assert heard(messages) == [tag_of("odd")]


async def test_pace_holds_audio_to_real_time(client: Client) -> None:
    delivery = Delivery(pace=1.0, frame_bytes=(640,), latency_s=0.05)
    async with Emulator(behaviour=Behaviour(delivery=delivery)) as emulator:
        socket = await client.open(emulator.base_url + URL)
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        await socket.send(speak("ten chars."), FLUSH)
        await socket.until("Flushed")
        assert loop.time() - start_s > 0.5  # 0.6 s of audio


@pytest.mark.parametrize(
    ("message", "close"),
    [
        (b"\0\0", (1003, "MESSAGE-0000")),
        ({"type": "KeepAlive"}, (1008, "DATA-0000")),
        ({"type": "Speak", "text": "x" * 2001}, (1009, "BIG-0001")),
    ],
)
async def test_closes(client: Client, message: Any, close: tuple[int, str]) -> None:
    async with Emulator() as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.send(message)
        assert types(await socket.rest()) == ["Metadata"]
        assert socket.close == close


async def test_sessions_end_by_age_and_by_silence(client: Client) -> None:
    limits = SpeakLimits(session_s=20.0)
    async with Emulator(behaviour=Behaviour(time_scale=0.01, limits=limits)) as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.rest()
        assert socket.close == (1011, "NET-0003")
    async with Emulator(behaviour=Behaviour(time_scale=0.003)) as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.rest()
        assert socket.close == (1011, "NET-0001")


async def test_excessive_flushes_are_warned_about_and_acknowledged_by_nothing_else(client: Client) -> None:
    async with Emulator(behaviour=Behaviour(limits=SpeakLimits(flushes_per_minute=1))) as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.send(speak("one"), FLUSH, speak("two"), FLUSH, CLOSE)
        messages = await socket.rest()
    assert "Warning" in types(messages)
    warning = next(m for m in messages if isinstance(m, dict) and m["type"] == "Warning")
    assert warning["warn_code"] == "EXCESSIVE_FLUSH"
    assert heard(messages) == [tag_of("one"), tag_of("two")]


@pytest.mark.parametrize("url", [URL, "/v2/speak?model=flux-alexis-en"])
async def test_an_engine_that_fails_is_an_internal_error_of_the_service(client: Client, url: str) -> None:
    class Mute(ScriptedEngine):
        async def synthesizer(self, stream: StreamInfo) -> Any:
            synthesizer = await super().synthesizer(stream)
            synthesizer.speak = self.fail  # type: ignore[method-assign]
            return synthesizer

        async def fail(self, text: str) -> AsyncIterator[bytes]:
            yield b"\0\0"
            raise SpeechwireError("the voice is gone")

    async with Emulator(Mute()) as emulator:
        socket = await client.open(emulator.base_url + url)
        await socket.send(speak("x"), FLUSH)
        await socket.rest()
        assert socket.close == (1011, "NET-0000")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frame_bytes": ()}, "frame_bytes must be at least one size of at least one byte, got ()"),
        ({"frame_bytes": (4, 0)}, "frame_bytes must be at least one size of at least one byte, got (4, 0)"),
        ({"pace": 0.0}, "pace must be above 0, or None for as fast as possible, got 0.0"),
        ({"pace": float("nan")}, "pace must be above 0, or None for as fast as possible, got nan"),
        ({"latency_s": -0.1}, "latency_s must be 0 or more, got -0.1"),
        ({"latency_s": float("inf")}, "latency_s must be 0 or more, got inf"),
    ],
)
def test_delivery_that_could_not_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        Delivery(**options)
    assert str(refused.value) == words


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
async def test_companded_audio(client: Client, encoding: str) -> None:
    async with Emulator() as emulator:
        url = f"{emulator.base_url}/v1/speak?model=aura-asteria-en&encoding={encoding}"
        socket = await client.open(url)
        await socket.send(speak("law"), FLUSH)
        messages = await socket.until("Flushed")
    data = b"".join(m for m in messages if isinstance(m, bytes))
    assert len(data) == round(3 * 0.06 * 8000)
    (code,) = set(data)
    (pcm,) = Decoder(AudioFormat(encoding, 8000)).decode(bytes([code]))
    (value,) = np.frombuffer(pcm, "<i2")
    assert value == pytest.approx(tag_of("law"), rel=0.04)


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
def test_companding_is_its_own_inverse_and_monotonous(encoding: str) -> None:
    codes = bytes(range(256))
    (pcm,) = Decoder(AudioFormat(encoding, 8000)).decode(codes)
    values = np.frombuffer(pcm, "<i2").astype(int)
    again = Decoder(AudioFormat(encoding, 8000)).decode(encode(pcm, encoding))[0]
    assert again == pcm  # mu-law has two codes for zero
    assert values.max() == -values.min() == {"mulaw": 32124, "alaw": 32256}[encoding]
    ramp = np.arange(-32768, 32768, dtype="<i2")
    (back,) = Decoder(AudioFormat(encoding, 8000)).decode(encode(ramp.tobytes(), encoding))
    decoded = np.frombuffer(back, "<i2").astype(int)
    assert (np.diff(decoded) >= 0).all()
    assert (np.abs(decoded - ramp) <= np.maximum(np.abs(ramp.astype(int)) / 16, 8)).all()
