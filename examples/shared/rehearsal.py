"""A telephone call to an agent, with nobody at the telephone: a synthesised caller, and what was said."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
from videosdk.agents import AgentSession

from speechwire.emulator import Phrase, Script

from .caller import Line, render
from .journal import Entry, Journal
from .room import hold
from .service import service_of
from .voice import espeak_voice

__all__ = ["rehearse"]

_TAIL_S = 2.5
_AUDIBLE = 400
_AGENT_RATE = 24_000


async def rehearse(
    make_session: Callable[..., AgentSession], lines: Sequence[tuple[float, str]], *, live: bool, engine: str
) -> int:
    """Call the agent, print what either side says when it is said, and judge.

    Args:
        make_session: Takes ``base_url`` and ``api_key`` for the plugin's classes.
        lines: What the caller says, and when it begins, in seconds.
        live: Use the real Deepgram.
        engine: The emulator's, if it is not live.

    Returns:
        0 if the agent heard every line, answered aloud and met no error, else 1.
    """
    logging.getLogger("videosdk").setLevel(logging.CRITICAL)  # the framework misses a room to report to
    call = render([Line(*line) for line in lines], espeak_voice, tail_s=_TAIL_S)
    journal = Journal(show=_print)
    heard_s = 0.0

    def hear(samples: np.ndarray) -> None:
        nonlocal heard_s
        audible = np.abs(samples.astype(np.int32)).max(initial=0) > _AUDIBLE
        heard_s += len(samples) / _AGENT_RATE if audible else 0.0

    script = Script(*(Phrase(line.start_s, f"{line.text}.", line.end_s) for line in call.lines))
    async with service_of(live=live, engine=engine, script=script) as service:
        print(f"a call of {call.duration_s:.0f} s on the {service.name}\n")
        await hold(
            lambda: make_session(base_url=service.base_url, api_key=service.api_key), call, journal, hear
        )
    turns, replies = journal.of("caller", "turn"), journal.of("agent", "reply")
    print(f"\n{len(turns)} turns of the caller, {len(replies)} replies, {heard_s:.1f} s of the agent audible")
    well = len(turns) == len(lines) and heard_s > 0 and not journal.of("agent", "error")
    return 0 if well else 1


def _print(entry: Entry) -> None:
    if entry.what in ("turn", "reply", "error"):
        print(f"{entry.at_s:6.2f} s  {entry.who:<7} {entry.text}", flush=True)
