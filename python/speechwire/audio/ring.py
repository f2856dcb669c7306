"""The ring of one stream's audio: converted, sent at once or queued, and kept until a result acknowledges it.

A frame is one sample of each channel; every position is a count of frames since the stream began, as the
caller pushed them, after conversion. States of a frame, in the order of positions:

* *fresh*: pushed and not yet a whole message: inside the converter, or less than a frame;
* *queued*: in a message that waits; at most ``queue_frames``, beyond which the oldest is dropped;
* *sent*: handed to a connection and not acknowledged; at most ``replay_frames``, beyond which the oldest are
  released, which is a loss only if a rewind needs them later;
* *acknowledged*: covered by a final result; no longer kept, except for a run-up.

A connection is *closed* (all audio is queued), *busy* (something else must be sent first) or *resting*. While
it rests and the pacer permits, a push that continues the audio returns the message, which counts as sent.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["AudioRing", "Converter"]


class Converter(Protocol):
    """A stateful converter; :class:`speechwire.audio.PcmPipeline` is one.

    It may also have a method ``flush_whole``: as ``flush``, but an incomplete input frame stays. It is called
    when the stream continues after a flush. Without it, audio pushed after a flush begins a new frame.
    """

    def push(self, pcm: bytes, /) -> list[bytes]:
        """Take audio of any length; return zero or more chunks to send."""

    def flush(self) -> list[bytes]:
        """Return the remaining chunks, the last of which may be shorter; the converter is then as new."""


class AudioRing(Protocol):
    """The interface of both engines' rings. Never blocks. Only :meth:`counts` may be called by other threads.

    Frames, counts and positions are ints from 0 to 2**53.

    Raises:
        InvalidArgument: From any method: an argument is out of range; nothing has changed.
        InvalidArgumentType: An argument has the wrong type.
    """

    @property
    def engine(self) -> str:
        """``"native"`` or ``"python"``."""

    def push(self, pcm: bytes, now: float, /) -> bytes | list[bytes] | None:
        """Take audio of any length.

        Args:
            pcm: Any C-contiguous bytes-like object; may end anywhere.
            now: The time in seconds, finite.

        Returns:
            ``None`` if there is nothing to do. One message to send now, which counts as sent. Or a list of
            such messages, if there are several or the sending task has work; the list may be empty.

        Raises:
            InvalidArgumentType: ``pcm`` is not such an object.
        """

    def flush_converter(self, *, at_end: bool = False) -> None:
        """Queue the audio left in the converter, in whole frames.

        Args:
            at_end: Whether no more audio follows. An incomplete frame is then filled up with zeros and
                queued, or dropped by the converter. Otherwise it waits for its other bytes.
        """

    def exchange(self, converter: Converter | None) -> None:
        """Use another converter from here on; flush the old one to its end."""

    def mark_flush(self) -> None:
        """Queue a flush after the audio queued so far; two flushes after the same audio count as one."""

    def take_dropped(self) -> tuple[int, bool]:
        """Frames dropped since the last call, and whether a new overflow has begun since then."""

    @property
    def last_push_at(self) -> float:
        """When audio was pushed last."""

    @property
    def pushes(self) -> int:
        """How often audio was pushed."""

    @property
    def piece_s(self) -> float:
        """The length of recent pushes in seconds: a caller of long pieces does not pause between them."""

    def take(self, now: float, /) -> tuple[bytes, int, int] | None:
        """Take the next message, which counts as sent from now on.

        Returns:
            The message, its position on the connection, and its position for the caller. ``None`` for a
            flush, and if nothing is :attr:`waiting`.
        """

    def put_in_silence(self, frames: int, /) -> int:
        """Count inserted silence as sent; return its position on the connection."""

    def open(self, speed: float | None, burst_s: float) -> None:
        """A new connection begins, busy, paced as by :meth:`pace`."""

    def pace(self, speed: float | None, burst_s: float) -> None:
        """Permit a burst in seconds of audio, then ``speed`` times real time; ``None`` for no limit.

        ``speed`` is above 0, ``burst_s`` 0 or more, both finite.

        Live audio never waits: it comes at real time, so the permitted burst is restored sooner (Deepgram
        docs: recovering-from-connection-errors-and-timeouts).
        """

    def close(self) -> None:
        """There is no connection any more."""

    def rest(self, is_resting: bool, /) -> None:
        """Set whether only audio is to be sent on the connection, if there is one."""

    @property
    def free_at(self) -> float:
        """The time at which the pacer permits more; in the past if it permits more now."""

    @property
    def connection_frames(self) -> int:
        """Frames handed to the connection, silence included."""

    def counts(self) -> tuple[int, int, int, int]:
        """Over all connections: messages, frames, and of these the repeated ones and those of silence."""

    def acknowledge(self, position: int, run_up: int = 0) -> None:
        """Record that all audio before ``position`` has a final result.

        Args:
            position: A position beyond the end counts as the end.
            run_up: By how many frames a replay must begin earlier, because the cut may lie inside a word.
        """

    def rewind(self, *, replaced: bool = False) -> int:
        """Put needed sent audio before the waiting audio; return how many needed frames were released.

        Args:
            replaced: Whether the connection had not failed, so that this repetition does not count.
        """

    def give_up_repeats(self, until: int | None = None) -> int:
        """Drop repeated audio; return how many of its frames no result acknowledges.

        Args:
            until: Drop only audio that begins before this position; ``None`` drops all of it.
        """

    def overdrawn_frames(self) -> int:
        """By how many frames repetition would exceed three times the unacknowledged audio, if sent now."""

    def unanswered_frames(self) -> int:
        """Frames, sent or not, that no result acknowledges, without those counted as dropped."""

    def fork(self) -> AudioRing:
        """An independent copy with counters of its own, without a connection and without a converter."""

    @property
    def end(self) -> int:
        """Position after the last frame pushed."""

    @property
    def acknowledged(self) -> int:
        """Position up to which results are final."""

    @property
    def next_position(self) -> int:
        """The position up to which audio has been sent."""

    @property
    def waiting(self) -> int:
        """How many messages and flushes wait."""

    @property
    def queued_frames(self) -> int:
        """Frames that wait."""

    @property
    def kept_frames(self) -> int:
        """Frames that were sent and are kept for a replay."""

    @property
    def is_unanswered(self) -> bool:
        """Whether there is audio that no result acknowledges."""
