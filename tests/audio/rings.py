"""Rings of both engines, and a converter for them."""

from __future__ import annotations

from typing import Any

from speechwire.audio import AudioRing, engine_name, make_ring

__all__ = ["ENGINES", "Chunker", "make", "rings"]

ENGINES = ["numpy"] if engine_name() == "numpy" else ["numpy", "native"]

_LARGE = {"frame_rate": 1000, "queue_frames": 1 << 20, "replay_frames": 1 << 20}


def make(engine: str, **settings: Any) -> AudioRing:
    """A ring of one engine; large where nothing is said."""
    return make_ring(engine=engine, **{**_LARGE, **settings})


def rings(**settings: Any) -> list[AudioRing]:
    """One of each engine."""
    return [make(engine, **settings) for engine in ENGINES]


class Chunker:
    """Cuts audio into chunks of a fixed number of bytes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rest = b""

    def push(self, pcm: bytes, /) -> list[bytes]:
        data = self._rest + bytes(pcm)
        whole = len(data) - len(data) % self._size
        self._rest = data[whole:]
        return [data[start : start + self._size] for start in range(0, whole, self._size)]

    def flush(self) -> list[bytes]:
        rest, self._rest = self._rest, b""
        return [rest] if rest else []
