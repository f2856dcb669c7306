"""The framework's private names that a plugin needs, each in one function.

``docs/private-parts.md`` lists them, and ``tests/livekit/test_framework.py`` fails when one of them changes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from livekit.agents import APIConnectOptions, stt, tts

__all__ = [
    "OVERRIDDEN",
    "check_open",
    "deliver",
    "input_ended",
    "note_acquired",
    "note_connection",
    "note_started",
    "set_sample_rate",
    "text_of",
    "without_retry",
]

OVERRIDDEN = {
    stt.STT: ("_recognize_impl", "_update_session_keyterms"),
    stt.RecognizeStream: ("_run",),
    tts.SynthesizeStream: ("_run",),
    tts.ChunkedStream: ("_run",),
}
"""Private methods of the framework's classes that the adapter implements."""


def deliver(stream: stt.RecognizeStream, event: stt.SpeechEvent) -> None:
    """Hand an event to whoever reads the stream; dropped when nobody will read it any more."""
    if not stream._event_ch.closed:
        stream._event_ch.send_nowait(event)


def check_open(stream: stt.RecognizeStream) -> None:
    """Raise ``RuntimeError`` once the stream's input has ended or it is closed."""
    stream._check_input_not_ended()
    stream._check_not_closed()


async def input_ended(stream: stt.RecognizeStream) -> None:
    """Wait until no more audio will be pushed."""
    async for _ in stream._input_ch:
        pass  # audio and flushes take the short way and never come here


def note_acquired(stream: stt.RecognizeStream, seconds: float) -> None:
    """Report how long opening a connection took."""
    stream._report_connection_acquired(seconds, False)


async def text_of(stream: tts.SynthesizeStream) -> AsyncIterator[str | None]:
    """Yield the stream's text as it is pushed, and ``None`` for each flush."""
    async for piece in stream._input_ch:
        if isinstance(piece, str):
            yield piece
        elif isinstance(piece, stream._FlushSentinel):
            yield None


def note_started(stream: tts.SynthesizeStream) -> None:
    """Say that text has gone out: time to first byte counts from here."""
    stream._mark_started()


def note_connection(stream: Any, acquire_s: float, *, reused: bool) -> None:
    """Say how long the connection took, for the stream's metrics."""
    stream._acquire_time, stream._connection_reused = acquire_s, reused


def set_sample_rate(synthesizer: tts.TTS, sample_rate: int) -> None:
    """Keep the property of the framework's base class in step."""
    synthesizer._sample_rate = sample_rate


def without_retry(options: APIConnectOptions) -> APIConnectOptions:
    """The framework would begin a new stream without what the old one had kept; our sessions try again."""
    return APIConnectOptions(max_retry=0, retry_interval=options.retry_interval, timeout=options.timeout)
