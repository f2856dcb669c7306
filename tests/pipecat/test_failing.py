"""Refusals, outages and what becomes of the service: an error once, failover, and the way back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    ManuallySwitchServiceFrame,
    STTUpdateSettingsFrame,
    TranscriptionFrame,
    TTSSpeakFrame,
    TTSStoppedFrame,
    TTSUpdateSettingsFrame,
)
from pipecat.pipeline.service_switcher import ServiceSwitcher, ServiceSwitcherStrategyFailover
from pipecat.utils.errors import ErrorCategory
from tests.clients.speech import AUDIO, RATE, SCRIPT, TURNS, spoken_tags
from tests.clients.waiting import until
from tests.pipecat.conftest import Start
from tests.pipecat.running import KEY, endings, frames_of, heard, push, running_frames
from tests.pipecat.services import HASTY, HASTY_SPEECH, aura, flux, nova

from pipecat_speechwire import SpeechwireFluxSTTService, SpeechwireSTTService, SpeechwireTTSService
from speechwire.emulator import RefuseUpgrade, ScriptedEngine
from speechwire.errors import InvalidArgument, InvalidArgumentType

MAKERS = {"nova": (nova, HASTY), "flux": (flux, HASTY), "aura": (aura, HASTY_SPEECH)}


@pytest.fixture(params=MAKERS)
def maker(request: pytest.FixtureRequest) -> Any:
    make, patience = MAKERS[request.param]
    return lambda emulator, **arguments: make(emulator, session_settings=patience, **arguments)


@pytest.mark.parametrize(
    ("status", "category"), [(401, ErrorCategory.AUTHENTICATION), (400, ErrorCategory.INVALID_REQUEST)]
)
async def test_a_refusal_is_said_once(
    start: Start, maker: Any, status: int, category: ErrorCategory, complaints: list[str]
) -> None:
    """pipecat #4920, #5113: one attempt, one error with the reason, and no word of the key."""
    emulator = await start(ScriptedEngine(), faults=[RefuseUpgrade(status, message="not like that")])
    service = maker(emulator)
    async with running_frames(service) as (worker, passed):
        await until(lambda: frames_of(passed, ErrorFrame))
        await push(worker, AUDIO)
        await worker.queue_frame(TTSSpeakFrame("Hello."))
        await asyncio.sleep(0.3)
    [error] = frames_of(passed, ErrorFrame)
    assert (error.category, error.processor, service.is_usable) == (category, service, False)
    assert f"HTTP {status}" in error.error
    assert "not like that" in error.error
    assert len(emulator.connections) == 1
    assert KEY not in " ".join([*complaints, error.error, repr(error.exception), repr(vars(error.exception))])


async def test_an_outage_is_said_once_and_lived_through(start: Start, complaints: list[str]) -> None:
    """What is said meanwhile is transcribed when the service answers again, which makes it usable again."""
    emulator = await start(ScriptedEngine(SCRIPT), faults=[RefuseUpgrade(503)])
    service = flux(emulator, session_settings=HASTY)
    changes: list[bool] = []
    service.add_event_handler("on_usable_changed", noting(changes))
    async with running_frames(service) as (worker, passed):
        await push(worker, AUDIO[:RATE])
        await until(lambda: frames_of(passed, ErrorFrame))
        assert not service.is_usable
        emulator.faults.clear()
        await push(worker, AUDIO[RATE:])
        await until(lambda: len(frames_of(passed, TranscriptionFrame)) == 2)
        await until(lambda: service.is_usable, timeout_s=30)
    assert endings(passed)[0] == TURNS
    assert len(endings(passed)[2]) == 1
    assert changes == [False, True]


def noting(into: list[Any]) -> Any:
    async def note(_: Any, value: Any) -> None:
        into.append(value)

    return note


async def test_a_voice_comes_back_by_itself(start: Start) -> None:
    emulator = await start(ScriptedEngine(), faults=[RefuseUpgrade(503)])
    service = aura(emulator, session_settings=HASTY_SPEECH)
    async with running_frames(service) as (worker, passed):
        await until(lambda: not service.is_usable)
        emulator.faults.clear()
        await until(lambda: service.is_usable)
        await worker.queue_frame(TTSSpeakFrame("Hello."))
        await until(lambda: frames_of(passed, TTSStoppedFrame))
    assert heard(passed) == spoken_tags("Hello. ")
    assert len(frames_of(passed, ErrorFrame)) == 1


async def test_an_unusable_voice_holds_up_nothing(start: Start) -> None:
    """What it would have said ends at once, in silence, and what stands behind it goes on."""
    emulator = await start(ScriptedEngine(), faults=[RefuseUpgrade(401)])
    service = aura(emulator, session_settings=HASTY_SPEECH)
    async with running_frames(service) as (worker, passed):
        await until(lambda: not service.is_usable)
        for _ in range(3):
            await worker.queue_frame(TTSSpeakFrame("Hello."))
        await until(lambda: len(frames_of(passed, TTSStoppedFrame)) == 3)
    assert len(frames_of(passed, ErrorFrame)) == 1


@pytest.mark.parametrize("kind", ["nova", "flux"])
async def test_other_settings_mend_a_refusal(start: Start, kind: str) -> None:
    """pipecat #5649: settings fixed after a refusal never take effect."""
    emulator = await start(ScriptedEngine(SCRIPT), faults=[RefuseUpgrade(400, connections={0})])
    make, patience = MAKERS[kind]
    service: Any = make(emulator, session_settings=patience)
    async with running_frames(service) as (worker, passed):
        await until(lambda: not service.is_usable)
        await worker.queue_frame(STTUpdateSettingsFrame(delta=type(service).Settings(keyterm=["Oslo"])))
        await until(lambda: service.is_usable)
        await push(worker, AUDIO)
        await until(lambda: len(frames_of(passed, TranscriptionFrame)) >= 2)
    assert dict(emulator.connections[1].query)["keyterm"] == "Oslo"
    assert len(frames_of(passed, ErrorFrame)) == 1


async def test_another_voice_mends_a_refusal(start: Start) -> None:
    emulator = await start(ScriptedEngine(), faults=[RefuseUpgrade(400, connections={0})])
    service = aura(emulator, session_settings=HASTY_SPEECH)
    async with running_frames(service) as (worker, passed):
        await until(lambda: not service.is_usable)
        delta = SpeechwireTTSService.Settings(voice="aura-2-thalia-en")
        await worker.queue_frame(TTSUpdateSettingsFrame(delta=delta))
        await until(lambda: service.is_usable)
        await worker.queue_frame(TTSSpeakFrame("Hello."))
        await until(lambda: frames_of(passed, TTSStoppedFrame))
    assert heard(passed) == spoken_tags("Hello. ")


async def test_whoever_makes_it_usable_again_gets_a_new_session(start: Start) -> None:
    """What was said during the outage, others have answered meanwhile."""
    emulator = await start(ScriptedEngine(SCRIPT), faults=[RefuseUpgrade(503)])
    service = flux(emulator, session_settings=HASTY)
    async with running_frames(service) as (worker, passed):
        await push(worker, AUDIO)
        await until(lambda: frames_of(passed, ErrorFrame))
        emulator.faults.clear()
        await service.set_usable(True)
        await push(worker, AUDIO)
        await until(lambda: len(frames_of(passed, TranscriptionFrame)) == 2)
    assert endings(passed)[0] == TURNS
    assert bytes(emulator.connections[-1].audio).startswith(AUDIO)
    assert len(emulator.connections[-1].audio) < 1.5 * len(AUDIO)


async def test_a_switcher_moves_on_and_may_come_back(start: Start) -> None:
    """The first service's outage makes the second take over; what the first had kept is not told later."""
    broken = await start(ScriptedEngine(SCRIPT), faults=[RefuseUpgrade(503)])
    sound = await start(ScriptedEngine(SCRIPT))
    first, second = flux(broken, session_settings=HASTY), flux(sound)
    switcher: Any = ServiceSwitcher([first, second], ServiceSwitcherStrategyFailover)
    async with running_frames(switcher) as (worker, passed):
        await until(lambda: switcher.strategy.active_service is second)
        await push(worker, AUDIO)
        await until(lambda: len(frames_of(passed, TranscriptionFrame)) == 2)
        broken.faults.clear()
        await first.set_usable(True)
        await worker.queue_frame(ManuallySwitchServiceFrame(service=first))
        await until(lambda: switcher.strategy.active_service is first)
        await push(worker, AUDIO)
        await until(lambda: len(frames_of(passed, TranscriptionFrame)) == 4)
    assert endings(passed)[0] == TURNS * 2
    assert endings(passed)[2] == []  # the switcher has dealt with it
    assert broken.connections[-1].audio.startswith(AUDIO[:RATE])


async def test_a_switcher_of_voices_moves_on(start: Start) -> None:
    broken = await start(ScriptedEngine(), faults=[RefuseUpgrade(503)])
    sound = await start(ScriptedEngine())
    first, second = aura(broken, session_settings=HASTY_SPEECH), aura(sound)
    switcher: Any = ServiceSwitcher([first, second], ServiceSwitcherStrategyFailover)
    async with running_frames(switcher) as (worker, passed):
        await until(lambda: switcher.strategy.active_service is second)
        await worker.queue_frame(TTSSpeakFrame("Hello."))
        await until(lambda: frames_of(passed, TTSStoppedFrame))
    assert heard(passed) == spoken_tags("Hello. ")


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: SpeechwireSTTService(api_key=KEY, settings=settings(SpeechwireSTTService, model="aura")), 0),
        (lambda: SpeechwireSTTService(api_key=""), "api_key"),
        (lambda: SpeechwireSTTService(api_key=KEY, sample_rate=100), "sample_rate"),
        (lambda: SpeechwireSTTService(api_key=KEY, base_url="ws://deepgram.example"), "allow_insecure"),
        (
            lambda: SpeechwireFluxSTTService(
                api_key=KEY, settings=settings(SpeechwireFluxSTTService, eot_threshold=3)
            ),
            "eot_threshold",
        ),
        (
            lambda: SpeechwireTTSService(api_key=KEY, settings=settings(SpeechwireTTSService, speed=3.0)),
            "speed",
        ),
        (lambda: SpeechwireTTSService(api_key=KEY, encoding="opus"), "encoding"),
    ],
)
def test_a_bad_argument_is_told_where_it_stands(make: Any, argument: Any) -> None:
    with pytest.raises((InvalidArgument, InvalidArgumentType, ValueError)) as raised:
        make()
    assert (argument or "model") in str(raised.value)
    assert KEY not in str(raised.value)


def settings(kind: Any, **values: Any) -> Any:
    return kind.Settings(**values)


async def test_a_key_may_be_asked_for_at_each_connect(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT), keys={"second"})
    keys = iter(["first", "second"])

    async def current_key() -> str:
        return next(keys)

    service = flux(emulator, api_key=current_key)
    async with running_frames(service) as (worker, passed):
        await until(lambda: not service.is_usable)
        await service.set_usable(True)
        await push(worker, AUDIO)
        await until(lambda: len(frames_of(passed, TranscriptionFrame)) == 2)
    assert [each.status for each in emulator.connections] == [401, 101]
