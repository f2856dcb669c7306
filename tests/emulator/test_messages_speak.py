"""Every message of the speaking endpoints, compared whole: each field, each word, each close."""

from __future__ import annotations

from typing import Any

import pytest

from speechwire.emulator._messages import Close, Output, SendAudio
from speechwire.emulator.speak_v1 import SpeakV1, SpeakV1Settings
from speechwire.emulator.speak_v2 import SpeakV2, SpeakV2Settings

from .saying import UNPARSABLE, said, sent

# /v1/speak


def aura(**settings: Any) -> SpeakV1:
    machine = SpeakV1("id", SpeakV1Settings("aura-2-thalia-en", **settings))
    assert machine.open() == sent(
        {
            "type": "Metadata",
            "request_id": "id",
            "model_name": "aura-2-thalia-en",
            "model_version": "2025-04-07.0",
            "model_uuid": "e9d3f0a1-5555-4c7b-8f0e-1234567890ab",
            "additional_model_uuids": [],
        }
    )
    return machine


def test_aura_from_the_first_text_to_the_end() -> None:
    machine = aura(speed=1.2)
    assert machine.speed == 1.2
    assert machine.receive(said("Speak", text="One. "), 0.0) == []
    assert (machine.receive(said("Speak", text="Two."), 0.0), machine.job) == ([], None)
    assert machine.receive(said("Flush"), 0.0) == []
    assert machine.job == (0, "One. Two.")
    assert machine.audio(0, b"ab") == [SendAudio(b"ab")]
    assert machine.audio(0, b"") == machine.audio(1, b"ab") == machine.job_done(1) == []
    assert machine.job_done(0) == sent({"type": "Flushed", "sequence_id": 0})
    machine.receive(said("Speak", text="Three."), 0.0)
    assert machine.receive(said("Clear"), 0.0) == sent({"type": "Cleared", "sequence_id": 1})
    machine.receive(said("Speak", text="Four."), 0.0)
    assert machine.receive(said("Close"), 0.0) == []
    assert machine.job == (1, "Four.")
    assert machine.receive(said("Speak", text="Five."), 0.0) == []
    assert machine.job_done(1) == [*sent({"type": "Flushed", "sequence_id": 2}), Close(1000)]
    assert machine.receive(said("Flush"), 0.0) == machine.job_done(1) == []


def test_aura_counts_flushes_and_characters_over_a_minute() -> None:
    machine = aura()
    for _ in range(20):
        assert machine.receive(said("Flush"), 0.0) == []
    words = "Rate limit exceeded for flushes. Please try again later."
    warning = {"type": "Warning", "warn_code": "EXCESSIVE_FLUSH", "warn_msg": words}
    assert machine.receive(said("Flush"), 59.9) == sent(warning)
    assert machine.receive(said("Flush"), 60.0) == []
    assert machine.receive(said("Speak", text="x" * 2000), 60.0) == []
    assert machine.receive(said("Speak", text="x" * 400), 61.0) == []
    assert machine.receive(said("Speak", text="x" * 2000), 120.0) == []
    assert machine.receive(said("Speak", text="x"), 120.0) == [Close(1008, "DATA-0001")]
    assert aura().receive(said("Speak", text="x" * 2001), 0.0) == [Close(1009, "BIG-0001")]


# /v2/speak

CONTROLS = {"pronunciations_applied": 0, "breaks_applied": 0, "pronunciation_warnings": 0}
MS = 48


def flux_tts() -> SpeakV2:
    machine = SpeakV2("id", SpeakV2Settings("flux-alexis-en"))
    assert machine.open() == sent(
        {
            "type": "Connected",
            "request_id": "id",
            "model_name": "flux-alexis-en",
            "model_version": "2026-07-14.1",
            "model_uuids": ["c0ffee00-4444-4bbb-8ccc-000011112222"],
        }
    )
    return machine


def speech(number: int) -> str:
    return f"dg_sp_{number:012x}"


def numbers(number: int, milliseconds: int, characters: int) -> dict[str, Any]:
    return {
        "speech_id": speech(number),
        "audio_duration_ms": milliseconds,
        "input_character_count": characters,
        "billable_character_count": characters,
        "controls_applied": CONTROLS,
    }


def warned(code: str, description: str) -> list[Output]:
    return sent({"type": "Warning", "code": code, "description": description})


def test_flux_tts_from_the_first_text_to_the_end() -> None:
    machine = flux_tts()
    started = [{"type": "SpeechStarted", "speech_id": speech(number)} for number in range(4)]
    flushed = [{"type": "Flushed", "speech_id": speech(number)} for number in range(4)]
    assert machine.receive(said("Speak", text="One two. Three"), 0.0) == sent(started[1])
    assert machine.job == (0, "One two. ")
    assert machine.audio(0, bytes(60 * MS)) == [SendAudio(bytes(60 * MS))]
    assert machine.audio(1, b"x") == machine.audio(0, b"") == machine.job_done(7) == machine.job_done(0) == []
    assert machine.receive(said("Flush"), 0.0) == sent(flushed[1])
    assert machine.job == (1, "Three")
    assert machine.receive(said("Speak", text="Four."), 0.0) == []
    assert machine.receive(said("Flush"), 0.0) == []
    machine.audio(1, bytes(40 * MS))
    assert machine.job_done(1) == sent(
        {"type": "SpeechMetadata"} | numbers(1, 100, 14), started[2], flushed[2]
    )
    assert machine.job == (2, "Four.")
    machine.audio(2, bytes(20 * MS))
    interrupted = {"type": "SpeechInterrupted", "audio_played_ms": 120, "metadata": numbers(2, 20, 5)}
    assert machine.receive(said("Interrupt"), 0.0) == sent(interrupted)
    assert machine.receive(said("Interrupt"), 0.0) == warned("NO_ACTIVE_SPEECH", "nothing to interrupt")
    assert machine.receive(said("Speak", text="Five"), 0.0) == sent(started[3])
    assert machine.receive(said("Close"), 0.0) == sent(flushed[3])
    assert machine.receive(said("Speak", text="Six"), 0.0) == []
    assert machine.job == (5, "Five")
    machine.audio(5, bytes(10 * MS))
    totals = {
        "type": "SessionMetadata",
        "total_audio_duration_ms": 130,
        "total_input_character_count": 23,
        "total_billable_character_count": 23,
    }
    ended = {"type": "SpeechMetadata"} | numbers(3, 10, 4)
    assert machine.job_done(5) == [*sent(ended, totals), Close(1000)]


def test_flux_tts_is_interrupted_where_the_listener_is() -> None:
    machine = flux_tts()
    assert machine.receive(said("Interrupt"), 0.0) == warned("NO_AUDIO_GENERATED", "nothing to interrupt")
    machine.receive(said("Speak", text="One two three. "), 0.0)
    machine.audio(0, bytes(900 * MS))
    outside = warned("INVALID_INTERRUPT_OFFSET", "playback_offset must grow and lie within the audio sent")

    def interrupt(value: float) -> list[Output]:
        return machine.receive(said("Interrupt", playback_offset={"type": "time_ms", "value": value}), 0.0)

    assert interrupt(0) == interrupt(901) == interrupt(-1) == outside
    # Sixty milliseconds a character: "One two" has seven.
    assert interrupt(420) == sent(
        {
            "type": "SpeechInterrupted",
            "audio_played_ms": 420,
            "text_spoken": "One two",
            "text_remaining": "three.",
            "metadata": numbers(1, 900, 15),
        }
    )


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (said("Configure", speed=0.5), {"type": "ConfigureSuccess", "applied": {"speed": 0.5}}),
        (said("Configure", speed=1), {"type": "ConfigureSuccess", "applied": {"speed": 1}}),
        *[
            (
                said("Configure", speed=speed),
                {
                    "type": "ConfigureFailure",
                    "code": code,
                    "field": "speed",
                    "value": speed,
                    "description": description,
                },
            )
            for speed, code, description in (
                (0.45, "SPEED_OUT_OF_RANGE", "speed outside the allowed range"),
                (1.55, "SPEED_OUT_OF_RANGE", "speed outside the allowed range"),
                (1.02, "SPEED_INCREMENT_INVALID", "speed must be a multiple of 0.05"),
            )
        ],
        (said("Flush"), {"type": "Warning", "code": "NO_ACTIVE_SPEECH", "description": "nothing to flush"}),
    ],
)
def test_flux_tts_answers(message: str, answer: dict[str, Any]) -> None:
    machine = flux_tts()
    assert machine.receive(message, 0.0) == sent(answer)
    assert machine.speed == answer.get("applied", {}).get("speed", 1.0)


def test_flux_tts_warns_of_what_it_does_not_speak() -> None:
    machine = flux_tts()
    stripped = warned("INPUT_MARKUP_STRIPPED", "Markup was removed from the text")
    started = sent({"type": "SpeechStarted", "speech_id": speech(1)})
    assert machine.receive(said("Speak", text="<break time='1s'/> "), 0.0) == [*stripped, *started]
    machine.receive(said("Flush"), 0.0)
    assert machine.job is not None
    empty = warned("NO_SYNTHESIZABLE_TEXT", "the turn had no text to speak")
    metadata = sent({"type": "SpeechMetadata"} | numbers(1, 0, 1))
    assert machine.job_done(machine.job[0]) == [*empty, *metadata]


FLUX_TTS_TYPES = "expected one of `Speak`, `Flush`, `Interrupt`, `Configure`, `Close`"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x", "expected value at line 1 column 1"),
        ('{"type":"Clear"}', f"unknown variant `Clear`, {FLUX_TTS_TYPES} at line 1 column 16"),
        (said("Speak"), "`text` must be a non-empty string"),
        (said("Speak", text=""), "`text` must be a non-empty string"),
        (said("Interrupt", x=1), "unknown field in `Interrupt`"),
        (said("Interrupt", playback_offset=5), "`playback_offset` must be a time_ms value"),
        (
            said("Interrupt", playback_offset={"type": "x", "value": 5}),
            "`playback_offset` must be a time_ms value",
        ),
        (
            said("Interrupt", playback_offset={"type": "time_ms", "value": True}),
            "`playback_offset` must be a time_ms value",
        ),
        (said("Configure"), "`speed` must be a number"),
        (said("Configure", speed=True), "`speed` must be a number"),
    ],
)
def test_flux_tts_forgives_nothing(text: str, why: str) -> None:
    error = {"type": "Error", "code": "DATA-0000", "description": UNPARSABLE + why}
    assert flux_tts().receive(text, 0.0) == [*sent(error), Close(1008, "DATA-0000")]


@pytest.mark.parametrize(
    ("end", "code", "description", "close"),
    [
        ("receive_binary", "MESSAGE-0000", "Binary messages are not supported", 1003),
        ("idle", "NET-0004", "No client message within the inactivity window", 1011),
        ("broken", "NET-0000", "An internal error occurred", 1011),
        ("session_over", "NET-0003", "The maximum session duration has been reached", 1011),
    ],
)
def test_flux_tts_ends_for_other_reasons(end: str, code: str, description: str, close: int) -> None:
    machine = flux_tts()
    machine.receive(said("Speak", text="One."), 0.0)
    error = {"type": "Error", "code": code, "description": description}
    assert getattr(machine, end)() == [*sent(error), Close(close, code)]
    assert machine.job is None
    assert machine.receive(said("Flush"), 0.0) == []
