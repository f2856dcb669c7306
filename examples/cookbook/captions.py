"""Captions of a WAV file, as SubRip: ``python -m examples.cookbook.captions talk.wav talk.srt``."""

from __future__ import annotations

import asyncio
import os
import sys
import wave
from pathlib import Path

from speechwire.audio import PcmPipeline
from speechwire.protocol import ListenV1Options, Utterance, Utterances
from speechwire.protocol.listen_v1_events import Results, UtteranceEnd
from speechwire.session import ListenV1Session

URL = os.environ.get("DEEPGRAM_URL", "wss://api.deepgram.com")
OPTIONS = ListenV1Options(model="nova-3", smart_format=True)
BLOCK_S = 0.1


async def play(wav: wave.Wave_read, session: ListenV1Session) -> None:
    """Push the file at its own pace, then wait for the last results."""
    while block := wav.readframes(round(wav.getframerate() * BLOCK_S)):
        session.push(block)
        await asyncio.sleep(BLOCK_S)
    await session.aclose()


async def captions(wav: wave.Wave_read) -> list[Utterance]:
    """Recognise what is said, one caption for each utterance."""
    pipeline = PcmPipeline(wav.getframerate(), 16_000, wav.getnchannels())
    session = ListenV1Session(os.environ["DEEPGRAM_API_KEY"], OPTIONS, converter=pipeline, base_url=URL)
    utterances, found = Utterances(), list[Utterance]()
    async with session:
        playing = asyncio.create_task(play(wav, session))
        async for event in session:
            if isinstance(event, Results | UtteranceEnd):
                found += [one for one in utterances.receive(event) if one.ended_by]
        await playing
    return found + utterances.close()


def stamp(seconds: float) -> str:
    """``00:01:02,345``."""
    minutes, ms = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{ms // 1000:02},{ms % 1000:03}"


if __name__ == "__main__":
    with wave.open(sys.argv[1]) as wav_file:
        lines = enumerate(asyncio.run(captions(wav_file)), 1)
    blocks = [f"{n}\n{stamp(one.start)} --> {stamp(one.end)}\n{one.transcript}\n" for n, one in lines]
    Path(sys.argv[2]).write_text("\n".join(blocks), encoding="utf-8")
