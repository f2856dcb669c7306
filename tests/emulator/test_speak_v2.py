"""``/v2/speak`` over a real socket, with the scripted engine."""

from __future__ import annotations

from typing import Any

from speechwire.emulator import Behaviour, Delivery, Emulator

from .conftest import Client, types

URL = "/v2/speak?model=flux-alexis-en&sample_rate=16000"
FLUSH, CLOSE = {"type": "Flush"}, {"type": "Close"}


def speak(text: str) -> dict[str, Any]:
    return {"type": "Speak", "text": text}


async def test_audio_comes_without_flush_and_flushed_before_the_last_of_it(client: Client) -> None:
    delivery = Delivery(pace=1.0, frame_bytes=(640,))
    async with Emulator(behaviour=Behaviour(delivery=delivery)) as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.send(speak("Your train leaves at nine. "))
        before = await socket.until("SpeechStarted")
        assert isinstance(await socket.receive(), bytes)
        await socket.send(FLUSH)
        middle = await socket.until("Flushed")
        after = await socket.until("SpeechMetadata")
        await socket.send(CLOSE)
        last = await socket.rest()
    assert types(before) == ["Connected", "SpeechStarted"]
    assert set(types(middle)) <= {"audio", "Flushed"}
    assert len(after) > 1
    metadata = after[-1]
    assert metadata["audio_duration_ms"] == 27 * 60
    audio = [m for m in [*middle, *after] if isinstance(m, bytes)]
    assert sum(map(len, audio)) + 640 == 27 * 60 * 32
    assert types(last) == ["SessionMetadata"]
    assert socket.close == (1000, "")


async def test_interrupt_stops_the_turn(client: Client) -> None:
    delivery = Delivery(pace=1.0, frame_bytes=(640,), in_flight=2)
    async with Emulator(behaviour=Behaviour(delivery=delivery)) as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.send(speak("a text that takes some seconds to say"), FLUSH)
        await socket.until("Flushed")
        await socket.receive()
        await socket.send({"type": "Interrupt"})
        await socket.until("SpeechInterrupted")
        await socket.send(speak("next"), FLUSH)
        messages = await socket.until("SpeechMetadata")
    assert types(messages)[:1] == ["SpeechStarted"]
    assert sum(len(m) for m in messages if isinstance(m, bytes)) == 4 * 60 * 32


async def test_speed_takes_effect_at_the_next_segment(client: Client) -> None:
    async with Emulator() as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.send({"type": "Configure", "speed": 1.5}, speak("123456789 "), FLUSH)
        messages = await socket.until("SpeechMetadata")
    assert messages[-1]["audio_duration_ms"] == 400
    assert "ConfigureSuccess" in types(messages)


async def test_silence_ends_it_with_net0004(client: Client) -> None:
    async with Emulator(behaviour=Behaviour(time_scale=0.002)) as emulator:  # 60 s become 0.12 s
        socket = await client.open(emulator.base_url + URL)
        messages = await socket.rest()
    assert types(messages) == ["Connected", "Error"]
    assert messages[-1]["code"] == "NET-0004"
    assert socket.close == (1011, "NET-0004")
