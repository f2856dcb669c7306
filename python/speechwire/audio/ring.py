"""The ring of one stream's audio: converted, sent at once or queued, and kept until a result acknowledges it.

A frame is one sample of each channel; every position is a count of frames since the stream began, as the
caller pushed them, after conversion. States of a frame, in the order of positions:

* *fresh*: pushed and not yet a whole message; inside the converter, or less than a frame;
* *queued*: a message, or a flush, that waits; at most ``queue_frames``, beyond which the oldest is dropped;
* *sent*: handed to a connection and not acknowledged; at most ``replay_frames``, beyond which the oldest are
  released, which is a loss only if a rewind then needs them;
* *acknowledged*: a result that will not change covers it; kept no longer, but for a run-up.

A connection is *closed* (everything is queued), *busy* (something else is to be sent first) or *resting*:
then a push that continues the audio returns the message to send, and the pacer permitting, it counts as sent.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["AudioRing", "Converter"]


class Converter(Protocol):
    """A stateful converter; :class:`speechwire.audio.PcmPipeline` is one.

    It may have a method ``flush_whole`` as well: as ``flush``, but what is left of an input frame stays. It
    is called where the stream goes on after a flush. Without it, what is pushed after a flush begins a frame.
    """

    def push(self, pcm: bytes, /) -> list[bytes]:
        """Take audio of any length; return zero or more chunks to send."""

    def flush(self) -> list[bytes]:
        """Return what is left, the last chunk perhaps shorter; the converter is then as new."""


class AudioRing(Protocol):
    """What both engines offer. Never waits; belongs to one thread, but for :meth:`counts`.

    Frames, counts and positions are ints from 0 to 2**53.

    Raises:
        InvalidArgument: From any method: an argument is out of its range; nothing has changed.
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
            ``None`` if there is nothing to do. A message to send now, which counts as sent. Or a list of such
            messages, perhaps empty, if there are several, or the sending task has something to do.

        Raises:
            InvalidArgumentType: ``pcm`` is not such an object.
        """

    def flush_converter(self, *, at_end: bool = False) -> None:
        """Queue what is left in the converter, in whole frames.

        Args:
            at_end: No more audio follows: what is left of a frame is filled up with zeros and queued too, or
                forgotten by the converter. Otherwise it waits for its other bytes.
        """

    def exchange(self, converter: Converter | None) -> None:
        """Convert with another converter from here on; that is the end of the one before."""

    def mark_flush(self) -> None:
        """Ask for a flush behind the audio queued so far; one behind the same audio is one."""

    def take_dropped(self) -> tuple[int, bool]:
        """Frames dropped since the last call, and whether an overflow has begun: once for each."""

    @property
    def last_push_at(self) -> float:
        """When audio was pushed last."""

    @property
    def pushes(self) -> int:
        """How often audio was pushed."""

    @property
    def piece_s(self) -> float:
        """How long the pieces last that are pushed now: who pushes seconds is not silent in between."""

    def take(self, now: float, /) -> tuple[bytes, int, int] | None:
        """The next thing to send, which counts as sent from now on.

        Returns:
            The message, where it begins on the connection, and where for the caller; ``None`` for a flush,
            and if nothing is :attr:`waiting`.
        """

    def put_in_silence(self, frames: int, /) -> int:
        """Count silence as sent that the caller never pushed; returns where it begins on the connection."""

    def open(self, speed: float | None, burst_s: float) -> None:
        """A new connection begins, busy, paced as by :meth:`pace`."""

    def pace(self, speed: float | None, burst_s: float) -> None:
        """Permit a burst in seconds of audio, then ``speed`` times real time; ``None`` for no limit.

        ``speed`` is above 0, ``burst_s`` 0 or more, both finite.

        Live audio never waits: it comes at real time and the burst is there again sooner (Deepgram docs:
        recovering-from-connection-errors-and-timeouts).
        """

    def close(self) -> None:
        """There is no connection any more."""

    def rest(self, is_resting: bool, /) -> None:
        """Whether nothing but audio is to be sent on the connection, if there is one."""

    @property
    def free_at(self) -> float:
        """When the pacer permits more; in the past if it does now."""

    @property
    def connection_frames(self) -> int:
        """Frames handed to the connection, silence included."""

    def counts(self) -> tuple[int, int, int, int]:
        """Over all connections: messages, frames, and of these the repeated ones and those of silence."""

    def acknowledge(self, position: int, run_up: int = 0) -> None:
        """Say that everything before ``position`` has a result that will not change.

        Args:
            position: One beyond the end counts as the end.
            run_up: A replay must begin so much earlier, because the cut may lie inside a word.
        """

    def rewind(self, *, replaced: bool = False) -> int:
        """Put what was sent and is needed back in front of what waits; returns the frames that are needed and
        were released.

        Args:
            replaced: The connection had not failed: that its audio is sent again does not count.
        """

    def give_up_repeats(self, until: int | None = None) -> int:
        """Send nothing again that was sent before; returns the frames of it that no result acknowledges.

        Args:
            until: Only what begins before this position; ``None`` for all of it.
        """

    def overdrawn_frames(self) -> int:
        """How much more would be sent again than three times what is open, if it were sent now."""

    def unanswered_frames(self) -> int:
        """Audio, sent or not, that no result acknowledges; what was dropped is not counted again."""

    def fork(self) -> AudioRing:
        """A copy that goes its own way and counts for itself; it has no connection and no converter."""

    @property
    def end(self) -> int:
        """Position after the last frame pushed."""

    @property
    def acknowledged(self) -> int:
        """Position up to which results will not change."""

    @property
    def next_position(self) -> int:
        """Up to where audio has been sent."""

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
