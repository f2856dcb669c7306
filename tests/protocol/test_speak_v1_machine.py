"""Aura: a documented service and the client beside each other, in every order."""

from __future__ import annotations

import dataclasses
from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from speechwire.protocol import SpeakV1
from speechwire.protocol.limits import FLUSHES
from speechwire.protocol.speak_v1_events import Audio, Cleared, Flushed, Warning

FLUSHED = "Flushed"
CLEARED = "Cleared"
REFUSED = '{"type":"Warning","warn_code":"EXCESSIVE_FLUSH","warn_msg":"Rate limit exceeded for flushes."}'


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
        self.counted = 0
        self.last_answer = ""

    @initialize(wiped_answers=st.sampled_from(["none", "before", "after"]))
    def choose(self, wiped_answers: str) -> None:
        self.wiped_answers = wiped_answers
        # A service refuses none of the first.
        for index in range(FLUSHES):
            self.client.speak("word")
            self.client.flush()
            self.client.receive(self._numbered(FLUSHED))
            self.answers[index] = "flushed"
        self.flushes_done = FLUSHES

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
            frame = self.wire.popleft()
            if frame in (FLUSHED, CLEARED):
                frame = self.last_answer = self._numbered(str(frame))
            elif isinstance(frame, bytes):
                self.last_answer = ""
            self._receive(frame)

    @precondition(lambda self: self.last_answer)
    @rule()
    def repeat(self) -> None:
        """An answer comes once more, on the heels of the first."""
        self._receive(self.last_answer)

    def _receive(self, frame: str | bytes) -> None:
        for event in self.client.receive(frame):
            self._check(event)

    def _numbered(self, kind: str) -> str:
        self.counted += 1
        return f'{{"type":"{kind}","sequence_id":{self.counted - 1}}}'

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
