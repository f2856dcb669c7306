"""A Pipecat transport without a network: a caller's microphone goes in, what the agent plays comes out.

Everything between the two is the framework's own code, the queues of its transports included.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
from pipecat.frames.frames import InputAudioRawFrame, InterruptionFrame, OutputAudioRawFrame, StartFrame
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams

from speechwire.audio import PcmPipeline

from .caller import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, Call

__all__ = ["MICROPHONE_RATE", "SPEAKER_RATE", "Microphone", "Speaker"]

MICROPHONE_RATE = 16_000
SPEAKER_RATE = 24_000

Hear = Callable[[np.ndarray], None]


class Microphone(BaseInputTransport):
    """The caller: 16 kHz mono, 20 ms every 20 ms."""

    def __init__(self) -> None:
        super().__init__(TransportParams(audio_in_enabled=True, audio_in_sample_rate=MICROPHONE_RATE))

    async def start(self, frame: StartFrame) -> None:
        """Be ready."""
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def play(self, call: Call, on_start: Callable[[], None]) -> None:
        """Say a whole call; takes as long as the call.

        Args:
            call: What is said.
            on_start: Called when the first frame is due: the conversation's 0 s.
        """
        loop = asyncio.get_running_loop()
        converter = PcmPipeline(
            in_rate=SAMPLE_RATE, out_rate=MICROPHONE_RATE, channels=1, chunk_ms=FRAME_MS, quality="best"
        )
        on_start()
        start = loop.time()
        for number, samples in enumerate(call.mono.reshape(-1, FRAME_SAMPLES)):
            await asyncio.sleep(start + number * FRAME_MS / 1000 - loop.time())
            for audio in converter.push(samples.tobytes()):
                await self.push_audio_frame(InputAudioRawFrame(audio, MICROPHONE_RATE, 1))


class Speaker(BaseOutputTransport):
    """Plays what the agent says at real pace.

    Args:
        hear: Called with every 20 ms played: mono s16 at 24 kHz.
    """

    def __init__(self, hear: Hear) -> None:
        params = TransportParams(
            audio_out_enabled=True,
            audio_out_sample_rate=SPEAKER_RATE,
            audio_out_10ms_chunks=FRAME_MS // 10,
        )
        super().__init__(params)
        self._hear = hear
        self._due = 0.0

    async def start(self, frame: StartFrame) -> None:
        """Be ready."""
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def process_frame(self, frame: Any, direction: FrameDirection) -> None:
        """Process a frame; an interruption starts the pace anew."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self._due = 0.0

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Play a frame; takes as long as the frame."""
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now) + len(frame.audio) / 2 / SPEAKER_RATE
        self._hear(np.frombuffer(frame.audio, dtype="<i2"))
        await asyncio.sleep(self._due - now)
        return True
