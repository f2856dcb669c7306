"""What comes out, measured as it is used: streaming, in 20 ms frames, tones off the frame grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from benches.python.audio.contenders import FRAME_BYTES, IN_RATE, OUT_RATE, Contender

Floats = np.ndarray[Any, np.dtype[np.float64]]
AMPLITUDE = 29_000
TONES = (137.3, 441.7, 1003.9, 2741.1)


@dataclass(frozen=True)
class Quality:
    """One contender's figures for 48 to 16 kHz."""

    snr_db: float
    """Least signal-to-noise ratio over the tones."""
    edge_hz: float
    """Where the response has fallen by 1 dB."""
    clean_from_hz: float
    """From where up a tone leaves nothing above -90 dB of itself; infinite if nowhere."""
    frequencies: Floats
    levels_db: Floats
    """Output over input level at each frequency: below 8 kHz the response, above it the aliases."""


def through(contender: Contender, mono: Floats) -> Floats:
    """Push a mono signal, in both channels, through a fresh converter, 20 ms at a time."""
    convert = contender.make(IN_RATE, OUT_RATE)
    pcm = np.repeat(np.rint(mono).astype("<i2"), 2).tobytes()
    frames = [pcm[i : i + FRAME_BYTES] for i in range(0, len(pcm), FRAME_BYTES)]
    converted = [convert(frame) for frame in frames]
    joined = b"".join(out if isinstance(out, bytes) else b"".join(out) for out in converted)
    return np.frombuffer(joined, "<i2").astype(np.float64)


def tone(frequency: float, seconds: float) -> Floats:
    """A tone at 88 % of full scale; a whole number of frames."""
    return AMPLITUDE * np.sin(
        2 * np.pi * frequency * np.arange(round(seconds * 50) * IN_RATE // 50) / IN_RATE
    )


def inner(output: Floats) -> Floats:
    """Without start and end, where filters settle."""
    edge = len(output) // 6
    return output[edge:-edge]


def fit(output: Floats, frequency: float) -> tuple[float, float]:
    """Amplitude of a tone in the output, and the root mean square of the rest."""
    phase = 2 * np.pi * frequency * np.arange(len(output)) / OUT_RATE
    basis = np.stack([np.sin(phase), np.cos(phase), np.ones_like(phase)], axis=1)
    coefficients = np.linalg.lstsq(basis, output, rcond=None)[0]
    return float(np.hypot(*coefficients[:2])), float(np.std(output - basis @ coefficients))


def db(ratio: float) -> float:
    """Decibels, of not less than -120."""
    return 20 * float(np.log10(max(ratio, 1e-6)))


def measure(contender: Contender, points: int) -> Quality:
    """Measure one contender; ``points`` tones from 50 Hz to 24 kHz."""
    ratios = []
    for frequency in TONES:
        amplitude, rest = fit(inner(through(contender, tone(frequency, 0.6))), frequency)
        ratios.append(db(amplitude / np.sqrt(2) / max(rest, 1e-9)))
    frequencies = np.unique(
        np.concatenate([np.linspace(53.1, 23_950, points), np.linspace(6500, 9500, points)])
    )
    levels = np.array([level(contender, float(frequency)) for frequency in frequencies])
    loud = np.flatnonzero(levels > -90)
    last = int(loud[-1]) if len(loud) else -1
    below = frequencies[(levels < -1) & (frequencies < OUT_RATE / 2)]
    return Quality(
        snr_db=min(ratios),
        edge_hz=float(below[0]) if len(below) else OUT_RATE / 2,
        clean_from_hz=float(frequencies[last + 1]) if last + 1 < len(frequencies) else float("inf"),
        frequencies=frequencies,
        levels_db=levels,
    )


def level(contender: Contender, frequency: float) -> float:
    """In dB of the input: the tone itself below half the output's rate, above it all that comes out."""
    output = inner(through(contender, tone(frequency, 0.3)))
    if frequency < OUT_RATE / 2:
        return db(fit(output, frequency)[0] / AMPLITUDE)
    return db(float(np.std(output)) * np.sqrt(2) / AMPLITUDE)


def sweep(contender: Contender) -> Floats:
    """Output for a sweep from 0 to 24 kHz in 4 s."""
    time = np.arange(4 * IN_RATE) / IN_RATE
    return through(contender, AMPLITUDE * np.sin(2 * np.pi * (24_000 / 4) * time**2 / 2))
