"""Endings of a session that the emulator, being well behaved, does not give; and slow recognisers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from tests.virtual_time import VirtualTimeLoop

from speechwire.cli._audio import AudioReader
from speechwire.cli._display import Bar
from speechwire.cli._failures import InputError
from speechwire.cli._playing import Playing
from speechwire.cli._segments import ListenV1Hearing, Segment
from speechwire.protocol import listen_v1_events as nova
from speechwire.session import ListenStats, SessionEnded

T = TypeVar("T")

BYTES_PER_S = 32_000


def in_virtual_time(coroutine: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)


def results(text: str, end: float) -> nova.Results:
    words = (nova.Word(word=text, start=0.1, end=0.4),) if text else ()
    alternative = nova.Alternative(transcript=text, words=words)
    return nova.Results(channel=nova.Channel(alternatives=(alternative,)), duration=end)


class Session:
    """Hears a word, never finishes it, and ends when it is closed."""

    def __init__(self) -> None:
        self.closed = False
        self.pushed = 0
        self.pushed_at: list[tuple[float, float]] = []
        self.closing = asyncio.Event()

    @property
    def pushed_s(self) -> float:
        return self.pushed / BYTES_PER_S

    def push(self, pcm: bytes) -> None:
        self.pushed += len(pcm)
        self.pushed_at.append((asyncio.get_running_loop().time(), self.pushed_s))

    def stats(self) -> ListenStats:
        return ListenStats(sent_bytes=self.pushed)

    async def aclose(self) -> None:
        self.closed = True
        self.closing.set()

    async def __aiter__(self) -> AsyncIterator[object]:
        yield results("open", 0.5)
        await self.closing.wait()
        yield SessionEnded(complete=False, pushed_s=1.0, dropped_s=0.25, replayed_s=0.0)


class SlowSession(Session):
    """Its recogniser needs ten seconds for a second, and reports once for a second of audio."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_s = self.unanswered_s = 0.0

    def push(self, pcm: bytes) -> None:
        super().push(pcm)
        self.ahead_s = max(self.ahead_s, self.pushed_s - self.heard_s)

    async def aclose(self) -> None:
        if not self.closed:
            self.unanswered_s = self.pushed_s - self.heard_s
        await super().aclose()

    async def __aiter__(self) -> AsyncIterator[object]:
        self.heard_s = 0.0
        while not self.closed or self.heard_s < self.pushed_s:
            await asyncio.sleep(10)
            self.heard_s = min(self.heard_s + 1.0, self.pushed_s)
            yield results("", self.heard_s)
        yield SessionEnded(complete=True, pushed_s=self.pushed_s, dropped_s=0.0, replayed_s=0.0)


class Source:
    """A second, or more, of silence in 16 kHz mono."""

    def __init__(self, duration_s: float = 1.0, *, readable: bool = True) -> None:
        frames = int(duration_s * 16_000)
        self.audio = AudioReader("in.wav", "WAV", 16_000, 1, "s16le", frames, self._read)
        self._readable = readable

    async def blocks(self, block_s: float) -> AsyncIterator[bytes]:
        for block in self.audio.blocks(block_s):
            yield block

    def _read(self, frames: int) -> Iterator[bytes]:
        for _ in range((self.audio.frames or 0) // frames):
            yield bytes(2 * frames)
        if not self._readable:
            raise OSError(5, "Input/output error")


def playing(session: Any, source: Any, told: list[Segment], *, live: bool = False) -> Playing:
    bar = Bar("in.wav", source.audio.duration_s)
    return Playing(source, session, 1, ListenV1Hearing(), bar, live=live, tell=told.extend)


async def test_what_no_final_confirmed_is_told_and_so_is_the_loss() -> None:
    told: list[Segment] = []
    play = playing(Session(), Source(), told)
    await play.run()
    assert [segment.text for segment in told] == ["open"]
    assert play.transcript.segments == told
    transcript = play.transcript
    assert (transcript.complete, transcript.lost_s, transcript.duration_s) == (False, 0.25, 1.0)


async def test_a_disk_that_fails_ends_the_session_with_its_own_error() -> None:
    session = Session()
    with pytest.raises(InputError, match=r"^in\.wav: Input/output error$"):
        await asyncio.wait_for(playing(session, Source(readable=False), []).run(), 10)
    assert session.closed


async def test_a_cancelled_file_closes_its_session_and_keeps_what_was_heard() -> None:
    session, told = Session(), list[Segment]()
    task = asyncio.create_task(playing(session, Source(60.0), told).run())
    while not session.pushed:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert session.closed
    assert [segment.text for segment in told] == ["open"]


def test_a_slow_recogniser_is_not_overrun_and_not_asked_for_the_end_before_it_is_near() -> None:
    async def scenario() -> tuple[SlowSession, Playing]:
        session = SlowSession()
        play = playing(session, Source(90.0), [])
        await play.run()
        return session, play

    session, play = in_virtual_time(scenario())
    assert play.transcript.complete
    assert session.pushed_s == 90.0
    assert 19 < session.ahead_s <= 20.2
    assert session.unanswered_s < 3.0


def test_a_service_that_says_nothing_does_not_stop_the_file() -> None:
    async def scenario() -> Session:
        session = Session()
        await playing(session, Source(90.0), []).run()
        return session

    assert in_virtual_time(scenario()).pushed_s == 90.0


def test_speed_1_is_real_time() -> None:
    async def scenario() -> Session:
        session = Session()
        await playing(session, Source(15.0), [], live=True).run()
        return session

    pushed_at = in_virtual_time(scenario()).pushed_at
    assert all(0 <= pushed_s - at <= 0.25 for at, pushed_s in pushed_at)
    assert pushed_at[-1][0] >= 14.75
