"""The report's pictures, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from benches.python.streams.matrix import Outcome
from benches.python.streams.result import Result

__all__ = ["cpu", "lateness"]

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "speechwire", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
_OURS = ("#0b7285", "#1098ad", "#3bc9db", "#5f3dc4")
_ENDPOINTS = ("Flux", "Nova")


def cpu(outcomes: Sequence[Outcome], path: Path) -> None:
    """CPU against the number of streams."""
    _draw(outcomes, lambda result: result.cpu_ms, "CPU per stream-second (ms)", path)


def lateness(outcomes: Sequence[Outcome], path: Path) -> None:
    """The 99th percentile from frame to wire against the number of streams."""
    label = "frame → wire, 99th percentile (ms)"
    _draw(outcomes, lambda result: result.lateness.p99 if result.lateness else None, label, path)


def _draw(
    outcomes: Sequence[Outcome], figure_of: Callable[[Result], float | None], label: str, path: Path
) -> None:
    figure, places = plt.subplots(1, len(_ENDPOINTS), figsize=(10, 5.6), sharey=True)
    counts = sorted({outcome.streams for outcome in outcomes})
    for endpoint, place in zip(_ENDPOINTS, places, strict=True):
        lines = _lines([o for o in outcomes if o.contender.endpoint == endpoint], figure_of)
        _panel(place, lines)
        place.set(title=endpoint, xlabel="streams in one process", xscale="log", yscale="log")
        place.set_xticks(counts, [str(count) for count in counts])
        place.minorticks_off()
    places[0].set_ylabel(label)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _lines(
    outcomes: Sequence[Outcome], figure_of: Callable[[Result], float | None]
) -> dict[tuple[str, bool], list[tuple[int, float]]]:
    """Points by title, and whether it is ours."""
    lines: dict[tuple[str, bool], list[tuple[int, float]]] = {}
    for outcome in outcomes:
        values = [value for value in map(figure_of, outcome.results) if value is not None and value > 0]
        if values:
            name = (outcome.contender.title, outcome.contender.ours)
            lines.setdefault(name, []).append((outcome.streams, median(values)))
    return lines


def _panel(place: Any, lines: dict[tuple[str, bool], list[tuple[int, float]]]) -> None:
    colors = cycle(_OURS)
    for (title, ours), points in lines.items():
        style: dict[str, Any] = {"lw": 2.0, "color": next(colors)} if ours else {"lw": 1.0, "ls": "--"}
        place.plot(*zip(*points, strict=True), marker="o", ms=4 if ours else 3, label=title, **style)
    if lines:
        place.legend(fontsize=7, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.13))
