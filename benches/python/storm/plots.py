"""The storms as one SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from benches.python.storm.run import SAMPLE_S, Outcome

__all__ = ["draw"]

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "speechwire", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3})


def draw(outcomes: Sequence[Outcome], path: Path) -> None:
    """A panel for each scenario: places and connections above, handshakes a second below."""
    figure, places = plt.subplots(
        2, len(outcomes), figsize=(4.2 * len(outcomes), 6), sharex="col", height_ratios=(2, 1), squeeze=False
    )
    for outcome, above, below in zip(outcomes, places[0], places[1], strict=True):
        shown = outcome.samples[:: round(1 / SAMPLE_S)]
        at_s = [sample.at_s for sample in shown]
        above.axhline(outcome.limit, color="#c92a2a", linewidth=1, label="the quota")
        lines = {"leased": "#adb5bd", "could_be": "#fab005", "taken": "#1098ad", "open": "#5f3dc4"}
        names = {
            "leased": "leased in Redis",
            "could_be": "wanted, and the service has it",
            "taken": "places taken",
            "open": "connections open",
        }
        for name, colour in lines.items():
            above.plot(
                at_s,
                [getattr(s, name) for s in shown],
                color=colour,
                linewidth=1,
                label=names[name],
            )
        above.set_title(outcome.scenario.title.replace("; ", ";\n"), fontsize=9)
        below.plot(
            at_s, _rates(outcome, "handshakes"), color="#5f3dc4", linewidth=1, label="handshakes a second"
        )
        below.plot(at_s, _rates(outcome, "refused"), color="#c92a2a", linewidth=1, label="of these, 429")
        below.set_xlabel("seconds")
    places[0][0].legend(fontsize=7, loc="lower right")
    places[1][0].legend(fontsize=7)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _rates(outcome: Outcome, name: str) -> list[int]:
    values = [getattr(sample, name) for sample in outcome.samples[:: round(1 / SAMPLE_S)]]
    return [later - sooner for sooner, later in zip([0, *values], values, strict=False)]
