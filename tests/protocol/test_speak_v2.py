"""Flux TTS: turns, interruption, configuration."""

from __future__ import annotations

from typing import Any

import pytest
from tests.protocol.speak_v2_messages import INTERRUPTED, METADATA, ended, speech_started, started, warned

from speechwire.errors import InvalidArgument, InvalidArgumentType, LocalProtocolError
from speechwire.protocol import SpeakV2, SpeakV2Options, State
from speechwire.protocol.speak_v2_events import Audio, SpeechInterrupted, SpeechMetadata, Warning


def test_frames() -> None:
    protocol = SpeakV2(SpeakV2Options(speed=1.0))
    assert protocol.speak("Your train ") == '{"type":"Speak","text":"Your train "}'
    assert protocol.flush() == '{"type":"Flush"}'
    assert protocol.interrupt() == '{"type":"Interrupt"}'
    assert (
        protocol.interrupt(1840) == '{"type":"Interrupt","playback_offset":{"type":"time_ms","value":1840}}'
    )
    assert protocol.configure(speed=1.1) == '{"type":"Configure","speed":1.1}'
    assert protocol.close() == '{"type":"Close"}'
    assert protocol.state is State.CLOSING


def test_the_request_id_comes_with_connected() -> None:
    protocol = SpeakV2()
    protocol.receive('{"type":"Connected","request_id":"abc"}')
    assert protocol.request_id == "abc"


def test_audio_belongs_to_the_active_turn() -> None:
    protocol: Any = SpeakV2()
    assert protocol.receive(b"?") == [Audio(data=b"?", speech_id=None)]
    protocol.receive(speech_started("A"))
    assert protocol.speech_id == "A"
    assert protocol.receive(b"a") == [Audio(data=b"a", speech_id="A")]
    protocol.receive('{"type":"Flushed","speech_id":"A"}')
    assert protocol.receive(b"tail") == [Audio(data=b"tail", speech_id="A")]
    protocol.receive(METADATA)
    assert protocol.speech_id is None
    protocol.receive(speech_started("B"))
    assert protocol.receive(b"b") == [Audio(data=b"b", speech_id="B")]
    assert protocol.receive(b"") == []


def test_audio_until_the_interruption_is_thrown_away_and_counted() -> None:
    protocol = started()
    protocol.interrupt()
    assert protocol.interrupting
    assert protocol.receive(b"stale") == []
    (event,) = protocol.receive(INTERRUPTED)
    assert isinstance(event, SpeechInterrupted)
    assert (event.discarded_bytes, event.metadata.speech_id) == (5, "A")
    assert not protocol.interrupting
    assert protocol.speech_id is None
    assert protocol.receive(b"nobody's") == [Audio(data=b"nobody's", speech_id=None)]
    protocol.receive(speech_started("B"))
    assert protocol.receive(b"b") == [Audio(data=b"b", speech_id="B")]


@pytest.mark.parametrize("code", ["NO_AUDIO_GENERATED", "NO_ACTIVE_SPEECH"])
def test_nothing_to_interrupt(code: str) -> None:
    protocol: Any = SpeakV2()
    protocol.interrupt()
    assert protocol.receive(b"stale") == []
    protocol.receive(warned(code))
    assert not protocol.interrupting
    protocol.receive(speech_started("B"))
    assert protocol.receive(b"b")


def test_a_turn_that_ended_first_does_not_lift_the_fence() -> None:
    protocol = started("A")
    protocol.interrupt()
    protocol.receive(METADATA)
    # The interrupt, on its way still, may hit the next turn.
    protocol.receive(speech_started("B"))
    assert protocol.receive(b"b") == []
    protocol.receive(INTERRUPTED)
    protocol.receive(speech_started("C"))
    assert protocol.receive(b"c")


def test_a_refused_interrupt_does_not_bring_its_turn_back() -> None:
    protocol = started("A")
    protocol.interrupt(100)
    protocol.receive(warned("INVALID_INTERRUPT_OFFSET"))
    assert not protocol.interrupting
    assert protocol.receive(b"stale") == []
    protocol.receive(METADATA)
    protocol.receive(speech_started("B"))
    assert protocol.receive(b"b")


def test_a_refused_interrupt_takes_the_turn_it_was_to_hit() -> None:
    protocol = started("A")
    protocol.interrupt(100)
    protocol.receive(METADATA)
    protocol.receive(speech_started("B"))
    protocol.receive(warned("INVALID_INTERRUPT_OFFSET"))
    assert protocol.receive(b"b") == []


def test_an_empty_flush_does_not_answer_the_interrupt_behind_it() -> None:
    protocol: Any = SpeakV2()
    protocol.flush()
    protocol.speak("One.")
    protocol.interrupt()
    protocol.receive(warned("NO_ACTIVE_SPEECH"))
    assert protocol.interrupting
    protocol.receive(speech_started("A"))
    assert protocol.receive(b"a") == []
    protocol.receive(INTERRUPTED)
    assert not protocol.interrupting


def test_a_flush_whose_turn_is_interrupted_has_no_answer() -> None:
    protocol = started("A")
    protocol.speak("One.")
    protocol.flush()
    protocol.interrupt()
    protocol.receive(INTERRUPTED)
    assert not protocol.interrupting
    protocol.interrupt()
    protocol.receive(warned("NO_ACTIVE_SPEECH"))
    assert not protocol.interrupting


def test_two_interrupts_have_two_answers() -> None:
    protocol = started("A")
    protocol.interrupt()
    protocol.interrupt()
    protocol.receive(warned("INTERRUPT_IN_PROGRESS"))
    assert protocol.interrupting
    assert protocol.receive(b"stale") == []
    protocol.receive(INTERRUPTED)
    assert not protocol.interrupting


def test_warnings_that_are_no_answer() -> None:
    protocol = started("A")
    protocol.interrupt()
    protocol.receive(warned("SYNTHESIS_RETRYING"))
    assert protocol.interrupting
    protocol = started("A")
    protocol.receive(warned("NO_ACTIVE_SPEECH"))
    assert protocol.receive(b"a")


def test_the_end_of_a_turn_told_twice_ends_no_other() -> None:
    protocol = started("A")
    assert protocol.receive(METADATA) == [SpeechMetadata(speech_id="A")]
    protocol.receive(speech_started("B"))
    assert protocol.receive(METADATA) == [SpeechMetadata(speech_id="A", repeated=True)]
    assert protocol.speech_id == "B"
    assert protocol.receive(ended("B")) == [SpeechMetadata(speech_id="B")]
    assert protocol.speech_id is None


def test_the_end_of_a_turn_that_was_interrupted_ends_no_other() -> None:
    protocol = started("A")
    protocol.interrupt()
    protocol.receive(INTERRUPTED)
    protocol.receive(speech_started("B"))
    assert protocol.receive(METADATA) == [SpeechMetadata(speech_id="A", repeated=True)]
    assert protocol.speech_id == "B"


def test_a_service_that_does_not_name_its_turns_is_believed() -> None:
    protocol: Any = SpeakV2()
    unnamed = '{"type":"SpeechMetadata"}'
    assert [protocol.receive(unnamed)[0].repeated for _ in range(2)] == [False, False]


def test_a_flush_without_a_turn_is_told() -> None:
    protocol: Any = SpeakV2()
    protocol.flush()
    warning = warned("NO_ACTIVE_SPEECH")
    assert protocol.receive(warning) == [Warning(code="NO_ACTIVE_SPEECH", refuses_flush=True)]
    assert protocol.receive(warning) == [Warning(code="NO_ACTIVE_SPEECH")]


def test_the_offset_grows() -> None:
    protocol = SpeakV2()
    protocol.interrupt(0)
    protocol.interrupt(5)
    protocol.interrupt()
    for offset in (5, 4, -1):
        with pytest.raises(InvalidArgument, match="playback_offset_ms must be 6 or more"):
            protocol.interrupt(offset)
    with pytest.raises(InvalidArgumentType):
        protocol.interrupt(7.0)  # type: ignore[arg-type]
    assert protocol.interrupt(6)


@pytest.mark.parametrize(
    "answer",
    [
        '{"type":"ConfigureSuccess","applied":{"speed":1.1}}',
        '{"type":"ConfigureFailure","code":"SPEED_OUT_OF_RANGE"}',
        None,
    ],
)
def test_one_configure_at_a_time(answer: str | None) -> None:
    protocol: Any = SpeakV2()
    protocol.configure(speed=1.1)
    with pytest.raises(
        LocalProtocolError,
        match="^cannot send Configure: another one waits for its answer, send one at a time$",
    ):
        protocol.configure(speed=1.2)
    if answer:
        protocol.receive(answer)
    else:
        protocol.give_up_configure()
    assert protocol.configure(speed=1.2)


@pytest.mark.parametrize("speed", [0.45, 1.55, 1.01])
def test_a_refused_speed_is_not_in_flight(speed: float) -> None:
    protocol = SpeakV2()
    with pytest.raises(InvalidArgument, match="speed must be from 0.5 to 1.5 in steps of 0.05"):
        protocol.configure(speed=speed)
    assert protocol.configure(speed=1.0)


def test_text_is_not_limited_but_must_be_text() -> None:
    protocol = SpeakV2()
    assert protocol.speak("x" * 5000)
    with pytest.raises(InvalidArgument, match="^text must be at least one character, got ''$"):
        protocol.speak("")
