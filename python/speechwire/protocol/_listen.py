"""The common base of the listen protocols: audio sent, audio covered by results, and ``Configure``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol._endpoint import ConfigureSlot, Endpoint, EventT, text_frame
from speechwire.protocol._numbers import LATEST_S
from speechwire.protocol.encodings import SAMPLE_BYTES

__all__ = ["ListenEndpoint"]

# A result may end this much after the audio sent and still be accepted: rounding, and 32-bit floats.
_TOLERANCE_S: Final = 0.1


class ListenEndpoint(Endpoint[EventT]):
    """A protocol that sends audio and receives results."""

    _tail_s: ClassVar[float]
    """How much audio, in seconds, a healthy service may leave without a result at the end."""

    def __init__(self, encoding: str | None, sample_rate: int | None, channels: int) -> None:
        super().__init__()
        frame_bytes = SAMPLE_BYTES.get(encoding or "", 0) * channels
        self._frame_bytes = frame_bytes
        self._frame_rate = sample_rate or 0
        # The length of compressed audio is not known.
        self._is_measured = bool(frame_bytes and sample_rate)
        self._bytes_sent = 0
        self._final_s = 0.0
        self._progress_s = 0.0
        self._configure_slot = ConfigureSlot()

    @property
    def sent_s(self) -> float:
        """Seconds of audio given to `send_audio`, exact in samples; 0 for compressed audio."""
        return self._bytes_sent // self._frame_bytes / self._frame_rate if self._is_measured else 0.0

    @property
    def final_s(self) -> float:
        """The position up to which results are final, in seconds. Never decreases, never exceeds `sent_s`.

        For compressed audio it is the service's own position, at most a week.
        """
        return self._final_s

    @property
    def progress_s(self) -> float:
        """The position up to which there are any results, in seconds. Never decreases or exceeds `sent_s`."""
        return self._progress_s

    def send_audio(self, pcm: bytes | bytearray | memoryview) -> bytes:
        """Makes the binary frame for a piece of audio of any length; prefer whole sample frames.

        Does not copy ``bytes``.

        Raises:
            InvalidArgument: `pcm` is empty. An empty frame would end the stream.
            InvalidArgumentType: `pcm` is not bytes-like.
            LocalProtocolError: The connection is closing or closed.
        """
        frame = pcm if type(pcm) is bytes else _as_bytes(pcm)
        if not frame:
            raise InvalidArgument("pcm", frame, "at least one byte")
        self._require_open("send audio")
        self._bytes_sent += len(frame)
        return frame

    def close_stream(self) -> str:
        """The frame that asks for the last results and the end of the connection.

        Raises:
            LocalProtocolError: The connection is closing or closed.
        """
        return self._close("CloseStream")

    def give_up_configure(self) -> None:
        """Forgets the ``Configure`` in flight, whose answer is overdue, so that the next one may be sent.

        Services of before October 2026 do not answer a ``Configure`` that succeeds.
        """
        self._configure_slot.release()

    @property
    def _latest_s(self) -> float:
        """The latest time accepted from the service; later times are reduced to it."""
        return self.sent_s if self._is_measured else LATEST_S

    def _has_heard(self, until_s: float) -> bool | None:
        """Whether results up to `until_s` cover all audio sent; ``None`` for compressed audio."""
        return until_s > self.sent_s - self._tail_s if self._is_measured else None

    def _configure(self, parts: Mapping[str, object]) -> str:
        self._require_open("send Configure")
        if not parts:
            raise InvalidArgument("configure", "nothing", "at least one thing to change")
        self._configure_slot.take()
        return text_frame(type="Configure", **parts)

    def _is_believed(self, end_s: float) -> bool:
        """Whether a result that ends at `end_s` lies within the audio sent; else it proves nothing."""
        return end_s <= self._latest_s + _TOLERANCE_S

    def _cover(self, final_s: float, progress_s: float) -> None:
        # A service that claims more audio than it was sent must not make a caller drop audio.
        latest_s = self._latest_s
        self._final_s = max(self._final_s, min(final_s, latest_s))
        self._progress_s = max(self._progress_s, self._final_s, min(progress_s, latest_s))


def _as_bytes(pcm: object) -> bytes:
    if not isinstance(pcm, (bytes, bytearray, memoryview)):
        raise InvalidArgumentType("pcm", pcm, "bytes-like")
    return bytes(pcm)
