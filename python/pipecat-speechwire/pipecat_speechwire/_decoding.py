"""What Aura sends, as Pipecat's frames have it."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from speechwire.audio import PcmPipeline

__all__ = ["FORMATS", "decoded"]

FORMATS = {"linear16": "s16le", "mulaw": "mulaw", "alaw": "alaw"}
"""The encodings that are asked for, and what the core calls them."""


async def decoded(
    audio: AsyncIterable[bytes], encoding: str, in_rate: int, out_rate: int
) -> AsyncIterator[bytes]:
    """Yield audio of ``encoding`` at ``in_rate`` Hz as mono s16le at ``out_rate`` Hz."""
    if encoding == "linear16" and in_rate == out_rate:
        async for pcm in audio:
            yield pcm
        return
    decoder = PcmPipeline(in_rate=in_rate, out_rate=out_rate, channels=1, format=FORMATS[encoding])
    async for pcm in audio:
        for piece in decoder.push(pcm):
            yield piece
    for piece in decoder.flush():
        yield piece
