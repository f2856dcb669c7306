"""Requests with tricks in them: refused or harmless, and no answer tells what runs here."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from tests.server.hostility import beside, frame, raw, upgrade
from tests.server.serving import serving

pytestmark = pytest.mark.usefixtures("each_socket")


PATHS = [
    "/../../etc/passwd",
    "/..%2f..%2fetc%2fpasswd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "//etc/passwd",
    "/page/../server.py",
    "/index.html/../../server.py",
    "/.env",
    "/index.html%00.js",
    "/call/../healthz/../x",
    "/socket/x",
    "/\\..\\..\\windows",
    "/%ff%fe",
    "/" + "a" * 8000,
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:30])
async def test_tricks_with_paths_find_nothing(path: str) -> None:
    async with beside() as where:
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        answer = await raw(where, request.encode("latin-1"))
        assert answer.split(b" ")[1] in (b"404", b"400"), answer[:200]
        assert b"root:" not in answer and b"import" not in answer


HEADERS = [
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
    b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    b"POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", HEADERS, ids=lambda request: repr(request[:40]))
async def test_tricks_with_headers_are_refused_or_harmless(request_bytes: bytes) -> None:
    async with beside() as where:
        host, port = where.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request_bytes)
        with suppress(ConnectionError):
            async with asyncio.timeout(15):
                answer = await reader.read(300)
                assert not answer or answer.startswith(b"HTTP/1."), answer
                assert b"Traceback" not in answer
        writer.close()


CREDENTIALS = [
    "Authorization: Bearer \xff\xfe",
    "Authorization: Basic \xff\xfe",
    "Authorization: \xff",
    "X-Twilio-Signature: \xff",
    "X-Plivo-Signature-V3: \xff, \xfe\r\nX-Plivo-Signature-V3-Nonce: \xff",
    "telnyx-timestamp: 1\r\ntelnyx-signature-ed25519: \xff",
    "x-telnyx-streaming-auth-token: \xff",
    "Sec-WebSocket-Protocol: access_token.\xff",
    "Origin: \xff",
    "Origin: http://[",
    "Origin: http://x:y",
]


@pytest.mark.parametrize("header", CREDENTIALS, ids=repr)
async def test_credentials_that_are_no_text_are_refused(header: str) -> None:
    secrets: dict[str, Any] = {
        "shared_secret": "s",
        "twilio_auth_token": "s",
        "plivo_auth_token": "s",
        "telnyx_stream_token": "s",
        "telnyx_public_key": "AAAA",
        "vonage_signature_secret": "s",
    }
    async with serving(auth="required", **secrets) as where:
        lines = upgrade().decode().split("\r\n")
        request = "\r\n".join([lines[0], *lines[1:-2], header, "", ""])
        if header.startswith("X-"):
            request = request.replace("Host: 127.0.0.1", "Host: [:x")
        answer = await raw(where, request.encode("latin-1") + frame(8, b"\x03\xe8"))
        assert answer.split(b" ")[1] in (b"400", b"401", b"403", b"101"), answer[:100]
        if b" 101 " in answer[:20]:
            assert (4401).to_bytes(2, "big") in answer
        assert not where.server.lines


async def test_compression_is_never_agreed_to() -> None:
    async with beside() as where:
        request = upgrade("/call", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
        answer = await raw(where, request + frame(8, b"\x03\xe8"))
        assert b"101" in answer and b"permessage-deflate" not in answer.lower()


async def test_a_handshake_without_its_parts_is_an_error_and_takes_no_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("speechwire.server._http._KEEPALIVE_S", 0.5)  # the server closes after so long
    async with beside() as where:
        for missing in (b"Sec-WebSocket-Key", b"Sec-WebSocket-Version", b"Connection"):
            lines = [line for line in upgrade().split(b"\r\n") if not line.startswith(missing)]
            lines.insert(1, b"Connection: close" if missing == b"Connection" else b"X: y")
            answer = await raw(where, b"\r\n".join(lines))
            assert answer.startswith(b"HTTP/1.1 4"), answer[:100]
            assert where.server.admission.taken == 0


async def test_no_answer_names_what_runs_here_and_all_carry_the_policy() -> None:
    async with serving() as where, aiohttp.ClientSession() as session:
        for path in ("/healthz", "/readyz", "/nothing", "/call"):
            async with session.get(where.url + path) as response:
                assert "default-src 'none'" in response.headers["Content-Security-Policy"]
                assert response.headers["X-Content-Type-Options"] == "nosniff"
        async with session.get(where.url + "/readyz") as response:
            assert json.loads(await response.text())["status"] == "serving"
