"""Text to speech: what is heard, what an interruption leaves behind, and what is counted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIError
from livekit.plugins import speechwire
from tests.livekit.conftest import Start
from tests.livekit.parties import KEY, NAMES, RATE, Told, speak, text_to_speech, until
from tests.livekit.spoken import spoken

from speechwire.emulator import Behaviour, Delivery, Emulator, ScriptedEngine, tag_of

AURA, FLUX = "/v1/speak", "/v2/speak"
ENDPOINTS = [AURA, FLUX]
SENTENCE = "Two tickets to Oslo, please."
LONG = " ".join([SENTENCE] * 8)


def opened(emulator: Emulator) -> list[Any]:
    return [connection for connection in emulator.connections if connection.is_open]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_text_in_pieces_is_heard_whole(start: Start, endpoint: str) -> None:
    emulator = await start(ScriptedEngine())
    async with text_to_speech("speechwire", emulator.http_url, endpoint, sample_rate=RATE) as tts:
        assert await speak(tts, "Two tick", "ets to Oslo,", " please.") == spoken(SENTENCE)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_complete_text_is_heard_whole(start: Start, endpoint: str) -> None:
    emulator = await start(ScriptedEngine())
    async with text_to_speech("speechwire", emulator.http_url, endpoint, sample_rate=RATE) as tts:
        frame = await tts.synthesize(SENTENCE).collect()
    assert frame.data.tobytes() == spoken(SENTENCE)


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
async def test_telephone_codecs_are_decoded(start: Start, encoding: str) -> None:
    """The framework's own plugin hands the coded bytes on as if they were samples."""
    lengths = {}
    for name in NAMES:
        emulator = await start(ScriptedEngine())
        async with text_to_speech(name, emulator.http_url, AURA, sample_rate=8000, encoding=encoding) as tts:
            lengths[name] = len(await speak(tts, SENTENCE)) / 2 / 8000
    assert lengths["speechwire"] == pytest.approx(len(SENTENCE) * 0.06, abs=0.05)
    assert lengths["deepgram"] == pytest.approx(lengths["speechwire"] / 2, abs=0.1)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_one_connection_serves_one_text_after_the_other(start: Start, endpoint: str) -> None:
    emulator, told = await start(ScriptedEngine()), Told()
    async with text_to_speech("speechwire", emulator.http_url, endpoint, told, sample_rate=RATE) as tts:
        for text in (SENTENCE, "Thank you."):
            assert await speak(tts, text) == spoken(text)
        await until(lambda: len(told.metrics) == 2)
    first, second = told.metrics
    assert [metric.connection_reused for metric in told.metrics] == [False, True]
    assert first.acquire_time > second.acquire_time
    assert all(metric.ttfb > 0 for metric in told.metrics)
    assert [metric.characters_count for metric in told.metrics] == [len(SENTENCE), len("Thank you.")]
    assert first.audio_duration == pytest.approx(len(SENTENCE) * 0.06, abs=0.01)
    await until(lambda: not opened(emulator))
    assert [connection.close_code for connection in emulator.connections] == [1000]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_texts_of_several_calls_do_not_wait_for_each_other(start: Start, endpoint: str) -> None:
    """One component may serve several sessions; a text that is still being written holds up nobody."""
    emulator = await start(ScriptedEngine())
    async with text_to_speech("speechwire", emulator.http_url, endpoint, sample_rate=RATE) as tts:
        async with tts.stream() as unfinished:
            unfinished.push_text("Two tickets ")
            await until(lambda: opened(emulator))
            heard = await asyncio.gather(*(speak(tts, text) for text in ("One.", "Two.", "Three.")))
        assert heard == [spoken("One."), spoken("Two."), spoken("Three.")]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_after_an_interruption_nothing_of_the_old_text_is_heard(start: Start, endpoint: str) -> None:
    """And unlike with the other plugin it does not cost the connection."""
    sockets = {}
    for name in NAMES:
        emulator = await start(ScriptedEngine(), behaviour=Behaviour(delivery=Delivery(pace=5.0)))
        async with text_to_speech(name, emulator.http_url, endpoint, sample_rate=RATE) as tts:
            async with tts.stream() as stream:
                stream.push_text(LONG)
                stream.end_input()
                await anext(stream)
            heard = await speak(tts, "Thank you.")
            sockets[name] = len(emulator.connections)
        assert tag_of(LONG).to_bytes(2, "little") not in {
            heard[at : at + 2] for at in range(0, len(heard), 2)
        }
        if name == "speechwire":
            assert heard == spoken("Thank you.")
    assert sockets == {"speechwire": 1, "deepgram": 2}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_options_change_from_the_next_text_on(start: Start, endpoint: str) -> None:
    emulator = await start(ScriptedEngine())
    async with text_to_speech("speechwire", emulator.http_url, endpoint, sample_rate=RATE) as tts:
        await speak(tts, SENTENCE)
        tts.update_options(sample_rate=8000)
        assert tts.sample_rate == 8000
        assert await speak(tts, SENTENCE) == spoken(SENTENCE, rate=8000)
        with pytest.raises(ValueError, match="sample_rate"):
            tts.update_options(sample_rate=123)
        assert tts.sample_rate == 8000
        await until(lambda: len(opened(emulator)) == 1)
    assert [dict(connection.query)["sample_rate"] for connection in emulator.connections] == ["16000", "8000"]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_prewarm_opens_the_connection(start: Start, endpoint: str) -> None:
    emulator, told = await start(ScriptedEngine()), Told()
    async with text_to_speech("speechwire", emulator.http_url, endpoint, told, sample_rate=RATE) as tts:
        tts.prewarm()
        tts.prewarm()
        await until(lambda: len(opened(emulator)) == 1)
        # Open on this side, too.
        await asyncio.sleep(0.1)
        await speak(tts, SENTENCE)
        await until(lambda: told.metrics)
        assert told.metrics[0].connection_reused
    assert len(emulator.connections) == 1


async def test_prewarm_without_an_event_loop_does_nothing() -> None:
    tts = speechwire.TTS(api_key=KEY)
    await asyncio.to_thread(tts.prewarm)
    await tts.aclose()


async def test_a_component_may_be_made_before_the_event_loop_it_is_used_in(start: Start) -> None:
    """Agents make their components in the worker's prewarm function."""
    emulator = await start(ScriptedEngine())
    tts = await asyncio.to_thread(
        speechwire.TTS, api_key=KEY, base_url=f"{emulator.http_url}{AURA}", sample_rate=RATE
    )
    assert await speak(tts, SENTENCE) == spoken(SENTENCE)
    await tts.aclose()


async def test_nothing_to_say_is_no_error(start: Start) -> None:
    emulator, told = await start(ScriptedEngine()), Told()
    async with text_to_speech("speechwire", emulator.http_url, AURA, told) as tts:
        assert await speak(tts) == b""
    assert told.errors == []


async def test_the_text_failing_is_not_an_error_of_the_service(start: Start) -> None:
    """A tokenizer that raises ends the stream with what it raised."""
    from livekit.agents import tokenize  # noqa: PLC0415

    class Broken(tokenize.basic.WordTokenizer):
        def stream(self, **_: Any) -> Any:
            raise ZeroDivisionError

    emulator = await start(ScriptedEngine())
    async with text_to_speech("speechwire", emulator.http_url, AURA, word_tokenizer=Broken()) as tts:
        with pytest.raises(ZeroDivisionError):
            await speak(tts, SENTENCE)
        assert not [task for task in asyncio.all_tasks() if "_feed" in repr(task.get_coro())]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_stalled_service_is_an_error_within_the_timeout(start: Start, endpoint: str) -> None:
    """LiveKit agents #5718: it takes text and stops answering. Here on every connection."""
    from speechwire.emulator import Stall  # noqa: PLC0415

    emulator, told = await start(ScriptedEngine(), faults=[Stall()]), Told()
    options = APIConnectOptions(max_retry=0, timeout=0.5, retry_interval=0.1)
    async with text_to_speech("speechwire", emulator.http_url, endpoint, told) as tts:
        with pytest.raises(APIError):
            await speak(tts, SENTENCE, options=options)
    assert [error.recoverable for error in told.errors] == [False]
