"""What both listen protocols share: audio going up, how far results cover it, and one Configure at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Final

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol._endpoint import ConfigureSlot, Endpoint, EventT, text_frame
from speechwire.protocol._numbers import LATEST_S
from speechwire.protocol.encodings import SAMPLE_BYTES

__all__ = ["ListenEndpoint"]

# A result may end so much later than what was sent, and still be believed: rounding, and 32-bit floats.
_TOLERANCE_S: Final = 0.1


class ListenEndpoint(Endpoint[EventT]):
    """Audio up, results down."""

    _tail_s: ClassVar[float]
    """How little of the audio may be left without a result at the end, in good health."""

    def __init__(self, encoding: str | None, sample_rate: int | None, channels: int) -> None:
        super().__init__()
        frame_bytes = SAMPLE_BYTES.get(encoding or "", 0) * channels
        self._frame_bytes = frame_bytes or 1
        # Frames a second; without an end where the encoding does not tell, so that no time has passed.
        self._is_measured = bool(frame_bytes and sample_rate)
        self._frame_rate = float(sample_rate) if frame_bytes and sample_rate else math.inf
        self._bytes_sent = 0
        self._final_s = 0.0
        self._progress_s = 0.0
        self._configure_slot = ConfigureSlot()

    @property
    def sent_s(self) -> float:
        """Seconds given to `send_audio`, exact in samples; 0 for audio whose bytes do not tell its length."""
        return self._bytes_sent // self._frame_bytes / self._frame_rate

    @property
    def final_s(self) -> float:
        """Up to where results are final, in seconds; never falls, never more than was sent.

        For audio whose bytes do not tell its length it is what the service says, within a week.
        """
        return self._final_s

    @property
    def progress_s(self) -> float:
        """Up to where there is any result, in seconds; never falls, never more than was sent."""
        return self._progress_s

    def send_audio(self, pcm: bytes | bytearray | memoryview) -> bytes:
        """The binary frame for a piece of audio of any length; whole sample frames are advised.

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
        """What a time from the service may be at most; a later one is made this."""
        return self.sent_s if self._is_measured else LATEST_S

    def _has_heard(self, until_s: float) -> bool | None:
        """Whether results that reach `until_s` reach the end of what was sent; ``None`` if nobody can say."""
        return until_s > self.sent_s - self._tail_s if self._is_measured else None

    def _configure(self, parts: Mapping[str, object]) -> str:
        self._require_open("send Configure")
        if not parts:
            raise InvalidArgument("configure", "nothing", "at least one thing to change")
        self._configure_slot.take()
        return text_frame(type="Configure", **parts)

    def _is_believed(self, end_s: float) -> bool:
        """Whether a result that ends there may be of what was sent; else it does not show what was heard."""
        return end_s <= self._latest_s + _TOLERANCE_S

    def _cover(self, *, final_s: float = 0.0, progress_s: float = 0.0) -> None:
        # A service that claims more than it was given must not make a caller forget audio.
        if self._is_measured:
            sent_s = self.sent_s
            final_s = final_s if final_s <= sent_s else sent_s
            progress_s = progress_s if progress_s <= sent_s else sent_s
        if final_s > self._final_s:
            self._final_s = final_s
        furthest_s = progress_s if progress_s > self._final_s else self._final_s
        if furthest_s > self._progress_s:
            self._progress_s = furthest_s


def _as_bytes(pcm: object) -> bytes:
    if not isinstance(pcm, (bytes, bytearray, memoryview)):
        raise InvalidArgumentType("pcm", pcm, "bytes-like")
    return bytes(pcm)
