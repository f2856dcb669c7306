"""Aura: which audio belongs to which flush, whatever order the service answers in."""

from __future__ import annotations

from typing import Any

import pytest

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol import SpeakV1, State
from speechwire.protocol.speak_v1_events import Audio, Cleared, Flushed, Warning

FLUSHED = '{"type":"Flushed","sequence_id":0}'
CLEARED = '{"type":"Cleared","sequence_id":1}'
REFUSED = '{"type":"Warning","warn_code":"EXCESSIVE_FLUSH","warn_msg":"Rate limit exceeded for flushes."}'


def flushed(number: int) -> str:
    """The service counts its answers."""
    return f'{{"type":"Flushed","sequence_id":{number}}}'


def _speaking(*texts: str) -> Any:
    """A connection on which each text has been spoken and flushed."""
    protocol = SpeakV1()
    for text in texts:
        protocol.speak(text)
        protocol.flush()
    return protocol


def test_frames() -> None:
    protocol = SpeakV1()
    assert protocol.speak('Say "é" \n') == '{"type":"Speak","text":"Say \\"é\\" \\n"}'
    assert protocol.flush() == '{"type":"Flush"}'
    assert protocol.clear() == '{"type":"Clear"}'
    assert protocol.close() == '{"type":"Close"}'
    assert protocol.state is State.CLOSING


@pytest.mark.parametrize("text", [" ", "\n", "a", "x" * 2000, "👩" * 2000])
def test_texts_that_can_be_spoken(text: str) -> None:
    assert SpeakV1().speak(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "text must be at least one character, got ''"),
        ("x" * 2001, "text must be at most 2000 characters; see split_text, got '2001 characters'"),
        ("a\udc00", "text must be text that UTF-8 can encode (no lone surrogates), got '\\udc00'"),
    ],
)
def test_texts_that_cannot(text: str, said: str) -> None:
    protocol = SpeakV1()
    with pytest.raises(InvalidArgument) as refused:
        protocol.speak(text)
    assert str(refused.value) == said
    with pytest.raises(InvalidArgumentType, match="^text must be a str, got bytes$"):
        protocol.speak(b"a")  # type: ignore[arg-type]


def test_the_request_id_comes_with_the_metadata() -> None:
    protocol = SpeakV1()
    protocol.receive('{"type":"Metadata","request_id":"abc"}')
    assert protocol.request_id == "abc"


def test_audio_belongs_to_the_first_flush_without_answer() -> None:
    protocol = _speaking("One.", "Two.")
    assert protocol.next_flush_index == 2
    assert protocol.pending_flushes == (0, 1)
    assert protocol.receive(b"1") == [Audio(data=b"1", flush_index=0)]
    assert protocol.receive(FLUSHED) == [Flushed(sequence_id=0, flush_index=0)]
    assert protocol.receive(b"2") == [Audio(data=b"2", flush_index=1)]
    assert protocol.receive(FLUSHED) == [Flushed(sequence_id=0, flush_index=1)]
    assert protocol.pending_flushes == ()


def test_audio_before_any_flush_belongs_to_the_next_one() -> None:
    protocol = SpeakV1()
    protocol.speak("A text so long that the service does not wait.")
    assert protocol.receive(b"1") == [Audio(data=b"1", flush_index=0)]
    protocol.flush()
    assert protocol.receive(b"2") == [Audio(data=b"2", flush_index=0)]


def test_an_answer_nobody_waits_for_belongs_to_no_flush() -> None:
    assert SpeakV1().receive(FLUSHED) == [Flushed(sequence_id=0, flush_index=None)]
    assert SpeakV1().receive(CLEARED) == [Cleared(sequence_id=1)]
    assert _speaking().receive(REFUSED)[0].flush_index is None


def test_empty_frames_are_nothing() -> None:
    assert _speaking("One.").receive(b"") == []


@pytest.mark.parametrize(
    "frame",
    [REFUSED, '{"type":"Warning","code":"EXCESSIVE_FLUSH","description":"Rate limit exceeded for flushes."}'],
)
def test_a_refused_flush_is_answered_by_its_warning(frame: str) -> None:
    protocol = _speaking("One.", "Two.")
    assert protocol.receive(frame) == [
        Warning(code="EXCESSIVE_FLUSH", description="Rate limit exceeded for flushes.", flush_index=0)
    ]
    assert protocol.pending_flushes == (1,)


def test_a_flush_with_audio_is_not_the_refused_one() -> None:
    protocol = _speaking("One.", "Two.")
    protocol.receive(b"1")
    assert protocol.receive(REFUSED)[0].flush_index == 1
    assert protocol.pending_flushes == (0,)
    assert protocol.receive(REFUSED)[0].flush_index is None
    assert protocol.receive(FLUSHED)[0].flush_index == 0


def test_audio_from_before_a_flush_does_not_show_that_it_was_allowed() -> None:
    protocol = SpeakV1()
    protocol.speak("A service that does not wait for the flush.")
    protocol.receive(b"1")
    protocol.flush()
    (refused,) = protocol.receive(REFUSED)
    assert isinstance(refused, Warning)
    assert refused.flush_index == 0
    assert protocol.pending_flushes == ()


def test_a_refusal_may_come_before_the_answers_of_the_flushes_allowed() -> None:
    protocol = _speaking(*["Word."] * 22)
    assert [protocol.receive(REFUSED)[0].flush_index for _ in range(2)] == [20, 21]
    assert [protocol.receive(flushed(number))[0].flush_index for number in range(20)] == list(range(20))


def test_audio_that_is_thrown_away_counts_as_audio_of_its_flush() -> None:
    protocol = _speaking("One.", "Two.")
    protocol.clear()
    protocol.receive(b"1")
    assert protocol.receive(REFUSED)[0].flush_index == 1
    assert protocol.receive(CLEARED)[0].flush_indices == (0,)


def test_another_warning_answers_no_flush() -> None:
    protocol = _speaking("One.")
    (warning,) = protocol.receive('{"type":"Warning","code":"SLOW_DOWN","description":"please"}')
    assert warning == Warning(code="SLOW_DOWN", description="please")
    assert protocol.pending_flushes == (0,)


def test_audio_until_cleared_is_thrown_away_and_counted() -> None:
    protocol = _speaking("One.", "Two.")
    protocol.receive(b"heard")
    protocol.clear()
    assert protocol.clearing
    assert protocol.receive(b"stale") == []
    assert protocol.receive(b"more") == []
    assert protocol.receive(CLEARED) == [Cleared(sequence_id=1, flush_indices=(0, 1), discarded_bytes=9)]
    assert not protocol.clearing
    assert protocol.pending_flushes == ()


def test_each_clear_has_its_own_answer() -> None:
    protocol = _speaking("One.")
    protocol.clear()
    protocol.speak("Two.")
    protocol.flush()
    protocol.clear()
    assert protocol.receive(b"1") == []
    assert protocol.receive(CLEARED) == [Cleared(sequence_id=1, flush_indices=(0,), discarded_bytes=1)]
    assert protocol.clearing
    assert protocol.receive(b"22") == []
    assert protocol.receive('{"type":"Cleared","sequence_id":2}') == [
        Cleared(sequence_id=2, flush_indices=(1,), discarded_bytes=2)
    ]
    assert not protocol.clearing


def test_what_follows_a_clear_is_heard_after_cleared() -> None:
    protocol = _speaking("Old.")
    protocol.clear()
    protocol.speak("New.")
    protocol.flush()
    protocol.receive(CLEARED)
    assert protocol.pending_flushes == (1,)
    assert protocol.receive(b"new") == [Audio(data=b"new", flush_index=1)]
    assert protocol.receive(FLUSHED) == [Flushed(sequence_id=0, flush_index=1)]


def test_a_flush_answered_before_the_clear_took_effect_counts() -> None:
    protocol = _speaking("Old.")
    protocol.clear()
    assert protocol.receive(FLUSHED) == [Flushed(sequence_id=0, flush_index=0)]
    assert protocol.receive(FLUSHED) == [Flushed(sequence_id=0, flush_index=None)]
    assert protocol.receive(CLEARED) == [Cleared(sequence_id=1)]


def test_before_cleared_no_answer_belongs_to_what_follows_it() -> None:
    protocol = SpeakV1()
    protocol.clear()
    protocol.speak("New.")
    protocol.flush()
    assert protocol.receive(FLUSHED) == [Flushed(sequence_id=0, flush_index=None)]
    assert protocol.pending_flushes == (0,)


def test_a_late_answer_of_a_wiped_flush_does_not_end_the_next() -> None:
    protocol = _speaking("Old.")
    protocol.clear()
    protocol.receive(CLEARED)
    protocol.speak("New.")
    protocol.flush()
    assert protocol.receive(FLUSHED) == [Flushed(sequence_id=0, flush_index=None)]
    assert protocol.receive(b"new") == [Audio(data=b"new", flush_index=1)]
    assert protocol.receive(FLUSHED) == [Flushed(sequence_id=0, flush_index=1)]


def test_audio_of_what_followed_a_clear_ends_the_wait_for_late_answers() -> None:
    protocol = _speaking("Old.")
    protocol.clear()
    protocol.receive(CLEARED)
    protocol.speak("New.")
    protocol.flush()
    protocol.receive(b"new")
    protocol.receive(flushed(2))
    protocol.speak("Words the service makes nothing of.")
    protocol.flush()
    assert protocol.receive(flushed(3)) == [Flushed(sequence_id=3, flush_index=2)]


def test_marks_alone_may_be_answered_without_audio() -> None:
    protocol = _speaking("Old.")
    protocol.clear()
    protocol.receive(CLEARED)
    protocol.speak("... ")
    protocol.flush()
    assert protocol.receive(FLUSHED) == [Flushed(sequence_id=0, flush_index=1)]


def test_the_text_of_a_refused_flush_waits_for_the_next_one() -> None:
    protocol = _speaking("Never flushed.")
    protocol.receive(REFUSED)
    protocol.close()
    assert protocol.receive_close(1005).kind == "transient"


def test_text_without_flush_is_not_delivered() -> None:
    protocol = SpeakV1()
    protocol.speak("Never flushed.")
    protocol.close()
    assert protocol.receive_close(1005).kind == "transient"


def test_late_answers_are_counted_off_one_by_one() -> None:
    """Two flushes are wiped, both answers come late: the third, which has no audio, still gets its own."""
    protocol = SpeakV1()
    for _ in range(2):
        protocol.speak("Hello.")
        protocol.flush()
    protocol.clear()
    protocol.receive('{"type":"Cleared"}')
    protocol.speak("Again.")
    protocol.flush()
    answered = [protocol.receive('{"type":"Flushed"}')[0].flush_index for _ in range(3)]  # type: ignore[union-attr]
    assert answered == [None, None, 2]
    assert protocol.pending_flushes == ()


def test_every_wiped_flush_may_have_a_late_answer_and_the_next_one_has_its_own() -> None:
    protocol = _speaking("One.", "Two.", "Three.")
    protocol.clear()
    protocol.receive(CLEARED)
    protocol.speak("New.")
    protocol.flush()
    assert [protocol.receive(flushed(number))[0].flush_index for number in (2, 3, 4)] == [None, None, None]
    assert protocol.pending_flushes == (3,)
    assert protocol.receive(b"new") == [Audio(data=b"new", flush_index=3)]
    assert protocol.receive(flushed(5)) == [Flushed(sequence_id=5, flush_index=3)]
    assert protocol.pending_flushes == ()
    protocol.speak("Words the service makes nothing of.")
    protocol.flush()
    assert protocol.receive(flushed(6)) == [Flushed(sequence_id=6, flush_index=4)]


def test_two_clears_wipe_what_was_flushed_before_each_and_only_that() -> None:
    protocol = _speaking("One.", "Two.")
    protocol.clear()
    protocol.speak("Three.")
    protocol.flush()
    protocol.clear()
    protocol.speak("New.")
    protocol.flush()
    assert protocol.receive(CLEARED)[0].flush_indices == (0, 1)
    assert protocol.receive('{"type":"Cleared","sequence_id":2}')[0].flush_indices == (2,)
    assert protocol.pending_flushes == (3,)
    assert [protocol.receive(flushed(number))[0].flush_index for number in (3, 4, 5)] == [None, None, None]
    assert protocol.receive(b"new") == [Audio(data=b"new", flush_index=3)]
    assert protocol.receive(flushed(6))[0].flush_index == 3


def test_an_answer_that_comes_twice_answers_one_flush() -> None:
    protocol = _speaking("One.", "Two.")
    protocol.receive(b"1")
    assert protocol.receive(flushed(0)) == [Flushed(sequence_id=0, flush_index=0)]
    assert protocol.receive(flushed(0)) == [Flushed(sequence_id=0, flush_index=None)]
    assert protocol.pending_flushes == (1,)
    assert protocol.receive(b"2") == [Audio(data=b"2", flush_index=1)]
    assert protocol.receive(flushed(1)) == [Flushed(sequence_id=1, flush_index=1)]


def test_an_answer_to_clear_that_comes_twice_answers_one_clear() -> None:
    protocol = _speaking("One.")
    protocol.clear()
    protocol.clear()
    protocol.receive(CLEARED)
    assert protocol.receive(CLEARED) == [Cleared(sequence_id=1)]
    assert protocol.clearing
    protocol.receive('{"type":"Cleared","sequence_id":2}')
    assert not protocol.clearing


def test_a_service_that_does_not_count_its_answers_is_believed() -> None:
    protocol = _speaking("One.", "Two.")
    assert protocol.receive('{"type":"Flushed"}') == [Flushed(flush_index=0)]
    assert protocol.receive('{"type":"Flushed"}') == [Flushed(flush_index=1)]
