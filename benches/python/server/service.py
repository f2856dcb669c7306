"""The service behind the server: as in the streams' benchmark, and it reads when each piece was sent.

Each frame of audio begins with the microsecond it was sent, on the machine's monotonic clock
(:mod:`benches.python.server.stamps`). ``GET /lateness`` gives how late the last frame of each message was,
for the first message of a connection and for the others; ``GET /forget`` begins anew. ``GET /counts`` gives
what came and went by connection, and ``GET /quiet`` ends the results.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from urllib.parse import parse_qs, urlsplit

from benches.python.server import stamps
from benches.python.streams.loop import run, uvloop_installed
from benches.python.streams.server import Connection, Journal, Service, raise_descriptor_limit
from benches.python.streams.websocket import BINARY, frames, unmasked
from benches.python.streams.wheel import Wheel

__all__ = ["main"]

_LIMIT_S = 1800.0


class Lateness:
    """How late audio came, in microseconds.

    Attributes:
        first: Of the first message of each connection.
        others: Of the rest.
        unstamped: Messages in which no stamp stood where one belongs.
    """

    def __init__(self) -> None:
        self.first = array("q")
        self.others = array("q")
        self.unstamped = 0

    def report(self) -> bytes:
        """Percentiles in milliseconds."""
        spreads = {"first": _spread(self.first), "others": _spread(self.others)}
        return json.dumps({**spreads, "unstamped": self.unstamped}).encode()


def _spread(values: Sequence[int]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    shares = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
    at = {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in shares.items()}
    at["most"] = ordered[-1]
    return {"count": len(ordered), **{name: round(value / 1000, 2) for name, value in at.items()}}


class Everything(Service):
    """What the connections share; each counts as a stream of its own."""

    def __init__(self, wheel: Wheel) -> None:
        super().__init__(wheel)
        self.lateness = Lateness()
        self.bytes_per_s: dict[int, int] = {}

    def counts(self) -> bytes:
        """By connection, in the order in which they came."""
        return json.dumps([self._count(*item) for item in sorted(self.journals.items())]).encode()

    def _count(self, stream: int, journal: Journal) -> dict[str, object]:
        received = journal.received[-1] if journal.received else 0
        rate = self.bytes_per_s[stream]
        return {"audio_s": received / rate, "messages": len(journal.received), "sent": journal.sent}


class StampedConnection(Connection):
    """One stream whose audio says when it was sent."""

    def __init__(self, service: Everything) -> None:
        super().__init__(service)
        self._all = service
        self._is_first = True

    def data_received(self, data: bytes) -> None:
        """Take whatever came."""
        if not self._open:
            super().data_received(data)
            return
        now_ns = time.monotonic_ns()
        data = self._rest + data if self._rest else data
        done = 0
        for opcode, mask, done in frames(data):
            payload = unmasked(data, mask, done)
            if opcode == BINARY:
                self._on_payload(payload, now_ns)
            else:
                self._on_other(opcode, payload)
        self._rest = data[done:]

    def _on_payload(self, payload: bytes, now_ns: int) -> None:
        lateness = self._all.lateness
        last = len(payload) - self._frame_bytes
        sent_us = self._stamp(payload, last) if last >= 0 else None
        if sent_us is None:
            lateness.unstamped += 1
        else:
            (lateness.first if self._is_first else lateness.others).append(now_ns // 1000 - sent_us)
            self._is_first = False
        self._on_audio(len(payload), now_ns)

    def _start(self, target: str, stream: int) -> None:
        query = parse_qs(urlsplit(target).query)
        is_g711 = query.get("encoding", [""])[0] in ("mulaw", "alaw")
        rate = int(query.get("sample_rate", ["16000"])[0])
        was_mulaw = rate == 8000 and not is_g711
        self._stamp: Callable[[bytes, int], int | None] = stamps.read_decoded if was_mulaw else stamps.read
        self._frame_bytes = rate // 50 if is_g711 else 2 * rate * (20 if was_mulaw else 80) // 1000
        number = len(self._all.bytes_per_s)
        self._all.bytes_per_s[number] = rate if is_g711 else 2 * rate
        super()._start(target, number)
        if is_g711:
            self._second_bytes = rate
            self._next = 0
            self._await_next()

    def _answer(self, target: str) -> None:
        if target == "/lateness":
            self._reply(self._all.lateness.report())
        elif target == "/counts":
            self._reply(self._all.counts())
        elif target == "/forget":
            self._all.lateness = Lateness()
            self._reply(b"")
        else:
            super()._answer(target)

    def _reply(self, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()


async def serve() -> None:
    """Serve until standard input ends, or for half an hour."""
    loop = asyncio.get_running_loop()
    wheel = Wheel(0.005)
    service = Everything(wheel)
    server = await loop.create_server(lambda: StampedConnection(service), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    turning = asyncio.create_task(wheel.turn())
    try:
        await asyncio.wait_for(asyncio.to_thread(sys.stdin.read), _LIMIT_S)
    finally:
        turning.cancel()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", type=int, help="stay on this core")
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    raise_descriptor_limit()
    run(serve(), uvloop=uvloop_installed())


if __name__ == "__main__":
    main()
