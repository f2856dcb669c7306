"""The ASGI mount, below Starlette in a real uvicorn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.server.callers import Twilio
from tests.server.callers_exchanges import Jambonz
from tests.server.content import ContentEngine
from tests.server.serving import Serving, dial, until
from tests.server.test_faults import one_is_understood

from speechwire.emulator import Emulator
from speechwire.server import Call, Config, Server
from speechwire.server.asgi import AsgiCalls
from speechwire.server.tokens import Tokens
from speechwire.session import SessionPool

SECRET = "the back end's secret"


@asynccontextmanager
async def mounted(answer: Any = None, **settings: Any) -> AsyncIterator[Serving]:
    """Serve until the end of the block, with callers below ``/voice``."""
    calls = AsgiCalls(replace(Config(hangup_s=3.0), **settings), answer)
    emulator = Emulator(ContentEngine() if answer is None else "scripted")
    servers: list[Server] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with SessionPool("key", base_url=emulator.base_url) as pool, calls.serving(pool) as server:
            servers.append(server)
            yield

    app = Starlette(routes=[Mount("/voice", app=calls)], lifespan=lifespan)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/voice"
        host = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        async with emulator:
            serving = asyncio.create_task(host._serve([listening]))
            try:
                await until(lambda: host.started)
                yield Serving(url, servers[0], emulator)
            finally:
                host.should_exit = True
                await serving


async def status_of(where: Serving, path: str, **headers: str) -> int:
    """Of an upgrade that is refused."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(where.socket_url + path, headers=headers)
    return refused.value.status


async def test_a_call_below_a_mount_is_understood() -> None:
    async with mounted() as where:
        await one_is_understood(where)
        assert where.server.counters.ended == {"hung_up": 1}
        assert where.server.admission.taken == 0


async def test_binary_speech_and_the_subprotocol_come_back() -> None:
    async def answer(call: Call) -> None:
        await call.say("Good morning.")

    async with mounted(answer) as where:
        caller = Jambonz()
        async with dial(where, caller) as call:
            assert call.ws.protocol == "audio.jambonz.org"
            assert await call.ended() == 1000
        assert len(caller.heard.speech) > 8000


async def test_who_may_not_come_in_is_told_why() -> None:
    async with mounted(auth="required", shared_secret=SECRET, max_calls=1) as where:
        assert await status_of(where, "/call") == 401
        assert await status_of(where, "/nothing") == 404
        assert await status_of(where, "/call", Origin="https://elsewhere.example") == 403
        admission = {"Authorization": f"Bearer {SECRET}"}
        async with dial(where, Twilio(), None, **admission) as call:
            assert await status_of(where, "/call", **admission) == 503
            await call.hang_up()
        async with aiohttp.ClientSession() as session:
            ws = await session.ws_connect(where.socket_url + "/socket", protocols=["access_token.forged"])
            await ws.receive()
            assert ws.close_code == 4401
            async with session.get(f"{where.url}/call") as response:
                assert response.status == 404


async def test_the_answer_names_the_protocol_rather_than_the_token() -> None:
    secret = "0123456789abcdef" * 4
    token = f"access_token.{Tokens(secret).make()}"
    async with mounted(auth="required", token_secret=secret) as where, aiohttp.ClientSession() as session:
        offered = [token, "speechwire.v1"]
        async with session.ws_connect(where.socket_url + "/socket", protocols=offered) as ws:
            assert ws.protocol == "speechwire.v1"


async def test_a_message_that_is_too_long_ends_the_call() -> None:
    async with mounted(message_bytes=2000) as where:
        async with dial(where, Twilio()) as call:
            await call.send("x" * 2001)
            assert await call.ended() == 1009
        await until(lambda: not where.server.lines)
        assert where.server.admission.taken == 0


async def test_the_end_of_the_application_ends_the_calls() -> None:
    async with mounted() as where, dial(where, Twilio()) as call:
        await until(lambda: any(line.call for line in where.server.lines))
        where.server.hang_up_all()
        assert await call.ended() == 1001
