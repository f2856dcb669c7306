"""The report's pictures, as SVG: one panel below the other, to be read on a telephone too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from benches.python.streams.contenders.catalog import Contender
from benches.python.streams.matrix import Outcome
from benches.python.streams.result import Result
from matplotlib.ticker import FuncFormatter, LogLocator

__all__ = ["color", "cpu", "lateness"]

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "speechwire", "font.size": 13, "axes.grid": True, "grid.alpha": 0.3})
_ENDPOINTS = ("Flux", "Nova")

# One colour for each client, in every picture and panel; ours are solid and thick, the others dashed.
_COLORS = {
    "flux_session": "#0b7285",
    "listen_session": "#0b7285",
    "stt_v2": "#5f3dc4",
    "stt_mono": "#5f3dc4",
    "stt": "#ae3ec9",
    "incumbent_v2": "#e8590c",
    "incumbent_v1": "#e8590c",
    "incumbent_v2_16k": "#c92a2a",
    "first_version": "#868e96",
    "livekit": "#2b8a3e",
    "livekit_speechwire": "#66a80f",
    "pipecat": "#1864ab",
    "pipecat_speechwire": "#4dabf7",
    "sdk": "#212529",
}


def color(contender: Contender) -> str:
    """A client's colour, whatever its endpoint and transport."""
    name = contender.kind.removesuffix("_pipeline")
    return _COLORS.get(name) or _COLORS.get(name.removesuffix("_v1").removesuffix("_v2"), "#adb5bd")


def cpu(outcomes: Sequence[Outcome], path: Path) -> None:
    """CPU against the number of streams."""
    _draw(outcomes, lambda result: result.cpu_ms, "CPU ms per stream-second", path)


def lateness(outcomes: Sequence[Outcome], path: Path) -> None:
    """The 99th percentile from frame to wire against the number of streams."""
    label = "frame → wire, 99 % (ms)"
    _draw(outcomes, lambda result: result.lateness.p99 if result.lateness else None, label, path)


def _draw(
    outcomes: Sequence[Outcome], figure_of: Callable[[Result], float | None], label: str, path: Path
) -> None:
    figure, places = plt.subplots(len(_ENDPOINTS), 1, figsize=(6.4, 12), layout="constrained")
    counts = sorted({outcome.streams for outcome in outcomes})
    for endpoint, place in zip(_ENDPOINTS, places, strict=True):
        _panel(place, _lines([o for o in outcomes if o.contender.endpoint == endpoint], figure_of))
        place.set(title=endpoint, xlabel="streams in one process", xscale="log", yscale="log", ylabel=label)
        place.set_xticks(counts, [str(count) for count in counts])
        place.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        place.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        place.minorticks_off()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _lines(
    outcomes: Sequence[Outcome], figure_of: Callable[[Result], float | None]
) -> dict[str, tuple[Contender, list[tuple[int, float]]]]:
    """A client and its points by its title."""
    lines: dict[str, tuple[Contender, list[tuple[int, float]]]] = {}
    for outcome in outcomes:
        values = [value for value in map(figure_of, outcome.results) if value is not None and value > 0]
        if values:
            _, points = lines.setdefault(outcome.contender.title, (outcome.contender, []))
            points.append((outcome.streams, median(values)))
    return lines


def _panel(place: Any, lines: dict[str, tuple[Contender, list[tuple[int, float]]]]) -> None:
    for title, (contender, points) in lines.items():
        style: dict[str, Any] = {"lw": 2.4} if contender.ours else {"lw": 1.4, "ls": "--"}
        if contender.name.endswith("_aiohttp"):
            style |= {"lw": 1.4, "ls": ":"}
        place.plot(*zip(*points, strict=True), marker="o", ms=5, label=title, color=color(contender), **style)
    if lines:
        place.legend(fontsize=11, ncols=1, loc="upper center", bbox_to_anchor=(0.5, -0.18), frameon=False)
