"""Hands synthesized audio to the framework's output track, in the only shape the track plays correctly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from speechwire.audio import PcmPipeline
from speechwire.session.converter import Converter

from ._synthesis import Synthesis

__all__ = ["TRACK_RATE", "Playback", "to_track_format"]

TRACK_RATE = 24_000
"""Hz of the framework's output track, where it does not say otherwise."""

_FRAME_MS = 20
_MOST_FRAMES = 5  # at once: the track's work grows with the square of what it is given
_FORMATS = {"linear16": "s16le", "mulaw": "mulaw", "alaw": "alaw"}


def to_track_format(encoding: str, sample_rate: int, track_rate: int) -> PcmPipeline:
    """Return a converter from what Deepgram sends to 20 ms pieces of mono s16le at ``track_rate``."""
    return PcmPipeline(
        in_rate=sample_rate,
        out_rate=track_rate,
        channels=1,
        chunk_ms=_FRAME_MS,
        format=_FORMATS[encoding],
    )


class _AsItComes:
    """Audio that needs no conversion: cut into whole frames only.

    Args:
        frame_bytes: Of one frame of the track.
    """

    def __init__(self, frame_bytes: int) -> None:
        self._frame_bytes = frame_bytes
        self._rest = b""

    def push(self, audio: bytes, /) -> list[bytes]:
        """Return the whole frames there are now."""
        audio = self._rest + audio if self._rest else audio
        whole = len(audio) - len(audio) % self._frame_bytes
        self._rest = audio[whole:]
        return [audio[:whole]] if whole else []

    def flush(self) -> list[bytes]:
        """Return what is left of a frame."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


class Playback:
    """One synthesis' way into one track.

    The track is bound here, at the start: the framework's audio cache exchanges the plugin's track while it
    records, and audio must not follow it there.

    Args:
        synthesis: What is played; once it has been interrupted, nothing is written any more.
        track: The framework's output track; ``add_new_bytes`` is all it must have.
        encoding: Of the audio to come: ``linear16``, ``mulaw`` or ``alaw``.
        sample_rate: Hz of the audio to come.
        on_first_audio: Awaited once, before the first bytes.
    """

    def __init__(
        self,
        synthesis: Synthesis,
        track: Any,
        encoding: str,
        sample_rate: int,
        on_first_audio: Callable[[], Awaitable[None]],
    ) -> None:
        self._synthesis = synthesis
        self._track = track
        self._on_first_audio = on_first_audio
        self._began = False
        rate = getattr(track, "sample_rate", None) or TRACK_RATE
        self._frame_bytes = rate * _FRAME_MS // 1000 * 2
        self._most_bytes = _MOST_FRAMES * self._frame_bytes
        as_it_comes = encoding == "linear16" and sample_rate == rate
        self._converter: Converter = (
            _AsItComes(self._frame_bytes) if as_it_comes else to_track_format(encoding, sample_rate, rate)
        )
        if hasattr(track, "set_input_format"):
            # Says what is pushed here, whatever another provider said before.
            track.set_input_format(rate, 1)

    async def write(self, audio: bytes) -> None:
        """Play ``audio``. Never waits for the playback: the track buffers."""
        pieces = self._converter.push(audio)
        if pieces:
            await self._add(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    async def finish(self) -> None:
        """Play what is left, filled up with silence: the track never plays less than 20 ms."""
        pieces = self._converter.flush()
        if pieces:
            rest = b"".join(pieces)
            await self._add(rest + bytes(-len(rest) % self._frame_bytes))

    async def _add(self, frames: bytes) -> None:
        if not self._began and not self._synthesis.interrupted:
            self._began = True
            await self._on_first_audio()
        most = self._most_bytes
        pieces = (
            (frames,) if len(frames) <= most else [frames[i : i + most] for i in range(0, len(frames), most)]
        )
        for piece in pieces:
            if self._synthesis.interrupted:  # by the callback, or while the track took the last piece
                return
            await self._track.add_new_bytes(piece)
