"""Flux in a pipeline: turns, Pipecat's strategies for them, eager ends, settings in mid-call."""

from __future__ import annotations

from typing import Any

from pipecat.frames.frames import (
    EagerEndOfTurnCancelFrame,
    EagerTranscriptionFrame,
    ErrorFrame,
    InterimTranscriptionFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    STTMetadataFrame,
    STTUpdateSettingsFrame,
    TranscriptionFrame,
)
from pipecat.transcriptions.language import Language
from pipecat.turns.user_turn_strategies import EagerUserTurnStrategies, ExternalUserTurnStrategies
from tests.clients.speech import AUDIO, RATE, SCRIPT, TURNS
from tests.clients.waiting import until
from tests.pipecat.conftest import Start
from tests.pipecat.running import endings, frames_of, push, running_frames
from tests.pipecat.services import flux, their_flux

from pipecat_speechwire import SpeechwireFluxSTTService
from speechwire.emulator import Phrase, Script, ScriptedEngine

CHUNK_BYTES = 80 * RATE // 1000 * 2  # of what the service sends at a time
EVENTS = ("start_of_turn", "eager_end_of_turn", "turn_resumed", "end_of_turn", "update")


def watch(service: Any) -> list[tuple[Any, ...]]:
    """What the handlers are told."""
    told: list[tuple[Any, ...]] = []

    def listen_for(name: str) -> None:
        async def note(_: Any, *arguments: Any) -> None:
            told.append((name, *arguments))

        service.add_event_handler(f"on_{name}", note)

    for event in EVENTS:
        listen_for(event)
    return told


async def call(service: Any, turns: int = len(TURNS)) -> tuple[list[Any], list[tuple[Any, ...]]]:
    told = watch(service)
    async with running_frames(service) as (worker, passed):
        await push(worker, AUDIO)
        await until(lambda: len([each for each in told if each[0] == "end_of_turn"]) == turns)
    return passed, told


async def test_it_tells_just_what_the_frameworks_own_tells(start: Start) -> None:
    """Frames, their order and their texts, and what the handlers are called with."""
    emulator = await start(ScriptedEngine(SCRIPT))
    ours, our_events = await call(flux(emulator, chunk_ms=20))
    theirs, their_events = await call(their_flux(emulator))
    assert sorted(map(str, our_events)) == sorted(map(str, their_events))
    assert summary(ours) == summary(theirs)
    assert summary(ours).count(("TranscriptionFrame", TURNS[0], True, Language.EN)) == 1


def summary(passed: list[Any]) -> list[tuple[Any, ...]]:
    kinds = (
        ProposedUserStartedSpeakingFrame,
        ProposedUserStoppedSpeakingFrame,
        TranscriptionFrame,
        InterimTranscriptionFrame,
        EagerTranscriptionFrame,
        EagerEndOfTurnCancelFrame,
    )
    return [
        (
            type(each.frame).__name__,
            getattr(each.frame, "text", None),
            getattr(each.frame, "finalized", None),
            getattr(each.frame, "language", None),
        )
        for each in passed
        if isinstance(each.frame, kinds) and not each.upstream
    ]


async def test_a_result_is_the_message(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    passed, _ = await call(flux(emulator))
    for frame in frames_of(passed, TranscriptionFrame):
        assert frame.result["type"] == "TurnInfo"
        assert frame.result["event"] == "EndOfTurn"
        assert frame.result["transcript"] == frame.text
        assert frame.result["words"][0].keys() >= {"word", "confidence"}


async def test_eager_ends_are_predicted_and_withdrawn(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    passed, _ = await call(flux(emulator, enable_eager_end_of_turn=True))
    eager = [frame.text for frame in frames_of(passed, EagerTranscriptionFrame)]
    assert eager == ["Two tickets", TURNS[0], TURNS[1]]
    assert len(frames_of(passed, EagerEndOfTurnCancelFrame)) == 1


async def test_eager_ends_bring_their_threshold(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    service = SpeechwireFluxSTTService(
        api_key="key", url=f"{emulator.base_url}/v2/listen", enable_eager_end_of_turn=True
    )
    assert service.settings.eager_eot_threshold == 0.5
    async with running_frames(service):
        await until(lambda: emulator.connections)
    assert dict(emulator.connections[0].query)["eager_eot_threshold"] == "0.5"


async def test_the_strategies_leave_the_turns_to_flux(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    for eager, kind in ((False, ExternalUserTurnStrategies), (True, EagerUserTurnStrategies)):
        service = flux(emulator, enable_eager_end_of_turn=eager, should_interrupt=False)
        async with running_frames(service) as (_, passed):
            await told_metadata(passed)
        frame = frames_of(passed, STTMetadataFrame)[0]
        assert isinstance(frame.user_turn_strategies, kind)
        assert frame.user_turn_strategies.enable_interruptions is False
        assert frame.ttfs_p99_latency == 0.0


async def told_metadata(passed: list[Any]) -> None:
    await until(lambda: frames_of(passed, STTMetadataFrame))


async def test_settings_change_in_band(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with running_frames(flux(emulator)) as (worker, passed):
        await until(lambda: emulator.connections and "Connected" in emulator.connections[0].sent_types)
        for keyterm in ("Oslo", "Bergen"):
            settings = SpeechwireFluxSTTService.Settings(keyterm=[keyterm], eot_threshold=0.9)
            await worker.queue_frame(STTUpdateSettingsFrame(delta=settings))
        await push(worker, AUDIO)
        [connection] = emulator.connections
        await until(lambda: asked(connection, "keyterms") and asked(connection, "keyterms")[-1] == ["Bergen"])
        await until(lambda: connection.sent_types.count("ConfigureSuccess") == len(asked(connection)))
    assert endings(passed)[2] == []


def asked(connection: Any, name: str = "type") -> list[Any]:
    return [each[name] for each in connection.received if each["type"] == "Configure" and name in each]


async def test_what_flux_takes_only_in_the_url_changes_between_turns(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with running_frames(flux(emulator)) as (worker, passed):
        await push(worker, AUDIO[: 2 * 3 * RATE])
        await until(lambda: frames_of(passed, TranscriptionFrame))
        delta = SpeechwireFluxSTTService.Settings(redact="numbers")
        await worker.queue_frame(STTUpdateSettingsFrame(delta=delta))
        await until(lambda: len(emulator.connections) == 2)
    assert dict(emulator.connections[1].query)["redact"] == "numbers"
    assert endings(passed)[2] == []


async def test_a_refused_setting_is_said_and_taken_back(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    service = flux(emulator)
    async with running_frames(service) as (worker, passed):
        await until(lambda: emulator.connections)
        delta = SpeechwireFluxSTTService.Settings(eot_threshold=7.0)
        await worker.queue_frame(STTUpdateSettingsFrame(delta=delta))
        await until(lambda: frames_of(passed, ErrorFrame))
        assert service.is_usable
        assert service.settings.eot_threshold == 0.8
    assert len(endings(passed)[2]) == 1


async def test_turns_of_little_confidence_are_not_transcribed(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    settings = SpeechwireFluxSTTService.Settings(min_confidence=0.999)
    passed, told = await call(flux(emulator, settings=settings))
    assert endings(passed)[0] == []
    assert [each for each in told if each[0] == "end_of_turn"] != []


async def test_an_open_turn_is_ended_by_silence(start: Start) -> None:
    """When the audio stops in mid-turn the session sends silence, until Flux has ended the turn."""
    emulator = await start(ScriptedEngine(Script(Phrase(0.2, "Two tickets.", 1.0))))
    async with running_frames(flux(emulator)) as (worker, passed):
        await push(worker, AUDIO[: 2 * RATE])
        await until(lambda: frames_of(passed, TranscriptionFrame))
    assert endings(passed)[0] == ["Two tickets."]


async def test_an_open_turn_is_ended_when_that_is_asked_for(start: Start) -> None:
    """pipecat #5584: whoever owns the turns has a way to say so."""
    emulator = await start(ScriptedEngine(Script(Phrase(0.2, "Two tickets.", 1.0, end_of_turn=0.1))))
    service = flux(emulator, watchdog_min_timeout=60.0)
    service.end_turn()  # before there is a session: nothing is open
    audio = AUDIO[: 20 * CHUNK_BYTES]
    async with running_frames(service) as (worker, passed):
        await push(worker, audio)
        await until(lambda: emulator.connections and emulator.connections[0].audio_bytes == len(audio))
        assert endings(passed)[0] == []
        service.end_turn()
        await until(lambda: frames_of(passed, TranscriptionFrame))
        assert emulator.connections[0].types == ["ForceEndTurn"]
    assert endings(passed)[0] == ["Two tickets."]


async def test_rates_that_flux_does_not_take_are_converted(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    service = flux(emulator, sample_rate=32_000)
    async with running_frames(service) as (worker, _):
        await push(worker, bytes(2 * 32_000 * 2))
    [connection] = emulator.connections
    assert dict(connection.query)["sample_rate"] == "16000"
    assert abs(connection.audio_bytes - 2 * 16_000 * 2) < 640


async def test_language_hints_go_with_the_multilingual_model_only(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    hints = [Language.EN_GB, Language.EN_US, Language.ES]
    for model in ("flux-general-multi", "flux-general-en"):
        settings = SpeechwireFluxSTTService.Settings(model=model, language_hints=hints)
        async with running_frames(flux(emulator, settings=settings)):
            await until(lambda: emulator.connections and emulator.connections[-1].is_open)
    asked_for = [
        [value for name, value in each.query if name == "language_hint"] for each in emulator.connections
    ]
    assert asked_for == [["en", "es"], []]
