"""Bugs that Pipecat's users have reported about its Deepgram services, each tried here.

Those that the other files try are listed in ``docs/pipecat.md``.
"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    InputAudioRawFrame,
    STTUpdateSettingsFrame,
    TranscriptionFrame,
)
from tests.clients.speech import AUDIO, RATE, SCRIPT, TURNS
from tests.clients.waiting import until
from tests.pipecat.conftest import Start
from tests.pipecat.running import endings, frames_of, push, running_frames
from tests.pipecat.services import HASTY, flux, nova

from pipecat_speechwire import SpeechwireFluxSTTService
from speechwire.emulator import CloseWith, HalfOpen, Inject, Reset, ScriptedEngine
from speechwire.session import ListenSettings

FIRST = {0}


async def test_a_quiet_connection_is_kept(start: Start) -> None:
    """pipecat #1113: closed with 1011 NET-0001, since nothing was sent for ten seconds."""
    emulator = await start(ScriptedEngine(SCRIPT))
    service = nova(emulator, session_settings=ListenSettings(keep_alive_s=0.05))
    async with running_frames(service) as (worker, passed):
        await until(lambda: emulator.connections and emulator.connections[0].types.count("KeepAlive") >= 3)
        await push(worker, AUDIO)
    assert len(emulator.connections) == 1
    assert endings(passed)[2] == []


@pytest.mark.parametrize("make", [nova, flux])
async def test_a_peer_that_stops_reading_holds_up_nothing(start: Start, make: Any) -> None:
    """pipecat #5796, #4878: the send waits, and with it every frame behind it, with no error."""
    emulator = await start(ScriptedEngine(SCRIPT), faults=[HalfOpen(at_s=0.5, connections=FIRST)])
    patience = dataclasses.replace(HASTY, progress_timeout_s=0.5, send_timeout_s=0.5)
    service = make(emulator, session_settings=patience)
    async with running_frames(service) as (worker, passed):
        await push(worker, AUDIO[:RATE])
        await until(lambda: emulator.connections and emulator.connections[0].audio_s >= 0.5)
        silence = bytes(2_000_000)  # more than all buffers on the way hold
        await worker.queue_frame(InputAudioRawFrame(audio=silence, sample_rate=RATE, num_channels=1))
        await worker.queue_frame(InputAudioRawFrame(audio=b"\1\0", sample_rate=RATE, num_channels=1))
        await until(lambda: [each for each in audio(passed) if each == b"\1\0"])
        connections = len(emulator.connections)
        await until(lambda: len(emulator.connections) >= 2)
    assert connections == 1  # the frame was through before anybody had noticed


def audio(passed: list[Any]) -> list[bytes]:
    """What came out behind the service: every frame is seen before it as well."""
    seen: set[int] = set()
    behind = []
    for each in passed:
        if isinstance(each.frame, InputAudioRawFrame):
            if each.frame.id in seen:
                behind.append(each.frame.audio)
            seen.add(each.frame.id)
    return behind


async def test_a_fatal_error_is_told_in_the_services_words(start: Start) -> None:
    """pipecat #3463, #5477: "Unknown error", since code and description are not read."""
    error = {"type": "Error", "code": "UNPARSABLE_CLIENT_MESSAGE", "description": "No such message."}
    faults = [Inject(0.5, error), CloseWith(1008, at_s=0.6)]
    emulator = await start(ScriptedEngine(SCRIPT), faults=faults)
    service = flux(emulator, session_settings=HASTY)
    async with running_frames(service) as (worker, passed):
        await push(worker, AUDIO)
        await until(lambda: frames_of(passed, ErrorFrame))
    [told] = endings(passed)[2]
    assert "UNPARSABLE_CLIENT_MESSAGE" in told
    assert "No such message." in told
    assert not service.is_usable


@pytest.mark.parametrize("make", [nova, flux])
async def test_a_stream_ends_with_close_stream(start: Start, make: Any) -> None:
    """pipecat #5498: a message that the service does not know ended it with an error."""
    emulator = await start(ScriptedEngine(SCRIPT))
    async with running_frames(make(emulator)) as (worker, passed):
        await push(worker, AUDIO)
    [connection] = emulator.connections
    assert connection.types[-1] == "CloseStream"
    assert set(connection.types[:-1]) <= {"Finalize", "ForceEndTurn", "KeepAlive"}
    assert connection.closed_by == "server"
    assert endings(passed)[2] == []


@pytest.mark.parametrize("make", [nova, flux])
@pytest.mark.parametrize("ending", [Reset, CloseWith])
async def test_a_drop_is_no_error(start: Start, make: Any, ending: Any, complaints: list[str]) -> None:
    """pipecat #4153: an error for each frame after a drop."""
    fault = Reset(at_s=2.0, connections=FIRST) if ending is Reset else CloseWith(1011, "NET-0000", at_s=2.0)
    emulator = await start(ScriptedEngine(SCRIPT), faults=[dataclasses.replace(fault, connections=FIRST)])
    service = make(emulator, session_settings=HASTY)
    told: list[str] = []
    for event in ("on_connected", "on_disconnected", "on_connection_error"):
        service.add_event_handler(event, noting(told, event))
    async with running_frames(service) as (worker, passed):
        await push(worker, AUDIO)
        await until(lambda: told.count("on_connected") == 2)
    assert endings(passed)[2] == []
    assert len([text for text in complaints if "no connection" in text]) <= 2
    assert told[:4] == ["on_connected", "on_disconnected", "on_connection_error", "on_connected"]


def noting(into: list[str], event: str) -> Any:
    async def note(*_: Any) -> None:
        into.append(event)

    return note


async def test_many_changes_are_few_configures(start: Start) -> None:
    """pipecat #5101: "Too many pending Configure messages"."""
    emulator = await start(ScriptedEngine(SCRIPT))
    async with running_frames(flux(emulator)) as (worker, passed):
        await until(lambda: emulator.connections and emulator.connections[0].is_open)
        for number in range(20):
            delta = SpeechwireFluxSTTService.Settings(keyterm=[f"term {number}"])
            await worker.queue_frame(STTUpdateSettingsFrame(delta=delta))
        await push(worker, AUDIO)
        [connection] = emulator.connections
        await until(lambda: asked(connection) and asked(connection)[-1] == ["term 19"])
        await until(lambda: len(frames_of(passed, TranscriptionFrame)) == len(TURNS))
    assert endings(passed)[2] == []
    order = [each["type"] for each in connection.received]
    assert order.count("Configure") < 20


def asked(connection: Any) -> list[Any]:
    return [each["keyterms"] for each in connection.received if each["type"] == "Configure"]


@pytest.mark.parametrize("make", [nova, flux])
async def test_the_request_id_can_be_had(start: Start, make: Any) -> None:
    """pipecat #5843: only in the log, at DEBUG."""
    emulator = await start(ScriptedEngine(SCRIPT))
    service = make(emulator)
    events: list[Any] = []

    async def note(_: Any, event: Any) -> None:
        events.append(event)

    service.add_event_handler("on_session_event", note)
    async with running_frames(service) as (worker, _):
        await push(worker, AUDIO)
        await until(lambda: service.request_id)
        assert service.request_id == emulator.connections[0].request_id
        assert service.stats().connections == 1
        await asyncio.sleep(0)
    assert events != []
