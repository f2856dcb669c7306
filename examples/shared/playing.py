"""A WAV file as a microphone or a telephone line would give it."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from pathlib import Path

from speechwire.errors import SpeechwireError

__all__ = ["FRAME_S", "format_of", "played"]

FRAME_S = 0.02


def format_of(path: Path) -> tuple[int, int]:
    """Return the rate in Hz and the number of channels of a 16 bit WAV file.

    Raises:
        SpeechwireError: It is another kind of file.
        OSError: It cannot be read.
    """
    try:
        with wave.open(str(path)) as wav:
            if wav.getsampwidth() == 2:
                return wav.getframerate(), wav.getnchannels()
    except (wave.Error, EOFError):
        pass
    raise SpeechwireError(f"{path} is no 16 bit WAV file: `speechwire convert {path} OUT.wav` makes one")


async def played(path: Path, speed: float = 1.0) -> AsyncIterator[bytes]:
    """Yield a 16 bit WAV file, 20 ms every 20 ms, or ``speed`` times as fast."""
    clock = asyncio.get_running_loop().time
    start_s, number = clock(), 0
    with wave.open(str(path)) as wav:
        while block := wav.readframes(round(wav.getframerate() * FRAME_S)):
            yield block
            number += 1
            await asyncio.sleep(start_s + number * FRAME_S / speed - clock())
