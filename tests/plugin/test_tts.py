"""`DeepgramTTS` against the emulator over real sockets, into the framework's own output track.

The scripted engine speaks every text as samples of one value that names it, so a test can say exactly which
text was heard, for how long, and in which turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import groupby

import numpy as np
import pytest
from videosdk.agents import CustomAudioStreamTrack, FlushMarker
from videosdk.plugins.deepgram import DeepgramTTS

from speechwire.emulator import (
    Behaviour,
    CloseWith,
    Delivery,
    Emulator,
    RefuseUpgrade,
    ScriptedEngine,
    tag_of,
)
from speechwire.errors import HandshakeRefused, SessionClosed

from .conftest import KEY, Figure

CHARACTER_S = 0.01


def emulator(*, faults: tuple[object, ...] = (), pace: float | None = None) -> Emulator:
    return Emulator(
        engine=ScriptedEngine(seconds_per_character=CHARACTER_S),
        faults=faults,  # type: ignore[arg-type]
        behaviour=Behaviour(delivery=Delivery(pace=pace)),
    )


def plugin(server: Emulator, **arguments: object) -> tuple[DeepgramTTS, CustomAudioStreamTrack]:
    tts = DeepgramTTS(api_key=KEY, base_url=f"{server.base_url}/v1/speak", **arguments)  # type: ignore[arg-type]
    tts.loop = asyncio.get_running_loop()
    tts.audio_track = CustomAudioStreamTrack(tts.loop)
    return tts, tts.audio_track


def heard(track: CustomAudioStreamTrack) -> np.ndarray:
    """Whole frames the track would play, and what it would never play."""
    assert len(track.audio_data_buffer) == 0, "less than a frame is left, and would open the next answer"
    frames = [frame.to_ndarray()[0] for frame in track.frame_buffer]
    return np.concatenate(frames) if frames else np.zeros(0, dtype=np.int16)


def spoken_ms(track: CustomAudioStreamTrack) -> dict[int, float]:
    """Milliseconds heard of each tag, in order; silence left out."""
    runs = [(int(tag), len(list(run))) for tag, run in groupby(heard(track))]
    return {tag: samples / 24 for tag, samples in runs if tag}


async def pieces(*parts: str | FlushMarker) -> AsyncIterator[str | FlushMarker]:
    for part in parts:
        yield part
        await asyncio.sleep(0)


async def test_a_text_is_heard_whole_and_padded_to_the_frame() -> None:
    async with emulator() as server:
        tts, track = plugin(server)
        await tts.synthesize("Your train leaves at nine.")
        await tts.aclose()
    assert spoken_ms(track) == {tag_of("Your train leaves at nine."): pytest.approx(260.0)}
    assert len(heard(track)) % 480 == 0


async def test_pieces_are_joined_and_flushed_once(figure: Figure) -> None:
    async with emulator() as server:
        tts, track = plugin(server)
        # As the framework sends them: stripped, and with a marker at the end.
        await tts.synthesize(pieces("Sure thing.", "I can help you.", FlushMarker()))
        await tts.aclose()
        kinds = [message["type"] for message in server.connections[0].received]
        texts = [message["text"] for message in server.connections[0].received if message["type"] == "Speak"]
    assert "".join(texts) == "Sure thing. I can help you."
    assert kinds.count("Flush") == 1
    assert kinds[-1] == "Close"
    figure("T1", f"{kinds.count('Flush')} Flush per utterance, marker and end together")
    assert spoken_ms(track) == {tag_of("Sure thing. I can help you."): pytest.approx(270.0)}


async def test_a_marker_in_the_middle_loses_nothing(figure: Figure) -> None:
    async with emulator() as server:
        tts, track = plugin(server)
        await tts.synthesize(pieces("One.", FlushMarker(), "Two.", FlushMarker(), FlushMarker()))
        await tts.aclose()
        kinds = [message["type"] for message in server.connections[0].received]
    assert kinds.count("Flush") == 2
    heard_ms = spoken_ms(track)
    assert list(heard_ms) == [tag_of("One."), tag_of(" Two.")]
    figure("T3", f"second sentence {heard_ms[tag_of(' Two.')]:.0f}/{5 * 10} ms")


async def test_the_first_audio_is_told_once_before_the_first_bytes() -> None:
    async with emulator() as server:
        tts, track = plugin(server)
        told: list[int] = []

        async def on_first_audio() -> None:
            told.append(len(track.frame_buffer))

        tts.on_first_audio_byte(on_first_audio)
        tts.reset_first_audio_tracking()
        await tts.synthesize("One answer that comes in several pieces.")
        frames_of_the_first = len(track.frame_buffer)
        tts.reset_first_audio_tracking()
        await tts.synthesize("Two.")
        await tts.aclose()
    assert told == [0, frames_of_the_first]


async def barge_in(tts: DeepgramTTS, track: CustomAudioStreamTrack) -> None:
    """Interrupt a long answer as the framework does, and speak "The new answer." in its place."""
    long = "This answer is long enough to be interrupted while most of it is still to come. " * 4
    track.enable_audio_input(manual_control=True)
    speaking = asyncio.create_task(tts.synthesize(long))
    while not track.frame_buffer:
        await asyncio.sleep(0.01)
    await tts.interrupt()
    fading = len(track.frame_buffer)  # the framework's own tail
    track.enable_audio_input(manual_control=True)
    await asyncio.wait_for(speaking, 1.0)
    assert len(track.frame_buffer) == fading
    track.frame_buffer.clear()
    await asyncio.wait_for(tts.synthesize("The new answer."), 10.0)


async def test_after_an_interruption_nothing_of_the_old_answer_is_heard(figure: Figure) -> None:
    async with emulator(pace=4.0) as server:
        tts, track = plugin(server)
        await barge_in(tts, track)
        await tts.aclose()
        assert len(server.connections) == 1
        assert "Clear" in [message["type"] for message in server.connections[0].received]
    heard_ms = spoken_ms(track)
    assert heard_ms == {tag_of("The new answer."): pytest.approx(150.0)}
    new_ms = heard_ms.pop(tag_of("The new answer."))
    figure("T2", f"{sum(heard_ms.values()):.0f} ms of the old answer, {new_ms:.0f}/150 ms of the new one")


async def test_an_interruption_while_connecting_silences_the_request() -> None:
    async with emulator() as server:
        tts, track = plugin(server)
        speaking = asyncio.create_task(tts.synthesize("Never to be heard."))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await tts.interrupt()
        await asyncio.wait_for(speaking, 1.0)
        await tts.synthesize("Heard.")
        await tts.aclose()
    assert list(spoken_ms(track)) == [tag_of("Heard.")]


async def test_cancelling_the_synthesis_stops_the_text(figure: Figure) -> None:
    taken: list[str] = []

    async def endless() -> AsyncIterator[str]:
        while True:
            taken.append("word")
            yield "word "
            await asyncio.sleep(0.01)

    async with emulator() as server:
        tts, _ = plugin(server)
        speaking = asyncio.create_task(tts.synthesize(endless()))
        while len(taken) < 5:
            await asyncio.sleep(0.01)
        speaking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await speaking
        count = len(taken)
        await asyncio.sleep(0.05)
        await tts.aclose()
    assert len(taken) == count
    figure("T6", f"cancelled, {len(taken) - count} further pieces of text taken")


@pytest.mark.parametrize("text", ["", "   ", "..."])
async def test_a_text_without_a_word_returns_at_once(text: str, figure: Figure) -> None:
    async with emulator() as server:
        tts, track = plugin(server)
        started = asyncio.get_running_loop().time()
        await asyncio.wait_for(tts.synthesize(text), 5.0)
        figure("T5", f"{text!r}: {asyncio.get_running_loop().time() - started:.2f} s, connecting included")
        await asyncio.wait_for(tts.synthesize(pieces(text, FlushMarker())), 5.0)
        await tts.aclose()
    assert spoken_ms(track) == {}


async def test_a_failing_text_is_raised_and_the_next_one_is_heard() -> None:
    async def failing() -> AsyncIterator[str]:
        yield "Half of it "
        raise RuntimeError("the language model broke")

    async with emulator() as server:
        tts, track = plugin(server)
        with pytest.raises(RuntimeError, match="the language model broke"):
            await tts.synthesize(failing())
        await tts.synthesize("Whole.")
        await tts.aclose()
    assert list(spoken_ms(track)) == [tag_of("Whole.")]


async def test_a_lost_connection_is_mended_and_no_audio_is_heard_twice(figure: Figure) -> None:
    text = "A text that is cut off in the middle by the network and spoken again."
    fault = CloseWith(1011, "NET-0000", at_s=0.2, connections={0})
    async with emulator(faults=(fault,)) as server:
        tts, track = plugin(server)
        await asyncio.wait_for(tts.synthesize(text), 15.0)
        await tts.aclose()
        assert len(server.connections) == 2
    heard_ms = spoken_ms(track)
    assert heard_ms == {tag_of(text): pytest.approx(len(text) * 10.0)}
    figure("T4", f"closed in mid-utterance: {heard_ms[tag_of(text)]:.0f}/{len(text) * 10} ms heard, no error")


async def test_a_refused_key_is_raised_told_and_takes_no_text(figure: Figure) -> None:
    errors: list[str] = []
    taken: list[str] = []

    def on_error(error: str) -> None:
        errors.append(error)

    async def text() -> AsyncIterator[str]:
        taken.append("one")
        yield "one"

    async with emulator(faults=(RefuseUpgrade(401),)) as server:
        tts, _ = plugin(server)
        tts.on("error", on_error)
        with pytest.raises(HandshakeRefused, match="HTTP 401"):
            await tts.synthesize(text())
        await tts.aclose()
    assert taken == []  # another provider can speak it
    assert len(errors) == 1
    assert KEY not in errors[0]
    figure("T7", "the refusal itself is raised: HandshakeRefused with status, reason and request id")


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ({"sample_rate": 16_000}, {"encoding": "linear16", "sample_rate": "16000"}),
        ({"sample_rate": 48_000}, {"encoding": "linear16", "sample_rate": "48000"}),
        ({"encoding": "mulaw"}, {"encoding": "mulaw", "sample_rate": "8000"}),
        ({"encoding": "alaw", "sample_rate": 16_000}, {"encoding": "alaw", "sample_rate": "16000"}),
    ],
)
async def test_every_format_plays_at_the_right_speed(
    arguments: dict[str, object], query: dict[str, str], figure: Figure
) -> None:
    async with emulator() as server:
        tts, track = plugin(server, **arguments)
        await tts.synthesize("x" * 100)
        await tts.aclose()
        assert query.items() <= dict(server.connections[0].query).items()
    tag = tag_of("x" * 100)
    samples = heard(track).astype(int)
    assert len(samples) == 24_000
    figure(
        "T8", f"{query['encoding']} at {query['sample_rate']} Hz: 1 s plays as {len(samples) / 24_000:.2f} s"
    )
    # The middle of it is the tag, as well as eight bits can say it.
    assert np.abs(samples[4800:-4800] - tag).max() <= max(2, tag * 0.035)


async def test_another_voice_has_a_connection_of_its_own() -> None:
    async with emulator() as server:
        tts, track = plugin(server)
        await tts.synthesize("One.")
        await tts.synthesize("Two.", voice_id="aura-2-zeus-en")
        await tts.synthesize("Three.")
        await tts.aclose()
        models = [dict(connection.query)["model"] for connection in server.connections]
    assert models == ["aura-2-thalia-en", "aura-2-zeus-en"]
    assert list(spoken_ms(track)) == [tag_of("One."), tag_of("Two."), tag_of("Three.")]


async def test_prewarm_is_idempotent_and_serves_the_first_answer() -> None:
    async with emulator() as server:
        tts, _ = plugin(server)
        await tts.prewarm()
        await tts.prewarm()
        await tts.synthesize("One.")
        await tts.aclose()
        assert len(server.connections) == 1


async def test_a_stream_is_synthesized_beside_the_track() -> None:
    async with emulator() as server:
        tts, track = plugin(server)
        audio = b"".join([piece async for piece in tts.stream_synthesize(pieces("One."))])
        await tts.aclose()
    assert spoken_ms(track) == {}
    assert np.frombuffer(audio, dtype="<i2").tolist() == [tag_of("One.")] * round(4 * CHARACTER_S * 24_000)


async def test_without_a_track_it_says_so() -> None:
    errors: list[str] = []

    def on_error(error: str) -> None:
        errors.append(error)

    tts = DeepgramTTS(api_key=KEY)
    tts.on("error", on_error)
    await tts.synthesize("Nobody listens.")
    await tts.interrupt()
    await tts.aclose()
    assert errors == ["Audio track or event loop not set"]


async def test_closing_ends_the_answer_and_those_that_wait_and_opens_nothing() -> None:
    async with emulator(pace=1.0) as server:
        tts, track = plugin(server)
        first = asyncio.create_task(tts.synthesize("An answer that takes its time to be spoken. " * 5))
        second = asyncio.create_task(tts.synthesize("And one that waits."))
        while not track.frame_buffer:
            await asyncio.sleep(0.01)
        await tts.aclose()
        await asyncio.wait_for(asyncio.gather(first, second), 2.0)
        await tts.synthesize("Too late.")
        with pytest.raises(SessionClosed, match="^the component has been closed$"):
            async for _ in tts.stream_synthesize(pieces("Too late.")):
                pass
        await tts.prewarm()
        await tts.interrupt()
        assert len(server.connections) == 1
    assert tag_of("And one that waits.") not in heard_anywhere(track)


def heard_anywhere(track: CustomAudioStreamTrack) -> set[int]:
    return {int(tag) for frame in track.frame_buffer for tag in np.unique(frame.to_ndarray())}
