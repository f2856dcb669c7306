"""What both listen protocols share: audio going up, how far results cover it, and one Configure at a time."""

from __future__ import annotations

from collections.abc import Mapping

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol._endpoint import ConfigureSlot, Endpoint, EventT, text_frame

__all__ = ["ListenEndpoint"]

# Encodings with a fixed size for each sample; the length of the others' audio cannot be told from its bytes.
_SAMPLE_BYTES: Mapping[str | None, int] = {"linear16": 2, "linear32": 4, "mulaw": 1, "alaw": 1}


class ListenEndpoint(Endpoint[EventT]):
    """Audio up, results down."""

    def __init__(self, encoding: str | None, sample_rate: int | None, channels: int) -> None:
        super().__init__()
        self._frame_bytes = _SAMPLE_BYTES.get(encoding, 0) * channels
        self._sample_rate = sample_rate or 0
        self._bytes_sent = 0
        self._final_s = 0.0
        self._progress_s = 0.0
        self._configure_slot = ConfigureSlot()

    @property
    def audio_sent_s(self) -> float | None:
        """Seconds given to `send_audio`, exact in samples; ``None`` if the encoding does not tell."""
        if not self._frame_bytes or not self._sample_rate:
            return None
        return self._bytes_sent // self._frame_bytes / self._sample_rate

    @property
    def final_s(self) -> float:
        """Up to where results are final, in seconds; never falls, never more than was sent."""
        return self._final_s

    @property
    def progress_s(self) -> float:
        """Up to where there is any result, in seconds; never falls, never more than was sent."""
        return self._progress_s

    @property
    def configure_pending(self) -> bool:
        """Whether a ``Configure`` waits for its answer."""
        return self._configure_slot.pending

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

    def _configure(self, parts: Mapping[str, object]) -> str:
        self._require_open("send Configure")
        if not parts:
            raise InvalidArgument("configure", "nothing", "at least one thing to change")
        self._configure_slot.take()
        return text_frame(type="Configure", **parts)

    def _cover(self, *, final_s: float = 0.0, progress_s: float = 0.0) -> None:
        # A service that claims more than it was given must not make a caller forget audio.
        sent_s = self.audio_sent_s
        if sent_s is not None:
            final_s, progress_s = min(final_s, sent_s), min(progress_s, sent_s)
        self._final_s = max(self._final_s, final_s)
        self._progress_s = max(self._progress_s, self._final_s, progress_s)


def _as_bytes(pcm: object) -> bytes:
    if not isinstance(pcm, (bytes, bytearray, memoryview)):
        raise InvalidArgumentType("pcm", pcm, "bytes-like")
    return bytes(pcm)
