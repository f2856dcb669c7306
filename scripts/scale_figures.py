"""The page about scaling: how many calls a worker carries, and what 100,000 take by arithmetic from it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benches.python.server.limits import Step, rows

__all__ = ["hundred_thousand", "rolling_and_cost", "server_limits"]

REPORTS = Path(__file__).resolve().parents[1] / "benches" / "report"

CALLS: Final = 100_000
CALL_S: Final = 180
DRAIN_S: Final = 600
CONTRACT: Final = 150  # listening streams of a pay-as-you-go project
BUSY: Final = 0.6  # of a core
CORES: Final = 8  # of a machine
PORTS: Final = 28_000  # that Linux gives out by default, rounded down
MESSAGES_S: Final = 50  # of 20 ms
PIECES_S: Final = 12.5  # of 80 ms, to the service
HEADERS: Final = 48  # of WebSocket, TCP and IP
JSON_BYTES: Final = 390
BLOCK: Final = 8  # places leased at once
RENEW_S: Final = 5
WORKER_MIB: Final = 49  # without calls, with its part of what two workers share (PSS)

LIMITS_HEAD: Final = (
    "calls",
    "workers",
    "carried",
    "99 % of frames sent within",
    "callers late by up to",
    "CPU ms per call-second",
    "not carried: 99 % within",
)


@dataclass(frozen=True)
class Inputs:
    """What was measured.

    Attributes:
        call_ms: CPU for a second of a telephone call.
        pcm_ms: The same with 80 ms of PCM.
        call_kib: Memory of a live call, with its open audio.
    """

    call_ms: float
    pcm_ms: float
    call_kib: float

    @property
    def machines(self) -> int:
        """As many as keep their cores below the use wanted."""
        return math.ceil(CALLS * self.call_ms / 1000 / BUSY / CORES)

    @property
    def workers(self) -> int:
        """One for each core."""
        return self.machines * CORES

    @property
    def memory_gb(self) -> float:
        """Of all machines."""
        return (CALLS * self.call_kib * 2**10 + self.workers * WORKER_MIB * 2**20) / 1e9


def server_limits() -> str:
    """How many calls one worker and two carry, where that was measured."""
    file = REPORTS / "limits.json"
    if not file.exists():
        return "Not measured yet: `make limits`.\n"
    found = json.loads(file.read_text(encoding="utf-8"))
    when = f"{found['date']}, {found['machine']}; windows of {found['seconds']:g} s."
    return f"{_table(LIMITS_HEAD, rows(found))}\n{when}\n"


def inputs() -> Inputs:
    """From the largest numbers of calls that one worker carried."""
    steps = json.loads((REPORTS / "limits.json").read_text(encoding="utf-8"))["steps"]
    servers = json.loads((REPORTS / "server.json").read_text(encoding="utf-8"))
    ours = [one for one in servers if (one["contender"], one["kind"]) == ("speechwire", "twilio")]
    largest = max(ours, key=lambda one: int(one["calls"]))
    return Inputs(_cpu_ms(steps, "twilio"), _cpu_ms(steps, "pcm"), float(largest["live_kib"]))


def hundred_thousand() -> str:
    """The inputs and the table."""
    found = inputs()
    begin_s = CALLS / CALL_S
    lines = [
        ("quota", f"{CALLS / CONTRACT:.0f} times pay-as-you-go", "a contract, in more than one region"),
        (
            "cores",
            f"{CALLS * found.call_ms / 1000:.0f} busy, {found.workers} to have",
            f"below {BUSY:.0%} use, {CALLS // found.workers} calls a core".replace("%", " %"),
        ),
        ("machines", f"{found.machines} of {CORES} cores", f"{CALLS // found.machines:,} calls each"),
        (
            "memory",
            f"{found.memory_gb:.0f} GB, {found.memory_gb / found.machines:.1f} GB a machine",
            f"{CALLS:,} × {found.call_kib:.0f} KiB + {found.workers} × {WORKER_MIB} MiB",
        ),
        (
            "messages",
            f"{CALLS * MESSAGES_S / 1e6:.0f} million a second",
            f"{CALLS * MESSAGES_S // found.workers:,} a worker",
        ),
        (
            "in from callers",
            f"{_gbit(MESSAGES_S, JSON_BYTES):.1f} Gbit/s",
            f"{JSON_BYTES} bytes and {HEADERS} of headers, {MESSAGES_S} a second:"
            f" {_gbit(MESSAGES_S, JSON_BYTES) * 1e6 / CALLS:.0f} kbit/s a call",
        ),
        (
            "on to the service",
            f"{_gbit(PIECES_S, 640):.1f} Gbit/s",
            f"mu-law as it came, 8 kB/s and headers; {_gbit(PIECES_S, 2560):.0f} Gbit/s as 16 kHz PCM",
        ),
        (
            "connections",
            f"{2 * CALLS:,} on the servers, {2 * CALLS:,} on the balancers",
            "one in and one out for each call",
        ),
        (
            "ports",
            f"{CALLS // found.machines:,} of {PORTS:,} on a machine",
            f"behind one NAT address they end at {PORTS:,} calls: {math.ceil(CALLS / PORTS)} addresses",
        ),
        ("calls that begin", f"{begin_s:.0f} a second", f"{CALLS:,} over {CALL_S} s"),
        (
            "Redis",
            f"about {round(found.workers / RENEW_S + 2 * begin_s / BLOCK, -1):.0f} requests a second",
            f"{found.workers} renewals in {RENEW_S} s, and a block for each {BLOCK} calls that begin or end:"
            " one small process",
        ),
    ]
    return (
        "This is arithmetic from what was measured above and on [the server's page](server.md#what-it-costs):"
        f" {found.call_ms:.2f} ms\nof CPU for each second of a call ({found.pcm_ms:.2f} with 80 ms of PCM"
        f" from our own socket), {found.call_kib:.0f} KiB for a live call with its\nopen audio,"
        f" {WORKER_MIB} MiB for a worker. The calls are in Twilio's dialect, 20 ms a message, three minutes"
        " long.\n\n"
        f"{_table(('what', f'for {CALLS:,}', 'how'), lines)}"
    )


def rolling_and_cost() -> str:
    """How long an upgrade takes, and what an hour costs."""
    machines = inputs().machines
    hours = machines * DRAIN_S / 3600
    rounds = math.ceil(machines / math.ceil(machines / 4))
    return (
        "**A rolling upgrade** of a machine takes its workers' start, some seconds, and then as long as its"
        " longest call, `drain_s`\nat most. In Kubernetes with `maxSurge: 1`"
        f" {machines} pods take {machines} × `drain_s`, {hours:.1f} hours with {DRAIN_S} s;"
        f" with `maxSurge: 25%`\n{rounds} × `drain_s`, {rounds * DRAIN_S // 60} minutes,"
        " for a quarter more memory.\n\n"
        f"**Cost**: an hour takes {machines * CORES} core-hours and {CALLS * 60 // 1_000_000} million minutes"
        " of Deepgram. The second costs orders of magnitude\nmore, so saving cores is not worth much.\n"
    )


def _cpu_ms(steps: list[dict[str, Any]], kind: str) -> float:
    carried = [Step(**one) for one in steps if (one["kind"], one["workers"]) == (kind, 1)]
    return max((one for one in carried if one.is_carried), key=lambda one: one.calls).cpu_ms


def _gbit(messages_s: float, payload: int) -> float:
    return CALLS * messages_s * (payload + HEADERS) * 8 / 1e9


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *lines))
