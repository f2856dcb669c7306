"""One request for speech: text in, audio out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol, Self

from speechwire.errors import InvalidArgument, LocalProtocolError, SpeechwireError
from speechwire.session._reader import Reader
from speechwire.session._signal import Signal
from speechwire.session._text_batch import TextBatch, TextIntake

__all__ = ["RequestOwner", "SpeakRequest"]


class RequestOwner(Protocol):
    """The session that speaks requests."""

    def wake(self) -> None:
        """Wake the session: there is something to send."""

    def on_interrupt(self, request: SpeakRequest, heard_s: float | None) -> None:
        """A request was interrupted after `heard_s` seconds of it were heard; ``None`` if not known."""

    def check_loop(self) -> None:
        """Raise if the session belongs to another event loop, as waiting would then never end."""


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
    audio has come or after an interruption; it raises if the request fails.

    Attributes:
        error: Why the request failed, or ``None``.
        interrupted: Whether :meth:`interrupt` ended it.
        audio_bytes: Audio delivered so far, in bytes.
    """

    def __init__(self, owner: RequestOwner, *, sample_bytes: int, text_limit: int) -> None:
        self.error: SpeechwireError | None = None
        self.interrupted = False
        self.audio_bytes = 0
        self.batches: deque[TextBatch] = deque([TextBatch()])
        self.batch_bytes = 0  # bytes delivered of the first batch, over all connections
        self.resends = 0
        self._owner = owner
        self._sample_bytes = sample_bytes
        self._text_limit = text_limit
        self._text_left = text_limit
        self._intake = TextIntake()
        self._ended = False
        self._complete = False
        self._audio: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._half_sample = b""
        self._changed = Signal()
        self._reader: Reader[bytes] = Reader()

    @property
    def done(self) -> bool:
        """Whether the request is complete, interrupted or failed."""
        return self._complete or self.interrupted or self.error is not None

    @property
    def waiting_bytes(self) -> int:
        """Audio that waits for its consumer, in bytes."""
        return self._waiting_bytes

    def push(self, text: str) -> None:
        """Append text. Does not block. Pieces are joined unchanged, so include the blanks between them.

        Surrogate pairs are joined, even across two pieces; a lone surrogate becomes U+FFFD. Text is ignored
        after the request was interrupted or has failed.

        Raises:
            LocalProtocolError: :meth:`end` was called before.
            InvalidArgument: The request's text would be longer than ``SpeakSettings.text_limit``.
            InvalidArgumentType: ``text`` is not a ``str``.
        """
        if self._ended:
            raise LocalProtocolError("cannot push text: the request has been ended")
        if not self.done:
            self._add(self._intake.take(text))

    def flush(self) -> None:
        """Have the text pushed so far spoken now, without waiting for more. Does nothing without text.

        The service allows 20 flushes a minute on a connection, including :meth:`end`; beyond that the session
        opens another connection.
        """
        if self.done:
            return
        self._add(self._intake.finish())
        if self.batches[-1].has_words:
            self.batches[-1].closed = True
            self.batches.append(TextBatch())
            self._owner.wake()

    def end(self) -> None:
        """End the text. Idempotent. A request without a word completes at once."""
        if not self._ended:
            self.flush()
            self._ended = True
            self._settle()

    def interrupt(self, heard_s: float | None = None) -> None:
        """Stop the request: no more audio is delivered. Does not block, and does not wait for the service.

        Args:
            heard_s: How much of this request's audio a listener has heard, in seconds. Sent to Flux TTS
                (``playback_offset``) while it speaks the request; Aura has no such field.

        Raises:
            InvalidArgument: `heard_s` is below 0.
        """
        if heard_s is not None and not heard_s >= 0:
            raise InvalidArgument("heard_s", heard_s, "0 or more")
        if self.interrupted or self.error is not None or (self._complete and not self._audio):
            return
        unknown = self._complete  # its last audio has come: the service has nothing to drop
        self.interrupted = True
        self._let_go()
        self._audio.clear()
        self._waiting_bytes = 0
        self._notify()
        if not unknown:
            self._owner.on_interrupt(self, heard_s)

    async def wait(self) -> None:
        """Wait until nothing more will come.

        Raises:
            SpeechwireError: The request failed; see :attr:`error`.
        """
        while not self.done:
            self._owner.check_loop()
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
            self._owner.check_loop()
            await self._changed.wait()
        return self._next()

    async def receive_each(self, take: Callable[[bytes], bool]) -> bool:
        """Call ``take`` with every piece of audio, in order. For one consumer, instead of the iteration.

        While this waits, ``take`` is called directly from the event loop's read, which saves a task switch
        for each piece.

        Args:
            take: Takes a piece; returns whether it wants the next. It must neither raise nor block. It may be
                called outside this task and outside any task, with any context variables.

        Returns:
            True when all audio has come or after an interruption; false once ``take`` has returned false.
            Later audio waits for the next call.

        Raises:
            SpeechwireError: The request failed; see :attr:`error`.
            RuntimeError: Another task is in this call.
        """
        while True:
            while self._audio:
                if not take(self._next()):
                    return False
            if self.error is not None:
                raise self.error
            if self.done:
                return True
            self._owner.check_loop()
            if not await self._reader.wait(take):
                return False

    # For the session

    @property
    def begun_bytes(self) -> int:
        """Bytes of audio delivered of batches that are finished, to within half a sample."""
        return self.audio_bytes - self.batch_bytes

    def deliver(self, data: bytes) -> None:
        """Deliver new audio of the first batch, cut at whole samples."""
        if self.done:
            return
        self.batch_bytes += len(data)
        self.resends = 0
        data = self._half_sample + data if self._half_sample else data
        whole = len(data) - len(data) % self._sample_bytes
        self._half_sample = data[whole:]
        if not whole:
            return
        self.audio_bytes += whole
        data = data[:whole]
        if not self._reader.offer(data):
            self._audio.append(data)
            self._waiting_bytes += whole
            self._notify()

    def finish_batch(self) -> None:
        """All audio of the first batch has come."""
        self.batches.popleft()
        self.batch_bytes = 0
        self._half_sample = b""
        self._settle()

    def split_batch(self, count: int) -> None:
        """Make the first ``count`` pieces of the first batch a batch of their own."""
        self.batches.insert(1, self.batches[0].split(count))

    def fail(self, error: SpeechwireError) -> None:
        """End with an error; audio that was delivered can still be read."""
        if not self.done:
            self.error = error
        if self.error is not None:
            self._let_go()
            self._notify()  # also tasks whose event loop was not running when the error was set

    async def room(self, limit: int) -> None:
        """Wait until less than ``limit`` bytes of audio wait for the consumer."""
        while self._waiting_bytes >= limit and not self.done:
            await self._changed.wait()

    def _next(self) -> bytes:
        data = self._audio.popleft()
        self._waiting_bytes -= len(data)
        self._changed.notify()
        return data

    def _notify(self) -> None:
        """Wake all that wait."""
        self._changed.notify()
        self._reader.wake()

    def _add(self, text: str) -> None:
        if not text:
            return
        if len(text) > self._text_left:
            wanted = self._text_limit - self._text_left + len(text)
            raise InvalidArgument(
                "text",
                f"{wanted} characters",
                f"at most {self._text_limit} characters in one request (SpeakSettings.text_limit)",
            )
        self._text_left -= len(text)
        self.batches[-1].add(text)
        self._owner.wake()

    def _settle(self) -> None:
        """Complete the request if no text is left and none can follow."""
        if self._ended and not self.done and not self.batches[0].has_words:
            self._complete = True
            self._notify()
            self._owner.wake()

    def _let_go(self) -> None:
        """Free the text, as none of it will be sent any more."""
        self.batches = deque([TextBatch()])
