"""The server as a child process, and what it reports."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Heard", "Service", "certificate", "serving"]

Integers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Heard:
    """What the server knows of one stream.

    Attributes:
        connections: How many it took; more than one means a reconnect.
        arrived_ns: When each binary message came.
        received: Bytes of audio up to and including each.
        sent: Messages sent, by kind.
        texts: Messages received, by type.
        spoken_bytes: Audio sent.
    """

    connections: int
    arrived_ns: Integers
    received: Integers
    sent: dict[str, int]
    texts: dict[str, int]
    spoken_bytes: int

    @property
    def received_bytes(self) -> int:
        """All its audio."""
        return int(self.received[-1]) if len(self.received) else 0

    def until(self, end_s: float) -> Heard:
        """Without the audio that came later."""
        count = self._messages_by(end_s)
        return replace(self, arrived_ns=self.arrived_ns[:count], received=self.received[:count])

    def bytes_between(self, start_s: float, end_s: float) -> int:
        """Audio that arrived in this time."""
        return self.until(end_s).received_bytes - self.until(start_s).received_bytes

    def _messages_by(self, end_s: float) -> int:
        return int(np.searchsorted(self.arrived_ns, int(end_s * 1e9)))


@dataclass(frozen=True)
class Service:
    """A running server.

    Attributes:
        base_url: For clients.
        authority: Whom to trust, with TLS.
        process: Its id.
    """

    base_url: str
    authority: ssl.SSLContext | None
    process: int

    def report(self) -> dict[int, Heard]:
        """What came, by stream. Blocks."""
        head, _, body = self._get("/report").partition(b"\n")
        heard, numbers, position = {}, np.frombuffer(body, np.int64), 0
        for entry in json.loads(head):
            count = entry["messages"]
            arrays = numbers[position : position + 2 * count]
            position += 2 * count
            heard[entry["stream"]] = Heard(
                connections=entry["connections"],
                arrived_ns=arrays[:count],
                received=arrays[count:],
                sent=entry["sent"],
                texts=entry["texts"],
                spoken_bytes=entry["spoken_bytes"],
            )
        return heard

    def quiet(self) -> None:
        """Send no more results: what is reported then is what the client can have. Blocks."""
        self._get("/quiet")

    def forget(self) -> None:
        """Begin anew. Blocks."""
        self._get("/forget")

    def _get(self, path: str) -> bytes:
        url = f"http{self.base_url.removeprefix('ws')}{path}"
        with urllib.request.urlopen(url, timeout=30, context=self.authority) as answer:
            body: bytes = answer.read()
        return body


@contextmanager
def certificate() -> Iterator[Path]:
    """A certificate for this machine, with its key, trusted by this process and its children."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "local.pem")
        subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        keys = ["-nodes", "-days", "2", "-keyout", str(path), "-out", f"{path}.crt"]
        subprocess.run([*command, *subject, *keys], check=True, capture_output=True)
        path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
        os.environ["SSL_CERT_FILE"] = f"{path}.crt"
        yield path


@contextmanager
def serving(*, python: str | None, pem: Path | None, core: int | None) -> Iterator[Service]:
    """Start the server; it ends with the block, or with this process."""
    command = [python or sys.executable, "-m", "benches.python.streams.server"]
    command += ["--certificate", str(pem)] if pem else []
    command += ["--core", str(core)] if core is not None else []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                raise SystemExit("the server did not start")
            authority = ssl.create_default_context() if pem else None
            yield Service(f"{'wss' if pem else 'ws'}://127.0.0.1:{port}", authority, process.pid)
        finally:
            process.kill()
