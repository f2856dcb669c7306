"""One thing to say: its text on the way out, its audio on the way back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from speechwire.errors import LocalProtocolError, SpeechwireError
from speechwire.protocol import split_text
from speechwire.session._signal import Signal

__all__ = ["Segment", "SpeakRequest"]


@dataclass(slots=True, eq=False)
class Segment:
    """The text between two flushes, what has been sent of it on this connection, and what has come.

    Args:
        pieces: Texts, each fit for one ``Speak``.
        closed: A flush is wanted after the last piece.
        extra: A flush without text, for what a refused one may have left in the service's buffer.
        sent: Pieces sent on this connection.
        flushed: The flush was sent on this connection.
        flushed_at: When, on the event loop's clock.
        done: All its audio has come.
        refused: A flush of it was refused on this connection.
        arrived: Bytes of its audio that came on this connection.
        heard: Bytes of its audio delivered, over all connections.
        skip: Bytes still to be left out on this connection, because an earlier one delivered them.
    """

    pieces: list[str] = field(default_factory=list)
    closed: bool = False
    extra: bool = False
    sent: int = 0
    flushed: bool = False
    flushed_at: float = 0.0
    done: bool = False
    refused: bool = False
    arrived: int = 0
    heard: int = 0
    skip: int = 0

    def rewind(self) -> None:
        """Start again on a new connection."""
        self.sent, self.arrived, self.skip = 0, 0, self.heard
        self.flushed = self.refused = False

    def split(self) -> Segment:
        """Close this segment after what has been sent; returns one with the rest."""
        rest = Segment(self.pieces[self.sent :], self.closed)
        del self.pieces[self.sent :]
        self.closed = True
        return rest

    def absorb(self, before: Segment) -> None:
        """Take over the text of the segment before, which the service will speak together with this one's."""
        self.pieces[:0] = before.pieces
        self.sent += before.sent

    @property
    def has_words(self) -> bool:
        """Whether there is anything to pronounce."""
        return self.extra or any(character.isalnum() for piece in self.pieces for character in piece)


class SpeakRequest:
    """Text in, audio out. Made by :meth:`SpeakSession.request` and :meth:`SpeakSession.speak`.

    ::

        request = session.request()
        request.push("Your train leaves ")
        request.push("at nine.")
        request.end()
        async for pcm in request:
            play(pcm)

    Audio is headerless, in the session's encoding, in pieces of whole samples. The iteration ends when all
    of it has come or at the interruption; it raises when the request has failed.

    Attributes:
        error: Why it failed, or ``None``.
        interrupted: Whether :meth:`interrupt` ended it.
        audio_bytes: Audio delivered so far, in bytes.
    """

    def __init__(
        self, wake: Callable[[], None], dropped: Callable[[SpeakRequest], None], sample_bytes: int
    ) -> None:
        self.error: SpeechwireError | None = None
        self.interrupted = False
        self.audio_bytes = 0
        self.segments: deque[Segment] = deque([Segment()])
        self.resends = 0
        self._wake = wake
        self._dropped = dropped
        self._sample_bytes = sample_bytes
        self._ended = False
        self._complete = False
        self._audio: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._rest = b""
        self._changed = Signal()

    @property
    def done(self) -> bool:
        """Whether nothing more will come: complete, interrupted or failed."""
        return self._complete or self.interrupted or self.error is not None

    @property
    def waiting_bytes(self) -> int:
        """Audio that waits for its consumer, in bytes."""
        return self._waiting_bytes

    def push(self, text: str) -> None:
        """Append text; pieces are joined as they are, so mind the blanks between them. Returns at once.

        After the request is over (interrupted, failed) text is ignored.

        Raises:
            LocalProtocolError: :meth:`end` was called before.
            InvalidArgument: The text cannot be encoded.
        """
        if self._ended:
            raise LocalProtocolError("cannot push text: the request has been ended")
        if text and not self.done:
            self.segments[-1].pieces.extend(split_text(text))
            self._wake()

    def flush(self) -> None:
        """Have what was pushed so far spoken now, without waiting for more; nothing if there is nothing.

        The service allows 20 flushes a minute, :meth:`end` included; beyond that they wait.
        """
        if self.segments[-1].has_words and not self.done:
            self.segments[-1].closed = True
            self.segments.append(Segment())
            self._wake()

    def end(self) -> None:
        """No text will follow. Idempotent. A request without a word in it completes at once."""
        if not self._ended:
            self.flush()
            self._ended = True
            self.settle()
            self._wake()

    def interrupt(self) -> None:
        """Stop: from this moment on no audio is delivered. Returns at once; the service is told behind it."""
        if self.interrupted or self.error is not None or (self._complete and not self._audio):
            return
        known = not self._complete  # else its last audio has come, and the service has nothing to forget
        self.interrupted = True
        self._audio.clear()
        self._waiting_bytes = 0
        self._changed.notify()
        if known:
            self._dropped(self)

    async def wait(self) -> None:
        """Wait until nothing more will come.

        Raises:
            SpeechwireError: The request failed; see :attr:`error`.
        """
        while not self.done:
            await self._changed.wait()
        if self.error is not None:
            raise self.error

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._audio:
            if self.error is not None:
                raise self.error
            if self.done:
                raise StopAsyncIteration
            await self._changed.wait()
        data = self._audio.popleft()
        self._waiting_bytes -= len(data)
        self._changed.notify()
        return data

    # For the session

    def deliver(self, segment: Segment, data: bytes) -> None:
        """Take audio of a segment: leave out what was heard before, cut at whole samples."""
        segment.arrived += len(data)
        skipped = min(segment.skip, len(data))
        segment.skip -= skipped
        data = data[skipped:]
        if not data or self.done:
            return
        segment.heard += len(data)
        self.resends = 0
        data = self._rest + data
        whole = len(data) - len(data) % self._sample_bytes
        self._rest = data[whole:]
        if whole:
            self._audio.append(data[:whole])
            self._waiting_bytes += whole
            self.audio_bytes += whole
            self._changed.notify()

    def settle(self) -> None:
        """Let go of segments that are done; complete when the last one is."""
        while len(self.segments) > 1 and self.segments[0].done:
            self.segments.popleft()
        if (
            self._ended
            and not self.done
            and not any(
                segment.closed and segment.has_words and not segment.done for segment in self.segments
            )
        ):
            self._complete = True
            self._changed.notify()

    def fail(self, error: SpeechwireError) -> None:
        """End with an error; what was delivered can still be read."""
        if not self.done:
            self.error = error
            self._changed.notify()

    def owe_flush(self) -> None:
        """Flush once more behind what has been: which of several flushes was refused is not certain."""
        after = max(i for i, segment in enumerate(self.segments) if segment.flushed) + 1
        if after == len(self.segments) or not self.segments[after].extra:
            self.segments.insert(after, Segment(closed=True, extra=True))

    def following(self, segment: Segment) -> Segment | None:
        """The segment after this one."""
        after = self.segments.index(segment) + 1
        return self.segments[after] if after < len(self.segments) else None

    async def room(self, limit: int) -> None:
        """Wait until less than ``limit`` bytes of audio wait for the consumer."""
        while self._waiting_bytes >= limit and not self.done:
            await self._changed.wait()
