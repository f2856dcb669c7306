"""Threads about the framework's own plugin: what was reported there does not happen here.

Those that the other files try are listed in ``docs/livekit.md``.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

import numpy as np
import pytest
from livekit.agents.stt import SpeechEventType
from tests.livekit.conftest import Start
from tests.livekit.parties import (
    NAMES,
    RATE,
    Told,
    frames,
    listen,
    speak,
    speech_to_text,
    text_to_speech,
    until,
)
from tests.livekit.spoken import AUDIO, SCRIPT, TURNS, spoken
from tests.session.counted import counted
from tests.transport.counted_engine import CountedEngine

from speechwire.emulator import Behaviour, CloseWith, Reset, ScriptedEngine, SlowUpgrade
from speechwire.session import ListenSettings, SpeakSettings

NOVA, FLUX = "/v1/listen", "/v2/listen"
# The service's limits and the sessions' keep-alives scaled: a minute passes in 3.6 s.
SCALE = 0.06
TONE_HZ, TONE_PEAK = 1000.0, 8000.0


def finals(events: list[Any]) -> str:
    told = [event for event in events if event.type is SpeechEventType.FINAL_TRANSCRIPT]
    return " ".join(event.alternatives[0].text for event in told)


@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
@pytest.mark.parametrize("mid_frame", [False, True])
async def test_a_socket_that_drops_while_it_is_written_to(
    start: Start, endpoint: str, mid_frame: bool
) -> None:
    """livekit/agents #6429, #6467: it crashed the session; the fix retries, and loses what was in flight."""
    engine = CountedEngine([(0.5, 1.5), (3.0, 4.0)])
    emulator = await start(engine, faults=[Reset(at_s=1.0, mid_frame=mid_frame, connections={0})])
    told = Told()
    async with speech_to_text("speechwire", emulator.http_url, endpoint, told) as stt, stt.stream() as stream:
        reading = asyncio.create_task(_read(stream))
        for each in frames(counted(0, 6 * RATE)):
            stream.push_frame(each)
            await asyncio.sleep(0.002)
        stream.end_input()
        events = await reading
    assert [int(word) for word in finals(events).split()] == engine.words
    assert told.final_errors == []
    assert len(emulator.connections) == 2


async def test_after_a_reconnect_nobody_is_taken_to_be_speaking_still(start: Start) -> None:
    """livekit/agents-js #1813: a stale `speaking` swallowed the next start of speech."""
    fault = CloseWith(1011, "NET-0001", at_s=1.0, connections={0})
    emulator = await start(ScriptedEngine(SCRIPT), faults=[fault])
    async with speech_to_text("speechwire", emulator.http_url, FLUX) as stt:
        events = await listen(stt, AUDIO)
    marks = {SpeechEventType.START_OF_SPEECH, SpeechEventType.FINAL_TRANSCRIPT, SpeechEventType.END_OF_SPEECH}
    turn = ["start_of_speech", "final_transcript", "end_of_speech"]
    assert [event.type.value for event in events if event.type in marks] == turn * len(TURNS)
    assert finals(events) == " ".join(TURNS)


@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_a_caller_who_says_nothing_for_minutes_keeps_the_connection(
    start: Start, endpoint: str
) -> None:
    """livekit/agents #3648; pipecat #1113: closed by the server for want of audio."""
    settings = ListenSettings(keep_alive_s=4.0 * SCALE, ping_s=20.0 * SCALE)
    emulator = await start(ScriptedEngine(SCRIPT), behaviour=Behaviour(time_scale=SCALE))
    async with (
        speech_to_text("speechwire", emulator.http_url, endpoint, settings=settings) as stt,
        stt.stream() as stream,
    ):
        audio = frames(AUDIO)
        for each in audio[:10]:  # the service keeps none that never had any audio
            stream.push_frame(each)
        await until(lambda: emulator.connections and emulator.connections[0].audio_frames)
        await asyncio.sleep(90.0 * SCALE)
        for each in audio[10:]:
            stream.push_frame(each)
        stream.end_input()
        events = await _read(stream)
    assert finals(events) == " ".join(TURNS)
    assert len(emulator.connections) == 1


@pytest.mark.parametrize("endpoint", ["/v1/speak", "/v2/speak"])
async def test_an_agent_that_says_nothing_for_minutes_speaks_at_once(start: Start, endpoint: str) -> None:
    """livekit/agents #7098, #3677: the pooled socket had been closed for silence, and the turn failed."""
    emulator, told = await start(ScriptedEngine(), behaviour=Behaviour(time_scale=SCALE)), Told()
    settings = SpeakSettings(ping_s=20.0 * SCALE)
    async with text_to_speech(
        "speechwire", emulator.http_url, endpoint, told, sample_rate=16000, settings=settings
    ) as tts:
        assert await speak(tts, "Hello.") == spoken("Hello.")
        await asyncio.sleep(90.0 * SCALE)
        assert await speak(tts, "Thank you.") == spoken("Thank you.")
    assert told.errors == []


async def test_a_closed_component_says_close(start: Start) -> None:
    """livekit/agents #3608: sockets closed without the message, sessions that lingered."""
    emulator = await start(ScriptedEngine())
    async with text_to_speech("speechwire", emulator.http_url, "/v1/speak") as tts:
        await speak(tts, "Hello.")
    await until(lambda: not emulator.connections[0].is_open)
    assert emulator.connections[0].types[-1] == "Close"
    assert emulator.connections[0].close_code == 1000


@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_a_closed_stream_says_close(start: Start, endpoint: str) -> None:
    """So that the service ends its bill; the stream's user does not wait for that."""
    emulator = await start(ScriptedEngine(SCRIPT))
    async with speech_to_text("speechwire", emulator.http_url, endpoint) as stt:
        stream = stt.stream()
        await until(lambda: any(connection.is_open for connection in emulator.connections))
        for each in frames(AUDIO[:32_000]):
            stream.push_frame(each)
        await until(lambda: emulator.connections[0].audio_s >= 1.0)
        await stream.aclose()
    await until(lambda: not emulator.connections[0].is_open)
    assert "CloseStream" in emulator.connections[0].types


@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_usage_counts_what_the_service_heard_replays_included(start: Start, endpoint: str) -> None:
    """livekit/agents #5498, #3464: usage short of the invoice, or more than the call lasted."""
    fault = CloseWith(1011, "NET-0001", at_s=2.0, connections={0})
    emulator = await start(ScriptedEngine(SCRIPT), faults=[fault])
    async with speech_to_text("speechwire", emulator.http_url, endpoint) as stt, stt.stream() as stream:
        reading = asyncio.create_task(_read(stream))
        for each in frames(AUDIO):
            stream.push_frame(each)
            await asyncio.sleep(0.002)
        stream.end_input()
        events = await reading
    used_s = sum(e.recognition_usage.audio_duration for e in events if e.recognition_usage is not None)
    heard_s = sum(connection.audio_s for connection in emulator.connections)
    assert len(emulator.connections) == 2
    # What was in the socket when it closed was sent, and not heard.
    assert heard_s <= used_s + 1e-6
    assert used_s >= 6.0


async def test_frames_are_let_go_when_they_have_been_sent(start: Start) -> None:
    """livekit/agents-js #1950, #2053: memory grew with each frame until the stream was closed."""
    emulator = await start(ScriptedEngine(SCRIPT))
    async with speech_to_text("speechwire", emulator.http_url, FLUX) as stt, stt.stream() as stream:
        held = []
        for each in frames(AUDIO):
            stream.push_frame(each)
            held.append(weakref.ref(each))
        del each
        await until(lambda: emulator.connections and emulator.connections[0].audio_s >= 5.9)
        assert [frame for frame in held if frame() is not None] == []
        stream.end_input()
        assert finals(await _read(stream)) == " ".join(TURNS)


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100, 48_000])
async def test_a_tone_in_short_frames_arrives_as_it_was(start: Start, rate: int) -> None:
    """livekit/agents #294, python-sdks #389, node-sdks #679: dull, noisy or near-silent after conversion."""
    emulator = await start(ScriptedEngine())
    async with speech_to_text("speechwire", emulator.http_url, NOVA) as stt:
        await listen(stt, tone(rate), rate=rate, ms=10)
    heard = np.frombuffer(emulator.connections[0].audio, "<i2")[RATE // 4 : -RATE // 4].astype(float)
    at_s = np.arange(len(heard)) / RATE
    basis = np.stack([np.sin(2 * np.pi * TONE_HZ * at_s), np.cos(2 * np.pi * TONE_HZ * at_s)], axis=1)
    parts = np.linalg.lstsq(basis, heard, rcond=None)[0]
    assert np.hypot(*parts) == pytest.approx(TONE_PEAK, rel=0.01)
    assert np.std(heard - basis @ parts) < 2.0  # of 16 bits: what rounding leaves, and little more


def tone(rate: int) -> bytes:
    """Two seconds."""
    wave = TONE_PEAK * np.sin(2 * np.pi * TONE_HZ * np.arange(2 * rate) / rate)
    return np.round(wave).astype("<i2").tobytes()


async def test_who_said_it_is_told(start: Start) -> None:
    """livekit/agents #4477: with diarization, on finals, named as the framework's own plugin names them."""
    told = {}
    for name in NAMES:
        emulator = await start(ScriptedEngine(SCRIPT))
        async with speech_to_text(name, emulator.http_url, NOVA, enable_diarization=True) as stt:
            events = await listen(stt, AUDIO)
        told[name] = {
            (event.type.value, event.alternatives[0].speaker_id) for event in events if event.alternatives
        }
    assert ("final_transcript", "S0") in told["speechwire"]
    assert told["speechwire"] == told["deepgram"]


async def test_a_connect_that_takes_too_long_freezes_nobody(start: Start) -> None:
    """livekit/agents #780, #1256: the agent was dead after a timeout."""
    emulator = await start(ScriptedEngine(SCRIPT), faults=[SlowUpgrade(delay_s=60.0, connections={0})])
    settings = ListenSettings(connect_timeout_s=0.3)
    async with speech_to_text("speechwire", emulator.http_url, FLUX, settings=settings) as stt:
        assert finals(await listen(stt, AUDIO)) == " ".join(TURNS)
    assert len(emulator.connections) == 2


async def _read(stream: Any) -> list[Any]:
    return [event async for event in stream]
