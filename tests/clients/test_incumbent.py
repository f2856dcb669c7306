"""What only the plugin does that was published under this project's distribution name before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from tests.clients.conftest import Start
from tests.clients.incumbent import INCUMBENT, Track, aura, nova
from tests.clients.speech import AUDIO, RATE, SCRIPT, SENTENCE, chunks, spoken_tags
from tests.clients.waiting import all_closed, until
from videosdk.agents import FlushMarker, STTResponse

from speechwire.emulator import Phrase, Script, ScriptedEngine

CLIENT = INCUMBENT


async def test_flush_brings_the_final(start: Start) -> None:
    """`flush` sends `Finalize`, and the text so far comes as final."""
    emulator = await start(ScriptedEngine(Script(Phrase(0.2, "Two tickets to Oslo.", 2.2))))
    stt = nova(emulator)
    finals: list[str] = []

    async def note(response: STTResponse) -> None:
        if response.event_type.value == "final_transcript":
            finals.append(response.data.text)

    stt.on_stt_transcript(note)
    for chunk in chunks(AUDIO[: 4 * RATE]):
        await stt.process_audio(chunk)
    await stt.flush()
    await until(lambda: finals)
    await stt.aclose()
    assert finals == ["Two tickets to"]


async def test_it_leaves_without_a_word(start: Start) -> None:
    """It ends a Nova stream by closing the socket, without `CloseStream`, so its last words are not told."""
    emulator = await start(ScriptedEngine(SCRIPT))
    stt = nova(emulator)
    for chunk in chunks(AUDIO[:RATE]):
        await stt.process_audio(chunk)
    await stt.aclose()
    await all_closed(emulator)
    [connection] = emulator.connections
    assert (connection.types, connection.closed_by, connection.close_code) == ([], "client", 1000)
    assert "Metadata" not in connection.sent_types


async def test_one_socket_speaks_two_replies(start: Start) -> None:
    """Two replies one after the other are spoken whole over one socket."""
    emulator = await start(ScriptedEngine())
    track = Track()
    tts = aura(emulator, track)
    await tts.synthesize(SENTENCE)
    await tts.synthesize("Thank you.")
    await tts.aclose()
    assert track.audio == spoken_tags(SENTENCE) + spoken_tags("Thank you.")
    assert len(emulator.connections) == 1


async def test_a_second_sentence_is_lost_by_the_client(start: Start) -> None:
    """Two sentences with a `FlushMarker` after each are both spoken, but the client drops the second."""
    emulator = await start(ScriptedEngine())
    track = Track()
    tts = aura(emulator, track)

    async def reply() -> AsyncIterator[str | FlushMarker]:
        yield SENTENCE
        yield FlushMarker()
        yield "Thank you."
        yield FlushMarker()

    await tts.synthesize(reply())
    [connection] = emulator.connections
    await until(lambda: connection.sent_types.count("Flushed") == connection.types.count("Flush") == 3)
    await asyncio.sleep(0)
    await tts.aclose()
    both = spoken_tags(SENTENCE) + spoken_tags("Thank you.")
    assert connection.sent_audio_bytes == len(both)
    assert track.audio == spoken_tags(SENTENCE)


async def test_a_wrong_key_is_refused(start: Start, complaints: list[str]) -> None:
    """A wrong key is refused with HTTP 401, which comes out of `process_audio` as aiohttp's error."""
    emulator = await start(ScriptedEngine(), keys={"another"})
    stt = nova(emulator)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await stt.process_audio(AUDIO[:640])
    await stt.aclose()
    assert refused.value.status == 401
    complaints.clear()
