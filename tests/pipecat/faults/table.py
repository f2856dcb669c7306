"""The tables of ``docs/pipecat-faults.md``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.pipecat.faults.listening import STRUCK_AT_S, Outcome
from tests.pipecat.faults.speaking import SpeechOutcome

__all__ = ["report"]

Rows = Mapping[tuple[str, str, str], Outcome | SpeechOutcome]
"""What happened, by fault, endpoint and service."""

_LISTENING = f"""# Pipecat: faults, side by side

Made by `tests/pipecat/test_faults.py` (`make test-pipecat FAULTS=docs/pipecat-faults.md`): both services in
Pipecat's own pipeline, in one run of one process, each with its own defaults and an emulator of its own, over
real sockets.

## Listening

Calls at real pace in frames of 100 ms, 14 s long, or 70 s for *stall* and *half-open TCP*. Faults strike
after {STRUCK_AT_S:g} s, in the middle of a turn; *three resets* each after 1.6 s of its connection;
*at first* and *at reconnect* as the connection is made. The short calls end half a second behind the last
word. *Words*: heard, of those spoken. *Again*: told twice. *Transcripts*: final ones; Flux has one for each
turn. *Lost*: audio in seconds that the service never received. *Noticed*: seconds from the fault, or from
the first refusal, to the next attempt to connect. *Held up*: the longest in seconds that a frame of audio
took through the service.

"""

_SPEAKING = """
## Speaking

Three sentences, and a fault after 2 s of audio; then a reply that is interrupted after 0.3 s and followed by
another. *Lost*, *again*: audio in ms that was not heard, or twice. *Stale*: audio of the interrupted reply
that came behind the interruption. *First audio*: seconds from the text to the first audio.

"""

_LISTENING_HEADS = ("words", "again", "transcripts", "lost s", "noticed s", "errors", "held up s")
_SPEAKING_HEADS = ("lost ms", "again ms", "stale ms", "first audio s", "errors")


def report(listening: Rows, speaking: Rows) -> str:
    """The page, in Markdown."""
    return _LISTENING + _table(_LISTENING_HEADS, listening) + _SPEAKING + _table(_SPEAKING_HEADS, speaking)


def _table(heads: Sequence[str], rows: Rows) -> str:
    lines = [["fault", "endpoint", "service", *heads], ["---"] * (3 + len(heads))]
    lines += [[*names, *outcome.cells()] for names, outcome in rows.items()]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
