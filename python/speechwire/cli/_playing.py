"""A WAV file played into a listening session."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from speechwire.audio import PcmPipeline
from speechwire.cli._display import Bar
from speechwire.cli._segments import Hearing, Segment
from speechwire.cli._transcript import Transcript
from speechwire.cli._wav import WavReader
from speechwire.errors import SessionClosed
from speechwire.session import ListenV1Session, ListenV2Session, Reconnecting, SessionEnded

__all__ = ["SERVICE_RATE", "listening_pipeline", "transcript_of"]

SERVICE_RATE = 16_000
"""What is declared to the service; Deepgram advises it."""

_CHUNK_MS = 100
_BYTES_PER_S = 2 * SERVICE_RATE
# The session paces what it is given. It is given little more than that, since beyond its bound it drops.
_AHEAD_S = 5.0
_LOOK_S = 0.05
_LEAVE_S = 0.2

Session = ListenV1Session | ListenV2Session


def listening_pipeline(wav: WavReader) -> PcmPipeline:
    """From a file's format to the one declared to the service."""
    return PcmPipeline(
        in_rate=wav.rate,
        out_rate=SERVICE_RATE,
        channels=wav.channels,
        chunk_ms=_CHUNK_MS,
        format=wav.format,
    )


async def transcript_of(
    path: Path, wav: WavReader, session: Session, hearing: Hearing, bar: Bar
) -> Transcript:
    """Play a file into a session, and put together what the service hears.

    Raises:
        SpeechwireError: The session failed for good.
        OSError: The file cannot be read to its end.
    """
    playing = asyncio.create_task(_play(wav, session))
    segments: list[Segment] = []
    end = None
    try:
        async for event in session:
            segments += hearing.receive(event)
            bar.reach(_sent_s(session))
            bar.caption(_caption(event, hearing, segments))
            end = event if isinstance(event, SessionEnded) else end
        await playing
    finally:
        playing.cancel()
        await asyncio.wait({playing})
        await _leave(session)
    segments += hearing.close()
    return Transcript(
        path,
        wav.duration_s,
        tuple(segments),
        lost_s=end.dropped_s if end else 0.0,
        complete=end is not None and end.complete,
    )


def _caption(event: object, hearing: Hearing, segments: list[Segment]) -> str:
    if isinstance(event, Reconnecting):
        return f"trying again: {event.error}"
    return hearing.partial or (segments[-1].text if segments else "")


async def _play(wav: WavReader, session: Session) -> None:
    """Push the whole file, never far ahead of what has been sent, and close the session."""
    pushed_s = 0.0
    try:
        for block in wav.blocks(_CHUNK_MS / 1000):
            session.push(block)
            pushed_s = min(pushed_s + _CHUNK_MS / 1000, wav.duration_s)
            await _wait_for_room(session, pushed_s)
    except SessionClosed:
        return  # its reason is raised to whoever reads the events
    except OSError:
        await _leave(session)  # or whoever reads the events would wait for ever
        raise
    await session.aclose()


async def _leave(session: Session) -> None:
    """Close without waiting for results that nobody will read; a session that has ended is not touched."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LEAVE_S):
            await session.aclose()


async def _wait_for_room(session: Session, pushed_s: float) -> None:
    """Wait until little is left to be sent, or the session has ended."""
    while True:
        if session.closed or pushed_s - _sent_s(session) < _AHEAD_S:
            return
        await asyncio.sleep(_LOOK_S)


def _sent_s(session: Session) -> float:
    """Seconds of the file that have been sent, each counted once."""
    stats = session.stats()
    return max(0.0, (stats.sent_bytes - stats.replayed_bytes - stats.silence_bytes) / _BYTES_PER_S)
