"""Recordings as live calls over one quota: ``python -m examples.cookbook.many_calls calls 20``."""

from __future__ import annotations

import asyncio
import os
import sys
import wave
from pathlib import Path

from speechwire.audio import PcmPipeline
from speechwire.protocol import ListenV2Options
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import SessionEnded, SessionPool

URL = os.environ.get("DEEPGRAM_URL", "wss://api.deepgram.com")
FRAME_S = 0.02


async def call(path: Path, pool: SessionPool) -> bool:
    """Play one recording as a caller would, and print its turns; return whether all of it was heard."""
    with wave.open(str(path)) as wav:
        pipeline = PcmPipeline(wav.getframerate(), 16_000, wav.getnchannels(), chunk_ms=80)
        async with pool.listen_v2(ListenV2Options(), converter=pipeline) as session:
            while frame := wav.readframes(round(wav.getframerate() * FRAME_S)):
                session.push(frame)
                await asyncio.sleep(FRAME_S)
            await session.aclose()
            events = [event async for event in session]
    for event in events:
        if isinstance(event, TurnInfo) and event.event == "EndOfTurn":
            print(f"{path.stem}: {event.transcript}")
    return any(isinstance(event, SessionEnded) and event.complete for event in events)


async def main(paths: list[Path], quota: int) -> bool:
    """Hold all the calls at once; a call beyond the quota waits, keeps its audio and catches up."""
    async with SessionPool(os.environ["DEEPGRAM_API_KEY"], base_url=URL, max_listen=quota) as pool:
        outcomes = await asyncio.gather(*(call(path, pool) for path in paths), return_exceptions=True)
        listen = pool.snapshot().listen
    print(f"{listen.sent_s:.1f} s sent over {listen.connections} connections, {listen.lost_bytes} bytes lost")
    failed = [(path, error) for path, error in zip(paths, outcomes, strict=True) if error is not True]
    for path, error in failed:
        print(f"{path.stem}: {error or 'incomplete'}", file=sys.stderr)
    return not failed


if __name__ == "__main__":
    well = asyncio.run(main(sorted(Path(sys.argv[1]).glob("*.wav")), int(sys.argv[2])))
    sys.exit(0 if well else 1)
