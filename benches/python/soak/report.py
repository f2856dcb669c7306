"""The verdict, and the report: Markdown, JSON and a picture."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from benches.python.soak.run import Outcome
from benches.python.soak.watch import Sample

__all__ = ["Trend", "failures", "trend", "write"]

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "speechwire", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3})

_LEAST_MINUTES: Final = 5.0  # a slope over less says nothing
_COLUMNS = (
    "calls",
    "expected",
    "delivered",
    "missing",
    "doubled",
    "foreign",
    "misplaced",
    "failed",
    "incomplete",
)


@dataclass(frozen=True)
class Trend:
    """Memory over time after the warm-up, by linear regression.

    Attributes:
        minutes: How much time it is made from.
        slope: KiB (or blocks) a minute.
        error: Standard error of the slope.
        level: Mean.
    """

    minutes: float
    slope: float
    error: float
    level: float


def trend(samples: list[Sample], warm_up_s: float, what: str = "dirty_kib") -> Trend | None:
    """Return the trend of private memory, or None where there is too little after the warm-up."""
    judged = [sample for sample in samples if sample.at_s >= warm_up_s]
    if len(judged) < 3:
        return None
    minutes = np.array([sample.at_s / 60 for sample in judged])
    values = np.array([float(getattr(sample, what)) for sample in judged])
    away = minutes - minutes.mean()
    slope = float(away @ values / (away @ away))
    residuals = values - values.mean() - slope * away
    error = float(np.sqrt(residuals @ residuals / (len(judged) - 2) / (away @ away)))
    return Trend(float(minutes[-1] - minutes[0]), slope, error, float(values.mean()))


def failures(outcome: Outcome, bound_kib: float) -> list[str]:
    """What is wrong, in words; nothing if all is well."""
    found = [
        f"{kind}: {ledger.wrong} of {ledger.expected} went wrong"
        for kind, ledger in outcome.ledgers.items()
        if ledger.wrong or not (ledger.delivered or outcome.interrupted)
    ]
    for name, before in asdict(outcome.before).items():
        after = getattr(outcome.after, name)
        if after > before:
            found.append(f"{after - before} {name} were left open")
    if outcome.left:
        found.append(f"objects outlived their sessions: {outcome.left}")
    found += _growth(outcome, bound_kib)
    return found


def _growth(outcome: Outcome, bound_kib: float) -> list[str]:
    memory = trend(outcome.watch.samples, outcome.plan.warm_up_s)
    if memory is None or memory.minutes < _LEAST_MINUTES or memory.slope - 2 * memory.error <= bound_kib:
        return []
    return [f"memory grew by {memory.slope:.0f} KiB a minute; {bound_kib:g} are allowed"]


def write(outcome: Outcome, path: Path, bound_kib: float) -> None:
    """Write ``path`` and its siblings .json and .svg."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(_numbers(outcome, bound_kib), indent=1), encoding="utf-8")
    path.write_text(_markdown(outcome, path, bound_kib), encoding="utf-8")
    _picture(outcome.watch.samples, path.with_suffix(".svg"))


def _numbers(outcome: Outcome, bound_kib: float) -> dict[str, Any]:
    memory = trend(outcome.watch.samples, outcome.plan.warm_up_s)
    blocks = trend(outcome.watch.samples, outcome.plan.warm_up_s, "blocks")
    return {
        "plan": asdict(outcome.plan),
        "seconds": outcome.seconds,
        "interrupted": outcome.interrupted,
        "failures": failures(outcome, bound_kib),
        "memory": asdict(memory) if memory else None,
        "blocks": asdict(blocks) if blocks else None,
        "before": asdict(outcome.before),
        "after": asdict(outcome.after),
        "left": outcome.left,
        "service": outcome.service,
        "pool": outcome.pool,
        # Not asdict, which copies a Counter as if it were a dict.
        "ledgers": {kind: vars(ledger) for kind, ledger in outcome.ledgers.items()},
        "growth": outcome.watch.growth(),
        "samples": [asdict(sample) for sample in outcome.watch.samples],
    }


def _markdown(outcome: Outcome, path: Path, bound_kib: float) -> str:
    plan, found = outcome.plan, failures(outcome, bound_kib)
    verdict = (
        "Nothing was lost, doubled or left behind." if not found else "\n".join(f"* {text}" for text in found)
    )
    parts = [
        "# Soak",
        f"Made by `python -m benches.python.soak`: {plan.streams} live streams in one process for "
        f"{outcome.seconds / 60:.1f} minutes{' (interrupted)' if outcome.interrupted else ''}, 48 kHz stereo "
        f"in 20 ms frames at real pace, a connection ended every {plan.kill_every_s:g} s, calls of about "
        f"{plan.call_s:g} s one after the other. Every 200 ms of each stream's audio say which they are; the "
        "service answers with a word for each, and each must come once, in order, at the caller's time.",
        verdict,
        _accounts(outcome),
        _ends(outcome),
        _process(outcome, bound_kib),
        f"![Memory, tasks, descriptors and reconnects over time]({path.with_suffix('.svg').name})",
        _complaints(outcome),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _accounts(outcome: Outcome) -> str:
    heads = " | ".join((*_COLUMNS, "reconnects", "slowest end (s)"))
    lines = [f"| stream | {heads} |", f"|---|{'---|' * (len(_COLUMNS) + 2)}"]
    for kind, ledger in outcome.ledgers.items():
        cells = [str(getattr(ledger, name)) for name in _COLUMNS]
        reconnects = str(ledger.events["Reconnected"]) if ledger.events else ""
        lines.append(f"| {kind} | {' | '.join(cells)} | {reconnects} | {ledger.slowest_end_s:.1f} |")
    totals = [str(sum(getattr(ledger, name) for ledger in outcome.ledgers.values())) for name in _COLUMNS]
    total = sum(ledger.events["Reconnected"] for ledger in outcome.ledgers.values())
    slowest_s = max(ledger.slowest_end_s for ledger in outcome.ledgers.values())
    lines.append(f"| all | {' | '.join(totals)} | {total} | {slowest_s:.1f} |")
    return "\n".join(lines)


def _ends(outcome: Outcome) -> str:
    struck = outcome.service.get("struck", {})
    lines = ["| how connections were ended | times |", "|---|---|"]
    lines += [f"| {kind} | {count} |" for kind, count in sorted(struck.items())]
    lines.append(f"| all | {sum(struck.values())} |")
    outages = sorted(value for ledger in outcome.ledgers.values() for value in ledger.outages_s)
    if outages:
        p50, p99 = (outages[int(share * (len(outages) - 1))] for share in (0.5, 0.99))
        lines.append(
            f"\nFrom the report of an end to the next connection: median {p50 * 1000:.0f} ms, 99 % within "
            f"{p99 * 1000:.0f} ms, at most {outages[-1] * 1000:.0f} ms. The service accepted "
            f"{outcome.service.get('connections', 0)} connections, and "
            f"{outcome.service.get('breaks', 0)} times silence stood within a word (`DeepgramSTTV2` puts it "
            "in when the audio pauses during a turn)."
        )
    return "\n".join(lines)


def _process(outcome: Outcome, bound_kib: float) -> str:
    memory, samples = trend(outcome.watch.samples, outcome.plan.warm_up_s), outcome.watch.samples
    lines = ["| the process | before | after |", "|---|---|---|"]
    after = asdict(outcome.after)
    lines += [f"| {name} | {before} | {after[name]} |" for name, before in asdict(outcome.before).items()]
    if memory:
        judged = " " if memory.minutes >= _LEAST_MINUTES else ", too short a time to be judged "
        lines.append(
            f"\nMemory after the first {outcome.plan.warm_up_s / 60:g} minutes: "
            f"{memory.level / 1024:.1f} MiB private, slope {memory.slope:+.0f} ± "
            f"{2 * memory.error:.0f} KiB a minute over {memory.minutes:.0f} minutes{judged}"
            f"(it fails where even the lower end is above {bound_kib:g}); "
            f"Python's allocator held {_blocks(outcome)}."
        )
    if samples:
        lines.append(
            f"At most {max(sample.tasks for sample in samples)} tasks, "
            f"{max(sample.descriptors for sample in samples)} descriptors; audio kept by the pool's sessions "
            f"{np.median([sample.kept_kib for sample in samples]):.0f} KiB (median); "
            f"{np.median([sample.cpu for sample in samples]):.0%} of a core (median); the ticker at most "
            f"{max(sample.lag_ms for sample in samples):.0f} ms late, median of the "
            f"greatest in 5 s {np.median([sample.lag_ms for sample in samples]):.0f} ms; callers paused for "
            f"{outcome.paused_s:.1f} s, as the machine did not let the process run."
        )
    if outcome.watch.first_census:
        grown = ", ".join(f"`{name}` {then} → {now}" for name, then, now in outcome.watch.growth(6))
        lines.append(f"Objects that grew most in number since the warm-up: {grown}.")
    return "\n".join(lines)


def _blocks(outcome: Outcome) -> str:
    blocks = trend(outcome.watch.samples, outcome.plan.warm_up_s, "blocks")
    assert blocks is not None
    return f"{blocks.level:.0f} blocks, {blocks.slope:+.0f} ± {2 * blocks.error:.0f} a minute"


def _complaints(outcome: Outcome) -> str:
    texts = [text for ledger in outcome.ledgers.values() for text in ledger.complaints[:20]]
    return "## What went wrong\n\n" + "\n".join(f"* {text}" for text in texts) if texts else ""


def _picture(samples: list[Sample], path: Path) -> None:
    minutes = [sample.at_s / 60 for sample in samples]
    figure, axes = plt.subplots(4, 1, figsize=(8, 7), sharex=True)
    axes[0].plot(minutes, [sample.dirty_kib / 1024 for sample in samples], label="private", color="#0b7285")
    axes[0].plot(
        minutes, [sample.kept_kib / 1024 for sample in samples], label="audio kept (pool)", color="#f08c00"
    )
    axes[0].set_ylabel("memory (MiB)")
    axes[1].plot(minutes, [sample.tasks for sample in samples], label="tasks", color="#0b7285")
    axes[1].plot(minutes, [sample.descriptors for sample in samples], label="descriptors", color="#f08c00")
    axes[1].set_ylabel("held")
    axes[2].plot(minutes, [sample.reconnects for sample in samples], label="reconnects", color="#0b7285")
    axes[2].set_ylabel("so far")
    axes[3].plot(
        minutes,
        [sample.lag_ms for sample in samples],
        label="ticker, greatest lateness (ms)",
        color="#0b7285",
    )
    axes[3].plot(
        minutes, [100 * sample.cpu for sample in samples], label="CPU (% of a core)", color="#f08c00"
    )
    axes[3].set_xlabel("minutes")
    for place in axes:
        place.set_ylim(bottom=0)
        place.legend(fontsize=7, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
