"""After `interrupt` not one sample of the old answer is written, whatever was being waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.plugin.stage import OLD, VOICES, Stage, Track, run
from tests.session.fake_voice import spoken
from videosdk.agents import FlushMarker
from videosdk.plugins.deepgram._playback import Playback
from videosdk.plugins.deepgram._synthesis import Synthesis

from speechwire.errors import SpeechwireError
from speechwire.session import SpeakRequest


@pytest.fixture(params=VOICES)
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("waits_s", [0.0, 0.01, 0.5])
def test_while_the_first_audio_is_told(model: str, waits_s: float) -> None:
    async def story() -> None:
        stage = Stage(model)
        told = asyncio.Event()

        async def on_first_audio() -> None:
            told.set()
            await asyncio.sleep(waits_s)

        stage.tts.on_first_audio_byte(on_first_audio)
        speaking = asyncio.create_task(stage.tts.synthesize(OLD))
        await told.wait()
        await stage.tts.interrupt()
        await speaking
        assert stage.track.written == b""
        await stage.says("New.")

    run(story)


def test_by_whom_the_first_audio_is_told(model: str) -> None:
    async def story() -> None:
        stage = Stage(model)
        stage.tts.on_first_audio_byte(stage.tts.interrupt)
        await stage.tts.synthesize(OLD)
        assert stage.track.written == b""
        await stage.close()

    run(story)


def test_while_another_answer_waits_for_its_turn(model: str) -> None:
    async def story() -> None:
        stage = Stage(model)
        taken: list[str] = []

        async def text() -> AsyncIterator[str]:
            taken.append("second")
            yield "Second."

        first = asyncio.create_task(stage.tts.synthesize(OLD))
        await asyncio.sleep(1)
        second = asyncio.create_task(stage.tts.synthesize(text()))
        third = asyncio.create_task(stage.tts.synthesize("Third."))
        await asyncio.sleep(0.1)
        await stage.tts.interrupt()
        await asyncio.wait_for(asyncio.gather(first, second, third), 0.1)
        assert taken == []
        assert 0 < len(stage.track.written) == stage.track.at_interruption
        await stage.says("New.")

    run(story)


@pytest.mark.parametrize("piece", [1, 2, 5])
def test_while_the_track_takes_a_piece(model: str, piece: int) -> None:
    async def story() -> None:
        stage = Stage(model)
        gate = stage.track.gates[piece] = asyncio.Event()
        speaking = asyncio.create_task(stage.tts.synthesize(OLD))
        await stage.track.waiting.wait()
        await asyncio.sleep(5)  # meanwhile all of it has come
        await stage.tts.interrupt()
        gate.set()
        await asyncio.wait_for(speaking, 0.1)
        assert stage.track.count == piece
        await stage.says("New.")

    run(story)


@pytest.mark.parametrize("piece", [1, 3])
def test_by_the_track_that_takes_a_piece(model: str, piece: int) -> None:
    async def story() -> None:
        stage = Stage(model)
        take = stage.track.add_new_bytes

        async def take_and_interrupt(audio: bytes) -> None:
            await take(audio)
            if stage.track.count == piece:
                await stage.tts.interrupt()

        stage.track.add_new_bytes = take_and_interrupt  # type: ignore[method-assign]
        await stage.tts.synthesize(OLD)
        assert stage.track.count == piece
        await stage.says("New.")

    run(story)


def test_before_the_rest_of_the_converter() -> None:
    async def story() -> None:
        stage = Stage(sample_rate=16_000)
        await stage.tts.synthesize("Whole.")
        pieces = stage.track.count
        stage.track.gates[2 * pieces - 1] = gate = asyncio.Event()  # the last before the rest
        speaking = asyncio.create_task(stage.tts.synthesize("Whole."))
        await stage.track.waiting.wait()
        await asyncio.sleep(1)
        await stage.tts.interrupt()
        gate.set()
        await speaking
        assert stage.track.since_interruption == b""
        await stage.close()

    run(story)


def test_while_the_text_is_still_coming_from_somebody_who_is_slow_to_stop(model: str) -> None:
    async def story() -> None:
        stage = Stage(model)
        stopped = asyncio.Event()

        async def text() -> AsyncIterator[str | FlushMarker]:
            yield OLD
            yield FlushMarker()
            try:
                await asyncio.sleep(1000)
            finally:
                await asyncio.sleep(10)
                stopped.set()

        speaking = asyncio.create_task(stage.tts.synthesize(text()))
        await asyncio.sleep(1)
        await stage.tts.interrupt()
        await asyncio.wait_for(speaking, 0.1)
        assert not stopped.is_set()
        await stage.says("New.")
        assert stopped.is_set(), "aclose waits for it"

    run(story)


def test_while_another_voice_is_made_room_for() -> None:
    async def story() -> None:
        stage = Stage()
        for name in ("zeus", "luna", "hera"):
            await stage.tts.synthesize("Hi.", voice_id=f"aura-2-{name}-en")
        await stage.tts.synthesize("Hi.")
        before = stage.track.written
        speaking = asyncio.create_task(stage.tts.synthesize(OLD, voice_id="aura-2-iris-en"))
        for _ in range(3):
            await asyncio.sleep(0)
        await stage.tts.interrupt()
        await asyncio.wait_for(speaking, 0.1)
        assert stage.track.written == before
        await stage.says("New.")

    run(story)


@pytest.mark.parametrize("rate", [24_000, 16_000, 8_000])
def test_of_a_stream_ends_it_in_the_same_step(rate: int) -> None:
    async def story() -> None:
        stage = Stage(sample_rate=rate)
        got: list[bytes] = []

        async def take() -> None:
            async for piece in stage.tts.stream_synthesize(OLD):
                got.append(piece)
                await asyncio.sleep(0)

        taking = asyncio.create_task(take())
        await asyncio.sleep(1)
        count = len(got)
        await stage.tts.interrupt()
        await asyncio.wait_for(taking, 0.001)
        assert 0 < count == len(got)
        await stage.close()

    run(story)


@pytest.mark.parametrize("rate", [24_000, 8_000])
def test_of_a_stream_from_within(model: str, rate: int) -> None:
    async def story() -> None:
        stage = Stage(model, sample_rate=rate)
        got = []
        async for piece in stage.tts.stream_synthesize(OLD):
            got.append(piece)
            await stage.tts.interrupt()
        assert len(got) == 1
        await stage.close()

    run(story)


def test_of_a_stream_that_has_not_begun(model: str) -> None:
    async def story() -> None:
        stage = Stage(model)
        old, taken = stage.tts.stream_synthesize(OLD), []
        await stage.tts.interrupt()
        new = stage.tts.stream_synthesize("New.")
        taken = [piece async for piece in old]
        assert taken == []
        assert stage.transport.peers == [], "nothing was asked of the service"
        assert b"".join([piece async for piece in new]) == spoken("New.")
        await stage.close()

    run(story)


async def test_with_less_than_a_frame_of_audio_nothing_is_told_or_written() -> None:
    told: list[str] = []

    async def on_first_audio() -> None:
        told.append("first audio")

    synthesis, track = Synthesis(), Track()
    playback = Playback(synthesis, track, "linear16", 24_000, on_first_audio)
    await playback.write(bytes(100))
    synthesis.interrupt()
    await playback.finish()
    assert (told, track.written) == ([], b"")


def test_a_failure_in_the_same_moment_is_nobodys(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fail = SpeakRequest.fail

    async def story() -> None:
        stage = Stage(model)
        stage.service.faults = {0: (3, lambda peer: peer.close(1008, "DATA-0000"))}
        errors: list[str] = []
        stage.tts.on("error", lambda told: errors.append(told))

        def fail_and_interrupt(request: SpeakRequest, error: SpeechwireError) -> None:
            fail(request, error)
            stage.tts._interrupt_all()

        monkeypatch.setattr(SpeakRequest, "fail", fail_and_interrupt)
        await stage.tts.synthesize(OLD)
        assert errors == []
        monkeypatch.undo()
        await stage.close()

    run(story)


@settings(max_examples=150, deadline=None)
@given(
    model=st.sampled_from(sorted(VOICES)),
    latency_s=st.sampled_from([0.001, 0.05, 0.3]),
    second_after_s=st.none() | st.floats(0, 2),
    interrupted_after_s=st.floats(0, 3),
    steps=st.integers(0, 12),
    twice=st.booleans(),
)
def test_at_any_moment(
    model: str,
    latency_s: float,
    second_after_s: float | None,
    interrupted_after_s: float,
    steps: int,
    twice: bool,
) -> None:
    async def later(stage: Stage, after_s: float, text: str) -> None:
        await asyncio.sleep(after_s)
        await stage.tts.synthesize(text)

    async def story() -> None:
        stage = Stage(model, latency_s)
        speaking = [asyncio.create_task(stage.tts.synthesize(OLD))]
        if second_after_s is not None and second_after_s < interrupted_after_s:
            speaking.append(asyncio.create_task(later(stage, second_after_s, "Second.")))
        await asyncio.sleep(interrupted_after_s)
        for _ in range(steps):
            await asyncio.sleep(0)
        for _ in range(1 + twice):
            await stage.tts.interrupt()
        await stage.says("New.")
        await asyncio.gather(*speaking)

    run(story)
