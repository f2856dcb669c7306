"""The service behind the server: as in the streams' benchmark, and it reads when each piece was sent.

The first eight bytes of each frame of audio are the microsecond it was sent, on the machine's monotonic
clock. ``GET /lateness`` gives how late the audio was, for the first piece of a connection and for the others;
``GET /forget`` begins anew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import struct
import sys
import time
from array import array
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from benches.python.streams.loop import run, uvloop_installed
from benches.python.streams.server import Connection, Service, raise_descriptor_limit
from benches.python.streams.websocket import BINARY, frames, unmasked
from benches.python.streams.wheel import Wheel

__all__ = ["main"]

_LIMIT_S = 1800.0
_stamp = struct.Struct(">Q").unpack_from


class Lateness:
    """How late audio came, in microseconds."""

    def __init__(self) -> None:
        self.first = array("q")
        self.others = array("q")

    def report(self) -> bytes:
        """Percentiles in milliseconds."""
        return json.dumps({"first": _spread(self.first), "others": _spread(self.others)}).encode()


def _spread(values: Sequence[int]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    at = {
        f"p{share:g}": ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]
        for share in (50, 99, 99.9)
    }
    return {"count": len(ordered), **{name: round(value / 1000, 2) for name, value in at.items()}}


class StampedConnection(Connection):
    """One stream whose audio says when it was sent."""

    def __init__(self, service: Service, lateness: Lateness) -> None:
        super().__init__(service)
        self._lateness = lateness
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
        last = len(payload) - self._frame_bytes
        if last >= 0 and any(payload[:8]):
            late_us = now_ns // 1000 - _stamp(payload, last)[0]
            if 0 <= late_us < 60_000_000:
                (self._lateness.first if self._is_first else self._lateness.others).append(late_us)
                self._is_first = False
        self._on_audio(len(payload), now_ns)

    def _start(self, target: str, stream: int) -> None:
        query = parse_qs(urlsplit(target).query)
        super()._start(target, stream)
        is_g711 = query.get("encoding", [""])[0] in ("mulaw", "alaw")
        rate = int(query.get("sample_rate", ["16000"])[0])
        self._frame_bytes = rate // 50 if is_g711 else rate * 2 * 80 // 1000
        if is_g711:
            self._second_bytes = rate
            self._next = 0
            self._await_next()

    def _answer(self, target: str) -> None:
        if target == "/lateness":
            body = self._lateness.report()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            self.transport.write(head.encode() + body)
            self.transport.close()
            return
        if target == "/forget":
            self._lateness.__init__()  # type: ignore[misc]
        super()._answer(target)


async def serve() -> None:
    """Serve until standard input ends, or for half an hour."""
    loop = asyncio.get_running_loop()
    wheel = Wheel(0.005)
    service, lateness = Service(wheel), Lateness()
    server = await loop.create_server(
        lambda: StampedConnection(service, lateness), "127.0.0.1", 0, backlog=2048
    )
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
