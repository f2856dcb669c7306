"""What becomes of a request whose body does not come, whose client leaves, or whose handler fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from speechwire.emulator._auth import Credentials
from speechwire.emulator._http import HttpServer
from speechwire.emulator._refusal import Refusal
from speechwire.emulator._rest import grant

Handler = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]
HEADERS = {"Authorization": "Token a-key"}


async def refusal(read: Callable[[], Awaitable[bytes]]) -> tuple[int, str, str]:
    """What is answered to a request for a token whose body is read like this."""
    request = cast(Any, SimpleNamespace(headers=HEADERS, read=read))
    with pytest.raises(Refusal) as refused:
        await grant(request, Credentials())
    return refused.value.status, refused.value.code, refused.value.text


async def test_a_body_that_breaks_off() -> None:
    async def read() -> bytes:
        raise web.RequestPayloadError("invalid character in chunk size")

    text = "The request body could not be read: it is not encoded as its headers say."
    assert await refusal(read) == (400, "Bad Request", text)


async def test_a_body_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read() -> bytes:
        await asyncio.Event().wait()
        return b""

    monkeypatch.setattr("speechwire.emulator._rest._BODY_S", 0.01)
    assert await refusal(read) == (408, "Request Timeout", "The body did not come in time.")


def test_the_oldest_token_is_forgotten_when_there_are_ten_thousand() -> None:
    credentials = Credentials(keys=())
    tokens = [credentials.grant(30.0, 0.0) for _ in range(10_001)]

    def opens(token: str) -> bool:
        try:
            return credentials.check({"Authorization": f"Bearer {token}"}, 1.0) == "bearer"
        except Refusal:
            return False

    assert [opens(tokens[0]), opens(tokens[1]), opens(tokens[-1])] == [False, True, True]


async def answer_of(handler: Handler, data: bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") -> bytes:
    """All that a server with this handler says to a client, up to its end."""
    runner = web.ServerRunner(HttpServer(handler, lambda: "an-id"))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
        writer.write(data)
        said = await asyncio.wait_for(reader.read(), 20.0)
        writer.close()
        return said
    finally:
        await runner.cleanup()


async def test_a_handler_that_fails_is_told_to_the_client_and_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        raise RuntimeError("a defect")

    head, _, body = (await answer_of(handler)).decode().partition("\r\n\r\n")
    first, *headers = head.split("\r\n")
    assert first == "HTTP/1.1 500 Internal Server Error"
    assert "dg-request-id: an-id" in headers
    assert body == (
        '{"err_code": "INTERNAL_SERVER_ERROR", "err_msg": "The emulator failed; its log says how.", '
        '"request_id": "an-id"}'
    )
    assert caplog.messages == ["Error handling request"]
    assert "a defect" in caplog.text


async def test_a_client_that_leaves_while_it_is_answered_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        raise ConnectionResetError("Cannot write to closing transport")

    assert await answer_of(handler) == b""
    assert caplog.messages == []


async def test_a_response_that_has_begun_is_not_followed_by_another(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 100
        await response.prepare(request)
        await response.write(b"the beginning")
        raise RuntimeError("a defect")

    said = await answer_of(handler)
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert said.endswith(b"\r\n\r\nthe beginning")
    assert "a defect" in caplog.text


async def test_a_request_that_cannot_be_read_is_answered_in_few_words() -> None:
    async def handler(request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        raise AssertionError("it cannot be read")

    said = await answer_of(handler, b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n")
    words = said.decode().partition('"err_msg": "')[2].partition('", "request_id"')[0]
    assert words.startswith("The request could not be read: ")
    assert len(words) <= len("The request could not be read: ") + 200
