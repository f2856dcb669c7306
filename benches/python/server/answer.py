"""Whether what arrived at either end is what was sent from the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from benches.python.server.result import Result

__all__ = ["delivered", "judge"]

_IN_FLIGHT_S: Final = 0.1
"""What a message to the service may lack to be full."""
_STAMPED: Final = 0.98

Counts = Sequence[Mapping[str, Any]]


def delivered(counts: Counts, kinds: frozenset[str]) -> int:
    """How many messages of these kinds the service has sent."""
    return sum(connection["sent"].get(kind, 0) for connection in counts for kind in kinds)


def judge(
    result: Result,
    before: Counts,
    after: Counts,
    *,
    unstamped: int,
    gone: int,
    missed_s: Sequence[float] = (),
) -> None:
    """Fill in what came, and say what is wrong.

    Args:
        result: Of a run; what was sent, and the captions, are in it already.
        before: The service's counts as the callers began to talk.
        after: Those a moment after they stopped.
        unstamped: Messages whose lateness could not be read.
        gone: Calls that the server has ended.
        missed_s: Seconds of audio that each caller has not sent because it joined late.
    """
    heard_s = [after[i]["audio_s"] - before[i]["audio_s"] for i in range(len(before))]
    result.received_s = round(sum(heard_s), 2)
    missed_s = missed_s or [0.0] * result.calls
    whole_s = (result.sent_s + sum(missed_s)) / result.calls
    due_s = sorted(whole_s - seconds for seconds in missed_s)
    messages = sum(after[i]["messages"] - before[i]["messages"] for i in range(len(before)))
    result.message_ms = round(1000 * result.received_s / messages, 1) if messages else 0.0
    off_s = [abs(seconds - due) for seconds, due in zip(sorted(heard_s), due_s, strict=False)]
    odd_s = [seconds for seconds in off_s if seconds > _IN_FLIGHT_S]
    if len(after) != result.calls or len(before) != result.calls:
        result.faults.append(f"{result.calls} calls had {len(after)} connections to the service")
    if odd_s:
        result.faults.append(f"the audio of {len(odd_s)} calls is not what was sent, by {max(odd_s):.2f} s")
    if result.captions + result.dropped != result.due:
        result.faults.append(f"{result.due} captions were due, {result.captions} came")
    if result.turns != result.turns_due:
        result.faults.append(f"{result.turns_due} turns ended, {result.turns} came")
    if gone:
        result.faults.append(f"{gone} calls were ended by the server")
    if messages and unstamped > (1 - _STAMPED) * messages:
        result.faults.append(f"of {messages} messages {unstamped} have no stamp")
