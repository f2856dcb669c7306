"""Endings of a session that the emulator, being well behaved, does not give."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from speechwire.cli._display import Bar
from speechwire.cli._playing import transcript_of
from speechwire.cli._segments import NovaHearing
from speechwire.cli._transcript import Transcript
from speechwire.protocol import listen_v1_events as nova
from speechwire.session import ListenStats, SessionEnded


class Session:
    """Hears a word, never finishes it, and ends when it is closed."""

    def __init__(self) -> None:
        self.closed = False
        self.pushed = 0
        self._closing = asyncio.Event()

    def push(self, pcm: bytes) -> None:
        self.pushed += len(pcm)

    def stats(self) -> ListenStats:
        return ListenStats(sent_bytes=self.pushed)

    async def aclose(self) -> None:
        self.closed = True
        self._closing.set()

    async def __aiter__(self) -> AsyncIterator[object]:
        word = nova.Word(word="open", start=0.1, end=0.4)
        alternative = nova.Alternative(transcript="open", words=(word,))
        yield nova.Results(channel=nova.Channel(alternatives=(alternative,)))
        await self._closing.wait()
        yield SessionEnded(complete=False, pushed_s=1.0, dropped_s=0.25, replayed_s=0.0)


class Wav:
    duration_s = 1.0

    def __init__(self, *, readable: bool) -> None:
        self._readable = readable

    def blocks(self, block_s: float) -> Iterator[bytes]:
        for _ in range(int(self.duration_s / block_s)):
            yield bytes(3200)
        if not self._readable:
            raise OSError(5, "Input/output error", "in.wav")


async def play(session: Session, *, readable: bool = True) -> Transcript:
    wav: Any = Wav(readable=readable)
    played: Any = session
    return await transcript_of(Path("in.wav"), wav, played, NovaHearing(), Bar("in.wav", 1.0))


async def test_what_no_final_confirmed_is_told_and_so_is_the_loss() -> None:
    transcript = await play(Session())
    assert [segment.text for segment in transcript.segments] == ["open"]
    assert (transcript.complete, transcript.lost_s) == (False, 0.25)


async def test_a_disk_that_fails_ends_the_session_with_its_own_error() -> None:
    session = Session()
    with pytest.raises(OSError, match="Input/output error"):
        await asyncio.wait_for(play(session, readable=False), 10)
    assert session.closed


async def test_a_cancelled_file_closes_its_session() -> None:
    session = Session()
    task = asyncio.create_task(play(session))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert session.closed
