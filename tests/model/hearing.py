"""Which audio is in a frame, and how often each of the caller's milliseconds has come."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from tests.session.counted import RATE, SAMPLE_BYTES, counted

__all__ = ["Garbled", "Span", "missing", "repeated_ms", "spans", "total", "union"]

SAMPLES_A_MS = RATE // 1000


class Garbled(AssertionError):
    """Bytes that no caller has pushed: samples cut in two, or spliced."""


class Span(NamedTuple):
    """Contiguous audio of the caller, or silence that somebody else put in (``start`` is ``None``)."""

    start: int | None
    samples: int


def spans(frame: bytes, expected: int | None) -> list[Span]:
    """The pieces of a frame. ``expected`` is what would continue the one before; it tells one sample."""
    samples = len(frame) // SAMPLE_BYTES
    if len(frame) % SAMPLE_BYTES:
        raise Garbled(f"a frame of {len(frame)} bytes")
    if samples == 1:
        # The first sample of a connection does not say which it is, and nobody misses it.
        return [] if expected is None and any(frame) else [Span(expected, 1)]
    first, last = _index(frame, 0), _index(frame, samples - 2)
    if first is None and last is None and not any(frame):
        return [Span(None, samples)]
    if first is not None and last == first + samples - 2:
        return [Span(first, samples)]
    return _pieces(frame, samples)


def _index(frame: bytes, at: int) -> int | None:
    one, two = struct.unpack_from("<HH", frame, at * SAMPLE_BYTES)
    if one & 0x8000 and not two & 0x8000:
        return int((((one & 0x7FFF) << 15) | ((two - 1) & 0x7FFF)) * 2 + 1)
    if two & 0x8000 and not one & 0x8000:
        return int((((two & 0x7FFF) << 15) | one) * 2)
    if one or two:
        raise Garbled(f"samples {one:#06x} {two:#06x} side by side")
    return None


def _pieces(frame: bytes, samples: int) -> list[Span]:
    """A frame that holds more than one piece: each goes as far as its samples follow one another."""
    found: list[Span] = []
    begin = 0
    while begin < samples:
        if begin == samples - 1:
            raise Garbled("a single sample at the end of a frame")
        start = _index(frame, begin)
        length = _run(frame[begin * SAMPLE_BYTES :], start)
        found.append(Span(start, length))
        begin += length
    return found


def _run(piece: bytes, start: int | None) -> int:
    """How many samples from the begin follow one another."""
    count = len(piece) // SAMPLE_BYTES
    expected = bytes(len(piece)) if start is None else counted(start, count)
    differ = np.flatnonzero(np.frombuffer(piece, "<u2") != np.frombuffer(expected, "<u2"))
    return int(differ[0]) if differ.size else count


def union(pieces: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pieces in order, those that touch as one."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(pieces):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def total(pieces: Iterable[tuple[int, int]]) -> int:
    """Samples in pieces that do not overlap."""
    return sum(end - begin for begin, end in pieces)


def missing(pieces: Iterable[tuple[int, int]], end: int) -> list[tuple[int, int]]:
    """What of the first ``end`` samples is in no piece."""
    gaps, at = [], 0
    for begin, stop in union(pieces):
        if begin > at:
            gaps.append((at, min(begin, end)))
        at = max(at, stop)
    if at < end:
        gaps.append((at, end))
    return [gap for gap in gaps if gap[0] < gap[1]]


def repeated_ms(connections: Iterable[Iterable[tuple[int, int]]], end: int) -> tuple[int, int, int]:
    """How often the most frequent millisecond has come, which it is, and how many came again in all."""
    counts = np.zeros(end // SAMPLES_A_MS + 2, dtype=np.int32)
    for pieces in connections:
        for begin, stop in pieces:
            counts[-(-begin // SAMPLES_A_MS) : stop // SAMPLES_A_MS] += 1
    most = int(counts.argmax())
    return int(counts[most]), most, int(np.maximum(counts - 1, 0).sum())
