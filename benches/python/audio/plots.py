"""The report's pictures, as SVG."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from benches.python.audio.contenders import OUT_RATE
from benches.python.audio.quality import Floats, Quality
from matplotlib.figure import Figure

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "speechwire", "font.size": 12, "axes.grid": True, "grid.alpha": 0.3})
# One colour for each converter, in every picture.
_COLORS = {
    "speechwire fast": "#3bc9db",
    "speechwire balanced": "#0b7285",
    "speechwire best": "#5f3dc4",
    "speechwire balanced, numpy": "#66a80f",
    "numpy + soxr HQ": "#e8590c",
    "numpy + soxr QQ": "#ffa94d",
    "PyAV (swresample)": "#2b8a3e",
    "audio-resampler": "#c92a2a",
    "audioop": "#212529",
    "scipy.signal.resample (first version)": "#868e96",
    "scipy resample_poly": "#adb5bd",
    "samplerate sinc_fastest": "#1864ab",
    "samplerate sinc_medium": "#4dabf7",
}
_OTHER = "#ced4da"
_WIDTH = 5.2  # inches: with a font of 12 points, readable on a telephone


def time_per_frame(times: dict[str, float], path: Path) -> None:
    """Bars, fastest first, on a logarithmic scale."""
    names = sorted(times, key=lambda name: times[name], reverse=True)
    figure, axes = plt.subplots(figsize=(7, 0.45 * len(names) + 1))
    colors = [_COLORS.get(name, _OTHER) for name in names]
    bars = axes.barh(names, [times[name] for name in names], color=colors)
    axes.bar_label(bars, fmt="%.1f µs", padding=3)
    axes.set_xscale("log")
    axes.set_xlim(right=6 * max(times.values()))
    axes.set_xlabel("µs per 20 ms frame, logarithmic")
    axes.grid(visible=False, axis="y")
    _save(figure, path)


def response(results: dict[str, Quality], path: Path, low_hz: float, high_hz: float, low_db: float) -> None:
    """Level against frequency, one line per contender."""
    figure, axes = plt.subplots(figsize=(_WIDTH, 4.2 + 0.2 * len(results)))
    for name, result in results.items():
        ours = name.startswith("speechwire")
        axes.plot(
            result.frequencies / 1000,
            result.levels_db,
            label=name,
            color=_COLORS.get(name, _OTHER),
            lw=1.8 if ours else 1,
            ls=":" if name.endswith("numpy") else "-" if ours else "--",  # the twins' lines are the same
        )
    axes.axvline(OUT_RATE / 2000, color="black", lw=0.6)
    axes.set(xlim=(low_hz / 1000, high_hz / 1000), ylim=(low_db, 3 if low_db < -5 else 0.3))
    axes.set(xlabel="frequency of the tone that goes in (kHz)", ylabel="level that comes out (dB)")
    axes.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False)
    _save(figure, path)


def spectrograms(sweeps: dict[str, Floats], path: Path) -> None:
    """A sweep to 24 kHz, over which only the first third should remain: all that folds back is an alias."""
    columns = 2
    rows = -(-len(sweeps) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(_WIDTH, 1.9 * rows), sharex=True, sharey=True, squeeze=False
    )
    for place, (name, output) in zip(axes.flat, sweeps.items(), strict=False):
        place.imshow(
            _spectrogram(output),
            origin="lower",
            aspect="auto",
            vmin=-110,
            vmax=0,
            extent=(0, 24, 0, 8),
            cmap="magma",
        )
        place.set_title(_in_two_lines(name), fontsize=9)
        place.grid(visible=False)
    for place in axes.flat[len(sweeps) :]:
        place.axis("off")
    figure.supxlabel("frequency that goes in (kHz)")
    figure.supylabel("frequency that comes out (kHz)")
    _save(figure, path)


def _in_two_lines(name: str) -> str:
    return name.replace(" (", "\n(")


def _spectrogram(output: Floats, size: int = 512) -> Floats:
    frames = np.lib.stride_tricks.sliding_window_view(output / 32768, size)[:: size // 2]
    levels = np.abs(np.fft.rfft(frames * np.blackman(size), axis=1)) / (0.42 * size / 2)
    return np.asarray(20 * np.log10(np.maximum(levels, 1e-7)).T)


def _save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
