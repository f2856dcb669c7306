"""Turns a client's bytes into reports: decodes, splits into channels, recognizes each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from speechwire.emulator._audio_format import AudioFormat, Decoder
from speechwire.emulator._counter import CounterCheck
from speechwire.emulator.engine import Engine, Heard, Recognizer, StreamInfo

__all__ = ["ChannelHeard", "Hearing"]


@dataclass(frozen=True, slots=True)
class ChannelHeard:
    """A report and the channel it is about."""

    channel: int
    heard: Heard


class Hearing:
    """All channels of one connection.

    Args:
        engine: Where recognizers come from.
        stream: Endpoint, connection and keyterms; rate and channel are filled in here.
        declared: What the client declared its bytes to be.
        multichannel: Recognize each channel; otherwise their mean.
        count: Check the first channel for jumps of an embedded counter.
    """

    def __init__(
        self,
        engine: Engine,
        stream: StreamInfo,
        declared: AudioFormat,
        *,
        multichannel: bool,
        count: bool = False,
    ) -> None:
        self._engine = engine
        self._stream = stream
        self._decoder = Decoder(declared)
        self._multichannel = multichannel
        self._recognizers: list[Recognizer] = []
        self._samples = 0
        self._counter = CounterCheck(declared.sample_rate or 1) if count else None
        self._gaps: list[tuple[float, int]] = []

    @property
    def channels(self) -> int:
        """Channels recognized apart; 1 until the format is known."""
        return max(len(self._recognizers), 1)

    @property
    def heard_s(self) -> float:
        """Seconds of audio that came."""
        audio = self._decoder.format
        return self._samples / audio.sample_rate if audio and self._samples else 0.0

    async def open(self) -> None:
        """Get the recognizers ready, if the format is known."""
        audio = self._decoder.format
        if audio is None or self._recognizers:
            return
        for channel in range(audio.channels if self._multichannel else 1):
            stream = replace(self._stream, sample_rate=audio.sample_rate, channel=channel)
            self._recognizers.append(await self._engine.recognizer(stream))

    async def feed(self, data: bytes) -> list[ChannelHeard]:
        """Hear bytes cut anywhere.

        Raises:
            Undecodable: They do not fit the declared format.
        """
        pcm = self._decoder.decode(data)
        await self.open()
        if not pcm or not pcm[0]:
            return []
        self._samples += len(pcm[0]) // 2
        if self._counter:
            self._gaps += self._counter.feed(pcm[0])
        channels = pcm if self._multichannel or len(pcm) == 1 else [_mean(pcm)]
        reports = [
            await recognizer.feed(part) for recognizer, part in zip(self._recognizers, channels, strict=True)
        ]
        return _in_order(reports)

    def gaps(self) -> list[tuple[float, int]]:
        """Jumps of the embedded counter since the last call; see :class:`CounterCheck`."""
        gaps, self._gaps = self._gaps, []
        return gaps

    async def settle(self) -> list[ChannelHeard]:
        """Decode all that was heard; nothing if nothing was."""
        if not self._samples:
            return []
        return _in_order([await recognizer.settle() for recognizer in self._recognizers])

    async def set_keyterms(self, keyterms: tuple[str, ...]) -> None:
        """Set the terms to favour from now on."""
        for recognizer in self._recognizers:
            await recognizer.set_keyterms(keyterms)

    async def aclose(self) -> None:
        """Release the recognizers."""
        for recognizer in self._recognizers:
            await recognizer.aclose()


def _mean(channels: list[bytes]) -> bytes:
    total = sum(np.frombuffer(pcm, "<i2").astype(np.int64) for pcm in channels)
    return bytes(np.rint(total / len(channels)).astype(np.int16).tobytes())


def _in_order(reports: Sequence[Sequence[Heard]]) -> list[ChannelHeard]:
    tagged = [ChannelHeard(channel, heard) for channel, of_one in enumerate(reports) for heard in of_one]
    return sorted(tagged, key=lambda report: report.heard.time_s)
