"""The report: numbers as JSON, tables as Markdown."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benches.python.audio.report import machine, table
from benches.python.server.callers import KINDS
from benches.python.server.contenders import CATALOG
from benches.python.server.processes import versions
from benches.python.server.result import Result

__all__ = ["draw_again", "row", "write"]

HEAD: Final = (
    "server",
    "calls",
    "CPU ms per call-second",
    "frame → wire ms: p50 / p99 / max",
    "audio in a message",
    "service → caller ms: p50 / p99",
    "dial → first audio ms: p50 / p99",
    "KiB per call: silent / talking (open audio)",
    "audio sent / received, s",
    "captions due / had",
    "without a core",
    "other core",
)

_OURS: Final = ("speechwire", "aiohttp", "picows", "uvloop")
_THEIRS: Final = ("fastapi", "deepgram-sdk", "pipecat-ai", "uvicorn", "uvloop")

_METHOD: Final = """\
## How it was measured

Processes
:   The server is alone on core 0. The callers and the service, which answers like Flux, share core 1. Sockets
    are plain `ws://` on loopback. Each row is a run with processes of its own, and the servers take turns.

Servers
:   `speechwire serve` with the extra `fast`. *FastAPI + deepgram-sdk* forwards messages, with a task for
    the way back, as Deepgram's starters do, without their tokens and prints. *pipecat's FastAPI
    transport* has Pipecat's serializer for Twilio, or the one for Vonage where audio is binary, its Flux
    service, and a processor that sends each transcript back. Both of them run on uvicorn, and all three
    run on uvloop.

Calls
:   All callers talk at real pace, spread evenly over a frame's length. They begin one after the other, over
    3 s, so that neither their messages nor their results are complete at the same moment. Each has captions
    back.

CPU
:   Of the whole server process, all threads, over the window, for each second of one call's audio.

Frame → wire
:   From the caller's send to the arrival at the service, for the last frame of each message. Where a message
    of 80 ms is made of 20 ms frames, the first of them waits 60 ms longer.

Dial → first audio
:   From the caller's TCP connect to its first audio at the service, one call dialed after the other. The
    caller sends its first 80 ms right behind the call's first messages, so this is the server's own time and
    the service's handshake.

Memory
:   Private memory of the server's process less that before the calls, divided by them. *Silent* is after the
    first 80 ms; *talking* is at the end. Open audio is what is kept to be sent again after a lost connection.

Without a core
:   Share of the window in which threads of the server were ready to run and had no core.

Other core
:   How much of core 1 the callers and the service took. Where it is full, lateness is theirs.

Right answers
:   The seconds of audio that arrived are those that were sent, for each call, but for a message that was not
    full. Each of the service's messages that becomes a caption came back, and so did every end of a turn.
    What fails this is marked.
"""


def write(results: Sequence[Result], failures: Sequence[str], arguments: Namespace) -> Path:
    """Write both files into ``arguments.out``; returns the report's path."""
    folder, stem = arguments.out, arguments.stem
    folder.mkdir(parents=True, exist_ok=True)
    numbers = json.dumps([asdict(result) for result in results], indent=1)
    (folder / f"{stem}.json").write_text(numbers + "\n", encoding="utf-8")
    awake = ", no core asleep" if arguments.awake else ""
    with_what = versions(str(arguments.clients_python), _THEIRS) or "without the others"
    head = (
        f"{datetime.now(UTC):%Y-%m-%d}. {machine().partition(';')[0]}; {versions(sys.executable, _OURS)};"
        f" {with_what}; windows of {arguments.seconds:g} s{awake}."
    )
    return _draw(results, [head, *failures], folder / f"{stem}.md")


def draw_again(folder: Path, stem: str) -> Path:
    """Write the tables anew from the numbers and the head of the last report: nothing is measured."""
    numbers = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
    path = folder / f"{stem}.md"
    before, _, _ = path.read_text(encoding="utf-8").partition("\n## ")
    heads = [line for line in before.splitlines()[1:] if line]
    return _draw([Result.read(one) for one in numbers], heads, path)


def _draw(results: Sequence[Result], heads: Sequence[str], path: Path) -> Path:
    path.write_text("\n".join(_sections(results, heads)), encoding="utf-8")
    return path


def _sections(results: Sequence[Result], heads: Sequence[str]) -> Iterator[str]:
    yield "# The server under calls\n"
    for head in heads:
        yield f"{head}\n"
    for kind in KINDS.values():
        here = [result for result in results if result.kind == kind.name]
        if here:
            yield f"## {kind.title}\n"
            yield table(HEAD, map(row, sorted(here, key=lambda result: result.calls)))
    yield _METHOD


def row(result: Result) -> list[str]:
    """One run."""
    title = CATALOG[result.contender].title
    if result.faults and result.keeps_pace:
        title += f" (**wrong**: {result.faults[0]})"
    replaced = f" + {result.dropped} replaced" if result.dropped else ""
    opened = f" ({result.open_kib:.0f})" if CATALOG[result.contender].ours else ""
    return [
        title,
        f"{result.calls:,}",
        f"{result.cpu_ms:.2f}",
        _joined(result.wire_ms, "p50", "p99", "most") if result.keeps_pace else "cannot keep pace",
        f"{result.message_ms:.0f} ms",
        _joined(result.caption_ms, "p50", "p99"),
        _joined(result.first_ms, "p50", "p99"),
        f"{result.idle_kib:.0f} / {result.live_kib:.0f}{opened}",
        f"{result.sent_s:,.0f} / {result.received_s:,.0f}",
        f"{result.due:,} / {result.captions:,}{replaced}",
        f"{result.starved:.0%}",
        f"{result.load_share:.0%}",
    ]


def _joined(spread: dict[str, float], *names: str) -> str:
    return " / ".join(f"{spread[name]:.1f}" for name in names) if spread.get("count") else "-"
