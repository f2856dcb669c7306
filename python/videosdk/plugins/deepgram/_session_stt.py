"""What the speech-to-text plugins have in common: one session, one task that delivers."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Self

from videosdk.agents import STT, STTResponse

from speechwire.audio import PcmPipeline
from speechwire.errors import SessionClosed, SpeechwireError
from speechwire.session import ListenSettings, ListenV1Session, ListenV2Session

from ._adapt import logger, report, require_api_key
from ._input import InputFormat, InputWatch

__all__ = ["SessionSTT"]

# After a failure that the session gave up on, audio is ignored for this long before a new one is tried: a
# refused key must not become one handshake per 20 ms frame.
_REST_S = 30.0
_DELIVERY_TIMEOUT_S = 2.0

Session = ListenV2Session | ListenV1Session


class SessionSTT(STT):
    """Base of the two plugins: audio in at once, responses out of one task, in order.

    The task is started by the first `process_audio`, so it runs in the context of the framework's session:
    what it emits reaches that session's event bus and metrics.

    Attributes:
        api_key: The key in use.
        interim_results: Whether the framework publishes interim transcripts to the room.
        settings: Limits and deadlines of the sessions to come; may be exchanged before the first audio.
    """

    def __init__(self, *, api_key: str | None, input: InputWatch, interim_results: bool) -> None:
        super().__init__()
        self.api_key = require_api_key(api_key)
        self.interim_results = interim_results
        self.settings = ListenSettings()
        self._input = input
        self._session: Session | None = None
        self._format: InputFormat | None = None  # that the session expects
        self._delivery: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._resting_until = 0.0
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def on_stt_transcript(self, callback: Callable[[STTResponse], Awaitable[None]]) -> None:
        """Set who is given the responses; called by the framework before any audio flows."""
        self._input.attach()
        super().on_stt_transcript(callback)

    async def process_audio(self, audio_frames: bytes, language: str | None = None, **kwargs: Any) -> None:
        """Take audio of any length and return at once; connecting and sending happen behind it.

        Args:
            audio_frames: Interleaved s16le, any length. Empty audio, and audio after `aclose`, is ignored.
            language: Not used: the language is the constructor's.
            **kwargs: Not used; other providers know some.
        """
        if not audio_frames:
            return
        session = self._session
        if session is None or len(audio_frames) != self._input.steady_bytes:
            session = self._follow(len(audio_frames))
        if session is None:
            return
        try:
            session.push(audio_frames)
        except SessionClosed:
            return  # it has just failed; the delivery task is about to say why

    async def stream_transcribe(
        self, audio_stream: AsyncIterator[bytes], **kwargs: Any
    ) -> AsyncIterator[STTResponse]:
        """Transcribe a stream to its end: the last words are waited for, within a deadline.

        Raises:
            SpeechwireError: The session failed for good.
        """
        if self._closed:
            return
        frames = aiter(audio_stream)
        first = await anext(frames, b"")
        self._input.attach()
        session = self._session = self._begin(self._input.format(len(first)))
        feeding = asyncio.create_task(self._feed(session, first, frames))
        try:
            async for event in session:
                for response in self._responses(event):
                    yield response
        finally:
            self._session = None
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            await session.aclose()

    async def aclose(self) -> None:
        """Send the last audio, deliver the last results within a deadline, and close. Idempotent."""
        self._closed = True
        self._input.detach()
        session, self._session = self._session, None
        delivery, self._delivery = self._delivery, None
        if session is not None:
            await session.aclose()
        await asyncio.gather(*self._retiring)
        if delivery is not None:
            await _finish(delivery)
        # The base class would do this and then collect all garbage of the process, a quarter of a second in
        # which every other call on the machine stands still.
        self._transcript_callback: Any = None

    def _new_session(self, format: InputFormat) -> Session:
        """Make the session for a stream that begins with this format."""
        raise NotImplementedError

    def _conversion(self, format: InputFormat) -> PcmPipeline | None:
        """Return what converts this format to the running session's, or None where audio is sent as it is."""
        raise NotImplementedError

    def _responses(self, event: object) -> Iterable[STTResponse]:
        """Return what ``event`` means to the framework."""
        raise NotImplementedError

    def _flush_session(self) -> None:
        """Flush what is running; nothing is, before the first audio, after the end and after a failure."""
        if self._session is not None and not self._session.closed:
            self._session.flush()

    def _follow(self, byte_count: int) -> Session | None:
        """Return the session for a frame of this size, after what a change of the format asks for.

        What was declared to the service stays true: either the conversion changes or the whole session.
        """
        format = self._input.format(byte_count)
        if self._session is None or not self._follow_within(self._session, format):
            return self._next_session(format)
        return self._session

    def _follow_within(self, session: Session, format: InputFormat) -> bool:
        """Change the session's conversion if the format has changed; false if it converts nothing."""
        if format == self._format:
            return True
        pipeline = self._conversion(format)
        if pipeline is None:
            return False
        logger.info("the input changed from %s to %s", self._format, format)
        self._format = format
        if not session.closed:
            session.exchange(pipeline)
        return True

    def _next_session(self, format: InputFormat) -> Session | None:
        """Begin a session, in place of the running one if there is one; None at rest and after the end."""
        if self._session is not None:
            self._retire(self._session)
            self._session = None
        if not self._closed and asyncio.get_running_loop().time() >= self._resting_until:
            self._input.attach()
            self._session = self._begin(format)
            self._delivery = asyncio.create_task(self._deliver(self._session, self._delivery))
        return self._session

    def _begin(self, format: InputFormat) -> Session:
        self._format = format
        return self._new_session(format)

    def _retire(self, session: Session) -> None:
        """Close a session in the background: its last results are still delivered, before the next one's."""
        closing = asyncio.create_task(session.aclose())
        self._retiring.add(closing)
        closing.add_done_callback(self._retiring.discard)

    async def _feed(self, session: Session, first: bytes, frames: AsyncIterator[bytes]) -> None:
        try:
            if first:
                session.push(first)
            async for frame in frames:
                if frame:
                    self._follow_within(session, self._input.format(len(frame)))
                    session.push(frame)
        finally:
            await session.aclose()

    async def _deliver(self, session: Session, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await asyncio.wait({previous})
        try:
            async for event in session:
                self.emit("event", event)
                for response in self._responses(event):
                    await self._hand_over(response)
        except SpeechwireError as error:
            self._give_up(session, error)

    async def _hand_over(self, response: STTResponse) -> None:
        callback = self._transcript_callback
        if callback is None:
            return
        try:
            answer: Any = callback(response)
            if inspect.isawaitable(answer):
                await answer
        except Exception:
            # The framework's handler failed, not the stream: the next response is still to be delivered.
            logger.exception("%s: the transcript callback failed", type(self).__name__)

    def _give_up(self, session: Session, error: SpeechwireError) -> None:
        if self._session is session:
            self._session = None
            self._resting_until = asyncio.get_running_loop().time() + _REST_S
        report(self, error)


async def _finish(delivery: asyncio.Task[None]) -> None:
    """Let the delivery end by itself; a callback that hangs is cancelled."""
    if delivery is asyncio.current_task():
        return
    _, pending = await asyncio.wait({delivery}, timeout=_DELIVERY_TIMEOUT_S)
    for task in pending:
        task.cancel()
    await asyncio.gather(delivery, return_exceptions=True)
