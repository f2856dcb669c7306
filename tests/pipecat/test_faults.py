"""The fault matrix in Pipecat's pipeline, with the framework's own services beside ours in the same run.

Ours must lose nothing and tell nothing twice. What the others do is written down, not judged. With
``SPEECHWIRE_PIPECAT_FAULTS`` set to a file name, the figures are written there as tables.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService
from pipecat.services.deepgram.stt import DeepgramSTTService
from tests.pipecat.faults.listening import STRUCK_AT_S, Call, Outcome, hold
from tests.pipecat.faults.speaking import SpeechOutcome, barge_in, speak
from tests.pipecat.faults.table import report
from tests.pipecat.running import KEY
from tests.pipecat.services import aura, their_aura

from pipecat_speechwire import SpeechwireFluxSTTService, SpeechwireSTTService
from speechwire.emulator import (
    CloseWith,
    Emulator,
    Fault,
    HalfOpen,
    Inject,
    RefuseUpgrade,
    Reset,
    SlowUpgrade,
    Stall,
)

FIRST = {0}
LONG_S = 70.0
JUNK: list[Fault] = [
    Inject(1.0, "{"),
    Inject(1.2, {"type": "New", "x": [1]}),
    Inject(1.4, b"\0\1"),
    Inject(2.0, "[" * 5000),
]
FAULTS = {
    "none": Call([]),
    "close 1000 unasked": Call([CloseWith(1000, at_s=STRUCK_AT_S, connections=FIRST)]),
    "close 1011 NET-0000": Call([CloseWith(1011, "NET-0000", at_s=STRUCK_AT_S, connections=FIRST)]),
    "close 1012 (restart)": Call([CloseWith(1012, "restart", at_s=STRUCK_AT_S, connections=FIRST)]),
    "TCP reset (1006)": Call([Reset(at_s=STRUCK_AT_S, connections=FIRST)]),
    "TCP end without a close frame": Call([Reset(at_s=STRUCK_AT_S, hard=False, connections=FIRST)]),
    "three resets in a row": Call([Reset(at_s=1.6, connections={0, 1, 2})]),
    "503 at reconnect": Call(
        [Reset(at_s=STRUCK_AT_S, connections=FIRST), RefuseUpgrade(503, connections={1, 2})]
    ),
    "429 at first": Call([RefuseUpgrade(429, connections={0, 1})]),
    "503 at first": Call([RefuseUpgrade(503, connections={0, 1})]),
    "upgrade beyond the deadline": Call([SlowUpgrade(delay_s=60.0, connections=FIRST)]),
    "junk, unknown types, binary": Call(JUNK),
    "stall": Call([Stall(at_s=STRUCK_AT_S, connections=FIRST)], LONG_S),
    "half-open TCP": Call([HalfOpen(at_s=STRUCK_AT_S, connections=FIRST)], LONG_S),
}
# The short ones two at a time, so that figures tell of the services and not of a busy machine.
SHORT = [fault for fault, call in FAULTS.items() if call.seconds < LONG_S]
GROUPS = [SHORT[at : at + 2] for at in range(0, len(SHORT), 2)]
GROUPS.append([fault for fault, call in FAULTS.items() if call.seconds == LONG_S])

SPEAK_FAULTS: dict[str, list[Any]] = {
    "none": [],
    "close 1000 unasked": [CloseWith(1000, at_s=2.0, connections=FIRST)],
    "close 1011 NET-0000": [CloseWith(1011, "NET-0000", at_s=2.0, connections=FIRST)],
    "TCP reset (1006)": [Reset(at_s=2.0, connections=FIRST)],
    "stall": [Stall(at_s=2.0, connections=FIRST)],
    "half-open TCP": [HalfOpen(at_s=2.0, connections=FIRST)],
    "503 at first": [RefuseUpgrade(503, connections={0, 1})],
}

OURS, THEIRS = "pipecat-speechwire", "pipecat"


def nova(emulator: Emulator) -> Any:
    settings = SpeechwireSTTService.Settings(endpointing=300)
    return SpeechwireSTTService(api_key=KEY, base_url=emulator.base_url, settings=settings)


def their_nova(emulator: Emulator) -> Any:
    settings = DeepgramSTTService.Settings(endpointing=300)
    return DeepgramSTTService(api_key=KEY, base_url=emulator.base_url, settings=settings)


def flux(emulator: Emulator) -> Any:
    return SpeechwireFluxSTTService(api_key=KEY, url=f"{emulator.base_url}/v2/listen")


def their_flux(emulator: Emulator) -> Any:
    return DeepgramFluxSTTService(api_key=KEY, url=f"{emulator.base_url}/v2/listen")


SERVICES = {
    ("/v1/listen", OURS): nova,
    ("/v1/listen", THEIRS): their_nova,
    ("/v2/listen", OURS): flux,
    ("/v2/listen", THEIRS): their_flux,
}
VOICES = {OURS: aura, THEIRS: their_aura}


LISTENING: dict[tuple[str, str, str], Outcome] = {}
SPEAKING: dict[tuple[str, str, str], SpeechOutcome] = {}


@pytest.fixture(scope="module", autouse=True)
def tables() -> Iterator[None]:
    yield
    if path := os.environ.get("SPEECHWIRE_PIPECAT_FAULTS"):
        Path(path).write_text(report(LISTENING, SPEAKING), encoding="utf-8")


@pytest.mark.timeout(220)
@pytest.mark.parametrize("faults", GROUPS, ids=", ".join)
async def test_nothing_is_lost_or_told_twice(faults: list[str]) -> None:
    places = [(fault, *place) for fault in faults for place in SERVICES]
    calls = [hold(FAULTS[fault], SERVICES[endpoint, who]) for fault, endpoint, who in places]
    outcomes = dict(zip(places, await asyncio.gather(*calls), strict=True))
    LISTENING.update(outcomes)
    for (fault, endpoint, who), outcome in outcomes.items():
        if who == OURS:
            wrong = (outcome.spoken - outcome.words, outcome.again, outcome.lost_ms, outcome.errors)
            assert wrong == (0, 0, 0.0, 0), f"{fault}, {endpoint}: {outcome}"
            if endpoint == "/v2/listen":
                assert outcome.turns == len(FAULTS[fault].turns), f"{fault}: {outcome}"


@pytest.mark.timeout(220)
@pytest.mark.parametrize("fault", SPEAK_FAULTS)
async def test_a_reply_is_heard_once(fault: str) -> None:
    outcomes = await asyncio.gather(*(speak(SPEAK_FAULTS[fault], make) for make in VOICES.values()))
    SPEAKING.update({(fault, "/v1/speak", who): each for who, each in zip(VOICES, outcomes, strict=True)})
    check(SPEAKING[fault, "/v1/speak", OURS])


async def test_nothing_of_an_interrupted_reply_is_heard() -> None:
    for who, make in VOICES.items():
        SPEAKING["barge-in", "/v1/speak", who] = await barge_in(make)
    check(SPEAKING["barge-in", "/v1/speak", OURS])


def check(heard: SpeechOutcome) -> None:
    assert (heard.lost_ms, heard.again_ms, heard.stale_ms, heard.errors) == (0, 0, 0, 0), heard
