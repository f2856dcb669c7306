"""What the conversation came to: each answer's latency, and whether the barge-in was obeyed."""

from __future__ import annotations

from dataclasses import dataclass

from examples.shared.caller import Call, Spoken
from examples.shared.journal import Journal

from .recording import Recording, spans


@dataclass(frozen=True)
class Exchange:
    """One line of the caller's and what followed.

    Attributes:
        line: What was said.
        heard: What was recognised; empty if nothing was.
        end_of_turn_s: When EndOfTurn arrived, or None.
        answer_s: When the agent was first heard after the line, or None.
        cut_s: When the agent fell silent, if the caller barged in on it, else None.
    """

    line: Spoken
    heard: str
    end_of_turn_s: float | None
    answer_s: float | None
    cut_s: float | None

    @property
    def turn_latency_s(self) -> float | None:
        """From the caller's last sample to EndOfTurn."""
        return None if self.end_of_turn_s is None else self.end_of_turn_s - self.line.end_s

    @property
    def answer_latency_s(self) -> float | None:
        """From the caller's last sample to the agent's first audible one."""
        return None if self.answer_s is None else self.answer_s - self.line.end_s

    @property
    def cut_latency_s(self) -> float | None:
        """From the caller's first sample to the agent's silence."""
        return None if self.cut_s is None else self.cut_s - self.line.start_s


def exchanges(call: Call, journal: Journal, recording: Recording) -> list[Exchange]:
    """Pair every line of the caller's with what it led to, on the conversation's clock."""
    agent = spans(recording.agent)
    bounds = [*(line.start_s for line in call.lines[1:]), call.duration_s]
    return [_exchange(line, bound, journal, agent) for line, bound in zip(call.lines, bounds, strict=True)]


def _exchange(line: Spoken, bound_s: float, journal: Journal, agent: list[tuple[float, float]]) -> Exchange:
    ends = [entry for entry in journal.of("deepgram", "EndOfTurn") if line.start_s < entry.at_s < bound_s]
    # Not after EndOfTurn: a scripted answer comes within the 20 ms by which a recording may be off.
    after = [start for start, _ in agent if ends and line.end_s < start < bound_s]
    talked_over = [end for start, end in agent if start < line.start_s < end]
    return Exchange(
        line=line,
        heard=" ".join(entry.text for entry in ends),
        end_of_turn_s=ends[-1].at_s if ends else None,
        answer_s=after[0] if after else None,
        cut_s=talked_over[0] if talked_over else None,
    )


def table(rows: list[Exchange]) -> str:
    """Return the exchanges as aligned text."""
    lines = [f"{'caller said':<44} {'recognised as':<44} {'turn':>7} {'answer':>7} {'cut':>7}"]
    for row in rows:
        latencies = (row.turn_latency_s, row.answer_latency_s, row.cut_latency_s)
        cells = " ".join(f"{'-' if value is None else f'{value:.2f} s':>7}" for value in latencies)
        lines.append(f"{row.line.text:<44.44} {row.heard or '(nothing)':<44.44} {cells}")
    return "\n".join(lines)
