"""Two servers of two workers each behind HAProxy, with Redis and the emulator: real programs on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from tests.cli.conftest import default_signals

__all__ = ["LIMIT", "Cluster", "cluster_of"]

HAPROXY = shutil.which("haproxy")
REDIS = shutil.which("redis-server") or shutil.which("valkey-server")
CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "haproxy.cfg"
LIMIT: Final = 120
SERVERS: Final = 2
WORKERS: Final = 2
DRAIN_S: Final = 2.0
CHECK_S: Final = 1.0  # of the balancer
_WAIT_S: Final = 60.0


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def haproxy_configuration(port: int, servers: Sequence[int]) -> str:
    """``deploy/haproxy.cfg``, with this machine's addresses, and within its limit of descriptors."""
    text = CONFIGURATION.read_text(encoding="utf-8").replace("bind :8080", f"bind 127.0.0.1:{port}")
    text = text.replace("maxconn 20000", "maxconn 500")
    for number, server in enumerate(servers, start=1):
        text = text.replace(f"server-{number} server-{number}:8080", f"server-{number} 127.0.0.1:{server}")
    assert str(servers[-1]) in text and ":8080" not in text
    return text


class Cluster:
    """The programs.

    Args:
        folder: For their logs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.redis_port, self.emulator_port, *ports = free_ports(3 + 2 * SERVERS)
        self.ports, self.admin_ports = ports[:SERVERS], ports[SERVERS:]
        self._processes: list[subprocess.Popen[bytes]] = []
        self._redis: subprocess.Popen[bytes] | None = None
        self.servers: list[subprocess.Popen[bytes]] = []

    @property
    def socket_url(self) -> str:
        """Where our own clients call."""
        return f"ws://127.0.0.1:{self.port}/socket"

    def start(self) -> None:
        """Start all, and wait until callers are taken."""
        self.start_redis()
        emulator = ("-m", "speechwire", "emulator", "--engine", "tagged", "--port", str(self.emulator_port))
        self._start("emulator", sys.executable, *emulator)
        for number in range(SERVERS):
            self.servers.append(self._serve(number))
        file = self.folder / "haproxy.cfg"
        file.write_text(haproxy_configuration(self.port, self.ports), encoding="utf-8")
        assert HAPROXY is not None
        self.balancer = self._start("haproxy", HAPROXY, "-W", "-db", "-f", str(file))
        for port in (*self.ports, self.port):
            _until(lambda port=port: _get(port, "/readyz") is not None)
        _until(lambda: all(len(self.workers(number)) == WORKERS for number in range(SERVERS)))

    def start_redis(self) -> None:
        """On the port where it was before, and empty."""
        assert REDIS is not None
        arguments = (
            "--port",
            str(self.redis_port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        )
        self._redis = self._start("redis", REDIS, *arguments)

    def kill_redis(self) -> None:
        assert self._redis is not None
        self._redis.kill()
        self._redis.wait()

    def reload_balancer(self) -> None:
        """As its service does: a new process takes new connections, the old one keeps its own."""
        self.balancer.send_signal(signal.SIGUSR2)

    def workers(self, number: int) -> list[dict[str, Any]]:
        """What a server says of its workers."""
        rows = _get(self.admin_ports[number], "/workers")
        return json.loads(rows) if rows else []

    def places(self) -> float:
        """Places for calls over all workers."""
        texts = [_get(port, "/metrics") or b"" for port in self.admin_ports]
        lines = [line for text in texts for line in text.decode().splitlines()]
        return sum(float(line.split()[1]) for line in lines if line.startswith("speechwire_places "))

    def busiest_worker(self) -> int:
        """The process with the most calls."""
        rows = [row for number in range(SERVERS) for row in self.workers(number)]
        return int(max(rows, key=lambda row: row["calls"])["pid"])

    def busiest_server(self) -> int:
        """The server with the most calls."""
        calls = [sum(row["calls"] for row in self.workers(number)) for number in range(SERVERS)]
        return calls.index(max(calls))

    def wait_until_whole(self) -> None:
        """All workers are there again, and the balancer knows: each server answers several times in a row."""

        def answers() -> bool:
            return all(_get(port, "/readyz") for port in (*self.ports, self.port) for _ in range(6))

        def serve() -> bool:
            rows = [self.workers(number) for number in range(SERVERS)]
            return all([row["phase"] for row in each] == ["serving"] * WORKERS for each in rows)

        _until(lambda: serve() and answers())
        time.sleep(2 * CHECK_S)

    def stop(self) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _serve(self, number: int) -> subprocess.Popen[bytes]:
        arguments = {
            "--port": self.ports[number],
            "--admin-port": self.admin_ports[number],
            "--workers": WORKERS,
            "--quota-workers": SERVERS * WORKERS,
            "--max-calls": LIMIT,
            "--drain-s": DRAIN_S,
            "--base-url": f"ws://127.0.0.1:{self.emulator_port}",
        }
        flat = [str(each) for pair in arguments.items() for each in pair]
        return self._start(f"server-{number}", sys.executable, "-m", "speechwire", "serve", *flat)

    def _start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "DEEPGRAM_API_KEY": "key",
            "SPEECHWIRE_SERVE_REDIS_URL": f"redis://127.0.0.1:{self.redis_port}",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
                preexec_fn=default_signals,
            )
        self._processes.append(process)
        return process


def cluster_of(folder: Path) -> Iterator[Cluster]:
    """For a fixture."""
    if HAPROXY is None or REDIS is None:
        pytest.skip("wants haproxy and redis-server (Debian: apt install haproxy redis-server)")
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _get(port: int, path: str) -> bytes | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            body: bytes = answer.read()
            return body
    except OSError:
        return None


def _until(condition: Any) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)
