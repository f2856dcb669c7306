"""The rows of the fault matrix that a client can see, with the framework's own plugin beside ours.

All calls of one length are held at once, at real pace. ``--write-faults`` writes ``docs/livekit-faults.md``.
What is asserted is what ours owes; what the other does is measured and written down.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import pytest_asyncio
from livekit.agents import APIConnectOptions
from tests.livekit.calls import STRIKE_S, Call, Outcome, hold
from tests.livekit.faults_page import BargeInRow, ListenRow, SpeakRow, page
from tests.livekit.parties import NAMES, RATE, Told, text_to_speech
from tests.livekit.spoken import spoken

from speechwire.emulator import (
    Behaviour,
    CloseWith,
    Delivery,
    Emulator,
    Fault,
    HalfOpen,
    Inject,
    RefuseUpgrade,
    Reset,
    ScriptedEngine,
    SlowUpgrade,
    Stall,
)

ROOT = Path(__file__).resolve().parents[2]
ENDPOINTS = ("/v1/listen", "/v2/listen")
FIRST = {0}
SHORT_S, LONG_S = 15.0, 60.0
JUNK: list[Fault] = [
    Inject(1.0, "{"),
    Inject(1.2, {"type": "New", "x": [1]}),
    Inject(1.4, b"\0\1"),
    Inject(2.0, "[" * 5000),
]

FAULTS: dict[str, tuple[float, list[Fault]]] = {
    "none": (SHORT_S, []),
    "close 1000 unasked": (SHORT_S, [CloseWith(1000, at_s=STRIKE_S, connections=FIRST)]),
    "TCP reset (1006)": (SHORT_S, [Reset(at_s=STRIKE_S, connections=FIRST)]),
    "TCP end without a close frame": (SHORT_S, [Reset(at_s=STRIKE_S, hard=False, connections=FIRST)]),
    "close 1011 NET-0001": (SHORT_S, [CloseWith(1011, "NET-0001", at_s=STRIKE_S, connections=FIRST)]),
    "close 1012 (restart)": (SHORT_S, [CloseWith(1012, "restart", at_s=STRIKE_S, connections=FIRST)]),
    "three resets in a row": (SHORT_S, [Reset(at_s=0.9, connections={0, 1, 2})]),
    "503 at reconnect": (
        SHORT_S,
        [Reset(at_s=STRIKE_S, connections=FIRST), RefuseUpgrade(503, connections={1, 2})],
    ),
    "429 at first": (SHORT_S, [RefuseUpgrade(429, connections={0, 1})]),
    "503 at first": (SHORT_S, [RefuseUpgrade(503, connections={0, 1})]),
    "upgrade beyond the deadline": (SHORT_S, [SlowUpgrade(delay_s=60.0, connections=FIRST)]),
    "junk, unknown types, binary": (SHORT_S, JUNK),
    "stall": (LONG_S, [Stall(at_s=STRIKE_S, connections=FIRST)]),
    "half-open TCP": (LONG_S, [HalfOpen(at_s=STRIKE_S, connections=FIRST)]),
}
AT_ONCE = 28
"""Calls: more of them would tell how busy the machine is."""


class Key(NamedTuple):
    fault: str
    endpoint: str
    plugin: str


Matrix = dict[Key, Outcome]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def matrix() -> Matrix:
    """Held once: the short calls, as many at a time as the machine bears, then the long ones."""
    outcomes: Matrix = {}
    for seconds in (SHORT_S, LONG_S):
        keys = [
            Key(fault, endpoint, plugin)
            for fault, (lasts_s, _) in FAULTS.items()
            if lasts_s == seconds
            for endpoint in ENDPOINTS
            for plugin in NAMES
        ]
        for some in batched(keys, AT_ONCE):
            calls = [Call(key.plugin, key.endpoint, FAULTS[key.fault][1], seconds) for key in some]
            outcomes |= dict(zip(some, await asyncio.gather(*map(hold, calls)), strict=True))
    return outcomes


def batched(keys: Sequence[Key], size: int) -> Iterator[Sequence[Key]]:
    for at in range(0, len(keys), size):
        yield keys[at : at + size]


OURS = [Key(fault, endpoint, "speechwire") for fault in FAULTS for endpoint in ENDPOINTS]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("key", OURS, ids=lambda key: f"{key.fault}, {key.endpoint}")
@pytest.mark.asyncio(loop_scope="module")
async def test_every_word_is_told_once_and_no_audio_is_lost(matrix: Matrix, key: Key) -> None:
    outcome = matrix[key]
    assert outcome.error is None
    assert outcome.heard == outcome.spoken
    assert outcome.lost_ms == 0.0
    assert outcome.told.final_errors == []
    assert outcome.starts == len(outcome.call.turns) or outcome.call.endpoint == "/v1/listen"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("fault", ["stall", "half-open TCP"])
@pytest.mark.asyncio(loop_scope="module")
async def test_a_dead_peer_is_noticed_before_the_other_plugin_does(
    matrix: Matrix, fault: str, endpoint: str
) -> None:
    ours, theirs = (matrix[Key(fault, endpoint, name)] for name in NAMES)
    assert ours.noticed_s is not None
    assert theirs.noticed_s is None or ours.noticed_s < theirs.noticed_s


@pytest.mark.timeout(300)
@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_mended_is_said_as_recoverable(matrix: Matrix) -> None:
    """LiveKit agents #4569: with the close code and the reason."""
    told = matrix[Key("close 1011 NET-0001", "/v2/listen", "speechwire")].told.errors
    assert [error.recoverable for error in told] == [True]
    assert (told[0].error.status_code, told[0].error.body) == (1011, "NET-0001")
    assert told[0].error.retryable


# Speaking

TEXT = "First sentence of three. Here is the second one. And this is the last."
SPEAK_FAULTS: dict[str, list[Fault]] = {
    "none": [],
    "close 1000 unasked": [CloseWith(1000, at_s=1.5, connections=FIRST)],
    "TCP reset (1006)": [Reset(at_s=1.5, connections=FIRST)],
    "close 1011 NET-0000": [CloseWith(1011, "NET-0000", at_s=1.5, connections=FIRST)],
    "429 at first": [RefuseUpgrade(429, connections={0, 1})],
    "stall": [Stall(at_s=1.5, connections=FIRST)],
    "half-open TCP": [HalfOpen(at_s=1.5, connections=FIRST)],
}
SPEAKING = ("/v1/speak", "/v2/speak")
# Both notice silence by their timeout, which is the same here.
PATIENCE = APIConnectOptions(timeout=3.0)


async def speak_through(plugin: str, endpoint: str, faults: Sequence[Fault]) -> SpeakRow:
    """Have a text spoken, and count what is heard of it."""
    told = Told()
    async with (
        Emulator(ScriptedEngine(), faults=faults) as emulator,
        text_to_speech(plugin, emulator.http_url, endpoint, told, sample_rate=RATE) as tts,
    ):
        began_s = time.monotonic()
        heard = bytearray()
        async with tts.stream(conn_options=PATIENCE) as stream:
            stream.push_text(TEXT)
            stream.end_input()
            try:
                async for audio in stream:
                    heard += audio.frame.data.tobytes()
            except Exception as error:
                told.errors.append(error)
        took_s = time.monotonic() - began_s
        connections = len(emulator.connections)
    # The other plugin sends a blank behind each word, which the engine speaks, too.
    expected = spoken(TEXT if plugin == "speechwire" else f"{TEXT} ")
    is_whole = bytes(heard) == expected if plugin == "speechwire" else len(heard) >= len(expected)
    heard_s, expected_s = len(heard) / 2 / RATE, len(expected) / 2 / RATE
    return SpeakRow("", endpoint, plugin, heard_s, expected_s, is_whole, connections, took_s)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def speeches() -> dict[Key, SpeakRow]:
    keys = [Key(*key) for fault in SPEAK_FAULTS for key in ((fault, e, p) for e in SPEAKING for p in NAMES)]
    rows = await asyncio.gather(
        *(speak_through(key.plugin, key.endpoint, SPEAK_FAULTS[key.fault]) for key in keys)
    )
    return dict(zip(keys, rows, strict=True))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("endpoint", SPEAKING)
@pytest.mark.parametrize("fault", SPEAK_FAULTS)
@pytest.mark.asyncio(loop_scope="module")
async def test_the_text_is_heard_whole(speeches: dict[Key, SpeakRow], fault: str, endpoint: str) -> None:
    assert speeches[Key(fault, endpoint, "speechwire")].is_whole


# Interruptions

NEXT = "Thank you."


async def barge_in(plugin: str, endpoint: str) -> BargeInRow:
    """Interrupt a reply that is being heard, ask for the next at once, and count what is heard of each."""
    delivery = Behaviour(delivery=Delivery(pace=2.0))
    async with (
        Emulator(ScriptedEngine(), behaviour=delivery) as emulator,
        text_to_speech(plugin, emulator.http_url, endpoint, sample_rate=RATE) as tts,
    ):
        async with tts.stream() as stream:
            stream.push_text(TEXT)
            stream.end_input()
            heard_s = 0.0
            while heard_s < 0.3:
                heard_s += (await anext(stream)).frame.duration
        asked_s = time.monotonic()
        async with tts.stream() as stream:
            stream.push_text(NEXT)
            stream.end_input()
            first = (await anext(stream)).frame.data.tobytes()
            waited_s = time.monotonic() - asked_s
            rest = [audio.frame.data.tobytes() async for audio in stream]
        connections = len(emulator.connections)
    # The other plugin sends a blank behind each word, which the engine speaks, too.
    expected = spoken(NEXT if plugin == "speechwire" else f"{NEXT} ")
    samples, wanted = np.frombuffer(first + b"".join(rest), "<u2"), np.frombuffer(expected, "<u2")
    fresh = int(np.count_nonzero(samples == wanted[0]))
    stale_ms, lost_ms = ((count * 1000 / RATE) for count in (len(samples) - fresh, len(wanted) - fresh))
    return BargeInRow(endpoint, plugin, stale_ms, lost_ms, waited_s * 1000, connections)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def interruptions() -> list[BargeInRow]:
    return [await barge_in(plugin, endpoint) for endpoint in SPEAKING for plugin in NAMES]


@pytest.mark.asyncio(loop_scope="module")
async def test_only_the_next_reply_is_heard_and_on_the_same_connection(
    interruptions: list[BargeInRow],
) -> None:
    for row in interruptions:
        if row.plugin == "speechwire":
            assert (row.stale_ms, row.lost_ms, row.connections) == (0.0, 0.0, 1)


@pytest.mark.timeout(300)
@pytest.mark.asyncio(loop_scope="module")
async def test_the_page_can_be_made(
    matrix: Matrix,
    speeches: dict[Key, SpeakRow],
    interruptions: list[BargeInRow],
    request: pytest.FixtureRequest,
) -> None:
    listening = [ListenRow.of(key.fault, outcome) for key, outcome in matrix.items()]
    speaking = [row._replace(fault=key.fault) for key, row in speeches.items()]
    text = page(listening, speaking, interruptions)
    assert text.count("\n| ") >= len(matrix) + len(speeches) + len(interruptions)
    if request.config.getoption("--write-faults"):
        (ROOT / "docs" / "livekit-faults.md").write_text(text, encoding="utf-8")
