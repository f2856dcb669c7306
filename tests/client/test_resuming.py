"""Whatever is cut, and wherever: all audio is heard; words and samples of speech come once, in order."""

from __future__ import annotations

from collections import deque

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.client.worker_model import RATE, TURN_WORDS, WORD, Worker, speech_of, tagged

from speechwire.client._conversation import Conversation
from speechwire.client.events import AudioDropped, CallEvent, SpeechAudio
from speechwire.server.codec import Opening
from speechwire.server.own_socket.codec import OwnSocketCodec
from speechwire.server.own_socket.messages import AudioFormat, Caption, SpeechEnded, SpeechStarted

MONO = AudioFormat(sample_rate=RATE)


class World:
    """A client, and one worker after the other."""

    def __init__(self, buffer_s: float = 60.0) -> None:
        self.client = Conversation(MONO, MONO, {}, buffer_s)
        self.events: list[CallEvent] = []
        self.pushed = 0
        self.said: list[str] = []
        self.connections = 0
        self.connect()

    def connect(self) -> None:
        """Cut whatever there is, and begin on a worker that knows nothing."""
        self.connections += 1
        self.worker = Worker(OwnSocketCodec(Opening(path="/socket")))
        self.up: deque[str | bytes] = deque()
        self.down: deque[str | bytes] = deque()
        self.events += self.client.lost_before()
        self.up.append(self.client.connected())

    def push(self, size: int) -> None:
        audio = tagged(self.pushed // 2, (self.pushed + size) // 2 + 1)
        begin = self.pushed % 2
        self.events += self.client.push(audio[begin : begin + size])
        self.pushed += size

    def say(self) -> None:
        text = str(len(self.said) + 1)
        self.said.append(text)
        self.client.say(text)

    def send(self, count: int) -> None:
        for _ in range(count):
            frame = self.client.next_frame()
            if frame is None:
                return
            self.up.append(frame)

    def carry(self, count: int) -> None:
        for _ in range(min(count, len(self.up))):
            self.down += self.worker.receive(self.up.popleft())
            assert self.worker.wrong == []

    def speak(self, count: int) -> None:
        for _ in range(count):
            self.down += self.worker.step()

    def bring(self, count: int) -> None:
        for _ in range(min(count, len(self.down))):
            self.events += self.client.receive(self.down.popleft())

    def run_to_the_end(self) -> None:
        self.push(self.pushed % 2)
        for _ in range(100):
            if self.worker.done and not self.down and not self.worker.is_speaking:
                return
            if self.client.has_gap:
                self.connect()
            self.send(1000)
            self.carry(1000)
            self.speak(1000)
            self.bring(1000)
            if not self.worker.is_speaking:
                self.client.finish()
        raise AssertionError("the call does not come to its end")

    @property
    def captions(self) -> list[Caption]:
        return [event for event in self.events if isinstance(event, Caption)]

    def final_words(self) -> list[int]:
        finals = [each.transcript for each in self.captions if each.event == "EndOfTurn"]
        return [int(word) for text in finals for word in text.split()]


COUNT = st.integers(0, 12)
ROUND = st.tuples(st.integers(0, 900), st.booleans(), COUNT, COUNT, COUNT, COUNT, st.booleans())
ROUNDS = st.lists(ROUND, min_size=1, max_size=12)
Rounds = list[tuple[int, bool, int, int, int, int, bool]]


def play(world: World, rounds: Rounds) -> None:
    """Play rounds, each of which may end with a cut."""
    for push, say, send, carry, speak, bring, cut in rounds:
        world.push(push)
        if say:
            world.say()
        world.send(send)
        world.carry(carry)
        world.speak(speak)
        world.bring(bring)
        if cut or world.client.has_gap:
            world.connect()
    world.run_to_the_end()


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(ROUNDS)
def test_nothing_is_lost_and_nothing_comes_twice(rounds: Rounds) -> None:
    world = World()
    play(world, rounds)
    words = list(range(world.pushed // 2 // WORD))
    assert world.final_words() == words
    assert not any(isinstance(event, AudioDropped) for event in world.events)
    check_captions(world.captions, words)
    check_speech(world)


def check_captions(captions: list[Caption], words: list[int]) -> None:
    assert [each.number for each in captions] == list(range(1, len(captions) + 1))
    turns = -(-len(words) // TURN_WORDS)
    assert [each.turn for each in captions if each.event == "StartOfTurn"] == list(range(turns))
    assert [each.turn for each in captions if each.event == "EndOfTurn"] == list(range(turns))


def check_speech(world: World) -> None:
    started = [event for event in world.events if isinstance(event, SpeechStarted)]
    assert [event.text for event in started] == world.said
    assert [event.utterance for event in started] == list(range(len(world.said)))
    ended = [event for event in world.events if isinstance(event, SpeechEnded)]
    assert [event.utterance for event in ended] == list(range(len(world.said)))
    for utterance, text in enumerate(world.said):
        pieces = [
            event for event in world.events if isinstance(event, SpeechAudio) and event.utterance == utterance
        ]
        assert b"".join(piece.data for piece in pieces) == speech_of(text)
        lengths = [len(piece.data) // 2 for piece in pieces]
        assert [piece.sample for piece in pieces] == [sum(lengths[:at]) for at in range(len(pieces))]


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(ROUNDS)
def test_what_a_full_buffer_loses_is_said(rounds: Rounds) -> None:
    world = World(buffer_s=0.05)  # 400 samples, ten words
    play(world, rounds)
    words = world.final_words()
    assert words == sorted(set(words))
    missing = world.pushed // 2 // WORD - len(words)
    dropped = world.client.dropped_s * RATE / WORD
    # A word of which a part is lost is none: at most two for each loss.
    assert missing <= dropped + 2 * world.connections
    losses = [event for event in world.events if isinstance(event, AudioDropped)]
    assert bool(losses) == (dropped > 0)
    assert sum(loss.seconds for loss in losses) <= world.client.dropped_s + 1e-9
