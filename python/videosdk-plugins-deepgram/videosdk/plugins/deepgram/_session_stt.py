"""What the speech-to-text plugins have in common, as the framework sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Self

from videosdk.agents import STTResponse

from speechwire.errors import LocalProtocolError, SessionClosed, SpeechwireError

from ._framework import forget_transcript_callback
from ._lifecycle import SessionLifecycle
from ._stream import drop
from ._transcription import Feeding

__all__ = ["SessionSTT"]

_ELSEWHERE = (
    "it is used in another event loop that still exists: close it there, or close that event loop first"
)


class SessionSTT(SessionLifecycle):
    """Base of the two plugins: audio in at once, responses out of one task, in order.

    The task is started by `process_audio`, so it runs in the context of the framework's session: what it
    emits reaches that session's event bus and metrics.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def on_stt_transcript(self, callback: Callable[[STTResponse], Awaitable[None]]) -> None:
        """Set who is given the responses; called by the framework before any audio flows.

        A fallback calls it again when it takes the component back into use. So what an outage has left
        over, which others have answered meanwhile, is dropped, and after a refusal the key is tried again.
        """
        self._input.attach()
        self._failures.forget()
        if self._stream is not None:
            self._stream.stale = self._stream.outage
        super().on_stt_transcript(callback)

    async def process_audio(self, audio_frames: bytes, language: str | None = None, **kwargs: Any) -> None:
        """Take audio of any length and return at once; connecting and sending happen behind it.

        Args:
            audio_frames: Interleaved s16le, any length. Empty audio, and audio after `aclose`, is ignored.
            language: Not used: the language is the constructor's.
            **kwargs: Not used; other providers know some.
        """
        if len(audio_frames) != self._steady_bytes:
            self._take(audio_frames)
            return
        try:
            self._push_steady(audio_frames)
        except (SessionClosed, LocalProtocolError):
            self._take(audio_frames)  # the session has ended: another takes its place

    async def stream_transcribe(
        self, audio_stream: AsyncIterator[bytes], **kwargs: Any
    ) -> AsyncIterator[STTResponse]:
        """Transcribe a stream to its end: the last words are waited for, within a deadline.

        Raises:
            SpeechwireError: The session failed for good; ``error`` was emitted as well.
            Exception: What the stream itself raised, after the transcript of what came before.
        """
        frames = aiter(audio_stream)
        begun = None if self._closed else await self._admit(frames)
        if begun is None:
            return
        stream, first = begun
        self._transcribing.append(stream)
        feeding = Feeding(stream, first, frames, self._input)
        try:
            async for event in stream.session:
                for response in self._responses(stream, event):
                    yield response
        except SpeechwireError as error:
            self._end(stream, error)
            raise
        else:
            await feeding.result()
        finally:
            self._transcribing.remove(stream)
            await drop(stream.session)
            await feeding.stop()

    async def flush(self) -> None:
        """Ask for the results of all audio so far, behind that audio."""
        for stream in self._streams():
            with suppress(SessionClosed, LocalProtocolError):
                stream.session.flush()

    async def aclose(self) -> None:
        """Send the last audio, deliver the last results within a deadline, and close. Idempotent.

        Raises:
            LocalProtocolError: The plugin is used in another event loop that still exists.
        """
        loop = asyncio.get_running_loop()
        streams = list(self._streams())
        if any(stream.loop is not loop and not stream.loop.is_closed() for stream in streams):
            raise LocalProtocolError(_ELSEWHERE)
        self._closed = True
        self._look_again()
        self._input.detach()
        if self._stream is not None and self._stream.loop is loop:
            self._deliveries.ensure(self._stream)
        closing = [stream.session.aclose() for stream in streams if stream.loop is loop]
        retiring = [task for task in self._retiring if task.get_loop() is loop]
        await asyncio.gather(*closing, *retiring, return_exceptions=True)
        await self._deliveries.finish()
        self._stream = None
        self._failures.stop_ignoring()
        forget_transcript_callback(self)
