"""Voices that give way, event loops that come and go, parameters, and failures that are told once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest
from videosdk.agents import CustomAudioStreamTrack, FlushMarker
from videosdk.plugins.deepgram import DeepgramTTS, _framework

from speechwire.emulator import CloseWith, Emulator, RefuseUpgrade, tag_of
from speechwire.errors import ConnectionLost, HandshakeRefused, SessionClosed

from .conftest import KEY, until
from .test_tts import emulator, pieces, plugin, spoken_ms

OTHERS = [f"aura-2-{name}-en" for name in ("zeus", "luna", "hera", "iris", "apollo")]


async def stream(tts: DeepgramTTS, text: str, voice: str) -> int:
    """Milliseconds of a text spoken beside the track."""
    return sum([len(piece) async for piece in tts.stream_synthesize(text, voice_id=voice)]) // 48


async def test_closing_forgets_whom_to_tell_of_the_first_audio() -> None:
    tts = DeepgramTTS(api_key=KEY)
    told = asyncio.Event()

    async def tell() -> None:
        told.set()

    tts.on_first_audio_byte(tell)
    assert _framework.first_audio_callback(tts) is tell
    await tts.aclose()
    assert _framework.first_audio_callback(tts) is None


# Voices


async def test_a_voice_that_speaks_is_not_closed_for_a_fifth() -> None:
    part, others_done = "A long answer, spoken while other voices come and go. ", asyncio.Event()

    async def text() -> AsyncIterator[str | FlushMarker]:
        yield part
        yield FlushMarker()
        await others_done.wait()
        yield part

    async with emulator(pace=4.0) as server:
        tts, track = plugin(server)
        speaking = asyncio.create_task(tts.synthesize(text()))
        await until(lambda: track.frame_buffer)
        for voice in (*OTHERS[:3], OTHERS[0], *OTHERS[3:]):
            assert await stream(tts, "Hi.", voice) == 30
        others_done.set()
        await speaking
        await until(lambda: sum(is_closed(server, number) for number in range(6)) == 2)
        closed = [is_closed(server, number) for number in range(6)]
        await tts.aclose()
    assert sum(spoken_ms(track).values()) == pytest.approx(len(part) * 2 * 10.0)
    assert closed == [False, False, True, True, False, False], "the idle ones, used longest ago"


def is_closed(server: Emulator, number: int) -> bool:
    return [message["type"] for message in server.connections[number].received][-1:] == ["Close"]


async def test_voices_that_all_speak_may_be_more_for_the_moment() -> None:
    async with emulator(pace=2.0) as server:
        tts, _ = plugin(server)
        heard_ms = await asyncio.gather(*(stream(tts, "All of us at once.", voice) for voice in OTHERS))
        await until(lambda: sum(is_closed(server, number) for number in range(5)) == 1)
        await tts.aclose()
    assert heard_ms == [180] * 5


# Event loops


@pytest.fixture
def server() -> Iterator[Emulator]:
    """An emulator in a thread of its own, so that event loops may come and go here."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def there(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    server = there(emulator().__aenter__())
    yield server
    there(server.__aexit__(None, None, None))
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


def speaker(server: Emulator) -> DeepgramTTS:
    return DeepgramTTS(api_key=KEY, base_url=f"{server.base_url}/v1/speak")


async def say(tts: DeepgramTTS, text: str) -> dict[int, float]:
    tts.loop = asyncio.get_running_loop()
    tts.audio_track = track = CustomAudioStreamTrack(tts.loop)
    await asyncio.wait_for(tts.synthesize(text), 10)
    return spoken_ms(track)


async def say_both(tts: DeepgramTTS) -> None:
    """One waits for the other, so that the lock is bound to this loop."""
    await asyncio.gather(say(tts, "One."), say(tts, "Two."))


def test_it_speaks_in_one_loop_after_the_other(server: Emulator) -> None:
    tts = speaker(server)
    asyncio.run(say_both(tts))
    assert asyncio.run(say(tts, "Again.")) == {tag_of("Again."): pytest.approx(60.0)}
    asyncio.run(say_both(tts))
    asyncio.run(tts.prewarm())
    assert asyncio.run(stream(tts, "Aside.", "aura-2-zeus-en")) == 60
    asyncio.run(tts.interrupt())
    asyncio.run(asyncio.wait_for(tts.aclose(), 5))
    assert asyncio.run(say(tts, "Too late.")) == {}


async def cancel_everything(tts: DeepgramTTS) -> dict[int, float]:
    speaking = asyncio.create_task(say(tts, "To be cancelled. " * 20))
    await asyncio.sleep(0.1)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.wait([speaking])
    return await say(tts, "After all.")


def test_it_speaks_again_after_everything_was_cancelled(server: Emulator) -> None:
    tts = speaker(server)
    assert asyncio.run(cancel_everything(tts)) == {tag_of("After all."): pytest.approx(100.0)}
    asyncio.run(asyncio.wait_for(tts.aclose(), 5))


def test_in_use_in_another_loop_it_says_what_to_do(server: Emulator) -> None:
    tts = speaker(server)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def there(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    there(say(tts, "Here."))
    calls: list[Callable[[], Coroutine[Any, Any, Any]]] = [lambda: say(tts, "There."), tts.prewarm]
    for call in calls:
        with pytest.raises(SessionClosed, match="run_coroutine_threadsafe"):
            asyncio.run(call())
    assert there(say(tts, "Here.")) == {tag_of("Here."): pytest.approx(50.0)}
    there(tts.aclose())
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


# Parameters


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ({"mip_opt_out": True, "tag": "a"}, {"mip_opt_out": "true", "tag": "a"}),
        ({"container": "none", "speed": 1.1}, {"container": "none", "speed": "1.1"}),
        (
            {
                "model": "flux-alexis-en",
                "expressivity": -1,
                "mip_opt_out": False,
                "tag": ["a"],
                "speed": 0.95,
            },
            {"expressivity": "-1", "mip_opt_out": "false", "tag": "a", "speed": "0.95"},
        ),
        ({"model": "flux-alexis-en", "sample_rate": 44_100}, {"sample_rate": "44100"}),
    ],
)
async def test_every_documented_parameter_is_sent(arguments: dict[str, Any], query: dict[str, str]) -> None:
    async with emulator() as server:
        tts, _ = plugin(server, **arguments)
        await tts.prewarm()
        await tts.aclose()
        assert query.items() <= dict(server.connections[0].query).items()


async def test_a_parameter_of_tomorrow_is_sent_too() -> None:
    async with emulator() as server:
        tts, _ = plugin(server, extra={"new_option": True})
        with pytest.raises(HandshakeRefused, match="unknown field `new_option`"):
            await tts.prewarm()
        await tts.aclose()


async def test_several_labels_are_all_sent() -> None:
    async with emulator() as server:
        tts, _ = plugin(server, tag=["a", "b"])
        await tts.prewarm()
        await tts.aclose()
        assert [value for name, value in server.connections[0].query if name == "tag"] == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"expressivity": 1}, "expressivity must be None with 'aura-2-thalia-en'"),
        ({"model": "flux-alexis-en", "container": "none"}, "container must be None with 'flux-alexis-en'"),
        ({"model": "flux-alexis-en", "expressivity": 3}, "expressivity must be from -2 to 2"),
        ({"container": "wav"}, "container must be one of none"),
        ({"mip_opt_out": "yes"}, "mip_opt_out must be a bool"),
        ({"tag": [""]}, "tag"),
    ],
)
def test_a_parameter_out_of_its_range_is_told(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        DeepgramTTS(api_key=KEY, **arguments)


async def test_what_only_one_endpoint_has_does_not_reach_the_other() -> None:
    async with emulator() as server:
        tts, _ = plugin(server, model="flux-alexis-en", expressivity=1)
        await tts.synthesize("One.")
        await tts.synthesize("Two.", voice_id="aura-2-zeus-en")
        await tts.aclose()
        queries = [dict(record.query) for record in server.connections]
    assert ["expressivity" in query for query in queries] == [True, False]


# Failures


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("fault", "error"),
    [(RefuseUpgrade(401), HandshakeRefused), (CloseWith(1008, "DATA-0000", at_s=0.05), ConnectionLost)],
)
async def test_a_failure_is_raised_and_told_once(fault: Any, error: type[Exception], streamed: bool) -> None:
    errors: list[str] = []
    async with emulator(faults=(fault,)) as server:
        tts, _ = plugin(server)
        tts.on("error", lambda told: errors.append(told))
        with pytest.raises(error):
            if streamed:
                await stream(tts, "Never heard whole.", tts.model)
            else:
                await tts.synthesize(pieces("Never heard whole."))
        await tts.aclose()
    assert len(errors) == 1


async def test_the_failure_of_an_answer_that_was_interrupted_is_nobodys() -> None:
    errors: list[str] = []
    async with emulator(faults=(RefuseUpgrade(401),)) as server:
        tts, track = plugin(server)
        tts.on("error", lambda told: errors.append(told))
        speaking = asyncio.create_task(tts.synthesize("Never heard."))
        await asyncio.sleep(0)
        await tts.interrupt()
        await asyncio.wait_for(speaking, 5)
        await tts.aclose()
    assert errors == []
    assert spoken_ms(track) == {}


async def test_a_text_whose_source_was_cancelled_ends_the_answer() -> None:
    async def text() -> Any:
        yield "Half "
        raise asyncio.CancelledError("theirs")

    async with emulator() as server:
        tts, track = plugin(server)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(tts.synthesize(text()), 5)
        await tts.synthesize("Whole.")
        await tts.aclose()
    assert list(spoken_ms(track)) == [tag_of("Whole.")]
