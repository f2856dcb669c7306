"""How much of the speech was heard, as Flux TTS is told with ``Interrupt``."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.session.fake_voice import FakeFlux, heard

from speechwire.errors import InvalidArgument
from speechwire.protocol import SpeakV2Options
from speechwire.protocol import speak_v2_events as speak
from speechwire.session import SpeakRequest, SpeakSession
from speechwire.session._playback_offset import PlaybackOffset
from speechwire.transport import MemoryPeer, MemoryTransport

BYTES_PER_S = 16_000
OPTIONS = SpeakV2Options(encoding="linear16", sample_rate=8000)
"""A character of the fake voice takes 1/16 s."""


def audio(seconds: float) -> speak.Audio:
    return speak.Audio(data=bytes(int(seconds * BYTES_PER_S)), speech_id="a")


def told(*events: speak.Event) -> PlaybackOffset:
    offset = PlaybackOffset(BYTES_PER_S)
    for event in events:
        offset.read(event)
    return offset


def test_it_counts_from_the_start_of_the_connection() -> None:
    offset = told(audio(2.0), speak.SpeechMetadata(speech_id="a"), audio(1.0), audio(1.0))
    assert offset.at_ms(0.5) == 2500


def test_a_turn_that_was_interrupted_counts_with_what_the_service_says_was_played() -> None:
    offset = told(audio(2.0))
    assert offset.at_ms(0.7) == 700
    offset.read(speak.SpeechInterrupted(audio_played_ms=700.0, discarded_bytes=800))
    offset.read(audio(1.0))
    assert offset.at_ms(0.25) == 950


def test_a_turn_that_was_interrupted_without_a_word_of_it_counts_with_all_its_audio() -> None:
    offset = told(audio(2.0), speak.SpeechInterrupted(discarded_bytes=BYTES_PER_S), audio(1.0))
    assert offset.at_ms(0.25) == 3250


def test_an_end_that_comes_again_counts_once() -> None:
    end = speak.SpeechMetadata(speech_id="a")
    again = speak.SpeechMetadata(speech_id="a", repeated=True)
    assert told(audio(2.0), end, audio(1.0), again, audio(1.0)).at_ms(1.5) == 3500


def test_never_more_than_came_and_never_less_than_was_told() -> None:
    offset = told(audio(2.0))
    assert offset.at_ms(0.0) is None, "the service wants it to grow"
    assert offset.at_ms(9.0) == 2000
    assert offset.at_ms(2.0) is None


async def interrupted(session: SpeakSession, text: str, after_s: float, heard_s: float | None) -> None:
    request = session.speak(text)
    await asyncio.sleep(after_s)
    request.interrupt(heard_s)


def offsets(service: FakeFlux, connection: int = 0) -> list[Any]:
    messages = service.messages[connection]
    return [message.get("playback_offset") for message in messages if message["type"] == "Interrupt"]


def speaking(service: Any) -> SpeakSession:
    return SpeakSession("k", OPTIONS, transport=MemoryTransport(service))


async def say(session: SpeakSession, text: str) -> str:
    return heard(b"".join([pcm async for pcm in session.speak(text)]))


async def test_interrupt_carries_what_was_heard() -> None:
    service = FakeFlux()
    async with speaking(service) as session:
        assert await say(session, "Four times four.") == "Four times four."
        await interrupted(session, "This goes on for a while.", 0.5, 0.25)
        await interrupted(session, "And so does this.", 0.5, None)
        assert await say(session, "End.") == "End."
    assert offsets(service) == [{"type": "time_ms", "value": 1250}, None]


async def test_a_request_of_several_turns_counts_from_the_turn_that_is_spoken() -> None:
    service = FakeFlux()
    async with speaking(service) as session:
        request = session.request()
        request.push("Eight ch")
        request.flush()
        request.push("aracters, and more than that.")
        request.end()
        assert len(await piece(request, 12_000)) >= 12_000
        request.interrupt(0.625)
        assert await say(session, "End.") == "End."
    assert offsets(service) == [{"type": "time_ms", "value": 625}]


async def piece(request: SpeakRequest, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await anext(request)
    return data


async def test_what_was_heard_on_a_connection_that_was_lost_is_told_to_the_next() -> None:
    """The next one speaks the turn from its start."""
    service = FakeFlux({0: (10, lambda peer: peer.close(1011, "NET-0000"))})
    async with speaking(service) as session:
        request = session.speak("A text of thirty characters ...")
        await piece(request, 14_000)
        request.interrupt(0.75)
        assert await say(session, "End.") == "End."
    assert offsets(service, 1) == [{"type": "time_ms", "value": 750}]


async def test_an_offset_that_is_refused_is_left_out_and_nothing_of_the_next_text_is_lost() -> None:
    received: list[dict[str, Any]] = []

    async def serve(peer: MemoryPeer) -> None:
        async for frame in peer:
            message = json.loads(frame)
            received.append(message)
            if message["type"] == "Speak":
                peer.send(json.dumps({"type": "SpeechStarted", "speech_id": message["text"]}))
                peer.send(b"\1\1" * 800 if message["text"] == "Old." else b"\2\2")
            elif message["type"] == "Interrupt":
                refusal = {"type": "Warning", "code": "INVALID_INTERRUPT_OFFSET"}
                peer.send(
                    json.dumps(refusal if "playback_offset" in message else {"type": "SpeechInterrupted"})
                )
            elif message["type"] == "Flush" and len(received) > 2:
                peer.send(json.dumps({"type": "SpeechMetadata", "speech_id": "New."}))
            elif message["type"] == "Close":
                peer.close()

    async with speaking(serve) as session:
        old = session.request()
        old.push("Old.")
        await anext(old)
        old.interrupt(0.05)
        new = session.speak("New.")
        assert b"".join([pcm async for pcm in new]) == b"\2\2"
    kinds = [message["type"] for message in received]
    assert kinds == ["Speak", "Interrupt", "Interrupt", "Speak", "Flush", "Close"]
    assert [message.get("playback_offset") for message in received[1:3]] == [
        {"type": "time_ms", "value": 50},
        None,
    ]


@pytest.mark.parametrize("heard_s", [-0.1, float("nan")])
async def test_less_than_nothing_cannot_have_been_heard(heard_s: float) -> None:
    async with speaking(FakeFlux()) as session:
        request = session.speak("x")
        with pytest.raises(InvalidArgument, match="heard_s"):
            request.interrupt(heard_s)
        request.interrupt()
