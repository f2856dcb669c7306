"""The report's pictures, as SVG: one panel below the other, to be read on a telephone too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from textwrap import fill
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
    """CPU of each client, a bar each, at the number of streams at which most were measured."""
    measured = [outcome for outcome in outcomes if outcome.results]
    streams = max((o.streams for o in measured), key=[o.streams for o in measured].count)
    bars = {name: shown for name in _ENDPOINTS if (shown := _bars(measured, name, streams))}
    heights = [len(shown) for shown in bars.values()]
    figure, places = plt.subplots(
        len(bars), 1, figsize=(6.4, 11), layout="constrained", height_ratios=heights, squeeze=False
    )
    for place, (endpoint, shown) in zip(places[:, 0], bars.items(), strict=True):
        place.grid(axis="y", alpha=0)
        place.tick_params(axis="y", labelsize=11)
        drawn = place.barh(*zip(*((fill(title, 30), value) for title, value, _ in shown), strict=True))
        place.bar_label(drawn, [f"{value:.2f}" for _, value, _ in shown], padding=4)
        for bar, (_, _, contender) in zip(drawn, shown, strict=True):
            bar.set_color(color(contender))
        place.margins(x=0.2, y=0.01)
        place.set_title(f"{endpoint}: CPU ms per second, {streams} streams", loc="right")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _bars(outcomes: Sequence[Outcome], endpoint: str, streams: int) -> list[tuple[str, float, Contender]]:
    """Title, median and client, the cheapest last: bars are drawn upwards."""
    shown = [
        (o.contender.title, median(result.cpu_ms for result in o.results), o.contender)
        for o in outcomes
        if o.contender.endpoint == endpoint and o.streams == streams
    ]
    return sorted(shown, key=lambda bar: -bar[1])


def lateness(outcomes: Sequence[Outcome], path: Path) -> None:
    """The 99th percentile from frame to wire against the number of streams, of those who keep pace."""
    label = "frame → wire, 99 % (ms)"
    in_pace = [outcome for outcome in outcomes if not outcome.behind_s]
    _draw(in_pace, lambda result: result.lateness.p99 if result.lateness else None, label, path)


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
