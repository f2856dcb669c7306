"""Transcribe WAV files, some at a time: ``python -m examples.cookbook.transcribe_folder calls 8``."""

from __future__ import annotations

import asyncio
import os
import sys
import wave
from pathlib import Path

from speechwire.audio import PcmPipeline
from speechwire.errors import SpeechwireError
from speechwire.protocol import ListenV1Options
from speechwire.protocol.listen_v1_events import Results
from speechwire.session import ListenV1Session, SessionEnded, SessionPool

URL = os.environ.get("DEEPGRAM_URL", "wss://api.deepgram.com")
OPTIONS = ListenV1Options(model="nova-3", smart_format=True, interim_results=False)
AHEAD_BYTES = 64_000  # two seconds of 16 kHz mono that wait to be sent


async def send(wav: wave.Wave_read, session: ListenV1Session) -> None:
    """Push a file as fast as the session sends it: at 1.25 times real time, as Deepgram asks."""
    while block := wav.readframes(wav.getframerate()):
        session.push(block)
        while session.buffered_bytes > AHEAD_BYTES and not session.over:  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0.1)
    await session.aclose()


async def transcribe(path: Path, pool: SessionPool, turn: asyncio.Semaphore) -> bool:
    """Write the transcript of one file beside it; return whether it is complete."""
    async with turn:
        with wave.open(str(path)) as wav:
            pipeline = PcmPipeline(wav.getframerate(), 16_000, wav.getnchannels(), chunk_ms=100)
            async with pool.listen_v1(OPTIONS, converter=pipeline) as session:
                await send(wav, session)
                events = [event async for event in session]
    lines = [one.transcript for one in events if isinstance(one, Results) and one.is_final and one.transcript]
    path.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return isinstance(events[-1], SessionEnded) and events[-1].complete


async def main(paths: list[Path], at_once: int) -> int:
    """Transcribe all files; return how many failed, which does not end the others."""
    turn, failed = asyncio.Semaphore(at_once), 0
    async with SessionPool(os.environ["DEEPGRAM_API_KEY"], base_url=URL) as pool:
        for path, work in [(path, asyncio.create_task(transcribe(path, pool, turn))) for path in paths]:
            try:
                word = "done" if await work else "incomplete"
            except (SpeechwireError, wave.Error) as error:
                word = f"failed: {error}"
            print(f"{path.name}: {word}")
            failed += word != "done"
    return failed


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(main(sorted(Path(sys.argv[1]).glob("*.wav")), int(sys.argv[2]))) else 0)
