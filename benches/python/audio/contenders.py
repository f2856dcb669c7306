"""What is compared: every converter as a function from one 20 ms frame of stereo ``s16le`` to mono ``s16le``.

A contender is made anew for every measurement, because all but the stateless ones have memory. Those whose
package is not installed are left out and named in the report.
"""

from __future__ import annotations

import fractions
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from speechwire.audio import PcmPipeline

IN_RATE, OUT_RATE, CHANNELS = 48_000, 16_000, 2
FRAMES = IN_RATE // 50
FRAME_BYTES = 2 * CHANNELS * FRAMES

Convert = Callable[[bytes], bytes | list[bytes]]


@dataclass(frozen=True)
class Contender:
    """A converter, by name; ``make(in_rate, out_rate)`` gives a fresh one."""

    name: str
    make: Callable[[int, int], Convert]
    baseline: str = ""
    """What the ratios of the report call it, if it is one of the baselines."""


def _speechwire(quality: str, engine: str) -> Callable[[int, int], Convert]:
    def make(in_rate: int, out_rate: int) -> Convert:
        return PcmPipeline(in_rate, out_rate, CHANNELS, quality=quality, engine=engine).push

    return make


def _downmix(frame: bytes) -> np.ndarray[Any, np.dtype[np.int16]]:
    """The mean of the channels, in the fastest numpy code that rounds it rightly."""
    left, right = np.frombuffer(frame, "<i2").astype(np.int32).reshape(-1, 2).T
    return ((left + right + 1) >> 1).astype(np.int16)


def _first_version(in_rate: int, out_rate: int) -> Convert:
    """Per frame an FFT, without memory: what the plugin's first version does."""
    from scipy import signal  # noqa: PLC0415

    def convert(frame: bytes) -> bytes:
        mono = np.frombuffer(frame, np.int16).reshape(-1, 2).astype(np.float32).mean(axis=1)
        resampled = signal.resample(mono, int(len(mono) * out_rate / in_rate))
        return bytes(np.clip(resampled, -32767, 32767).astype(np.int16))

    return convert


def _resample_poly(in_rate: int, out_rate: int) -> Convert:
    from scipy import signal  # noqa: PLC0415

    ratio = fractions.Fraction(out_rate, in_rate)

    def convert(frame: bytes) -> bytes:
        mono = _downmix(frame).astype(np.float32)
        resampled = signal.resample_poly(mono, ratio.numerator, ratio.denominator)
        return bytes(np.clip(np.rint(resampled), -32768, 32767).astype(np.int16))

    return convert


def _soxr(quality: str) -> Callable[[int, int], Convert]:
    def make(in_rate: int, out_rate: int) -> Convert:
        import soxr  # noqa: PLC0415

        stream = soxr.ResampleStream(in_rate, out_rate, 1, dtype="int16", quality=quality)
        return lambda frame: stream.resample_chunk(_downmix(frame)).tobytes()

    return make


def _audio_resampler(in_rate: int, out_rate: int) -> Convert:
    import audio_resampler  # noqa: PLC0415

    converter = audio_resampler.Converter(in_rate, CHANNELS, out_rate, 1)
    return lambda frame: bytes(converter.process(frame))


def _pyav(in_rate: int, out_rate: int) -> Convert:
    import av  # noqa: PLC0415

    resampler = av.AudioResampler(format="s16", layout="mono", rate=out_rate)

    def convert(frame: bytes) -> bytes:
        packed = av.AudioFrame.from_ndarray(np.frombuffer(frame, "<i2").reshape(1, -1), "s16", "stereo")
        packed.sample_rate = in_rate
        return b"".join(out.to_ndarray().tobytes() for out in resampler.resample(packed))

    return convert


def _samplerate(quality: str) -> Callable[[int, int], Convert]:
    def make(in_rate: int, out_rate: int) -> Convert:
        import samplerate  # noqa: PLC0415

        resampler, ratio = samplerate.Resampler(quality, channels=1), out_rate / in_rate

        def convert(frame: bytes) -> bytes:
            resampled = resampler.process(_downmix(frame).astype(np.float32) / 32768, ratio)
            return bytes(np.clip(np.rint(resampled * 32768), -32768, 32767).astype(np.int16))

        return convert

    return make


def _audioop(in_rate: int, out_rate: int) -> Convert:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop  # noqa: PLC0415
    state: Any = None

    def convert(frame: bytes) -> bytes:
        nonlocal state
        mono = audioop.tomono(frame, 2, 0.5, 0.5)
        converted, state = audioop.ratecv(mono, 2, 1, in_rate, out_rate, state)
        return converted

    return convert


OURS = [
    Contender("speechwire fast", _speechwire("fast", "native")),
    Contender("speechwire balanced", _speechwire("balanced", "native")),
    Contender("speechwire best", _speechwire("best", "native")),
    Contender("speechwire balanced, numpy", _speechwire("balanced", "numpy")),
]
PEERS = [
    Contender("numpy + soxr HQ", _soxr("HQ"), "soxr HQ"),
    Contender("numpy + soxr QQ", _soxr("QQ")),
    Contender("PyAV (swresample)", _pyav),
    Contender("scipy.signal.resample (first version)", _first_version, "the first version"),
    Contender("scipy resample_poly", _resample_poly),
    Contender("audio-resampler", _audio_resampler, "audio-resampler"),
    Contender("samplerate sinc_fastest", _samplerate("sinc_fastest")),
    Contender("samplerate sinc_medium", _samplerate("sinc_medium")),
    Contender("audioop", _audioop),
]


def installed() -> tuple[list[Contender], list[str]]:
    """Contenders that can be made here, and the names of those that cannot."""
    found, missing = [], []
    for contender in OURS + PEERS:
        try:
            contender.make(IN_RATE, OUT_RATE)
        except ImportError:  # includes a missing native engine
            missing.append(contender.name)
        else:
            found.append(contender)
    return found, missing
