"""What LiveKit's and Pipecat's own plugins take beside ours: the tables of their pages, from a report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benches.python.streams.result import Result

__all__ = ["livekit_cost", "pipecat_cost"]

REPORT = Path(__file__).resolve().parents[1] / "benches" / "report" / "frameworks.json"

_LIVEKIT = (
    ("Flux, here", "livekit_speechwire_v2"),
    ("Flux, theirs", "livekit_v2"),
    ("Nova, here", "livekit_speechwire_v1"),
    ("Nova, theirs", "livekit_v1"),
)
_PIPECAT = (
    ("Flux, here", "pipecat_speechwire_v2"),
    ("Flux, theirs", "pipecat_v2"),
    ("Nova, here", "pipecat_speechwire_v1"),
    ("Nova, theirs", "pipecat_v1"),
)


def livekit_cost() -> str:
    """CPU with LiveKit's plugin and with ours."""
    return _table(_LIVEKIT, {"": ""})


def pipecat_cost() -> str:
    """CPU with Pipecat's services and with ours, without the pipeline's queues and with them."""
    return _table(_PIPECAT, {", the service": "", ", in a pipeline": "_pipeline"})


def _table(columns: Sequence[tuple[str, str]], kinds: dict[str, str]) -> str:
    if not REPORT.exists():
        return "Not measured in this tree.\n"
    results = [Result.read(one) for one in json.loads(REPORT.read_text(encoding="utf-8"))]
    rows = [
        [f"{streams}{title}", *(_cell(results, f"{name}{suffix}", streams) for _, name in columns)]
        for title, suffix in kinds.items()
        for streams in sorted({result.streams for result in results})
    ]
    head = ["streams", *(title for title, _ in columns)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


def _cell(results: Sequence[Result], contender: str, streams: int) -> str:
    """The median of the rounds and their range, and whether the client kept pace and was right.

    Raises:
        KeyError: It was not measured, although it kept pace with fewer streams.
    """
    runs = [one for one in results if one.contender == contender and one.streams == streams]
    if not runs:
        if any(one.contender == contender and one.streams < streams and one.behind_s for one in results):
            return "not tried: fell behind with fewer"
        raise KeyError(f"frameworks.json has no {contender} at {streams} streams")
    behind_s = max(one.behind_s for one in runs)
    faults = [] if behind_s else [fault for one in runs for fault in one.faults]
    return (
        _cpu(runs)
        + (f", {behind_s:.1f} s behind" if behind_s else "")
        + (f" (**wrong**: {faults[0]})" if faults else "")
    )


def _cpu(runs: Sequence[Result]) -> str:
    """Milliseconds of CPU for each second of audio."""
    values = [one.cpu_ms for one in runs]
    spread = f" ({min(values):.1f}–{max(values):.1f})" if len(values) > 1 else ""
    return f"{median(values):.1f}{spread}"
