"""The conversation as a picture: who spoke when, the turn events, and the latencies."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from examples.shared.caller import Call
from examples.shared.journal import Journal

from .recording import WAV_RATE, Recording
from .report import Exchange, exchanges

CALLER, AGENT, QUIET = "#1f6feb", "#d1622b", "#57606a"
EVENT_COLOURS = {
    "StartOfTurn": "#1a7f37",
    "Update": QUIET,
    "EagerEndOfTurn": "#bf8700",
    "TurnResumed": "#8250df",
    "EndOfTurn": "#cf222e",
}


def draw(path: Path, call: Call, journal: Journal, recording: Recording, *, title: str) -> None:
    """Write the timeline to ``path`` (PNG or SVG by its suffix). Blocks for about a second."""
    figure, (caller, events, agent) = plt.subplots(
        3, 1, figsize=(15, 7), sharex=True, height_ratios=(3, 2, 3), layout="constrained"
    )
    rows = exchanges(call, journal, recording)
    _wave(caller, recording.caller, CALLER, "caller")
    _wave(agent, recording.agent, AGENT, "agent")
    _captions(caller, [(row.line.start_s, f"“{row.line.text}”") for row in rows], CALLER)
    _captions(
        agent,
        [(row.answer_s, f"answers after {row.answer_latency_s:.2f} s") for row in rows if row.answer_s],
        AGENT,
    )
    _turn_events(events, journal, rows)
    replies = [(reply.at_s, f"“{_short(reply.text)}”") for reply in journal.of("agent", "reply")]
    for row in (0, 1):  # in turns, since a long one would run into the next
        _captions(agent, replies[row::2], AGENT, top=-0.9 - 0.16 * row)
    for each in rows:
        _latency(events, agent, each)
    agent.set_xlabel("seconds since the caller's first frame")
    agent.set_xlim(0, call.duration_s)
    figure.suptitle(title, fontsize=13, fontweight="bold", x=0.01, ha="left")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _wave(axes: Axes, samples: np.ndarray, colour: str, label: str) -> None:
    hop = WAV_RATE // 100
    peaks = np.abs(samples[: len(samples) // hop * hop].reshape(-1, hop).astype(np.int32)).max(axis=1) / 32768
    at = np.arange(len(peaks)) / 100
    axes.fill_between(at, -peaks, peaks, color=colour, linewidth=0)
    axes.set_ylim(-1.25, 1.15)
    axes.set_yticks([])
    axes.set_ylabel(label, color=colour, fontsize=12, fontweight="bold")
    axes.spines[["top", "right", "left"]].set_visible(False)


def _captions(axes: Axes, captions: list[tuple[float, str]], colour: str, *, top: float = 1.12) -> None:
    for at_s, text in captions:
        axes.annotate(text, (at_s, top), color=colour, fontsize=8.5, va="top", annotation_clip=True)


def _turn_events(axes: Axes, journal: Journal, rows: list[Exchange]) -> None:
    names = [name for name in EVENT_COLOURS if journal.of("deepgram", name)]
    for line, name in enumerate(names):
        at = [entry.at_s for entry in journal.of("deepgram", name)]
        axes.plot(at, [-line] * len(at), "|", ms=15, mew=2.5, color=EVENT_COLOURS[name])
    axes.set_yticks([-line for line in range(len(names))], names, fontsize=9)
    axes.set_ylim(0.7 - len(names), 0.7)
    for row in rows:
        if row.end_of_turn_s is not None:
            place = (row.end_of_turn_s + 0.15, 0.15 - names.index("EndOfTurn"))
            axes.annotate(f"“{row.heard}”", place, color=EVENT_COLOURS["EndOfTurn"], fontsize=8.5)
    axes.grid(axis="x", color="#eaeef2")
    axes.spines[["top", "right"]].set_visible(False)


def _short(text: str, length: int = 56) -> str:
    return text if len(text) <= length else f"{text[:length].rsplit(' ', 1)[0]} …"


def _latency(events: Axes, agent: Axes, row: Exchange) -> None:
    if row.answer_s is not None:
        for axes in (events, agent):
            axes.axvspan(row.line.end_s, row.answer_s, color="#fff1cc", zorder=0)
    if row.cut_s is not None:
        agent.axvspan(row.line.start_s, row.cut_s, color="#ffd7d5", zorder=0)
        note = f"barge-in: silent after {row.cut_latency_s:.2f} s"
        agent.annotate(note, (row.line.start_s, 0.85), color="#cf222e", fontsize=8.5)
