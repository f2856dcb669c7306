"""What a stream is told in the middle of a call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents.stt import SpeechEventType
from tests.livekit.conftest import Start
from tests.livekit.listened import EAGER, FLUX, NOVA, all_of, opened, texts
from tests.livekit.parties import frames, speech_to_text, until
from tests.livekit.spoken import AUDIO, PHRASES, SCRIPT, TURNS

from speechwire.emulator import ScriptedEngine

# In the middle of a call


async def test_flux_options_change_in_band(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with speech_to_text("speechwire", emulator.http_url, FLUX, **EAGER) as stt, stt.stream() as stream:
        await until(lambda: opened(emulator))
        [connection] = emulator.connections
        stt.update_options(eot_threshold=0.9, keyterm="Oslo")
        await until(lambda: "ConfigureSuccess" in connection.sent_types)
        stream.end_input()
        async for _ in stream:
            pass
    configured = [message for message in connection.received if message["type"] == "Configure"]
    assert configured[-1]["keyterms"] == ["Oslo"]
    assert configured[-1]["thresholds"] == {"eot_threshold": 0.9}
    assert len(emulator.connections) == 1


@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_keyterms_of_the_session_join_those_of_the_user_in_band(start: Start, endpoint: str) -> None:
    """The framework sets terms of its own; both plugins merge them with the user's."""
    emulator = await start(ScriptedEngine(SCRIPT))
    async with (
        speech_to_text("speechwire", emulator.http_url, endpoint, keyterm=["Oslo"]) as stt,
        stt.stream() as stream,
    ):
        await until(lambda: opened(emulator))
        [connection] = emulator.connections
        stt._update_session_keyterms(["Bergen", "Oslo"])
        await until(lambda: connection.sent_types.count("ConfigureSuccess") == 1)
        stt.update_options(keyterm=["Tromsø"])
        await until(lambda: connection.sent_types.count("ConfigureSuccess") == 2)
        stt._update_session_keyterms([])
        await until(lambda: connection.sent_types.count("ConfigureSuccess") == 3)
        stream.end_input()
        async for _ in stream:
            pass
    configured = [message["keyterms"] for message in connection.received if message["type"] == "Configure"]
    assert configured == [["Oslo", "Bergen"], ["Tromsø", "Bergen", "Oslo"], ["Tromsø"]]
    assert len(emulator.connections) == 1


@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_an_option_of_the_handshake_changes_between_turns_and_costs_no_audio(
    start: Start, endpoint: str
) -> None:
    """LiveKit agents #2643, #6277: an update must neither freeze the recogniser nor cut the turn."""
    emulator = await start(ScriptedEngine(SCRIPT))
    change: dict[str, Any] = {"language": "de"} if endpoint == NOVA else {"profanity_filter": True}
    async with speech_to_text("speechwire", emulator.http_url, endpoint) as stt, stt.stream() as stream:
        await until(lambda: opened(emulator))
        audio = frames(AUDIO)
        for each in audio[:40]:
            stream.push_frame(each)
        await anext(stream)  # speech has begun
        stt.update_options(**change)
        reading = asyncio.create_task(all_of(stream))
        for each in audio[40:]:
            stream.push_frame(each)
            await asyncio.sleep(0.005)
        await until(lambda: len(emulator.connections) == 2)
        stream.end_input()
        events = await reading
    [(name, value)] = change.items()
    assert dict(emulator.connections[1].query)[name] == str(value).lower()
    finals = texts(events, SpeechEventType.FINAL_TRANSCRIPT)
    assert finals[0] == (TURNS if endpoint == FLUX else PHRASES)[0]


async def test_a_refused_change_leaves_everything_as_it_was(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with speech_to_text("speechwire", emulator.http_url, FLUX, **EAGER) as stt, stt.stream() as stream:
        with pytest.raises(ValueError, match="eager_eot_threshold"):
            stt.update_options(eot_threshold=0.55, keyterm="Oslo")
        for each in frames(AUDIO):
            stream.push_frame(each)
        stream.end_input()
        events = [event async for event in stream]
    assert texts(events, SpeechEventType.FINAL_TRANSCRIPT) == TURNS
    assert "keyterm" not in dict(emulator.connections[0].query)


async def test_options_of_one_stream_are_its_own(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with (
        speech_to_text("speechwire", emulator.http_url, FLUX) as stt,
        stt.stream() as one,
        stt.stream() as other,
    ):
        await until(lambda: len(opened(emulator)) == 2)
        one.update_options(keyterm=["Oslo"])
        await until(lambda: any("Configure" in connection.types for connection in emulator.connections))
        with pytest.raises(ValueError, match="keyword"):
            one.update_options(keyword="Oslo")
        for stream in (one, other):
            stream.end_input()
            async for _ in stream:
                pass
    assert sorted(connection.types.count("Configure") for connection in emulator.connections) == [0, 1]
