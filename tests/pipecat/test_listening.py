"""Nova in a pipeline: frames, metrics, settings in mid-call, and the end."""

from __future__ import annotations

from typing import Any

import pytest
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    InterimTranscriptionFrame,
    MetricsFrame,
    STTMetadataFrame,
    STTMuteFrame,
    STTUpdateSettingsFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import STTUsageMetricsData, TTFBMetricsData
from pipecat.transcriptions.language import Language
from tests.clients.speech import AUDIO, PHRASES, RATE, SCRIPT
from tests.clients.waiting import until
from tests.pipecat.conftest import Start
from tests.pipecat.running import endings, frames_of, push, running_frames
from tests.pipecat.services import nova, their_nova
from tests.session.counted import counted
from tests.transport.counted_engine import CountedEngine
from tests.transport.reliability.arrivals import Arrivals

from pipecat_speechwire import SpeechwireSTTService
from speechwire.emulator import Lose, Phrase, RefuseUpgrade, Script, ScriptedEngine
from speechwire.protocol.listen_v1_events import Results
from speechwire.session import ListenSettings


async def listen(service: Any, pcm: bytes = AUDIO, **params: Any) -> list[Any]:
    """A whole call: all its audio, and its end right behind it."""
    async with running_frames(service, **params) as (worker, passed):
        await push(worker, pcm)
    return passed


async def test_the_last_words_come_before_the_end(start: Start) -> None:
    """The call ends right behind the last audio; Pipecat's own service loses what was not final by then."""
    emulator = await start(ScriptedEngine(SCRIPT))
    passed = await listen(nova(emulator))
    assert endings(passed)[0] == PHRASES
    frames = [each.frame for each in passed]
    last = max(i for i, frame in enumerate(frames) if isinstance(frame, TranscriptionFrame))
    end = max(i for i, frame in enumerate(frames) if isinstance(frame, EndFrame))
    assert last < end
    assert emulator.connections[0].audio == AUDIO


async def test_the_first_words_are_heard_although_nobody_waits_for_the_connection(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    passed = await listen(nova(emulator))
    assert endings(passed)[0][0] == PHRASES[0]
    assert emulator.connections[0].audio.startswith(AUDIO[:6400])


async def test_frames_carry_the_result_and_the_language(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    passed = await listen(nova(emulator))
    for frame in frames_of(passed, TranscriptionFrame, InterimTranscriptionFrame):
        assert isinstance(frame.result, Results)
        assert frame.result.channel.alternatives[0].transcript == frame.text
        assert frame.result.is_final is isinstance(frame, TranscriptionFrame)
        assert frame.user_id == ""


async def test_the_same_query_as_the_frameworks_own(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    await listen(nova(emulator))
    await listen(their_nova(emulator))
    ours, theirs = (dict(connection.query) for connection in emulator.connections)
    assert ours == theirs


async def test_the_end_of_speech_finalizes(start: Start) -> None:
    emulator = await start(ScriptedEngine(Script(Phrase(0.2, "Two tickets to Oslo.", 2.2))))
    async with running_frames(nova(emulator)) as (worker, passed):
        await worker.queue_frame(VADUserStartedSpeakingFrame())
        await push(worker, AUDIO[: 4 * RATE])
        await until(lambda: emulator.connections and emulator.connections[0].audio_bytes == 4 * RATE)
        await worker.queue_frame(VADUserStoppedSpeakingFrame())
        await until(lambda: frames_of(passed, TranscriptionFrame))
    finals = frames_of(passed, TranscriptionFrame)
    assert [(frame.text, frame.finalized) for frame in finals] == [("Two tickets to", True)]
    assert "Finalize" in emulator.connections[0].types


async def test_ttfb_is_told_once_from_the_end_of_speech(start: Start) -> None:
    emulator = await start(ScriptedEngine(Script(Phrase(0.2, "Two tickets to Oslo.", 2.2))))
    service = nova(emulator)
    async with running_frames(service, enable_metrics=True) as (worker, passed):
        await worker.queue_frame(VADUserStartedSpeakingFrame())
        await push(worker, AUDIO[: 4 * RATE])
        await until(lambda: emulator.connections and emulator.connections[0].audio_bytes == 4 * RATE)
        await worker.queue_frame(VADUserStoppedSpeakingFrame(stop_secs=0.2))
        await until(lambda: metrics(passed, TTFBMetricsData))
    [told] = [each for each in metrics(passed, TTFBMetricsData) if each.value > 0]
    assert told.processor == service.name
    assert told.model == "nova-3-general"


async def test_ttfb_is_told_although_the_text_came_before_the_answer_to_finalize(start: Start) -> None:
    """The answer is then empty, and no other transcript comes to measure by."""
    emulator = await start(ScriptedEngine(Script(Phrase(0.2, "Two tickets.", 1.0))))
    service = nova(emulator, settings=SpeechwireSTTService.Settings(endpointing=100))
    async with running_frames(service, enable_metrics=True) as (worker, passed):
        await worker.queue_frame(VADUserStartedSpeakingFrame())
        await push(worker, AUDIO[: 4 * RATE])
        await until(lambda: frames_of(passed, TranscriptionFrame))
        await worker.queue_frame(VADUserStoppedSpeakingFrame(stop_secs=0.001))
        await until(lambda: [each for each in metrics(passed, TTFBMetricsData) if each.value > 0])
    assert endings(passed)[0] == ["Two tickets."]


async def test_usage_is_what_was_sent(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    passed = await listen(nova(emulator), enable_usage_metrics=True, enable_metrics=True)
    told = [each.value.audio_seconds for each in metrics(passed, STTUsageMetricsData)]
    assert round(sum(told), 6) == len(emulator.connections[0].audio) / 2 / RATE == 6.0


async def test_keyterms_change_in_mid_call_on_the_same_connection(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with running_frames(nova(emulator)) as (worker, passed):
        await push(worker, AUDIO[: 2 * RATE])
        await until(lambda: emulator.connections and emulator.connections[0].audio_bytes == 2 * RATE)
        delta = SpeechwireSTTService.Settings(keyterm=["Oslo", "Bergen"])
        await worker.queue_frame(STTUpdateSettingsFrame(delta=delta))
        await until(lambda: "ConfigureSuccess" in emulator.connections[0].sent_types)
        await push(worker, AUDIO[2 * RATE :])
    [connection] = emulator.connections
    assert [each["keyterms"] for each in connection.received if each["type"] == "Configure"] == [
        ["Oslo", "Bergen"]
    ]
    assert endings(passed)[0::2] == (PHRASES, [])


async def test_other_settings_change_without_a_word_lost(start: Start) -> None:
    """Pipecat's own service closes the connection first; here the new one is made before."""
    engine = CountedEngine([(0.5, 1.5), (3.0, 4.0), (6.0, 7.0)])
    emulator = await start(engine)
    service = nova(emulator, settings=SpeechwireSTTService.Settings(endpointing=300))
    async with running_frames(service) as (worker, passed):
        await push(worker, counted(0, 2 * RATE))
        await until(lambda: frames_of(passed, TranscriptionFrame))
        delta = SpeechwireSTTService.Settings(language=Language.DE)
        await worker.queue_frame(STTUpdateSettingsFrame(delta=delta))
        await until(lambda: len(emulator.connections) == 2)
        await push(worker, counted(2 * RATE, 6 * RATE))
    assert [dict(each.query)["language"] for each in emulator.connections] == ["en", "de"]
    finals, _, errors = endings(passed)
    assert (" ".join(finals).split(), errors) == (list(map(str, engine.words)), [])
    assert Arrivals([bytes(each.audio) for each in emulator.connections], 8.0).lost_ms == 0


async def test_settings_out_of_range_are_refused_and_the_others_stay(start: Start) -> None:
    """pipecat #5637: one such setting refuses every connection of the call."""
    emulator = await start(ScriptedEngine(SCRIPT))
    service = nova(emulator)
    async with running_frames(service) as (worker, passed):
        await push(worker, AUDIO[:RATE])
        await until(lambda: emulator.connections)
        delta = SpeechwireSTTService.Settings(utterance_end_ms=1)
        await worker.queue_frame(STTUpdateSettingsFrame(delta=delta))
        await until(lambda: frames_of(passed, ErrorFrame))
        assert service.is_usable
        assert service.settings.utterance_end_ms is None
        await push(worker, AUDIO[RATE:])
    assert endings(passed)[0] == PHRASES
    assert "utterance_end_ms" in endings(passed)[2][0]
    assert len(endings(passed)[2]) == 1


@pytest.mark.parametrize("status", [400, 503])
async def test_settings_that_no_connection_takes_can_be_set_again(start: Start, status: int) -> None:
    """They are as before, also when the service was only busy: setting them again is a change."""
    emulator = await start(ScriptedEngine(SCRIPT), faults=[RefuseUpgrade(status, connections={1})])
    service = nova(emulator)
    delta = SpeechwireSTTService.Settings(language=Language.DE)
    async with running_frames(service) as (worker, passed):
        await push(worker, AUDIO[:RATE])
        await worker.queue_frame(STTUpdateSettingsFrame(delta=delta))
        await until(lambda: frames_of(passed, ErrorFrame))
        assert service.settings.language == Language.EN
        await worker.queue_frame(STTUpdateSettingsFrame(delta=delta))
        await until(lambda: len(emulator.connections) == 3)
        await push(worker, AUDIO[RATE:])
    assert dict(emulator.connections[2].query)["language"] == "de"
    assert endings(passed)[0] == PHRASES
    assert len(endings(passed)[2]) == 1


async def test_settings_without_an_answer_in_time_are_no_error(start: Start, complaints: list[str]) -> None:
    """They hold on the next connection at the latest."""
    emulator = await start(ScriptedEngine(SCRIPT), faults=[Lose("ConfigureSuccess")])
    service = nova(emulator, session_settings=ListenSettings(configure_timeout_s=0.1))
    async with running_frames(service) as (worker, passed):
        await push(worker, AUDIO[:RATE])
        delta = SpeechwireSTTService.Settings(keyterm=["Oslo"])
        await worker.queue_frame(STTUpdateSettingsFrame(delta=delta))
        await until(lambda: any("no answer to Configure" in each for each in complaints))
        await push(worker, AUDIO[RATE:])
    assert service.settings.keyterm == ["Oslo"]
    assert (endings(passed)[0], endings(passed)[2]) == (PHRASES, [])


async def test_no_audio_is_taken_while_muted(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with running_frames(nova(emulator)) as (worker, _):
        await worker.queue_frame(STTMuteFrame(mute=True))
        await push(worker, AUDIO[:RATE])
        await worker.queue_frame(STTMuteFrame(mute=False))
        await push(worker, AUDIO[RATE:])
    assert emulator.connections[0].audio == AUDIO[RATE:]


async def test_a_cancelled_pipeline_waits_for_nothing(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    service = nova(emulator)
    async with running_frames(service, end=False) as (worker, _):
        await push(worker, AUDIO[:RATE])
        await until(lambda: emulator.connections and emulator.connections[0].audio_bytes)
    await until(lambda: not emulator.connections[0].is_open)
    assert service.request_id is None  # no session is left


async def test_metadata_tells_the_latency(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with running_frames(nova(emulator, ttfs_p99_latency=0.7)) as (_, passed):
        await until(lambda: frames_of(passed, STTMetadataFrame))
    assert frames_of(passed, STTMetadataFrame)[0].ttfs_p99_latency == 0.7


def metrics(passed: list[Any], kind: type[Any]) -> list[Any]:
    frames = frames_of(passed, MetricsFrame)
    return [each for frame in frames for each in frame.data if isinstance(each, kind)]
