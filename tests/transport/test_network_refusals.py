"""Both network transports where no connection comes about: refused, slow, nobody there, cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from tests.transport.plain_server import KEY, request, serving

from speechwire.errors import (
    ConnectFailed,
    HandshakeRefused,
    SpeechwireError,
)
from speechwire.transport import (
    new_transport,
)

pytestmark = pytest.mark.usefixtures("transport")


@pytest.mark.parametrize("status", [400, 401, 402, 403, 429, 500, 503])
async def test_a_refusal_keeps_what_the_service_said(status: int) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        headers = {"dg-error": "Too bad.", "dg-request-id": "r-9"}
        return web.json_response({"err_code": "X", "err_msg": "Too bad."}, status=status, headers=headers)

    error = await failure_of(refuse)
    assert isinstance(error, HandshakeRefused)
    assert error.status == status
    assert "err_code" in error.body
    assert error.dg_error == "Too bad."
    assert error.request_id == "r-9"
    assert error.retryable == (status in (429, 500, 503))


async def test_a_huge_refusal_is_cut() -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=400, text="x" * 1_000_000)

    error = await failure_of(refuse)
    assert isinstance(error, HandshakeRefused)
    assert len(error.body) <= 4096


async def test_an_answer_that_is_no_upgrade() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="a web page")

    error = await failure_of(answer)
    assert isinstance(error, HandshakeRefused)
    assert error.status == 200


async def test_a_slow_handshake_ends_at_the_deadline() -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        raise AssertionError

    error = await failure_of(slow, connect_timeout_s=0.1)
    assert isinstance(error, ConnectFailed)
    assert "0.1 s" in str(error)


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("ws://127.0.0.1:1/v1/listen", "ConnectionRefusedError: "),
        ("ws://[::1]:1/v1/listen", ""),
        ("ws://nowhere.invalid/v1/listen", "gaierror: "),
    ],
)
async def test_nobody_there(url: str, cause: str) -> None:
    transport = new_transport()
    with pytest.raises(ConnectFailed) as raised:
        await transport.connect(request(url))
    assert raised.value.retryable
    assert raised.value.url == url
    assert raised.value.cause.startswith(cause)
    assert "handshake" not in raised.value.cause
    await transport.aclose()


async def failure_of(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], **more: float
) -> SpeechwireError:
    """Connect in vain; check on the way that nothing tells the key or the query."""
    transport = new_transport()
    async with serving(handler) as url:
        with pytest.raises(SpeechwireError) as raised:
            await transport.connect(request(url, **more))
        await transport.aclose()
    seen: BaseException | None = raised.value
    while seen is not None:
        for text in (str(seen), repr(seen), repr(seen.args), repr(vars(seen))):
            assert KEY not in text
            assert "private-customer-term" not in text
        seen = seen.__cause__ or seen.__context__
    return raised.value


async def test_cancelled_while_connecting() -> None:
    gone = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        while request.transport is not None:
            await asyncio.sleep(0.01)
        gone.set()
        raise AssertionError

    transport = new_transport()
    async with serving(slow) as url:
        connecting = asyncio.create_task(transport.connect(request(url)))
        await asyncio.sleep(0.1)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        # The peer learns of it at once: nothing of the attempt lives on.
        await asyncio.wait_for(gone.wait(), 5)
        await transport.aclose()
