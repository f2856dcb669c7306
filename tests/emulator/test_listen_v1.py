"""``/v1/listen`` over a real socket, with the scripted engine."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from typing import Any

import numpy as np
import pytest

from speechwire.emulator import Behaviour, Emulator, Phrase, Script, ScriptedEngine, StreamInfo
from speechwire.emulator._audio_format import AudioFormat
from speechwire.emulator._hearing import Hearing

from .conftest import Client, Socket, types

URL = "/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000&punctuate=true&endpointing=300"
CLOSE, KEEP_ALIVE, FINALIZE = {"type": "CloseStream"}, {"type": "KeepAlive"}, {"type": "Finalize"}
OSLO = Script(Phrase(0.5, "Two tickets to Oslo,", 1.5), Phrase(2.0, "please.", 2.3))


async def play(socket: Socket, seconds: float, frame_bytes: int = 640) -> None:
    data = bytes(round(seconds * 16000) * 2)
    for at in range(0, len(data), frame_bytes):
        await socket.send(data[at : at + frame_bytes])


def texts(messages: list[Any]) -> list[str]:
    results = [m for m in messages if m["type"] == "Results"]
    return [r["channel"]["alternatives"][0]["transcript"] for r in results]


async def test_the_service_never_speaks_first(client: Client) -> None:
    async with Emulator() as emulator:
        socket = await client.open(emulator.base_url + URL)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.ws.receive(), 0.1)


async def test_where_nothing_was_heard_nothing_is_said_of_it(client: Client) -> None:
    async with Emulator(script=OSLO) as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.send(FINALIZE, CLOSE)
        (metadata,) = await socket.rest()
        (record,) = emulator.connections
    created = metadata.pop("created")
    assert created.endswith("Z")
    assert metadata == {
        "type": "Metadata",
        "transaction_key": "deprecated",
        "request_id": record.request_id,
        "sha256": hashlib.sha256(b"").hexdigest(),
        "duration": 0.0,
        "channels": 0,
    }
    assert socket.close == (1000, "")


async def test_a_stream_from_audio_to_metadata(client: Client) -> None:
    async with Emulator(script=OSLO) as emulator:
        socket = await client.open(emulator.base_url + URL + "&interim_results=true&vad_events=true")
        await play(socket, 3.0)
        await socket.send(CLOSE)
        messages = await socket.rest()
        (record,) = emulator.connections
    assert socket.close == (1000, "")
    finals = [m for m in messages if m.get("is_final")]
    assert texts(finals) == ["Two tickets to Oslo,", "please.", ""]
    assert types(messages).count("SpeechStarted") == 2
    metadata = messages[-1]
    assert metadata["type"] == "Metadata"
    assert metadata["request_id"] == record.request_id == finals[0]["metadata"]["request_id"]
    assert metadata["duration"] == record.audio_s == 3.0
    assert metadata["sha256"] == hashlib.sha256(bytes(96000)).hexdigest()


@pytest.mark.parametrize("end", [CLOSE, b""])
async def test_the_empty_frame_means_close_stream(client: Client, end: Any) -> None:
    async with Emulator(script=OSLO) as emulator:
        socket = await client.open(emulator.base_url + URL)
        await play(socket, 1.5)
        await socket.send(end)
        messages = await socket.rest()
        assert emulator.connections[0].empty_frames == (end == b"")
    assert texts(messages) == ["Two tickets to Oslo,"]
    assert types(messages) == ["Results", "Metadata"]
    assert socket.close == (1000, "")


async def test_keep_alive_before_audio_finalize_then_close(client: Client) -> None:
    async with Emulator(script=OSLO) as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.send(KEEP_ALIVE)
        await play(socket, 1.2)
        await socket.send(FINALIZE, CLOSE)
        messages = await socket.rest()
    assert texts(messages) == ["Two tickets"]
    assert messages[0]["from_finalize"]
    assert types(messages) == ["Results", "Metadata"]


async def test_keep_alive_as_binary_is_audio(client: Client) -> None:
    async with Emulator() as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.send(b'{"type": "KeepAlive"}', CLOSE)
        metadata = (await socket.rest())[-1]
        assert emulator.connections[0].audio_bytes == 21
    assert metadata["duration"] == pytest.approx(10 / 16000, abs=1e-6)


async def test_unknown_text_leaves_the_socket_open(client: Client) -> None:
    async with Emulator(script=OSLO) as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.send({"type": "Terminate"}, "junk")
        await play(socket, 2.0)
        await socket.send(CLOSE)
        messages = await socket.rest()
    assert types(messages)[:2] == ["Error", "Error"]
    assert messages[0]["message"] == '{"type": "Terminate"}'
    assert texts(messages)[0] == "Two tickets to Oslo,"


async def test_silence_ends_it_with_metadata_and_net0001(client: Client) -> None:
    async with Emulator(behaviour=Behaviour(time_scale=0.01)) as emulator:  # 10 s become 0.1 s
        socket = await client.open(emulator.base_url + URL)
        await socket.send(bytes(3200))
        messages = await socket.rest()
    assert types(messages) == ["Metadata"]
    assert socket.close
    assert socket.close[0] == 1011
    assert "dpgr.am/net0001" in socket.close[1]


@pytest.mark.parametrize(("needs_audio", "survives"), [(True, False), (False, True)])
async def test_keep_alive_alone_does_not_save_a_socket_without_audio(
    client: Client, needs_audio: bool, survives: bool
) -> None:
    behaviour = Behaviour(time_scale=0.1, keepalive_needs_audio=needs_audio)  # 10 s become 1 s
    async with Emulator(behaviour=behaviour) as emulator:
        socket = await client.open(emulator.base_url + URL)
        for _ in range(13):
            await asyncio.sleep(0.1)
            with contextlib.suppress(ConnectionError):
                await socket.send(KEEP_ALIVE)
        assert emulator.connections[0].is_open == survives


async def test_two_configures_at_once(client: Client) -> None:
    async with Emulator() as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.send({"type": "Configure", "keyterms": ["Oslo"]})
        assert types(await socket.until("ConfigureSuccess")) == ["ConfigureSuccess"]
        await socket.send({"type": "Configure", "keyterms": []}, CLOSE)
        assert types(await socket.rest()) == ["ConfigureSuccess", "Metadata"]


async def test_channels_are_recognized_apart_only_if_asked(client: Client) -> None:
    def script(stream: Any) -> Script:
        return Script(Phrase(0.1, f"channel {stream.channel}", 0.5))

    async with Emulator(script=script, keep_audio=True) as emulator:
        for multichannel, heard in (("true", ["channel 0", "channel 1"]), ("false", ["channel 0"])):
            url = f"{emulator.base_url}{URL}&channels=2&multichannel={multichannel}"
            socket = await client.open(url)
            frame = np.arange(16000, dtype="<i2").tobytes()
            for at in range(0, 64000, 333):
                await socket.send((frame + frame)[at : at + 333])
            await socket.send(CLOSE)
            messages = await socket.rest()
            assert [text for text in texts(messages) if text] == heard
            assert messages[-1]["duration"] == 1.0


async def test_channels_that_are_not_recognized_apart_are_averaged() -> None:
    heard: list[bytes] = []

    class Listener(ScriptedEngine):
        async def recognizer(self, stream: StreamInfo) -> Any:
            recognizer = await super().recognizer(stream)
            feed = recognizer.feed

            async def overhear(pcm: bytes) -> Any:
                heard.append(pcm)
                return await feed(pcm)

            recognizer.feed = overhear  # type: ignore[method-assign]
            return recognizer

    stream = StreamInfo(0, "/v1/listen", 8000)
    hearing = Hearing(Listener(), stream, AudioFormat("linear16", 8000, 2), multichannel=False)
    stereo = np.array([[1000, 3000], [-32768, -32768], [32767, 32767], [5, -7]], "<i2").tobytes()
    await hearing.feed(stereo)
    assert np.frombuffer(b"".join(heard), "<i2").tolist() == [2000, -32768, 32767, -1]


async def test_undecodable_audio(client: Client) -> None:
    async with Emulator() as emulator:
        socket = await client.open(emulator.base_url + "/v1/listen?model=nova-3")
        await socket.send(b"\x1aE\xdf\xa3 a WebM header")
        assert await socket.rest() == []
    assert socket.close == (1008, "DATA-0000")
