"""A client that says exactly the bytes it is told to, and a log that has to stay empty."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from speechwire.emulator import Emulator

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = {
    "Host": "localhost",
    "Authorization": "Token an-api-key",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """The bytes of an HTTP/1.1 request; nothing in it is checked or escaped."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def exchange(emulator: Emulator, data: bytes, *, patience_s: float = 20.0) -> Answer | None:
    """Send these bytes and no more, and read one response; None if the server waits for more, or has left."""
    host, port = emulator.http_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=patience_s) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # answered before all was said
            connection.sendall(data)
        return _read(connection, has_body=not data.startswith(b"HEAD "))


def _read(connection: socket.socket, *, has_body: bool) -> Answer | None:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (more := _receive(connection)):
            assert not received, received
            return None
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    status = int(first.split()[1])
    size = int(headers.get("content-length", 0)) if has_body else 0
    while len(body) < size:
        more = _receive(connection)
        assert more, f"{len(body)} of {size} bytes of a response"
        body += more
    return Answer(status, headers, body[:size])


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except (ConnectionResetError, TimeoutError):
        return b""


@contextmanager
def nothing_logged() -> Iterator[None]:
    """Nothing is worth a warning: no traceback, no task whose error nobody saw."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = records.append  # type: ignore[method-assign, assignment]
    names = ("aiohttp", "asyncio", "speechwire")
    for name in names:
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name in names:
            logging.getLogger(name).removeHandler(handler)
    assert [record.getMessage() for record in records] == []


def check_refusal(answer: Answer, status: int | None = None) -> str:
    """The answer is a refusal in one of the service's three forms; return its sentence."""
    assert 400 <= answer.status < 500, answer
    assert status in (None, answer.status), answer
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    body = answer.json
    if "description" in body:
        sentence = body["description"]
        assert set(body) == {"code", "description"}
    else:
        assert body["request_id"] == answer.headers["dg-request-id"]
        names = ("err_code", "err_msg") if "err_msg" in body else ("category", "message", "details")
        assert set(body) == {*names, "request_id"}
        sentence = body[names[1]]
    assert isinstance(sentence, str)
    assert sentence
    assert answer.headers["dg-error"].isascii()
    return sentence
