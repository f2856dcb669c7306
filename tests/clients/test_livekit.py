"""What only LiveKit's plugin does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import APIStatusError
from livekit.agents.stt import SpeechEventType
from tests.clients.conftest import Start
from tests.clients.drivers import Heard, Spoken
from tests.clients.livekit_plugin import LIVEKIT, listen_v2, recognizer, synthesizer
from tests.clients.speech import (
    AUDIO,
    EAGER_EOT_THRESHOLD,
    RATE,
    SCRIPT,
    SENTENCE,
    TURNS,
    chunks,
    spoken_tags,
)
from tests.clients.waiting import all_closed, connected, until

from speechwire.emulator import Behaviour, CloseWith, Delivery, ScriptedEngine

CLIENT = LIVEKIT


def push(stream: Any, pcm: bytes) -> None:
    """What a room does."""
    for chunk in chunks(pcm):
        stream.push_frame(rtc.AudioFrame(chunk, RATE, 1, len(chunk) // 2))


async def test_options_change_in_band(start: Start) -> None:
    """`update_options` in mid-stream is a `Configure` on the open Flux connection, and is answered."""
    emulator = await start(ScriptedEngine(SCRIPT))
    heard = Heard()
    async with recognizer(emulator, "/v2/listen", heard) as stt, stt.stream() as stream:
        connection = await connected(emulator, "/v2/listen")
        await until(lambda: connection.sent_types == ["Connected"])
        stt.update_options(eot_threshold=0.9, keyterm="Oslo")
        await until(lambda: "ConfigureSuccess" in connection.sent_types)
        stream.end_input()
        assert [event async for event in stream] == []
    assert connection.sent[1]["keyterms"] == ["Oslo"]
    thresholds = {"eager_eot_threshold": EAGER_EOT_THRESHOLD, "eot_threshold": 0.9, "eot_timeout_ms": 5000}
    assert connection.sent[1]["thresholds"] == thresholds
    assert heard.problems == []


async def test_eager_turns_and_resumption_are_told(start: Start) -> None:
    """An eager end of turn arrives as a preflight transcript, and a resumed turn as an interim one."""
    emulator = await start(ScriptedEngine(SCRIPT))
    heard = await listen_v2(emulator, AUDIO, len(TURNS))
    told = [event for event in heard.events if event not in ("recognition_usage", "interim_transcript")]
    first = ["start_of_speech", "preflight_transcript", "preflight_transcript"]
    ended = ["final_transcript", "end_of_speech"]
    assert told == [*first, *ended, "start_of_speech", "preflight_transcript", *ended]


async def test_a_closed_stream_is_taken_up_again(start: Start, complaints: list[str]) -> None:
    """After the service has closed with 1011 in mid-turn, the client reconnects and streams on."""
    fault = CloseWith(1011, "NET-0001", at_s=1.0, connections={0})
    emulator = await start(ScriptedEngine(SCRIPT), faults=[fault])
    heard = Heard()
    async with recognizer(emulator, "/v2/listen", heard) as stt, stt.stream() as stream:
        push(stream, AUDIO[: 2 * RATE])
        await until(lambda: len(emulator.connections) == 2 and emulator.connections[1].is_open)
        push(stream, AUDIO)
        stream.end_input()
        events = [event async for event in stream]
    finals = [event for event in events if event.type is SpeechEventType.FINAL_TRANSCRIPT]
    assert [event.alternatives[0].text for event in finals] == TURNS
    assert emulator.connections[0].close_code == 1011
    assert len(heard.problems) == 1
    complaints.clear()


async def test_a_socket_is_used_again(start: Start) -> None:
    """Two Flux TTS streams share one pooled socket; the `Flushed` left over from the first does no harm."""
    emulator = await start(ScriptedEngine())
    spoken = Spoken()
    async with synthesizer(emulator, "/v2/speak", spoken) as tts:
        for text in (SENTENCE, "Thank you."):
            async with tts.stream() as stream:
                stream.push_text(text)
                stream.end_input()
                spoken.audio += b"".join([audio.frame.data.tobytes() async for audio in stream])
    await all_closed(emulator)
    [connection] = emulator.connections
    said = "".join(message["text"] for message in connection.received if message["type"] == "Speak")
    second = said.index("Thank")
    assert spoken.audio == spoken_tags(said[:second], said[second:])
    assert connection.close_code == 1000


async def test_an_interrupted_reply_costs_the_socket(start: Start) -> None:
    """A barge-in abandons the socket with `Flush` and `Close`; the next reply opens another, and is whole."""
    emulator = await start(ScriptedEngine(), behaviour=Behaviour(delivery=Delivery(pace=5.0)))
    spoken = Spoken()
    async with synthesizer(emulator, "/v1/speak", spoken) as tts:
        async with tts.stream() as stream:
            stream.push_text(SENTENCE * 3)
            stream.end_input()
            await anext(aiter(stream))
        async with tts.stream() as stream:
            stream.push_text("Thank you.")
            stream.end_input()
            spoken.audio = b"".join([audio.frame.data.tobytes() async for audio in stream])
    await all_closed(emulator)
    assert [connection.types[-2:] for connection in emulator.connections] == [["Flush", "Close"]] * 2
    assert spoken.audio == spoken_tags("Thank you. ")


async def test_a_wrong_key_is_refused(start: Start, complaints: list[str]) -> None:
    """A wrong key is refused with HTTP 401, which the client does not retry and reports with its status."""
    emulator = await start(ScriptedEngine(), keys={"another"})
    heard = Heard()
    async with recognizer(emulator, "/v1/listen", heard) as stt:
        stream = stt.stream()
        with pytest.raises(APIStatusError) as refused:
            await asyncio.wait_for(anext(aiter(stream)), 10.0)
        await stream.aclose()
    assert refused.value.status_code == 401
    assert len(emulator.connections) == 1
    complaints.clear()
