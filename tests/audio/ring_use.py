"""Rings of one engine, in the states that the tests begin with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.audio.rings import make

from speechwire.audio import AudioRing

Build = Callable[..., AudioRing]


def builder(engine: str) -> Build:
    """Makes rings of one engine; frames of two bytes."""
    return lambda **bounds: make(engine, **{"frame_bytes": 2, **bounds})


def drained(ring: AudioRing, now: float) -> list[Any]:
    return [ring.take(now) for _ in range(ring.waiting)]


def sent(ring: AudioRing, count: int) -> AudioRing:
    """So many messages of two frames, all taken."""
    for number in range(count):
        ring.push(bytes([number]) * 4, 0.0)
        ring.take(0.0)
    return ring


def live(ring: AudioRing) -> AudioRing:
    """Connected, with something sent, resting."""
    ring.open(None, 0.0)
    ring.push(bytes(4), 0.0)
    ring.take(0.0)
    ring.rest(True)
    return ring
