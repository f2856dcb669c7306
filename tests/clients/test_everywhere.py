"""What every client has to be able to do, on every endpoint it knows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.clients.conftest import Start
from tests.clients.deepgram_sdk import ASYNCHRONOUS, SYNCHRONOUS
from tests.clients.drivers import Client, Heard, Spoken
from tests.clients.incumbent import INCUMBENT
from tests.clients.livekit_plugin import LIVEKIT
from tests.clients.pipecat_services import PIPECAT
from tests.clients.speech import AUDIO, PHRASES, RATE, SCRIPT, SENTENCE, SPOKEN, TURNS, spoken_tags
from tests.clients.table import Table
from tests.clients.waiting import all_closed

from speechwire.emulator import Connection, ScriptedEngine

CLIENTS = [ASYNCHRONOUS, SYNCHRONOUS, LIVEKIT, PIPECAT, INCUMBENT]
SPEAK_V2 = [client for client in CLIENTS if client.speak_v2]

every_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
every_flux_speaker = pytest.mark.parametrize("client", SPEAK_V2, ids=lambda client: client.name)

# What was sent beside the audio, in order.
LISTEN_V1 = {
    ASYNCHRONOUS: ["CloseStream"],
    SYNCHRONOUS: ["CloseStream"],
    # It asks for the keep-alive at once and every 5 s, and for the last final before it ends.
    LIVEKIT: ["KeepAlive", "Finalize", "CloseStream"],
    PIPECAT: ["CloseStream"],
    INCUMBENT: [],
}


def check_heard(connection: Connection, heard: Heard, expected: list[str]) -> None:
    """Nothing was lost, doubled or changed, either way."""
    assert heard.finals == expected
    assert heard.problems == []
    assert connection.gaps == []
    assert bytes(connection.audio) == AUDIO
    assert (connection.status, connection.auth) == (101, "token")


def check_spoken(connection: Connection, spoken: Spoken, expected: bytes) -> None:
    """All of the audio came, and no other."""
    assert (
        "".join(message["text"] for message in connection.received if "text" in message).strip() == SENTENCE
    )
    assert spoken.audio == expected
    assert len(expected) == connection.sent_audio_bytes
    assert spoken.problems == []


def texts(connection: Connection) -> list[str]:
    """What the client asked to have spoken, message by message."""
    return [message["text"] for message in connection.received if message["type"] == "Speak"]


@every_client
async def test_nova_hears(client: Client, start: Start, table: Table, tmp_path: Path) -> None:
    emulator = await start(ScriptedEngine(SCRIPT), count_audio=True)
    heard = await client.listen_v1(emulator, AUDIO, len(PHRASES))
    await all_closed(emulator)
    [connection] = emulator.connections
    check_heard(connection, heard, PHRASES)
    assert connection.types == LISTEN_V1[client]
    told = f"{len(heard.finals)} final texts, {len(heard.interims)} interim"
    table.row(client.title, connection, tmp_path / "journal.jsonl", told)


@every_client
async def test_flux_hears(client: Client, start: Start, table: Table, tmp_path: Path) -> None:
    emulator = await start(ScriptedEngine(SCRIPT), count_audio=True)
    heard = await client.listen_v2(emulator, AUDIO, len(TURNS))
    await all_closed(emulator)
    [connection] = emulator.connections
    check_heard(connection, heard, TURNS)
    assert connection.types == ["CloseStream"]
    told = f"{len(heard.finals)} final texts, {len(heard.interims)} interim"
    table.row(client.title, connection, tmp_path / "journal.jsonl", told)


@every_client
async def test_aura_speaks(client: Client, start: Start, table: Table, tmp_path: Path) -> None:
    emulator = await start(ScriptedEngine())
    spoken = await client.speak_v1(emulator, SENTENCE)
    await all_closed(emulator)
    [connection] = emulator.connections
    # Aura speaks all that was said before a Flush as one.
    check_spoken(connection, spoken, spoken_tags("".join(texts(connection))))
    table.row(client.title, connection, tmp_path / "journal.jsonl", f"{len(spoken.audio)} B of audio, exact")


@every_flux_speaker
async def test_flux_speaks(client: Client, start: Start, table: Table, tmp_path: Path) -> None:
    emulator = await start(ScriptedEngine())
    assert client.speak_v2
    spoken = await client.speak_v2(emulator, SENTENCE)
    await all_closed(emulator)
    [connection] = emulator.connections
    # Flux begins to speak before the turn is complete.
    check_spoken(connection, spoken, spoken_tags("".join(texts(connection))))
    table.row(client.title, connection, tmp_path / "journal.jsonl", f"{len(spoken.audio)} B of audio, exact")


def understood(heard: Heard) -> str:
    """All that was heard, as plain words."""
    return " ".join(heard.finals).lower().rstrip(".?")


@every_client
async def test_real_speech_survives_the_round_trip(client: Client, start: Start) -> None:
    emulator = await start("offline")
    spoken = await client.speak_v1(emulator, SPOKEN)
    pause = bytes(2 * RATE)
    heard = await client.listen_v1(emulator, pause + spoken.audio + pause + pause, 1)
    assert understood(heard) == SPOKEN
    assert heard.problems == spoken.problems == []


@every_client
async def test_real_speech_survives_the_round_trip_through_flux(client: Client, start: Start) -> None:
    emulator = await start("offline")
    spoken = await (client.speak_v2 or client.speak_v1)(emulator, SPOKEN)
    pause = bytes(2 * RATE)
    heard = await client.listen_v2(emulator, pause + spoken.audio + pause + pause, 1)
    assert understood(heard) == SPOKEN
    assert heard.problems == spoken.problems == []


@every_client
async def test_two_streams_of_one_process_do_not_mix(client: Client, start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT), count_audio=True)
    nova, flux = await asyncio.gather(
        client.listen_v1(emulator, AUDIO, len(PHRASES)), client.listen_v2(emulator, AUDIO, len(TURNS))
    )
    assert (nova.finals, flux.finals) == (PHRASES, TURNS)
