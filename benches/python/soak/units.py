"""Audio that says which piece of which stream it is, also after downmixing and resampling.

Every 200 ms of a stream are one *unit*: a constant level that names it. Neighbours differ by less than any
filter's ringing could blur, so a receiver at any rate finds the boundaries, and no unit can be lost, heard
twice or mixed up with another stream's unnoticed.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

UNIT_S = 0.2
FRAME_MS = 20
FRAMES_PER_UNIT = round(UNIT_S * 1000) // FRAME_MS
RATE = 48_000
CHANNELS = 2

LEVELS = 10_000
TURN_UNITS, SPOKEN_UNITS = 25, 20  # 4 s of speech, 1 s of silence
_STEP = 6
_FLOOR = 1000  # no level is nearer to silence, which a session may put in
_POINT = 0.35  # of a unit
_TILT = 500  # left and right differ, so that only a true downmix gives the level
_FRAME_SAMPLES = RATE * FRAME_MS // 1000


def frame(number: int) -> bytes:
    """20 ms of unit ``number``: 48 kHz stereo s16le."""
    place = number % LEVELS - LEVELS // 2
    level = place * _STEP + (_FLOOR if place >= 0 else -_FLOOR)
    return struct.pack("<hh", level + _TILT, level - _TILT) * _FRAME_SAMPLES


def is_spoken(number: int) -> bool:
    """Whether the recognizer hears a word in this unit, and not silence."""
    return number % TURN_UNITS < SPOKEN_UNITS


def word_of(number: int) -> str:
    """What the recognizer hears."""
    return f"w{number % LEVELS:04d}"


class Unit(NamedTuple):
    """A unit that was heard; positions are samples of the connection."""

    number: int
    start: int
    end: int


class UnitReader:
    """Finds the units in mono s16le audio that begins anywhere and comes cut anywhere.

    A unit is heard by whoever hears the point 70 ms into it: when a stream is cut in two, or silence put
    into it, each of its units is heard once. (Sessions cut at the ends of chunks, never there.)

    Attributes:
        breaks: How often a unit was not of one level for its whole length: something was left out or put in
            within the connection.
    """

    def __init__(self, rate: int) -> None:
        self.breaks = 0
        self._unit = round(UNIT_S * rate)
        self._settling = rate // 100
        self._pcm = bytearray()
        self._position = 0
        self._in_step = False
        self._from_start = False  # what is kept begins where a unit begins
        self._told = False

    @property
    def position(self) -> int:
        """Samples heard."""
        return self._position + len(self._pcm) // 2

    def feed(self, pcm: bytes) -> list[Unit]:
        """Hear whole samples; returns the units that are complete."""
        self._pcm += pcm
        units: list[Unit] = []
        while self._go_on(units) if self._in_step else self._get_in_step(units):
            pass
        # The last unit of a stream is a few samples short, as its first boundary was found a little late.
        return units + self.settle() if len(self._pcm) >= 2 * (self._unit - self._settling) else units

    def settle(self) -> list[Unit]:
        """What is heard of the unit that goes on, if that is enough."""
        length = len(self._pcm) // 2
        units = [] if self._told else self._named(length)
        self._told = self._told or bool(units)
        return units

    def _go_on(self, units: list[Unit]) -> bool:
        """Take a whole unit, or fall out of step; false if there is too little for either."""
        if len(self._pcm) < 2 * self._unit:
            return False
        samples = self._samples()[self._settling : self._unit - self._settling + 1]
        level = self._sample(self._unit // 2)
        self._in_step = int(np.abs(samples - level).max()) <= 1
        if self._in_step:
            units += self._take(self._unit)
            self._from_start = True
        else:
            self.breaks += 1
        return True

    def _get_in_step(self, units: list[Unit]) -> bool:
        """Find a boundary and take what is before it; false if there is none yet."""
        samples = self._samples()
        away = np.abs(samples - samples[:1])
        leaving = np.flatnonzero(away > _STEP // 2)
        if not leaving.size or leaving[0] + self._settling >= samples.size:
            return False
        # The filter's step response is symmetric: the boundary is where it has gone half the way.
        settled = int(leaving[0]) + self._settling - 1  # silence may be no longer
        boundary = int(np.flatnonzero(2 * away >= away[settled])[0])
        units += self._take(max(boundary, 1))
        self._in_step = not _is_silent(int(samples[settled]))
        self._from_start = self._in_step and not _is_silent(int(samples[0]))
        return True

    def _take(self, length: int) -> list[Unit]:
        units = [] if self._told else self._named(length)
        del self._pcm[: 2 * length]
        self._position += length
        self._told = False
        return units

    def _named(self, length: int) -> list[Unit]:
        if length < self._unit * (_POINT if self._from_start else 1 - _POINT):
            return []
        level = self._sample(length // 2)
        if _is_silent(level):
            return []
        place = (level - (_FLOOR if level > 0 else -_FLOOR) + _STEP // 2) // _STEP
        return [Unit(place + LEVELS // 2, self._position, self._position + length)]

    def _samples(self) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        return np.frombuffer(bytes(self._pcm), "<i2").astype(np.int32)

    def _sample(self, index: int) -> int:
        return int(struct.unpack_from("<h", self._pcm, 2 * index)[0])


def _is_silent(level: int) -> bool:
    return abs(level) < _FLOOR // 2
