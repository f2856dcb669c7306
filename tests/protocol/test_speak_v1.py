"""Aura: which audio belongs to which flush, whatever order the service answers in."""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol import SpeakV1, State
from speechwire.protocol.speak_v1_events import Audio, Cleared, Flushed, Warning

FLUSHED = '{"type":"Flushed","sequence_id":0}'
CLEARED = '{"type":"Cleared","sequence_id":1}'
REFUSED = '{"type":"Warning","warn_code":"EXCESSIVE_FLUSH","warn_msg":"Rate limit exceeded for flushes."}'


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
    ("text", "said"), [("", "at least one"), ("x" * 2001, "2001 characters"), ("\udc00", "UTF-8")]
)
def test_texts_that_cannot(text: str, said: str) -> None:
    protocol = SpeakV1()
    with pytest.raises(InvalidArgument, match=said):
        protocol.speak(text)
    with pytest.raises(InvalidArgumentType, match="text must be a str, got bytes"):
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
    assert protocol.discarded_bytes == 9
    assert protocol.receive(CLEARED) == [Cleared(sequence_id=1, flush_indices=(0, 1), discarded_bytes=9)]
    assert not protocol.clearing
    assert protocol.discarded_bytes == 0
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
    assert protocol.receive(CLEARED) == [Cleared(sequence_id=1, flush_indices=(1,), discarded_bytes=2)]
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
    protocol.receive(FLUSHED)
    protocol.speak("Words the service makes nothing of.")
    protocol.flush()
    assert protocol.receive(FLUSHED) == [Flushed(sequence_id=0, flush_index=2)]


def test_marks_alone_may_be_answered_without_audio() -> None:
    protocol = _speaking("Old.")
    protocol.clear()
    protocol.receive(CLEARED)
    protocol.speak("... ")
    protocol.flush()
    assert protocol.receive(FLUSHED) == [Flushed(sequence_id=0, flush_index=1)]


def test_text_without_flush_is_not_delivered() -> None:
    protocol = SpeakV1()
    protocol.speak("Never flushed.")
    protocol.close()
    assert protocol.receive_close(1005).kind == "transient"


@dataclasses.dataclass
class _Job:
    flush: int
    chunks: int


class ServiceAndClient(RuleBasedStateMachine):
    """The documented service beside the client, each going on at its own pace.

    The service works through commands in order and puts audio, marked with its flush, and answers on a
    wire. It may refuse a flush at its turn, and keeps the text for the next; it may or may not answer a wiped
    flush, before or after ``Cleared``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.client = SpeakV1()
        self.commands: deque[str] = deque()
        self.wire: deque[str | bytes] = deque()
        self.words = 0
        self.jobs: deque[_Job] = deque()
        self.flushes_done = 0
        self.client_words = 0
        self.cleared_below = 0
        self.answers: dict[int, str] = {}

    @initialize(wiped_answers=st.sampled_from(["none", "before", "after"]))
    def choose(self, wiped_answers: str) -> None:
        self.wiped_answers = wiped_answers

    @rule()
    def speak(self) -> None:
        self.client.speak("word ")
        self.client_words += 1
        self.commands.append("Speak")

    # What an empty flush brings is not documented, and an answer without audio is a riddle after a Clear.
    @precondition(lambda self: self.client_words)
    @rule(refused=st.booleans())
    def flush(self, refused: bool) -> None:
        self.client.flush()
        self.client_words = 0
        self.commands.append("Refuse" if refused else "Flush")

    @rule()
    def clear(self) -> None:
        self.cleared_below = self.client.next_flush_index
        self.client.clear()
        self.client_words = 0
        self.commands.append("Clear")

    @rule()
    def serve(self) -> None:
        """The service takes one command, or makes one piece of audio."""
        if self.jobs and (not self.commands or self.commands[0] in ("Flush", "Refuse")):
            self._synthesize()
        elif self.commands:
            getattr(self, f"_on_{self.commands.popleft().lower()}")()

    @rule()
    def deliver(self) -> None:
        if self.wire:
            for event in self.client.receive(self.wire.popleft()):
                self._check(event)

    @invariant()
    def every_flush_waits_or_was_answered_once(self) -> None:
        waiting = set(self.client.pending_flushes)
        assert not waiting & set(self.answers)
        assert waiting | set(self.answers) == set(range(self.client.next_flush_index))

    def teardown(self) -> None:
        while self.commands or self.jobs or self.wire:
            self.serve()
            self.deliver()
        assert self.client.pending_flushes == ()
        assert not self.client.clearing

    def _on_speak(self) -> None:
        self.words += 1

    def _on_flush(self) -> None:
        self.jobs.append(_Job(self.flushes_done, 1 + self.words))
        self.words = 0
        self.flushes_done += 1

    def _on_refuse(self) -> None:
        self.wire.append(REFUSED)
        self.flushes_done += 1

    def _on_clear(self) -> None:
        wiped = [FLUSHED] * len(self.jobs)
        self.jobs.clear()
        self.words = 0
        before = wiped if self.wiped_answers == "before" else []
        after = wiped if self.wiped_answers == "after" else []
        self.wire.extend([*before, CLEARED, *after])

    def _synthesize(self) -> None:
        job = self.jobs[0]
        if job.chunks:
            job.chunks -= 1
            self.wire.append(str(job.flush).encode())
        else:
            self.jobs.popleft()
            self.wire.append(FLUSHED)

    def _check(self, event: object) -> None:
        match event:
            case Audio():
                assert event.flush_index == int(event.data)
                assert event.flush_index >= self.cleared_below
            case Flushed(flush_index=index) if index is not None:
                self._answer(index, "flushed")
            case Warning(flush_index=index):
                assert index is not None
                self._answer(index, "refused")
            case Cleared():
                for index in event.flush_indices:
                    self._answer(index, "cleared")

    def _answer(self, index: int, answer: str) -> None:
        assert index not in self.answers
        self.answers[index] = answer


ServiceAndClient.TestCase.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
TestServiceAndClient = ServiceAndClient.TestCase
