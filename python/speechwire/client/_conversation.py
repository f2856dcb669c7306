"""A call's state over all its connections: what to send, what came, where to resume. Without I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from speechwire.client._audio_log import AudioLog, Chunk
from speechwire.client._speeches import Speeches
from speechwire.client.events import AudioDropped, CallEvent, Resumed
from speechwire.errors import LocalProtocolError
from speechwire.server.own_socket import messages as wire
from speechwire.server.own_socket._clock import SampleClock

__all__ = ["Conversation"]

_START: Final = "StartOfTurn"
_END: Final = "EndOfTurn"
_CALL_NAME_MOST: Final = 128
_MOST_END_TURNS: Final = 64


class Conversation:
    """The client's half of the protocol, without I/O and without a clock.

    Args:
        format: The format of the pushed audio.
        speech: The format in which to receive speech; ``None`` for no speech.
        parameters: Parameters for the application.
        buffer_s: The most audio kept, in seconds.

    Attributes:
        call: The server's id of the call; empty until it has answered.
        speech: The format of the speech that comes.
        dropped_s: Seconds of audio lost.
        goodbye: The server's last message on this connection.
        failure: Why the server ended this connection.
        answered: Whether this connection's ``Started`` has come.
        has_gap: Whether audio that was due on this connection is lost, so that a new connection is needed.
        is_finishing: Whether no audio follows.
        silenced_before: Audio of utterances before this one is discarded.
    """

    def __init__(
        self,
        format: wire.AudioFormat,
        speech: wire.AudioFormat | None,
        parameters: Mapping[str, str],
        buffer_s: float,
    ) -> None:
        self.call = ""
        self.speech = speech
        self.dropped_s = 0.0
        self.goodbye: wire.Goodbye | None = None
        self.failure: wire.Failure | None = None
        self.answered = self.has_gap = self.is_finishing = False
        self.silenced_before = 0
        self._wanted = speech
        self._parameters = dict(parameters)
        self._log = AudioLog(format, buffer_s)
        self._clock = SampleClock(format.sample_rate)
        self._speeches = Speeches()
        self._outbox: deque[str] = deque()
        self._end_turns: deque[int] = deque(maxlen=_MOST_END_TURNS)
        self._end_turns_sent = 0
        self._is_dropping = False
        self._declared = format  # on this connection
        self._acknowledged = 0
        self._number = 0
        self._turn = 0
        self._turn_open = False
        self._heard_s: dict[int, float] = {}
        self._close_sent = False
        self._sent_again_s = 0.0

    @property
    def pushed_s(self) -> float:
        """Audio pushed, in seconds."""
        return self._clock.time_s

    @property
    def acknowledged(self) -> int:
        """Position of the first sample that the server may not have answered."""
        return self._acknowledged

    @property
    def kept_s(self) -> float:
        """Audio kept, in seconds."""
        return self._log.kept_s

    def push(self, pcm: bytes) -> list[CallEvent]:
        """Take audio of any length.

        Raises:
            LocalProtocolError: :meth:`finish` was called before.
        """
        if self.is_finishing:
            raise LocalProtocolError("cannot push audio: the call has been finished")
        is_lost = self._log.push(pcm) > 0
        self._clock.advance(self._log.end - self._clock.sample)
        if not is_lost:
            return []
        self.has_gap = True
        return self.lost_before()

    def change_format(self, format: wire.AudioFormat) -> None:
        """The audio pushed from here on has another format."""
        self._log.change_format(format)
        self._clock.change(format.sample_rate)

    def say(self, text: str) -> str:
        """Ask for a text to be spoken; returns its ``id``."""
        message = self._speeches.ask(text)
        self._outbox.append(wire.encode(message))
        return message.id

    def interrupt(self) -> None:
        """Stop what is being said and what waits."""
        self.silenced_before = self._speeches.next_utterance
        self._speeches.interrupt()
        self._outbox.append(wire.encode(wire.Interrupt()))

    def end_turn(self) -> None:
        """Say that the turn is over, behind the audio pushed so far."""
        if self._log.end > self._acknowledged:
            self._end_turns.append(self._log.end)

    def played(self, utterance: int, samples: int) -> None:
        """Report how much of an utterance was heard."""
        self._outbox.append(wire.encode(wire.Played(utterance=utterance, samples=samples)))

    def finish(self) -> None:
        """No audio follows."""
        self.is_finishing = True

    def connected(self) -> str:
        """A connection is open; returns its first message."""
        self.goodbye = self.failure = None
        self.answered = self.has_gap = self._close_sent = False
        self._outbox.clear()
        self._speeches.disconnect()
        self._sent_again_s = self._log.taken_s
        self._log.rewind()
        self._end_turns_sent = 0
        first = self._log.first
        self._declared = first.format if first else self._log.format
        if not self.call and self._log.begin == 0:
            self._outbox.extend(wire.encode(message) for message in self._speeches.again())
            return wire.encode(
                wire.Start(format=self._declared, speech=self._wanted, parameters=self._parameters)
            )
        return wire.encode(self._resume())

    def give_up(self) -> AudioDropped:
        """Count all unacknowledged audio as lost."""
        lost_s = self._clock.time_of(self._log.end) - self._clock.time_of(self._acknowledged)
        self._acknowledged = self._log.end
        self.dropped_s += lost_s
        return AudioDropped(seconds=lost_s)

    def lost_before(self) -> list[CallEvent]:
        """Count audio as lost that was sent on the lost connection, not acknowledged, and no longer kept."""
        gap = self._log.begin - self._acknowledged
        if gap <= 0:
            return []
        lost_s = self._clock.time_of(self._log.begin) - self._clock.time_of(self._acknowledged)
        self._acknowledged = self._log.begin
        self.dropped_s += lost_s
        is_told, self._is_dropping = self._is_dropping, True
        return [] if is_told else [AudioDropped(seconds=lost_s)]

    def next_frame(self) -> str | bytes | None:
        """The next frame to send on this connection; ``None`` if there is none now."""
        if self.has_gap:
            return None
        if self._outbox:
            return self._outbox.popleft()
        chunk = self._log.peek()
        if self._is_end_turn_due(chunk):
            self._end_turns_sent += 1
            return wire.encode(wire.EndTurn())
        if chunk is not None:
            return self._audio(chunk)
        if self.is_finishing and not self._close_sent:
            self._close_sent = True
            return wire.encode(wire.Close())
        return None

    def receive(self, frame: str | bytes) -> list[CallEvent]:
        """Handle a message of the server; return the events for the caller.

        Raises:
            msgspec.MsgspecError: It is not a message of this protocol.
        """
        if isinstance(frame, bytes):
            piece = self._speeches.audio(frame, self.speech.frame_bytes if self.speech else 2)
            return [] if piece is None else [piece]
        message = wire.decode_server_message(frame)
        match message:
            case wire.Caption():
                return self._caption(message)
            case wire.Acknowledged():
                self._acknowledge(message.sample)
            case wire.Started():
                return self._started(message)
            case wire.SpeechStarted():
                return [message] if self._speeches.start(message) else []
            case wire.SpeechEnded():
                return [message] if self._speeches.end(message) else []
            case wire.Clear():
                self._speeches.clear()
                self._outbox.append(wire.encode(wire.Cleared()))
                return [message]
            case wire.Notice() | wire.Queued():
                return [message]
            case wire.Failure():
                self.failure = message
            case wire.Goodbye():
                self.goodbye = message
        return []

    def _is_end_turn_due(self, chunk: Chunk | None) -> bool:
        if self._end_turns_sent == len(self._end_turns):
            return False
        return chunk is None or chunk.sample >= self._end_turns[self._end_turns_sent]

    def _audio(self, chunk: Chunk) -> str | bytes:
        if chunk.format != self._declared:
            self._declared = chunk.format
            return wire.encode(wire.Format(format=chunk.format))
        self._log.take()
        return chunk.data

    def _resume(self) -> wire.Resume:
        begin = self._log.begin
        channels = max(self._heard_s, default=-1) + 1
        return wire.Resume(
            call=self.call,
            format=self._declared,
            speech=self.speech,
            parameters=self._parameters,
            sample=begin,
            time_s=self._clock.time_of(begin),
            number=self._number,
            turn=self._turn,
            turn_open=self._turn_open,
            heard_s=tuple(self._heard_s.get(channel, 0.0) for channel in range(min(channels, 32))),
            utterance=self._speeches.next_utterance,
            speeches=self._speeches.unfinished(),
        )

    def _started(self, message: wire.Started) -> list[CallEvent]:
        self.answered = True
        self._is_dropping = False
        self.speech = message.speech
        # Keep the first id, which is in the logs, even if a later server gives another.
        self.call = self.call or message.call[:_CALL_NAME_MOST]
        return [Resumed(sent_again_s=self._sent_again_s)] if message.resumed else []

    def _caption(self, message: wire.Caption) -> list[CallEvent]:
        if message.number <= self._number:
            return []
        self._number = message.number
        if message.event == _START:
            self._turn, self._turn_open = message.turn, True
        elif message.event == _END:
            self._turn, self._turn_open = message.turn + 1, False
            heard_s = max(self._heard_s.get(message.channel, 0.0), message.end_s)
            self._heard_s[message.channel] = heard_s
            if self._log.format.channels == 1:
                self._acknowledge(self._clock.sample_at(message.end_s))
        return [message]

    def _acknowledge(self, sample: int) -> None:
        self._log.acknowledge(sample)
        self._acknowledged = max(self._acknowledged, min(sample, self._log.begin))
        while self._end_turns_sent and self._end_turns[0] <= self._acknowledged:
            self._end_turns.popleft()
            self._end_turns_sent -= 1
