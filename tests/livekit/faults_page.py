"""``docs/livekit-faults.md``: both plugins, fault by fault."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple

from tests.livekit.calls import STRIKE_S, Outcome

__all__ = ["BargeInRow", "ListenRow", "SpeakRow", "page"]

NEVER_STRUCK = (
    "none",
    "429 at first",
    "503 at first",
    "three resets in a row",
    "upgrade beyond the deadline",
    "junk, unknown types, binary",
)
"""The faults without a moment from which the time to notice counts."""


class ListenRow(NamedTuple):
    """One call."""

    fault: str
    endpoint: str
    plugin: str
    words: str
    doubled: int
    lost_ms: float
    noticed_s: float | None
    connections: int
    errors: str
    seconds: float

    @classmethod
    def of(cls, fault: str, outcome: Outcome) -> ListenRow:
        call, told = outcome.call, outcome.told
        return cls(
            fault,
            call.endpoint,
            call.plugin,
            f"{len(outcome.spoken) - outcome.missing}/{len(outcome.spoken)}",
            outcome.doubled,
            outcome.lost_ms,
            outcome.noticed_s,
            len(outcome.connected_s),
            f"{len(told.errors)} ({len(told.final_errors)} final)",
            call.seconds,
        )

    def texts(self) -> list[str]:
        strikes = self.fault not in NEVER_STRUCK
        never = f"not within {self.seconds - STRIKE_S:.0f} s"
        noticed = "" if not strikes else never if self.noticed_s is None else f"{self.noticed_s:.1f} s"
        lost = f"{self.lost_ms:.0f} ms"
        return [self.words, str(self.doubled), lost, noticed, str(self.connections), self.errors]


class SpeakRow(NamedTuple):
    """One text."""

    fault: str
    endpoint: str
    plugin: str
    heard_s: float
    expected_s: float
    is_whole: bool
    connections: int
    took_s: float

    def texts(self) -> list[str]:
        whole = "whole" if self.is_whole else f"{self.heard_s:.2f} of {self.expected_s:.2f} s"
        return [whole, str(self.connections), f"{self.took_s:.1f} s"]


class BargeInRow(NamedTuple):
    """An interrupted reply and the next one."""

    endpoint: str
    plugin: str
    stale_ms: float
    lost_ms: float
    first_ms: float
    connections: int

    def texts(self) -> list[str]:
        times = (f"{figure:.0f} ms" for figure in (self.stale_ms, self.lost_ms, self.first_ms))
        return [*times, str(self.connections)]


def page(
    listening: Sequence[ListenRow], speaking: Sequence[SpeakRow], interruptions: Sequence[BargeInRow]
) -> str:
    """The page, in Markdown."""
    framework, plugin = version("livekit-agents"), version("livekit-plugins-deepgram")
    head = f"""# LiveKit: the fault matrix, side by side

Made by `tests/livekit/test_faults.py --write-faults`: `livekit-plugins-speechwire` (*speechwire*) and
`livekit-plugins-deepgram` {plugin} (*deepgram*) in `livekit-agents` {framework}, in one run, with the
emulator's record of what the service received. Both have the framework's default connect
options.

## Listening

Audio at real pace whose samples say which they are, one word in every quarter of a second of speech. Faults
strike {STRIKE_S:g} s into it, in the middle of a turn; *three resets* each 0.9 s into its connection;
*at first* and *at reconnect* as the connection is made. *Words* is how many of those spoken came in final
transcripts, *doubled* how many of them again. *Lost* is audio that the service never heard on any
connection. *Noticed* is the time from the fault to the first error or the next connection, whichever came
first.

| fault | endpoint | plugin | words | doubled | lost | noticed | connections | errors reported |
|---|---|---|---|---|---|---|---|---|
"""
    between = """
## Speaking

One text; the fault comes when 1.5 s of its audio have been sent. Both give up on silence after 3 s here
(`APIConnectOptions(timeout=3.0)`).

| fault | endpoint | plugin | heard | connections | took |
|---|---|---|---|---|---|
"""
    last = """
## An interruption

A reply is interrupted after 0.3 s of its audio and the next one asked for at once; the service sends at twice
the real pace. *Stale* is audio of the old reply that came with the new one, *lost* what is missing of the new
one, *first audio* the time from the text to the first of it.

| endpoint | plugin | stale | lost | first audio | connections |
|---|---|---|---|---|---|
"""
    struck = [[row.fault, row.endpoint, row.plugin, *row.texts()] for row in listening]
    spoken = [[row.fault, row.endpoint, row.plugin, *row.texts()] for row in speaking]
    cut = [[row.endpoint, row.plugin, *row.texts()] for row in interruptions]
    return head + _rows(struck) + between + _rows(spoken) + last + _rows(cut)


def _rows(rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
