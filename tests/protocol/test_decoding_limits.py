"""Where decoding stops: how long a type's name may be, how long a message that is looked at again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.protocol.documented_events import ENDPOINTS
from tests.protocol.lenient_results import results

from speechwire.protocol import Closed, Endpoint, MalformedMessage, UnknownMessage

Make = Callable[[str], Endpoint[Any]]

MOST_SALVAGED = 1 << 18


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_name_of_a_type_has_at_most_64_characters(endpoint: str, make: Make) -> None:
    """A longer one is no type, and would be copied into every log."""
    frames = [json.dumps({"type": "T" * size}) for size in (64, 65)]
    (known,), (junk,) = map(make(endpoint).receive, frames)
    assert known == UnknownMessage(type="T" * 64, payload=frames[0])
    assert junk == MalformedMessage(reason="a type name of 65 characters", preview=frames[1])


@pytest.mark.parametrize(("size", "is_kept"), [(MOST_SALVAGED, True), (MOST_SALVAGED + 1, False)])
def test_a_message_with_junk_is_looked_at_again_up_to_a_size(size: int, is_kept: bool, heard: Make) -> None:
    """To look again takes many times its memory, and no real message is so long."""
    message = json.dumps(results(start="?"))
    first, *rest = heard("ListenV1").receive(message + " " * (size - len(message)))
    if is_kept:
        assert first.transcript == "two tickets"
        assert [junk.reason for junk in rest] == ["left out of it: Results.start"]
    else:
        assert isinstance(first, MalformedMessage) and not rest


TRUE: list[object] = [True, "true", "TRUE", "True", "1", 1]
FALSE: list[object] = [False, "false", "FALSE", "0", 0, None]
NEITHER: list[object] = ["yes", "", " true", 2, -1, 1.0, [], {}]


@pytest.mark.parametrize(
    ("value", "kept", "is_junk"),
    [
        *((value, True, False) for value in TRUE),
        *((value, False, False) for value in FALSE),
        *((value, False, True) for value in NEITHER),
    ],
)
def test_the_words_for_a_flag(value: object, kept: bool, is_junk: bool, heard: Make) -> None:
    event, *junk = heard("ListenV1").receive(json.dumps(results(is_final=value)))
    assert event.is_final is kept
    assert [each.reason for each in junk] == ["left out of it: Results.is_final"] * is_junk


def test_each_part_left_out_is_named_once_and_in_order(heard: Make) -> None:
    words = [{"word": 1}, {"word": "two", "start": 1.0, "end": 1.5, "speaker": "x"}, {"word": None}]
    message = results(start="?", is_final="perhaps", entities=[None])
    message["channel"]["alternatives"][0]["words"] = words
    event, junk = heard("ListenV1").receive(json.dumps(message))
    assert [word.word for word in event.channel.alternatives[0].words] == ["two"]
    left_out = "Word.speaker, Word, Results.start, Results.is_final, Entity"
    assert junk.reason == f"left out of it: {left_out}"
    assert junk.preview == json.dumps(message)[:200]


def test_what_is_shown_of_junk_is_cut_at_200_characters(make: Make) -> None:
    for frame, shown in (("x" * 300, "x" * 200), ("\n" * 300, "\\n" * 100), (b"\xff" * 300, "ff" * 100)):
        (junk,) = make("ListenV2").receive(frame)
        assert junk.preview == shown


@pytest.mark.parametrize("frame", ["late", b"late", bytearray(b"late"), memoryview(b"late")])
def test_what_comes_after_the_end_is_told_so(frame: Any, make: Make) -> None:
    protocol = make("SpeakV1")
    assert isinstance(protocol.receive_close(1000), Closed)
    preview = frame if isinstance(frame, str) else bytes(frame).hex()
    expected = MalformedMessage(reason="a frame after the end of the connection", preview=preview)
    assert protocol.receive(frame) == [expected]


NUMBERS = ("turn_index", "audio_window_end", "start", "duration", "timestamp", "last_word_end", "code")


@pytest.mark.parametrize("digits", [1, 39, 40, 41, 308, 309, 400, 4300, 4301, 20_000])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_number_of_any_length_is_a_number(endpoint: str, digits: int, make: Make) -> None:
    """An int of more than 308 digits is no float, and Python refuses to read one of more than 4,300."""
    number = "9" * digits
    for kind in ("TurnInfo", "Results", "SpeechStarted", "UtteranceEnd", "Metadata", "Warning", "Error"):
        for name in NUMBERS:
            words = f'[{{"word": "a", "start": 0, "end": {number}, "confidence": {number}}}]'
            message = f'{{"type": "{kind}", "{name}": {number}, "words": {words}}}'
            for event in make(endpoint).receive(message):
                assert not isinstance(event, Closed)
