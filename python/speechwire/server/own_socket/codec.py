"""The server's codec for our own socket; without I/O and without a clock.

``asyncapi.yaml`` defines the messages. A worker that gets a `Resume` knows only what that message says about
the call. The codec therefore continues the old call: it continues the caption numbers, does not start an open
turn again, and leaves out words that were final.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from speechwire.server import codec as seam
from speechwire.server.own_socket import messages as wire
from speechwire.server.own_socket._captions import Captions
from speechwire.server.own_socket._clock import SampleClock
from speechwire.server.own_socket._speeches import Speeches

__all__ = ["OwnSocketCodec"]

_VERSION: Final = 1
_NOT_STARTED: Final = "the first message must be Start or Resume"
_STARTED_TWICE: Final = "Start and Resume begin a connection and come once"


class OwnSocketCodec:
    """One connection of our own socket."""

    name: Final = "speechwire"

    def __init__(self, opening: seam.Opening) -> None:
        self._format: wire.AudioFormat | None = None
        self._clock = SampleClock(8000)
        self._half_frame = 0  # bytes received of an incomplete frame
        self._resumed = False
        self._captions = Captions()
        self._speeches = Speeches()
        self._stopped = False

    def receive(self, message: str | bytes) -> list[seam.Incoming]:
        """Decode one message. Never raises for a client's message."""
        if isinstance(message, bytes):
            return self._audio(message)
        if len(message) > wire.MAX_MESSAGE_BYTES:
            return [seam.Malformed(reason=f"a message has more than {wire.MAX_MESSAGE_BYTES} characters")]
        try:
            decoded = wire.decode_client_message(message)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            return [seam.Malformed(reason=_without_content(error))]
        begins = isinstance(decoded, wire.Start | wire.Resume)
        if begins != (self._format is None):
            return [seam.Malformed(reason=_STARTED_TWICE if begins else _NOT_STARTED)]
        return _RECEIVE[type(decoded)](self, decoded)

    def audio_in(self, texts: Sequence[bytes]) -> bytes:
        """Return nothing: texts are control messages."""
        return b""

    def send(self, outgoing: seam.Outgoing) -> list[str | bytes]:
        """Encode a value as messages."""
        handler = _SEND.get(type(outgoing))
        return [] if handler is None else handler(self, outgoing)

    # From the client

    def _audio(self, data: bytes) -> list[seam.Incoming]:
        if self._format is None:
            return [seam.Malformed(reason=_NOT_STARTED)]
        if len(data) > wire.MAX_MESSAGE_BYTES:
            return [seam.Malformed(reason=f"a message has more than {wire.MAX_MESSAGE_BYTES} bytes")]
        if self._stopped or not data:
            return []
        whole, self._half_frame = divmod(self._half_frame + len(data), self._format.frame_bytes)
        self._clock.advance(whole)
        return [seam.Audio(data=data)]

    def _start(self, message: wire.Start) -> list[seam.Incoming]:
        if message.version != _VERSION:
            return [_unknown_version(message.version)]
        self._begin(message.format, message.speech)
        return [
            seam.Started(
                call_id="",
                format=_to_seam(message.format),
                speech=None if message.speech is None else _to_seam(message.speech),
                parameters=message.parameters,
                may_change_format=True,
                may_resume=True,
            )
        ]

    def _resume(self, message: wire.Resume) -> list[seam.Incoming]:
        if message.version != _VERSION:
            return [_unknown_version(message.version)]
        self._begin(message.format, message.speech)
        self._resumed = True
        self._clock = SampleClock(message.format.sample_rate, message.sample, message.time_s)
        self._captions = Captions.of(message)
        texts = self._speeches.resume(message)
        started = seam.Started(
            call_id=message.call,
            format=_to_seam(message.format),
            speech=None if message.speech is None else _to_seam(message.speech),
            parameters=message.parameters,
            position_s=message.time_s,
            turn_index=message.turn,
            resumed=True,
            may_change_format=True,
            may_resume=True,
        )
        return [started, *texts]

    def _begin(self, format: wire.AudioFormat, speech: wire.AudioFormat | None) -> None:
        self._format = format
        self._clock = SampleClock(format.sample_rate)
        if speech is not None:
            self._speeches.set_format(speech)

    def _change_format(self, message: wire.Format) -> list[seam.Incoming]:
        if self._half_frame:
            return [seam.Malformed(reason="the format changes in the middle of a sample")]
        self._format = message.format
        self._clock.change(message.format.sample_rate)
        return [seam.FormatChanged(format=_to_seam(message.format))]

    def _speak(self, message: wire.Speak) -> list[seam.Incoming]:
        return [seam.Text(text=message.text, key=message.id)]

    def _interrupt(self, _: wire.Interrupt) -> list[seam.Incoming]:
        return [seam.Interrupt()]

    def _played(self, message: wire.Played) -> list[seam.Incoming]:
        utterance = self._speeches.internal(message.utterance)
        if utterance is None:
            return []
        return [seam.Played(utterance=utterance, position_s=self._speeches.seconds(message.samples))]

    def _pong(self, message: wire.Ping) -> list[seam.Incoming]:
        return [seam.Reply(message=wire.encode(wire.Pong(id=message.id)))]

    def _close(self, _: wire.Close) -> list[seam.Incoming]:
        if self._stopped:
            return []
        self._stopped = True
        return [seam.Stopped(reason="Close")]

    # To the client

    def _queued(self, value: seam.Queued) -> list[str | bytes]:
        return [wire.encode(wire.Queued(position=value.position, timeout_s=value.timeout_s))]

    def _accepted(self, value: seam.Accepted) -> list[str | bytes]:
        speech = None if value.speech is None else _to_wire(value.speech)
        if speech is not None:
            self._speeches.set_format(speech)
        return [wire.encode(wire.Started(call=value.call_id, speech=speech, resumed=self._resumed))]

    def _caption(self, value: seam.Caption) -> list[str | bytes]:
        caption = self._captions.place(value)
        return [] if caption is None else [wire.encode(caption)]

    def _acknowledged(self, value: seam.Acknowledged) -> list[str | bytes]:
        return [wire.encode(wire.Acknowledged(sample=self._clock.sample_at(value.position_s)))]

    def _speech_started(self, value: seam.SpeechStarted) -> list[str | bytes]:
        return [wire.encode(self._speeches.start(value))]

    def _speech(self, value: seam.Speech) -> list[str | bytes]:
        return self._speeches.audio(value)

    def _speech_ended(self, value: seam.SpeechEnded) -> list[str | bytes]:
        return self._speeches.end(value)

    def _clear(self, _: seam.Clear) -> list[str | bytes]:
        self._speeches.clear()
        return [wire.encode(wire.Clear())]

    def _notice(self, value: seam.Notice) -> list[str | bytes]:
        notice = wire.Notice(code=value.code, description=value.description, seconds=value.seconds)
        return [wire.encode(notice)]

    def _failure(self, value: seam.Failure) -> list[str | bytes]:
        failure = wire.Failure(code=value.code, description=value.description, retryable=value.retryable)
        return [wire.encode(failure)]

    def _goodbye(self, value: seam.Goodbye) -> list[str | bytes]:
        goodbye = wire.Goodbye(code=value.code, reason=value.reason, retry_after_s=value.retry_after_s)
        return [wire.encode(goodbye)]


_RECEIVE: dict[type, Callable[[OwnSocketCodec, Any], list[seam.Incoming]]] = {
    wire.Start: OwnSocketCodec._start,
    wire.Resume: OwnSocketCodec._resume,
    wire.Format: OwnSocketCodec._change_format,
    wire.EndTurn: lambda _codec, _message: [seam.EndTurn()],
    wire.Speak: OwnSocketCodec._speak,
    wire.Interrupt: OwnSocketCodec._interrupt,
    wire.Played: OwnSocketCodec._played,
    wire.Cleared: lambda _codec, _message: [seam.Cleared()],
    wire.Ping: OwnSocketCodec._pong,
    wire.Close: OwnSocketCodec._close,
}
_SEND: dict[type, Callable[[OwnSocketCodec, Any], list[str | bytes]]] = {
    seam.Queued: OwnSocketCodec._queued,
    seam.Accepted: OwnSocketCodec._accepted,
    seam.Caption: OwnSocketCodec._caption,
    seam.Acknowledged: OwnSocketCodec._acknowledged,
    seam.SpeechStarted: OwnSocketCodec._speech_started,
    seam.Speech: OwnSocketCodec._speech,
    seam.SpeechEnded: OwnSocketCodec._speech_ended,
    seam.Clear: OwnSocketCodec._clear,
    seam.Notice: OwnSocketCodec._notice,
    seam.Failure: OwnSocketCodec._failure,
    seam.Goodbye: OwnSocketCodec._goodbye,
}


def _unknown_version(version: int) -> seam.Malformed:
    return seam.Malformed(reason=f"version {version} of the protocol is not known, only {_VERSION}")


def _without_content(error: Exception) -> str:
    """Describe the error without quoting the message, which may hold anything."""
    said = str(error) if isinstance(error, msgspec.ValidationError) else "it is no JSON of this protocol"
    return said.partition("'")[0].strip() if "Invalid value" in said else said[:200]


def _to_seam(format: wire.AudioFormat) -> seam.AudioFormat:
    return seam.AudioFormat(
        encoding=format.encoding, sample_rate=format.sample_rate, channels=format.channels
    )


def _to_wire(format: seam.AudioFormat) -> wire.AudioFormat:
    return msgspec.convert(msgspec.structs.asdict(format), wire.AudioFormat)
