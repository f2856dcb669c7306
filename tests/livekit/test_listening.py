"""Speech to text: what a stream says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import stt as framework
from livekit.agents.stt import SpeechEventType
from livekit.plugins import speechwire
from livekit.plugins.speechwire import _listening
from tests.livekit.conftest import Start
from tests.livekit.listened import EAGER, FLUX, NOVA, all_of, opened, texts
from tests.livekit.parties import KEY, NAMES, RATE, Told, frame, frames, listen, speech_to_text, until
from tests.livekit.spoken import AUDIO, PHRASES, SCRIPT, TURNS

from speechwire.emulator import Lose, Phrase, Script, ScriptedEngine
from speechwire.session import ListenSettings

SAYING = {
    SpeechEventType.INTERIM_TRANSCRIPT,
    SpeechEventType.PREFLIGHT_TRANSCRIPT,
    SpeechEventType.FINAL_TRANSCRIPT,
}


def outline(events: list[Any]) -> list[tuple[str, str]]:
    """Kinds and texts; an interim that says the same again, and usage, tell nothing new."""
    told = [
        (event.type.value, event.alternatives[0].text if event.alternatives else "")
        for event in events
        if event.type is not SpeechEventType.RECOGNITION_USAGE
    ]
    return [each for place, each in enumerate(told) if place == 0 or told[place - 1] != each]


@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_the_same_is_told_in_the_same_order_as_by_the_other_plugin(start: Start, endpoint: str) -> None:
    arguments: dict[str, Any] = EAGER if endpoint == FLUX else {}
    outlines = {}
    for name in NAMES:
        emulator = await start(ScriptedEngine(SCRIPT))
        async with speech_to_text(name, emulator.http_url, endpoint, **arguments) as stt:
            outlines[name] = outline(await listen(stt, AUDIO))
    if endpoint == NOVA:  # how many interims fit between two finals is the network's affair
        outlines = {
            name: [each for each in told if each[0] != "interim_transcript"]
            for name, told in outlines.items()
        }
    assert outlines["speechwire"] == outlines["deepgram"]
    assert [text for kind, text in outlines["speechwire"] if kind == "final_transcript"] == (
        TURNS if endpoint == FLUX else PHRASES
    )


async def test_eager_turns_and_resumption_are_told(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with speech_to_text("speechwire", emulator.http_url, FLUX, **EAGER) as stt:
        told = outline(await listen(stt, AUDIO))
    kinds = [kind for kind, _ in told]
    assert ("preflight_transcript", "Two tickets") in told
    assert told.index(("preflight_transcript", "Two tickets")) < told.index(
        ("interim_transcript", "Two tickets to")
    )
    assert kinds.count("start_of_speech") == kinds.count("end_of_speech") == len(TURNS)
    assert all(
        kinds[place + 1] == "end_of_speech" for place, kind in enumerate(kinds) if kind == "final_transcript"
    )


@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_words_have_their_times_on_the_framework_clock(start: Start, endpoint: str) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with speech_to_text("speechwire", emulator.http_url, endpoint) as stt, stt.stream() as stream:
        stream.start_time_offset = 100.0
        for each in frames(AUDIO):
            stream.push_frame(each)
        stream.end_input()
        finals = [e.alternatives[0] async for e in stream if e.type is SpeechEventType.FINAL_TRANSCRIPT]
    words = [word for final in finals for word in final.words]
    assert " ".join(words) == " ".join(PHRASES)
    assert words[0].start_time == pytest.approx(100.3, abs=0.01)
    assert words[-1].end_time == pytest.approx(104.2, abs=0.01)
    assert all(final.start_time <= final.words[0].start_time for final in finals)
    assert all(final.end_time >= final.words[-1].end_time - 0.01 for final in finals)
    assert all(0.0 < final.confidence <= 1.0 for final in finals)


@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_speech_events_know_when_it_was(start: Start, endpoint: str) -> None:
    """Onset and end by the wall clock, in their order and not in the future."""
    emulator = await start(ScriptedEngine(SCRIPT))
    async with speech_to_text("speechwire", emulator.http_url, endpoint) as stt:
        events = await listen(stt, AUDIO)
    starts = [e for e in events if e.type is SpeechEventType.START_OF_SPEECH]
    ends = [e for e in events if e.type is SpeechEventType.END_OF_SPEECH]
    for begun, ended in zip(starts, ends, strict=True):
        assert begun.speech_start_time < ended.speech_end_time <= ended.created_at
    # Six seconds of audio came at once: by the audio's clock the last word ended 1.8 s before the last push.
    assert ends[-1].created_at - ends[-1].speech_end_time >= 1.7


@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_usage_adds_up_to_what_was_sent(start: Start, endpoint: str) -> None:
    emulator, told = await start(ScriptedEngine(SCRIPT)), Told()
    async with speech_to_text("speechwire", emulator.http_url, endpoint, told) as stt:
        events = await listen(stt, AUDIO)
        usage = [e for e in events if e.type is SpeechEventType.RECOGNITION_USAGE]
        await until(lambda: sum(metric.audio_duration for metric in told.metrics) >= 6.0)
    assert sum(e.recognition_usage.audio_duration for e in usage) == pytest.approx(6.0)
    [connection] = emulator.connections
    assert connection.audio_s == pytest.approx(6.0)
    assert {e.request_id for e in usage} == {connection.request_id}
    acquired = [metric.acquire_time for metric in told.metrics if metric.acquire_time]
    assert len(acquired) == 1
    assert {metric.metadata.model_provider for metric in told.metrics} == {"Deepgram"}


async def test_usage_in_parts_counts_each_second_once(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_listening, "_USAGE_EVERY_S", 0.02)
    emulator = await start(ScriptedEngine(SCRIPT))
    async with speech_to_text("speechwire", emulator.http_url, FLUX) as stt, stt.stream() as stream:
        for each in frames(AUDIO):
            stream.push_frame(each)
            await asyncio.sleep(0.002)
        stream.end_input()
        events = await all_of(stream)
    parts = [e.recognition_usage.audio_duration for e in events if e.recognition_usage is not None]
    assert len(parts) > 1
    assert sum(parts) == pytest.approx(6.0)


async def test_the_request_id_is_on_every_transcript(start: Start) -> None:
    """LiveKit agents #3195, #1866: what Deepgram's support asks for."""
    for endpoint in (NOVA, FLUX):
        emulator = await start(ScriptedEngine(SCRIPT))
        async with speech_to_text("speechwire", emulator.http_url, endpoint) as stt:
            events = await listen(stt, AUDIO)
        assert {e.request_id for e in events if e.type in SAYING} == {emulator.connections[0].request_id}


async def test_options_without_an_answer_in_time_can_be_set_back(start: Start, complaints: list[str]) -> None:
    """The session goes on with them, so that the ones before them are a change."""
    emulator = await start(ScriptedEngine(SCRIPT), faults=[Lose("ConfigureSuccess")])
    settings = ListenSettings(configure_timeout_s=0.1)
    stt_of = speech_to_text("speechwire", emulator.http_url, NOVA, keyterm="Oslo", settings=settings)
    async with stt_of as stt, stt.stream() as stream:
        for each in frames(AUDIO):
            stream.push_frame(each)
        await until(lambda: opened(emulator))
        stt.update_options(keyterm="Bergen")
        await until(lambda: any("no answer to Configure" in each for each in complaints))
        stt.update_options(keyterm="Oslo")
        [connection] = emulator.connections
        await until(lambda: connection.types.count("Configure") == 2)
    configured = [message["keyterms"] for message in connection.received if message["type"] == "Configure"]
    assert configured == [["Bergen"], ["Oslo"]]


# Audio


async def test_stereo_is_mixed_and_billed_once(start: Start) -> None:
    """The framework's own plugin takes stereo for mono of twice the length."""
    billed = {}
    for name in NAMES:
        emulator = await start(ScriptedEngine())
        async with speech_to_text(name, emulator.http_url, NOVA) as stt:
            await listen(stt, bytes(48_000 * 4 * 2), rate=48_000, channels=2)
        billed[name] = emulator.connections[0].audio_s
    assert billed["speechwire"] == pytest.approx(2.0, abs=0.01)
    assert billed["deepgram"] == pytest.approx(4.0, abs=0.01)


async def test_the_format_may_change_in_the_middle(start: Start) -> None:
    emulator = await start(ScriptedEngine())
    async with speech_to_text("speechwire", emulator.http_url, NOVA) as stt, stt.stream() as stream:
        for rate, channels in ((48_000, 2), (16_000, 1), (44_100, 1), (8_000, 1)):
            for each in frames(bytes(rate * 2 * channels), rate, channels):
                stream.push_frame(each)
        stream.end_input()
        async for _ in stream:
            pass
    assert emulator.connections[0].audio_s == pytest.approx(4.0, abs=0.01)


async def test_audio_arrives_as_it_was_pushed_in_chunks(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with speech_to_text("speechwire", emulator.http_url, FLUX, audio_chunk_duration_ms=80) as stt:
        await listen(stt, AUDIO)
    [connection] = emulator.connections
    assert bytes(connection.audio) == AUDIO
    assert connection.audio_frames == 75


@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_flush_brings_the_final_at_once(start: Start, endpoint: str) -> None:
    """LiveKit agents #931, #7389: without it the turn waits for silence that may never come."""
    emulator = await start(ScriptedEngine(Script(Phrase(0.2, "Two tickets", 0.9))))
    async with speech_to_text("speechwire", emulator.http_url, endpoint) as stt, stt.stream() as stream:
        for each in frames(AUDIO[: 2 * RATE]):
            stream.push_frame(each)
        stream.flush()
        events = []
        async for event in stream:
            events.append(event)
            if event.type is SpeechEventType.END_OF_SPEECH:
                break
    assert texts(events, SpeechEventType.FINAL_TRANSCRIPT) == ["Two tickets"]
    asked = "Finalize" if endpoint == NOVA else "ForceEndTurn"
    assert asked in emulator.connections[0].types


async def test_a_recording_is_transcribed_whole(start: Start) -> None:
    """`recognize` streams the recording; an emulator, and any self-hosted service, has that endpoint."""
    emulator = await start(ScriptedEngine(SCRIPT))
    async with speech_to_text("speechwire", emulator.http_url, NOVA) as stt:
        event = await stt.recognize(frames(AUDIO))
    assert event.type is SpeechEventType.FINAL_TRANSCRIPT
    assert event.alternatives[0].text == " ".join(PHRASES)
    assert list(event.alternatives[0].words) == " ".join(PHRASES).split()
    assert bytes(emulator.connections[0].audio) == AUDIO
    assert event.request_id == emulator.connections[0].request_id


async def test_flux_has_no_recordings() -> None:
    stt = speechwire.STTv2(api_key=KEY)
    assert not stt.capabilities.offline_recognize
    with pytest.raises(NotImplementedError):
        await stt.recognize([frame(bytes(640))])


async def test_a_language_is_needed_for_a_stream() -> None:
    with pytest.raises(ValueError, match="language detection"):
        speechwire.STT(api_key=KEY, detect_language=True).stream()


# Life


@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_prewarm_opens_the_connection_that_the_next_stream_takes(start: Start, endpoint: str) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with speech_to_text("speechwire", emulator.http_url, endpoint) as stt:
        stt.prewarm()
        stt.prewarm()
        await until(lambda: opened(emulator))
        events = await listen(stt, AUDIO)
        assert len(emulator.connections) == 1
        await listen(stt, AUDIO)
    assert len(emulator.connections) == 2
    assert texts(events, SpeechEventType.FINAL_TRANSCRIPT) == (TURNS if endpoint == FLUX else PHRASES)


async def test_prewarm_without_an_event_loop_does_nothing() -> None:
    stt = speechwire.STT(api_key=KEY)
    await asyncio.to_thread(stt.prewarm)
    await stt.aclose()


@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_aclose_ends_every_stream_and_leaves_nothing_behind(start: Start, endpoint: str) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    before = asyncio.all_tasks()
    async with speech_to_text("speechwire", emulator.http_url, endpoint) as stt:
        stt.prewarm()
        streams = [stt.stream() for _ in range(3)]
        for stream in streams:
            stream.push_frame(frame(AUDIO[:6400]))
        await until(lambda: len(opened(emulator)) == 3)
    with pytest.raises(RuntimeError):
        streams[0].push_frame(frame(AUDIO[:640]))
    await until(lambda: not opened(emulator))
    await until(
        lambda: not [task for task in asyncio.all_tasks() - before if "speechwire" in repr(task.get_coro())]
    )


async def test_capabilities_are_those_of_the_other_plugin() -> None:
    from livekit.plugins import deepgram  # noqa: PLC0415

    for name, arguments in (("STT", {"interim_results": False, "enable_diarization": True}), ("STTv2", {})):
        ours, theirs = (
            getattr(module, name)(api_key=KEY, **arguments).capabilities for module in (speechwire, deepgram)
        )
        assert ours == theirs
        assert isinstance(ours, framework.STTCapabilities)
