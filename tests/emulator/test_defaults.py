"""What holds where nothing is said: of the emulator, its faults and what engines are told."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pytest

from speechwire.emulator import (
    Behaviour,
    CloseWith,
    Connection,
    Decorate,
    Delay,
    Delivery,
    Emulator,
    HalfOpen,
    Heard,
    Inject,
    LateMessage,
    Lose,
    Phrase,
    RefuseUpgrade,
    Reset,
    Script,
    ScriptedEngine,
    SlowReader,
    SlowUpgrade,
    SpeakLimits,
    Stall,
    StreamInfo,
    counted_audio,
)
from speechwire.emulator._inlet import Timers
from speechwire.emulator.journal import Journal
from speechwire.emulator.offline import Voice
from speechwire.emulator.speak_v1 import SpeakV1Settings
from speechwire.emulator.speak_v2 import SpeakV2Settings

LIMITS = {
    "text_characters": 2000,
    "characters_per_minute": 2400,
    "flushes_per_minute": 20,
    "message_bytes": 2_000_000,
    "session_s": 3600.0,
}
DELIVERY = {"pace": None, "latency_s": 0.0, "frame_bytes": (3840,), "in_flight": 1}


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (SpeakLimits(), LIMITS),
        (Delivery(), DELIVERY),
        (
            Behaviour(),
            {
                "time_scale": 1.0,
                "max_connections": 1000,
                "drain_on_close": True,
                "keepalive_needs_audio": True,
                "limits": LIMITS,
                "delivery": DELIVERY,
            },
        ),
        (
            SpeakV1Settings(),
            {"model": "aura-asteria-en", "drain_on_close": True, "speed": 1.0, "limits": LIMITS},
        ),
        (
            SpeakV2Settings("m"),
            {"model": "m", "speed": 1.0, "bytes_per_ms": 48.0, "message_bytes": 2_000_000},
        ),
        (
            Timers(1.0),
            {"idle_s": 1.0, "session_s": float("inf"), "ping_counts": True, "text_needs_audio": False},
        ),
        (Voice(), {"name": "en-us", "words_per_minute": 160}),
        (
            Phrase(1.0, "a", 2.0),
            {"start_s": 1.0, "text": "a", "end_s": 2.0, "confidence": 0.99, "end_of_turn": None},
        ),
        (
            Heard(1.0),
            {
                "time_s": 1.0,
                "words": (),
                "settled": False,
                "silence_s": None,
                "end_of_turn": 0.0,
                "frames": (),
            },
        ),
        (
            StreamInfo(1, "/v1/speak", 8000),
            {
                "connection": 1,
                "endpoint": "/v1/speak",
                "sample_rate": 8000,
                "channel": 0,
                "keyterms": (),
                "voice": "",
                "speed": 1.0,
            },
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_said(value: Any, holds: dict[str, Any]) -> None:
    assert asdict(value) == holds


@pytest.mark.parametrize(
    ("fault", "holds"),
    [
        (RefuseUpgrade(503), {"status": 503, "code": "", "message": ""}),
        (SlowUpgrade(1.0), {"delay_s": 1.0}),
        (Delay(1.0), {"delay_s": 1.0, "jitter_s": 0.0, "seed": 0}),
        (SlowReader(1.0), {"seconds_per_frame": 1.0}),
        (Stall(), {"at_s": 0.0}),
        (HalfOpen(), {"at_s": 0.0}),
        (Reset(), {"at_s": 0.0, "hard": True, "mid_frame": False}),
        (CloseWith(1011), {"code": 1011, "reason": "", "at_s": 0.0}),
        (Inject(1.0, "x"), {"at_s": 1.0, "frame": "x"}),
        (LateMessage("x"), {"frame": "x"}),
        (Lose("Results"), {"type": "Results", "count": 1}),
        (Decorate(), {"fields": {"future_field": {"nested": [1, 2, 3]}}}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_said_of_a_fault(fault: Any, holds: dict[str, Any]) -> None:
    assert asdict(fault) == {"connections": None, "endpoint": None} | holds


def test_a_connection_that_has_just_come() -> None:
    connection = Connection(3, "/v1/listen", [("a", "b")], {"c": "d"})
    shown = {each.name for each in fields(connection) if each.repr}
    assert shown == {each.name for each in fields(connection)} - {"digest", "_received", "_sent"}
    assert connection.summary() == {
        "index": 3,
        "endpoint": "/v1/listen",
        "auth": "",
        "request_id": "",
        "status": 0,
        "audio_frames": 0,
        "audio_bytes": 0,
        "empty_frames": 0,
        "texts": 0,
        "messages": 0,
        "pings": 0,
        "sent_audio_bytes": 0,
        "lost": 0,
        "closed_by": "",
        "close_code": None,
        "close_reason": "",
        "audio_s": 0.0,
        "gaps": 0,
    }
    assert (bytes(connection.audio), connection.ended_s) == (b"", None)
    assert connection.received == connection.sent == []


def test_an_emulator_unless_it_is_told_otherwise() -> None:
    parameters = inspect.signature(Emulator).parameters.values()
    assert {each.name: each.default for each in parameters} == {
        "engine": "scripted",
        "script": None,
        "host": "127.0.0.1",
        "port": 0,
        "keys": None,
        "faults": (),
        "behaviour": None,
        "journal": None,
        "keep_audio": False,
        "count_audio": False,
        "allow_remote": False,
    }
    assert (Script().period_s, Script().step_s) == (None, 0.05)


def test_a_journal_keeps_no_audio_unless_it_is_asked_to() -> None:
    for journal, kept in ((Journal(), b""), (Journal(keep_audio=True), b"abc")):
        connection = journal.arrive("/v1/listen", [], {})
        journal.binary(connection, b"abc")
        assert (bytes(connection.audio), connection.audio_bytes) == (kept, 3)


def test_counted_audio_begins_with_nothing() -> None:
    assert np.frombuffer(counted_audio(3), "<i2").tolist() == [0, 1, 2]
    assert np.frombuffer(counted_audio(2, first=7), "<i2").tolist() == [7, 8]


async def lasts_s(text: str, speed: float | None = None, engine: ScriptedEngine | None = None) -> float:
    """How long a text is spoken, at the pace that a new voice has unless another is given."""
    voice = await (engine or ScriptedEngine()).synthesizer(StreamInfo(0, "/v1/speak", 8000))
    if speed is not None:
        voice.set_speed(speed)
    return sum([len(piece) async for piece in voice.speak(text)]) / 16_000


@pytest.mark.parametrize(
    ("steps", "options", "words"),
    [
        ((), {"step_s": 0.0}, "step_s must be above 0 and at most 0.25, got 0.0"),
        ((), {"step_s": 0.26}, "step_s must be above 0 and at most 0.25, got 0.26"),
        (
            (Phrase(0.0, "a", 1.0),),
            {"period_s": 0.9},
            "period_s must be at least 1.0, where the last phrase ends, got 0.9",
        ),
    ],
)
def test_a_script_that_cannot_be_played(
    steps: tuple[Phrase, ...], options: dict[str, float], words: str
) -> None:
    with pytest.raises(ValueError) as raised:
        Script(*steps, **options)
    assert str(raised.value) == words
    Script(Phrase(0.0, "a", 1.0), Phrase(1.0, "b", 2.0), period_s=2.0, step_s=0.25)


def test_a_scripted_voice_takes_60_ms_for_a_character() -> None:
    assert asyncio.run(lasts_s("x" * 10)) == pytest.approx(0.6)
    assert asyncio.run(lasts_s("x" * 10, 1.5)) == pytest.approx(0.4)
    assert asyncio.run(lasts_s("x" * 10, engine=ScriptedEngine(seconds_per_character=0.01))) == pytest.approx(
        0.1
    )


def test_the_status_shows_the_last_thousand_connections() -> None:
    emulator = Emulator()
    for _ in range(1002):
        emulator._journal.arrive("/v1/listen", [], {})
    status = emulator.status()
    assert (status["open"], status["total"]) == (0, 1002)
    assert [each["index"] for each in status["connections"]] == list(range(2, 1002))
