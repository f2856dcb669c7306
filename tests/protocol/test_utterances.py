"""Results put together to utterances."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechwire.protocol import EndedBy, ListenV1, Utterance, Utterances


def _results(start: float, end: float, text: str, channel: int = 0, channels: int = 1, **flags: Any) -> str:
    """Results whose words fill the middle of their span evenly."""
    said = text.split()
    step = (end - start) / (len(said) + 2)
    words = [
        {"word": word, "start": start + step * (i + 1), "end": start + step * (i + 2), "confidence": 0.9}
        for i, word in enumerate(said)
    ]
    best = {"transcript": text, "confidence": 0.9 if said else 0.0, "words": words}
    message = {
        "type": "Results",
        "channel_index": [channel, channels],
        "start": start,
        "duration": end - start,
        "channel": {"alternatives": [best]},
    }
    return json.dumps({**message, **flags})


def _interim(start: float, end: float, text: str, **flags: Any) -> str:
    return _results(start, end, text, is_final=False, **flags)


def _final(start: float, end: float, text: str, **flags: Any) -> str:
    return _results(start, end, text, is_final=True, **flags)


def _utterance_end(last_word_end: float, channel: int = 0) -> str:
    return json.dumps({"type": "UtteranceEnd", "channel": [channel, 1], "last_word_end": last_word_end})


MINUTE = bytes(60 * 32_000)


class Stream:
    """Frames in, what the assembler makes of them out, as short tuples."""

    def __init__(self) -> None:
        self.protocol = ListenV1()
        self.protocol.send_audio(MINUTE)
        self.utterances = Utterances()

    def receive(self, *frames: str) -> list[tuple[str, str | None]]:
        return [_short(utterance) for utterance in self.whole(*frames)]

    def whole(self, *frames: str) -> list[Utterance]:
        return [
            utterance
            for frame in frames
            for event in self.protocol.receive(frame)
            for utterance in self.utterances.receive(event)
        ]

    def close(self) -> list[tuple[str, str | None]]:
        return [_short(utterance) for utterance in self.utterances.close()]


def _short(utterance: Utterance) -> tuple[str, str | None]:
    return (utterance.transcript, utterance.ended_by)


@pytest.fixture
def stream() -> Stream:
    return Stream()


def test_finals_up_to_speech_final(stream: Stream) -> None:
    assert stream.receive(_interim(0, 1, "two")) == [("two", None)]
    assert stream.receive(_interim(0, 2, "two tickets")) == [("two tickets", None)]
    assert stream.receive(_final(0, 2.5, "Two tickets to")) == [("Two tickets to", None)]
    assert stream.receive(_interim(2.5, 3, "oslo")) == [("Two tickets to oslo", None)]
    assert stream.receive(_final(2.5, 4, "Oslo, please.", speech_final=True)) == [
        ("Two tickets to Oslo, please.", "speech_final")
    ]
    assert stream.receive(_interim(4, 5, "thanks")) == [("thanks", None)]


def test_what_an_utterance_carries(stream: Stream) -> None:
    first = _final(0, 4, "Hello there")
    second = json.loads(_final(4, 8, "monde", speech_final=True))
    second["channel"]["alternatives"][0] |= {"confidence": 0.3, "languages": ["fr", "en"]}
    (_, done) = stream.whole(first, json.dumps(second))
    assert [word.word for word in done.words] == ["Hello", "there", "monde"]
    assert done.start == pytest.approx(1.0)
    assert done.end == pytest.approx(4 + 8 / 3)
    assert done.confidence == pytest.approx((0.9 * 2 + 0.3) / 3)
    assert done.languages == ("fr", "en")
    assert (done.channel, done.ended_by) == (0, EndedBy.SPEECH_FINAL)


def test_without_words_the_span_counts(stream: Stream) -> None:
    frame = json.dumps(
        {
            "type": "Results",
            "start": 1.0,
            "duration": 2.0,
            "speech_final": True,
            "channel": {"alternatives": [{"transcript": "Hi.", "confidence": 0.5}]},
        }
    )
    (done,) = stream.whole(frame)
    assert (done.start, done.end, done.confidence, done.words) == (1.0, 3.0, 0.5, ())


@pytest.mark.parametrize(
    ("flags", "ended_by"), [({"speech_final": True}, "speech_final"), ({"from_finalize": True}, "finalize")]
)
def test_the_flags_of_an_empty_final_count(stream: Stream, flags: dict[str, bool], ended_by: str) -> None:
    stream.receive(_final(0, 2, "Hello"))
    assert stream.receive(_final(2, 3, "", **flags)) == [("Hello", ended_by)]
    assert stream.receive(_final(3, 4, "", **flags)) == []


def test_the_answer_to_finalize_ends_an_utterance_whatever_speech_final_says(stream: Stream) -> None:
    assert stream.receive(_final(0, 2, "Hello", from_finalize=True)) == [("Hello", "finalize")]
    assert stream.receive(_final(2, 3, "Bye", from_finalize=True, speech_final=True)) == [
        ("Bye", "speech_final")
    ]


def test_silence_is_no_utterance(stream: Stream) -> None:
    assert stream.receive(_interim(0, 1, ""), _final(0, 2, ""), _final(2, 4, " ", speech_final=True)) == []
    assert stream.close() == []


def test_an_interim_that_takes_its_words_back(stream: Stream) -> None:
    stream.receive(_interim(0, 1, "uh"))
    assert stream.receive(_interim(0, 2, "")) == []
    stream.receive(_final(0, 2, "Hello"), _interim(2, 3, "uh"))
    assert stream.receive(_interim(2, 4, "")) == [("Hello", None)]


def test_a_gap_ends_an_utterance_that_endpointing_did_not(stream: Stream) -> None:
    stream.receive(_final(0, 2, "Hello"))
    assert stream.receive(_utterance_end(1.3)) == [("Hello", "utterance_end")]
    assert stream.receive(_utterance_end(1.3)) == []


@pytest.mark.parametrize("end_s", [2.0, 2.1, 7.3, 3599.9])
@pytest.mark.parametrize("later_s", [-0.0009, 0.0, 0.0009])
def test_a_gap_at_the_very_end_of_a_final_is_one_in_it(end_s: float, later_s: float) -> None:
    """Times are the service's 32-bit floats: the same moment may be told a little later."""
    stream = Stream()
    stream.protocol.send_audio(MINUTE * 60)
    stream.receive(_final(0, end_s, "Hello"))
    assert stream.receive(_utterance_end(end_s + later_s)) == [("Hello", "utterance_end")]


def test_a_gap_where_the_first_word_begins_is_of_the_one_before(stream: Stream) -> None:
    stream.receive(_final(3, 6, "Hello"))  # the word is from 4 to 5
    assert stream.receive(_utterance_end(4.0009)) == []
    assert stream.receive(_utterance_end(4.0021)) == [("Hello", "utterance_end")]


@pytest.mark.parametrize("end_s", [1.9995, 1.999])
def test_a_final_that_ends_just_before_the_gap_it_was_waited_for_ends_it(
    end_s: float, stream: Stream
) -> None:
    stream.receive(_interim(0, 3, "hello"))
    assert stream.receive(_utterance_end(2.0)) == []
    assert stream.receive(_final(0, end_s, "Hello.")) == [("Hello.", "utterance_end")]
    stream.receive(_interim(2, 5, "hello"))
    assert stream.receive(_utterance_end(4.0)) == []
    assert stream.receive(_final(2, 3.998, "Hello.")) == [("Hello.", None)]


@pytest.mark.parametrize("last_word_end", [-1, 1.3])
def test_a_gap_after_speech_final_adds_nothing(stream: Stream, last_word_end: float) -> None:
    stream.receive(_final(0, 2, "Hello", speech_final=True))
    assert stream.receive(_utterance_end(last_word_end)) == []


@pytest.mark.parametrize("last_word_end", [-1, 8.8])
def test_a_late_gap_does_not_cut_the_next_utterance(stream: Stream, last_word_end: float) -> None:
    stream.receive(_final(7, 9, "Hello", speech_final=True), _interim(9, 11, "and now"))
    assert stream.receive(_utterance_end(last_word_end)) == []
    assert stream.receive(_final(9, 12, "And now this.", speech_final=True)) == [
        ("And now this.", "speech_final")
    ]


def test_a_late_gap_does_not_cut_finals_that_begin_after_it(stream: Stream) -> None:
    stream.receive(_final(7, 9, "Hello", speech_final=True), _final(9, 12, "And now"))
    assert stream.receive(_utterance_end(8.8)) == []
    assert stream.receive(_final(12, 13, "this.", speech_final=True)) == [("And now this.", "speech_final")]


def test_a_gap_without_a_number_ends_what_is_final(stream: Stream) -> None:
    stream.receive(_final(0, 2, "Hello"))
    assert stream.receive(_utterance_end(-1)) == [("Hello", "utterance_end")]


def test_a_gap_that_comes_before_its_final_waits_for_it(stream: Stream) -> None:
    stream.receive(_final(0, 2, "Hello"), _interim(2, 5, "you there"))
    assert stream.receive(_utterance_end(4.25)) == []
    assert stream.receive(_final(2, 3.5, "you")) == [("Hello you", None)]
    assert stream.receive(_final(3.5, 5, "there.")) == [("Hello you there.", "utterance_end")]


def test_a_gap_in_the_first_second_waits_too(stream: Stream) -> None:
    stream.receive(_interim(0, 0.9, "hi"))  # the word is from 0.3 to 0.6
    assert stream.receive(_utterance_end(0.6)) == []
    assert stream.receive(_final(0, 0.9, "Hi.")) == [("Hi.", "utterance_end")]


def test_a_gap_without_a_number_is_late_when_there_is_interim_text(stream: Stream) -> None:
    stream.receive(_final(0, 2, "Hello"), _interim(2, 5, "you"))
    assert stream.receive(_utterance_end(-1)) == []
    assert stream.receive(_final(2, 6, "you too.", speech_final=True)) == [("Hello you too.", "speech_final")]


def test_a_gap_waits_no_longer_than_its_utterance(stream: Stream) -> None:
    stream.receive(_interim(0, 3, "hello"))
    assert stream.receive(_utterance_end(2.9)) == []
    assert stream.receive(_final(0, 2, "Hello.", speech_final=True)) == [("Hello.", "speech_final")]
    assert stream.receive(_final(2, 6, "How are")) == [("How are", None)]


def test_a_gap_among_finals_leaves_the_interim_to_the_next_utterance(stream: Stream) -> None:
    stream.receive(_final(0, 2, "Hello"), _interim(2, 5, "you"))
    assert stream.receive(_utterance_end(1.3)) == [("Hello", "utterance_end")]
    assert stream.receive(_final(2, 6, "You too.", speech_final=True)) == [("You too.", "speech_final")]


def test_the_end_of_the_stream_ends_everything(stream: Stream) -> None:
    stream.receive(
        _final(0, 2, "Hello"), _interim(2, 3, "there"), _interim(0, 1, "hi", channel=1, channels=2)
    )
    assert stream.close() == [("Hello there", "close"), ("hi", "close")]
    assert stream.close() == []


def test_channels_do_not_mix(stream: Stream) -> None:
    stream.receive(
        _final(0, 2, "left", channel=0, channels=2),
        _final(0, 2, "right", channel=1, channels=2),
        _utterance_end(1.9, channel=2),
    )
    assert stream.receive(_final(2, 3, "", channel=1, channels=2, speech_final=True)) == [
        ("right", "speech_final")
    ]
    assert stream.receive(_utterance_end(1.4, channel=0)) == [("left", "utterance_end")]


def test_other_events_are_of_no_concern(stream: Stream) -> None:
    assert stream.receive('{"type":"SpeechStarted","timestamp":1}', '{"type":"Metadata"}', "junk") == []


@given(
    spans=st.lists(
        st.tuples(
            st.lists(st.sampled_from(["a", "b", "c"]), max_size=3),
            st.sampled_from(["final", "speech_final", "from_finalize"]),
            st.booleans(),
            st.sampled_from([None, -1, 0.0, 0.5, 1.0]),
        ),
        max_size=12,
    )
)
def test_every_word_comes_in_exactly_one_utterance(
    spans: list[tuple[list[str], str, bool, float | None]],
) -> None:
    stream = Stream()
    said: list[str] = []
    heard: list[str] = []
    for second, (words, flag, interim_first, gap) in enumerate(spans):
        said += words
        text = " ".join(words)
        frames = [_interim(second, second + 1, text)] if interim_first else []
        frames.append(_final(second, second + 1, text, **({} if flag == "final" else {flag: True})))
        if gap is not None:
            frames.append(_utterance_end(gap if gap < 0 else second + gap))
        heard += [text for text, ended_by in stream.receive(*frames) if ended_by]
    heard += [text for text, _ in stream.close()]
    assert " ".join(heard).split() == said
