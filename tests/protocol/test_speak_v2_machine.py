"""Flux TTS: random orders of commands, messages and audio against the documented service."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.protocol.speak_v2_messages import speech_started, warned

from speechwire.protocol import SpeakV2
from speechwire.protocol.speak_v2_events import Audio


class ServiceAndClient(RuleBasedStateMachine):
    """The documented service beside the client, each going on at its own pace.

    The service works through commands in order and puts audio, marked with its turn, and messages on a wire.
    It may refuse the offset of every interrupt, and has two ways to say that there was none to interrupt.
    """

    def __init__(self) -> None:
        super().__init__()
        self.client: Any = SpeakV2()
        self.commands: deque[str] = deque()
        # Each frame with the turn it ends the hearing of, if it does.
        self.wire: deque[tuple[str | bytes, int | None]] = deque()
        self.turns: deque[int] = deque()
        self.next_turn = 0
        self.open_turn: int | None = None
        self.made: Counter[int] = Counter()
        self.heard: Counter[int] = Counter()
        self.interrupted: set[int] = set()
        self.silenced: set[int] = set()

    @initialize(
        refuses_offsets=st.booleans(), idle=st.sampled_from(["NO_ACTIVE_SPEECH", "NO_AUDIO_GENERATED"])
    )
    def choose(self, refuses_offsets: bool, idle: str) -> None:
        self.refuses_offsets = refuses_offsets
        self.idle = idle

    @rule(command=st.sampled_from(["speak", "speak", "flush", "interrupt"]))
    def send(self, command: str) -> None:
        arguments = ("word ",) if command == "speak" else ()
        getattr(self.client, command)(*arguments)
        self.commands.append(command)

    @rule()
    def serve(self) -> None:
        """The service takes one command, or ends a turn."""
        if self.commands:
            getattr(self, f"_on_{self.commands.popleft()}")()
        elif self._can_end():
            self._put(f'{{"type":"SpeechMetadata","speech_id":"{self.turns[0]}"}}')
            self._next_turn()

    @rule()
    def deliver(self) -> None:
        if not self.wire:
            return
        frame, silenced = self.wire.popleft()
        for event in self.client.receive(frame):
            if isinstance(event, Audio):
                self._hear(event)
        if silenced is not None:
            self.silenced.add(silenced)

    def teardown(self) -> None:
        while self.commands or self.wire or self._can_end():
            self.serve()
            self.deliver()
        assert not self.client.interrupting
        for turn in self.made.keys() - self.interrupted:
            assert self.heard[turn] == self.made[turn]

    def _hear(self, event: Audio) -> None:
        turn = int(event.data)
        assert event.speech_id == str(turn)
        assert turn not in self.silenced
        # Every interrupt on its way silences, whichever turn it may hit.
        assert "interrupt" not in self.commands
        self.heard[turn] += 1

    def _can_end(self) -> bool:
        return bool(self.turns) and self.turns[0] != self.open_turn

    def _on_speak(self) -> None:
        if self.open_turn is None:
            self.open_turn = self.next_turn
            self.next_turn += 1
            self.turns.append(self.open_turn)
            if len(self.turns) == 1:
                self._start_turn()
        elif self.turns[0] == self.open_turn:
            self._synthesize()

    def _on_flush(self) -> None:
        if self.open_turn is None:
            self._put(warned("NO_ACTIVE_SPEECH"))
            return
        self._put(f'{{"type":"Flushed","speech_id":"{self.open_turn}"}}')
        self.open_turn = None
        self._synthesize()

    def _on_interrupt(self) -> None:
        # Whatever was made before it may be on its way, and is not to be heard.
        self.interrupted.update(self.made)
        if not self.turns:
            self._put(warned(self.idle))
            return
        turn = self.turns[0]
        if self.refuses_offsets:
            self._put(warned("INVALID_INTERRUPT_OFFSET"), silences=turn)
            return
        self._put(f'{{"type":"SpeechInterrupted","metadata":{{"speech_id":"{turn}"}}}}', silences=turn)
        if self.open_turn == turn:
            self.open_turn = None
        self._next_turn()

    def _next_turn(self) -> None:
        self.turns.popleft()
        if self.turns:
            self._start_turn()

    def _start_turn(self) -> None:
        self._put(speech_started(str(self.turns[0])))
        self._synthesize()

    def _synthesize(self) -> None:
        self.made[self.turns[0]] += 1
        self._put(str(self.turns[0]).encode())

    def _put(self, frame: str | bytes, silences: int | None = None) -> None:
        self.wire.append((frame, silences))


ServiceAndClient.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestServiceAndClient = ServiceAndClient.TestCase
