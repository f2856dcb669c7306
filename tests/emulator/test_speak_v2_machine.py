"""Flux TTS's state table ("Deepgram docs: flux-tts/state"), without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechwire.emulator._messages import Close, Output, Send, SendAudio
from speechwire.emulator.speak_v2 import SpeakV2, SpeakV2Settings

MS = 48  # bytes of one millisecond at 24 kHz


def machine() -> SpeakV2:
    flux = SpeakV2("request", SpeakV2Settings("flux-alexis-en"))
    (connected,) = flux.open()
    assert isinstance(connected, Send)
    assert connected.message["type"] == "Connected"
    return flux


def receive(flux: SpeakV2, kind: str, **fields: Any) -> list[Output]:
    return flux.receive(json.dumps({"type": kind, **fields}), 0.0)


def speak(flux: SpeakV2, milliseconds: int = 60) -> list[Output]:
    """Synthesize the current job."""
    assert flux.job is not None
    job_id, _ = flux.job
    return [*flux.audio(job_id, bytes(milliseconds * MS)), *flux.job_done(job_id)]


def show(outputs: list[Output]) -> list[str]:
    return [_name(output) for output in outputs]


def _name(output: Output) -> str:
    if isinstance(output, Send):
        return str(output.message["type"])
    return "audio" if isinstance(output, SendAudio) else "close"


def message(outputs: list[Output], kind: str) -> dict[str, Any]:
    return next(o.message for o in outputs if isinstance(o, Send) and o.message["type"] == kind)


def test_audio_starts_with_the_first_text_and_the_turn_ends_after_flush() -> None:
    flux = machine()
    assert show(receive(flux, "Speak", text="Your train is late.")) == ["SpeechStarted"]
    assert show(speak(flux)) == ["audio"]
    assert show(receive(flux, "Speak", text=" Sorry")) == []
    assert show(receive(flux, "Flush")) == ["Flushed"]
    outputs = speak(flux, 100)
    assert show(outputs) == ["audio", "SpeechMetadata"]
    metadata = message(outputs, "SpeechMetadata")
    assert (metadata["audio_duration_ms"], metadata["input_character_count"]) == (160, 25)


@pytest.mark.parametrize(
    ("texts", "segments"),
    [
        (["Your ", "train ", "leaves ", "at ", "10:30", "."], ["Your train leaves at 10:30."]),
        (["One. Two. Th", "ree"], ["One. Two. ", "Three"]),
        (["It costs 3.50 today"], ["It costs 3.50 today"]),
        (["Why? ", "Because."], ["Why? ", "Because."]),
    ],
)
def test_words_are_spoken_in_sentences_however_they_were_sent(texts: list[str], segments: list[str]) -> None:
    flux = machine()
    for text in texts:
        receive(flux, "Speak", text=text)
    receive(flux, "Flush")
    spoken = []
    while flux.job is not None:
        spoken.append(flux.job[1])
        flux.job_done(flux.job[0])
    assert spoken == segments


def test_flush_after_all_audio_ends_the_turn_at_once() -> None:
    flux = machine()
    receive(flux, "Speak", text="one.")
    speak(flux)
    assert show(receive(flux, "Flush")) == ["Flushed", "SpeechMetadata"]


def test_text_after_flush_is_the_next_turn_and_waits() -> None:
    flux = machine()
    receive(flux, "Speak", text="one")
    receive(flux, "Flush")
    assert show(receive(flux, "Speak", text="two")) == []
    assert show(receive(flux, "Flush")) == []
    assert show(speak(flux)) == ["audio", "SpeechMetadata", "SpeechStarted", "Flushed"]
    assert show(speak(flux)) == ["audio", "SpeechMetadata"]


def test_flush_and_interrupt_without_speech_are_warned_about() -> None:
    flux = machine()
    assert message(receive(flux, "Flush"), "Warning")["code"] == "NO_ACTIVE_SPEECH"
    assert message(receive(flux, "Interrupt"), "Warning")["code"] == "NO_AUDIO_GENERATED"


def test_interrupt_drops_what_was_not_sent_and_replaces_the_metadata() -> None:
    flux = machine()
    receive(flux, "Speak", text="one.")
    assert flux.job is not None
    job_id = flux.job[0]
    flux.audio(job_id, bytes(40 * MS))
    outputs = receive(flux, "Interrupt")
    assert show(outputs) == ["SpeechInterrupted"]
    interrupted = message(outputs, "SpeechInterrupted")
    assert interrupted["audio_played_ms"] == 40
    assert "text_spoken" not in interrupted
    assert flux.audio(job_id, bytes(MS)) == []
    assert flux.job_done(job_id) == []


def test_an_offset_tells_what_was_heard_and_must_grow() -> None:
    flux = machine()
    text = "Your train leaves at nine."
    receive(flux, "Speak", text=text)
    assert flux.job is not None
    flux.audio(flux.job[0], bytes(len(text) * 60 * MS))
    offset = {"type": "time_ms", "value": 17 * 60}
    interrupted = message(receive(flux, "Interrupt", playback_offset=offset), "SpeechInterrupted")
    assert interrupted["text_spoken"] == "Your train leaves"
    assert interrupted["text_remaining"] == "at nine."
    receive(flux, "Speak", text="again.")
    warning = message(receive(flux, "Interrupt", playback_offset=offset), "Warning")
    assert warning["code"] == "INVALID_INTERRUPT_OFFSET"


def test_interrupt_goes_on_with_the_pending_turn() -> None:
    flux = machine()
    for text in ("one", "two"):
        receive(flux, "Speak", text=text)
        receive(flux, "Flush")
    assert show(receive(flux, "Interrupt")) == ["SpeechInterrupted", "SpeechStarted", "Flushed"]
    assert flux.job is not None
    assert flux.job[1] == "two"


@pytest.mark.parametrize(
    ("speed", "answer"),
    [
        (1.1, "ConfigureSuccess"),
        (0.5, "ConfigureSuccess"),
        (3.0, "SPEED_OUT_OF_RANGE"),
        (1.02, "SPEED_INCREMENT_INVALID"),
    ],
)
def test_configure_speed(speed: float, answer: str) -> None:
    flux = machine()
    (output,) = receive(flux, "Configure", speed=speed)
    assert isinstance(output, Send)
    assert answer in (output.message["type"], output.message.get("code"))
    assert flux.speed == (speed if answer == "ConfigureSuccess" else 1.0)


def test_markup_is_stripped_with_a_warning() -> None:
    flux = machine()
    outputs = receive(flux, "Speak", text='<speak>One <break time="1s"/>two [laughs] <b>3</b>.</speak>')
    assert show(outputs) == ["Warning", "SpeechStarted"]
    assert flux.job is not None
    assert flux.job[1] == "One two  <b>3</b>."


def test_a_turn_of_blanks_has_no_audio_but_an_end() -> None:
    flux = machine()
    receive(flux, "Speak", text="  ")
    receive(flux, "Flush")
    assert flux.job is not None
    outputs = flux.job_done(flux.job[0])
    assert show(outputs) == ["Warning", "SpeechMetadata"]
    assert message(outputs, "Warning")["code"] == "NO_SYNTHESIZABLE_TEXT"


def test_close_drains_then_sums_up() -> None:
    flux = machine()
    receive(flux, "Speak", text="one")
    assert show(receive(flux, "Close")) == ["Flushed"]
    outputs = speak(flux, 60)
    assert show(outputs) == ["audio", "SpeechMetadata", "SessionMetadata", "close"]
    assert message(outputs, "SessionMetadata")["total_audio_duration_ms"] == 60
    assert show(receive(machine(), "Close")) == ["SessionMetadata", "close"]


FATAL: list[tuple[str, str]] = [
    ('{"type":"KeepAlive"}', "DATA-0000"),
    ("{", "DATA-0000"),
    ('{"type":"Speak","text":""}', "DATA-0000"),
    ('{"type":"Configure","speed":"1"}', "DATA-0000"),
    ('{"type":"Interrupt","reason":"x"}', "DATA-0000"),
    ('{"type":"Interrupt","playback_offset":5}', "DATA-0000"),
    (json.dumps({"type": "Speak", "text": "x" * 2_000_000}), "BIG-0000"),
]


@pytest.mark.parametrize(("text", "code"), FATAL, ids=[text[:40] for text, _ in FATAL])
def test_fatal_errors_are_always_followed_by_a_close(text: str, code: str) -> None:
    flux = machine()
    outputs = flux.receive(text, 0.0)
    assert show(outputs) == ["Error", "close"]
    assert message(outputs, "Error")["code"] == code
    assert receive(flux, "Speak", text="x") == []


ENDINGS = [("idle", "NET-0004"), ("session_over", "NET-0003"), ("receive_binary", "MESSAGE-0000")]


@pytest.mark.parametrize(("name", "code"), ENDINGS)
def test_other_endings(name: str, code: str) -> None:
    outputs = getattr(machine(), name)()
    assert message(outputs, "Error")["code"] == code
    assert isinstance(outputs[-1], Close)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["Speak", "Flush", "Interrupt", "audio", "done"]), max_size=60))
def test_audio_comes_only_between_the_start_and_the_end_of_its_turn(names: list[str]) -> None:
    flux = machine()
    outputs: list[Output] = []
    for name in names:
        if name not in ("audio", "done"):
            outputs += receive(flux, name, **({"text": "x"} if name == "Speak" else {}))
        elif flux.job is not None:
            outputs += flux.audio(flux.job[0], bytes(MS)) if name == "audio" else flux.job_done(flux.job[0])
    outputs += receive(flux, "Close")
    while flux.job is not None:
        outputs += speak(flux)
    active = flushed = None
    for output in outputs:
        if isinstance(output, SendAudio):
            assert active is not None
        elif isinstance(output, Send):
            kind, speech = output.message["type"], output.message.get("speech_id")
            if kind == "SpeechStarted":
                assert active is None
                active, flushed = speech, None
            elif kind == "Flushed":
                assert (active, flushed) == (speech, None)
                flushed = speech
            elif kind == "SpeechMetadata":
                assert active == flushed == speech
                active = None
            elif kind == "SpeechInterrupted":
                assert output.message["metadata"]["speech_id"] == active
                active = None
    assert show(outputs)[-2:] == ["SessionMetadata", "close"]
    assert active is None


def test_an_interruption_counts_and_rebases_the_audio_of_the_session() -> None:
    flux = machine()
    receive(flux, "Speak", text="one.")
    speak(flux, 100)
    receive(flux, "Flush")
    receive(flux, "Speak", text="two.")
    assert flux.job is not None
    flux.audio(flux.job[0], bytes(60 * MS))
    offset = {"type": "time_ms", "value": 130}
    interrupted = message(receive(flux, "Interrupt", playback_offset=offset), "SpeechInterrupted")
    assert interrupted["audio_played_ms"] == 130
    assert message(receive(flux, "Close"), "SessionMetadata")["total_audio_duration_ms"] == 130


@pytest.mark.parametrize(("size", "refused"), [(2_000_000, False), (2_000_001, True)])
def test_a_message_has_two_million_bytes_at_most(size: int, refused: bool) -> None:
    """Of UTF-8, in which an accent takes two."""
    head = json.dumps({"type": "Speak", "text": ""})[:-2]
    text = head + "é" * ((size - len(head) - 2) // 2) + "x" * ((size - len(head)) % 2) + '"}'
    assert len(text.encode()) == size
    outputs = machine().receive(text, 0.0)
    error = {"type": "Error", "code": "BIG-0000", "description": "The message is too large"}
    assert (
        outputs == [Send(error), Close(1009, "BIG-0000")] if refused else show(outputs) == ["SpeechStarted"]
    )
