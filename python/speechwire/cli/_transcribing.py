"""Transcribes many inputs with many sessions, and reports the result of each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from speechwire.cli._asking import Asked
from speechwire.cli._audio import AudioReader
from speechwire.cli._conversion import Converter, channel_converter, mono_converter
from speechwire.cli._display import Bar, Display
from speechwire.cli._failures import FAILED, InputError, exit_code, named
from speechwire.cli._feed import Feed
from speechwire.cli._files import STANDARD, display_name
from speechwire.cli._patience import listen_settings
from speechwire.cli._playing import SERVICE_RATE, Playing, Session
from speechwire.cli._service import Service
from speechwire.cli._threads import in_thread
from speechwire.cli._transcript import Transcript
from speechwire.cli._writing import FileTarget, InOrder, Output, Target
from speechwire.errors import (
    ConnectFailed,
    ConnectionLost,
    HandshakeRefused,
    InvalidArgument,
    SpeechwireError,
)
from speechwire.protocol import ListenV2Options
from speechwire.session import SessionPool

__all__ = ["Order", "transcribe_all"]

_LONG_S = 120.0


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done.

    Args:
        files: The inputs.
        asked: What is recognised, and how.
        paths: For each input where its transcript goes, by format; ``-`` is standard output.
        concurrency: Inputs at once.
        speed: Times real time; ``None`` for as fast as the service takes it.
    """

    files: Sequence[Path]
    asked: Asked
    paths: Sequence[dict[str, Path]]
    concurrency: int
    speed: float | None


@dataclass(slots=True)
class _Outcome:
    """The result of one input.

    Args:
        transcript: The transcript, also of an input that failed.
        files: The files that hold it.
        error: Why the input failed; ``None`` if it did not.
        notes: Further messages for the user.
    """

    transcript: Transcript
    files: list[str] = field(default_factory=list)
    error: Exception | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def kept(self) -> str:
        """Say in words where the partial transcript is."""
        if not self.files:
            return ""
        return f"what was heard until {self.transcript.duration_s:.1f} s is in {', '.join(self.files)}"


async def transcribe_all(order: Order, service: Service, display: Display) -> int:
    """Transcribe all inputs; returns the exit code.

    Raises:
        SpeechwireError: The service refuses or cannot be reached.
    """
    async with service.access() as access, SessionPool(access.api_key, base_url=access.base_url) as pool:
        work = _Work(order, pool, display, emulated=service.emulator)
        tasks = [asyncio.create_task(work.one(place)) for place in range(len(order.files))]
        try:
            return await work.report(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            work.print_rest()


class _Work:
    def __init__(self, order: Order, pool: SessionPool, display: Display, *, emulated: bool) -> None:
        self._order = order
        self._pool = pool
        self._display = display
        self._emulated = emulated
        self._room = asyncio.Semaphore(order.concurrency)
        self._printed = InOrder(display, len(order.files))

    async def one(self, place: int) -> _Outcome:
        """Transcribe one input. Whatever ends it, what was heard is kept."""
        file = self._order.files[place]
        outcome = _Outcome(Transcript(display_name(file)))
        output: Output | None = None
        async with self._room:
            try:
                output = await in_thread(self._output, place)  # a pipe waits for its reader
                async with Feed(file) as feed:
                    await self._play(feed, outcome, output)
                outcome.files = output.end(outcome.transcript)
            except asyncio.CancelledError:
                self._keep(outcome, output)
                if outcome.files:
                    self._display.error(f"{outcome.transcript.file}: {outcome.kept}")
                raise
            except (SpeechwireError, InputError, OSError) as error:
                outcome.error = error
                self._keep(outcome, output)
        return outcome

    def print_rest(self) -> None:
        """Print all text that still waits for its turn."""
        for _ in self._order.files:
            self._printed.next()

    async def report(self, tasks: Sequence[asyncio.Task[_Outcome]]) -> int:
        """Report the result of each input, in order. Raise if the service cannot be used."""
        worst = 0
        for task in tasks:
            outcome = await task
            error = outcome.error
            if isinstance(error, BrokenPipeError):
                raise error  # the reader of the output is gone
            if isinstance(error, (HandshakeRefused, ConnectFailed, InvalidArgument)):
                if outcome.kept:
                    self._display.error(f"{outcome.transcript.file}: {outcome.kept}")
                raise error
            worst = max(worst, self._tell(outcome))
            self._printed.next()
        return worst

    def _output(self, place: int) -> Output:
        file = self._order.files[place]
        prefix = f"{display_name(file)}: " if len(self._order.files) > 1 else ""
        targets: dict[str, Target] = {}
        for format, path in self._order.paths[place].items():
            if path == STANDARD:
                targets[format] = self._printed.target(place, prefix if format == "text" else "")
            else:
                targets[format] = FileTarget(path)
        return Output(targets)

    async def _play(self, feed: Feed, outcome: _Outcome, output: Output) -> None:
        audio, asked = feed.audio, self._order.asked
        self._display.detail(f"{audio.name}: {audio.kind}")
        self._announce(audio)
        channels = audio.channels if asked.multichannel else 1
        session = self._session(audio, feed.path, channels)
        with self._display.bar(Path(audio.name).name, audio.duration_s) as bar:
            playing = self._playing(feed, session, channels, bar, output)
            outcome.transcript = playing.transcript
            await playing.run()
        outcome.notes = audio.shortcomings()

    def _playing(self, feed: Feed, session: Session, channels: int, bar: Bar, output: Output) -> Playing:
        hearing = self._order.asked.hearing(channels)
        live = self._order.speed == 1
        return Playing(feed, session, channels, hearing, bar, live=live, tell=output.tell)

    def _session(self, audio: AudioReader, path: Path, channels: int) -> Session:
        convert = channel_converter if self._order.asked.multichannel else mono_converter
        converter: Converter = convert(audio, path, SERVICE_RATE)
        options, settings = self._order.asked.options(channels), listen_settings(self._order.speed)
        if isinstance(options, ListenV2Options):
            return self._pool.listen_v2(options, converter=converter, settings=settings)
        return self._pool.listen_v1(options, converter=converter, settings=settings)

    def _announce(self, audio: AudioReader) -> None:
        """Say how long it will take, where no bar shows it."""
        if audio.duration_s is None or self._order.speed is None or self._display.shows_bars:
            return
        takes_s = audio.duration_s / self._order.speed
        if takes_s >= _LONG_S:
            self._display.note(
                f"{audio.name}: {audio.duration_s / 60:.0f} minutes at {self._order.speed:g} times real time:"
                f" {takes_s / 60:.0f} minutes to wait (--speed)"
            )

    def _keep(self, outcome: _Outcome, output: Output | None) -> None:
        if output is not None:
            with suppress(OSError):  # the failure to write is reported already, or there is a worse error
                outcome.files = output.keep(outcome.transcript)

    def _tell(self, outcome: _Outcome) -> int:
        name = outcome.transcript.file
        if outcome.error is not None:
            words = self._explained(name, outcome.error)
            self._display.error(f"{words}; {outcome.kept}" if outcome.kept else words)
            return exit_code(outcome.error)
        for note in outcome.notes:
            self._display.note(f"{name}: {note}")
        return self._check_whole(outcome)

    def _explained(self, name: str, error: Exception) -> str:
        busy = self._emulated or self._order.concurrency > 1
        if busy and isinstance(error, ConnectionLost) and "no progress" in error.reason:
            return f"{name}: the recogniser cannot keep up; lower --concurrency"
        return named(name, error)

    def _check_whole(self, outcome: _Outcome) -> int:
        """Report audio that was dropped."""
        transcript = outcome.transcript
        if transcript.lost_s:
            why = f"{transcript.lost_s:.2f} s of the audio did not reach the service"
        elif not transcript.complete:
            why = "the service did not finish its results in time; the last words may be missing"
        else:
            if not transcript.segments and transcript.duration_s:
                self._display.note(f"{transcript.file}: no speech was heard")
            return 0
        self._display.error(f"{transcript.file}: {why}")
        return FAILED
