"""A reply that stops when the caller speaks: ``python -m examples.cookbook.barge_in caller.wav``."""

from __future__ import annotations

import asyncio
import os
import sys
import wave

from speechwire.audio import PcmPipeline
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import ListenV2Session, SessionPool, SpeakRequest

URL = os.environ.get("DEEPGRAM_URL", "wss://api.deepgram.com")
REPLY = "We have a room with a view of the garden, a room with a view of the sea, and two in the old tower."
BYTES_PER_S = 48_000  # 24 kHz, 16 bit, mono
FRAME_S = 0.02


async def play(request: SpeakRequest) -> float:
    """Play a reply at real pace, as a sound card does; return the seconds that were audible."""
    played = 0
    async for pcm in request:  # ends at once when the request is interrupted
        played += len(pcm)
        await asyncio.sleep(len(pcm) / BYTES_PER_S)  # what is already in your player must be cleared as well
    return played / BYTES_PER_S


async def microphone(wav: wave.Wave_read, session: ListenV2Session) -> None:
    """Stand in for a microphone: push the recording at its own pace."""
    while frame := wav.readframes(round(wav.getframerate() * FRAME_S)):
        session.push(frame)
        await asyncio.sleep(FRAME_S)
    await session.aclose()


async def main(wav: wave.Wave_read) -> None:
    """Speak and listen at the same time, and stop speaking when the caller begins."""
    pipeline = PcmPipeline(wav.getframerate(), 16_000, wav.getnchannels(), chunk_ms=80)
    async with (
        SessionPool(os.environ["DEEPGRAM_API_KEY"], base_url=URL) as pool,
        pool.listen_v2(converter=pipeline) as ears,
        pool.speak() as mouth,
    ):
        reply = mouth.speak(REPLY)
        playing = asyncio.create_task(play(reply))
        listening = asyncio.create_task(microphone(wav, ears))
        async for event in ears:
            if isinstance(event, TurnInfo) and event.event == "StartOfTurn":
                reply.interrupt()  # from here on it delivers nothing
            elif isinstance(event, TurnInfo) and event.event == "EndOfTurn":
                print(f"caller: {event.transcript}")
        await listening
        print(f"the caller heard {await playing:.1f} s of the reply")


if __name__ == "__main__":
    with wave.open(sys.argv[1]) as recording:
        asyncio.run(main(recording))
