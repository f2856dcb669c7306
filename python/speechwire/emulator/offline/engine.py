"""The offline engine: recognition in processes of its own, synthesis in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from speechwire.audio import PcmPipeline
from speechwire.emulator.engine import Heard, StreamInfo
from speechwire.emulator.offline._espeak import synthesize
from speechwire.emulator.offline._process import RecognitionProcess
from speechwire.emulator.offline._recognition import SAMPLE_RATE
from speechwire.emulator.offline._synthesis import EspeakSynthesizer
from speechwire.emulator.offline._wire import Request
from speechwire.errors import SpeechwireError

__all__ = ["OfflineEngine"]

_CHUNK_MS = 20
_TURN_CHUNKS = 10


class _OfflineRecognizer:
    """One stream, assigned to one process."""

    def __init__(self, process: RecognitionProcess, stream: int, rate: int) -> None:
        self._process = process
        self._stream = stream
        self._pipeline = PcmPipeline(in_rate=rate, out_rate=SAMPLE_RATE, channels=1, chunk_ms=_CHUNK_MS)
        self._open = True

    async def feed(self, pcm: bytes) -> Sequence[Heard]:
        """Recognize whole samples at the stream's rate."""
        chunks = self._pipeline.push(pcm)
        reports: list[Heard] = []
        # In small pieces, so that the streams of one process take turns.
        for at in range(0, len(chunks), _TURN_CHUNKS):
            piece = b"".join(chunks[at : at + _TURN_CHUNKS])
            reports += await self._ask(Request("feed", self._stream, piece))
        return reports

    async def settle(self) -> Sequence[Heard]:
        """Decode all audio, except an incomplete last chunk of less than 20 ms, which waits for more."""
        return await self._ask(Request("settle", self._stream))

    async def set_keyterms(self, keyterms: tuple[str, ...]) -> None:
        """Favour these terms from the next utterance on."""
        await self._ask(Request("keyterms", self._stream, keyterms=keyterms))

    async def aclose(self) -> None:
        """Free the stream's decoder."""
        if self._open:
            self._open = False
            self._process.streams -= 1
            # If the process has ended, there is nothing to free.
            with contextlib.suppress(SpeechwireError):
                await self._ask(Request("close", self._stream))

    async def _ask(self, request: Request) -> Sequence[Heard]:
        return await self._process.ask(request)


class OfflineEngine:
    """pocketsphinx listens, espeak-ng speaks.

    Args:
        processes: The most recognition processes; None for one per core, at most four. The first starts with
            the engine, the others when streams need them. One core recognizes about three streams in real
            time.
    """

    name = "offline"

    def __init__(self, processes: int | None = None) -> None:
        self._limit = processes or min(os.cpu_count() or 1, 4)
        self._processes: list[RecognitionProcess] = []
        self._starting = asyncio.Lock()
        self._streams = 0
        self._speaker: ThreadPoolExecutor | None = None

    async def start(self) -> None:
        """Load models and voices.

        Raises:
            EngineUnavailable: pocketsphinx or espeak-ng is not installed.
        """
        self._speaker = ThreadPoolExecutor(1, "espeak")
        await asyncio.get_running_loop().run_in_executor(self._speaker, synthesize, "")
        await self._grow()

    async def aclose(self) -> None:
        """End processes and thread. Safe to call twice."""
        processes, self._processes = self._processes, []
        await asyncio.gather(*(process.aclose() for process in processes))
        if self._speaker:
            self._speaker.shutdown(wait=True, cancel_futures=True)
            self._speaker = None

    async def recognizer(self, stream: StreamInfo) -> _OfflineRecognizer:
        """Listen to a stream in the process with the fewest."""
        process = await self._least_busy()
        process.streams += 1
        self._streams += 1
        recognizer = _OfflineRecognizer(process, self._streams, stream.sample_rate)
        await process.ask(Request("open", self._streams, keyterms=stream.keyterms))
        return recognizer

    async def synthesizer(self, stream: StreamInfo) -> EspeakSynthesizer:
        """Speak for a stream.

        Raises:
            RuntimeError: The engine has not been started.
        """
        if self._speaker is None:
            raise RuntimeError(
                "the offline engine has to be started before it speaks: use it through Emulator"
            )
        return EspeakSynthesizer(stream, self._speaker)

    async def _least_busy(self) -> RecognitionProcess:
        async with self._starting:
            await self._bury_the_dead()
            if all(process.streams for process in self._processes) and len(self._processes) < self._limit:
                await self._grow()
            return min(self._processes, key=lambda process: process.streams)

    async def _bury_the_dead(self) -> None:
        for process in [process for process in self._processes if not process.alive]:
            self._processes.remove(process)
            await process.aclose()

    async def _grow(self) -> None:
        process = RecognitionProcess()
        self._processes.append(process)
        await process.start()
