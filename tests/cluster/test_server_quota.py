"""Two servers on one quota: together they take as many calls as the contract allows, and refuse the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import aiohttp
import pytest
from tests.cluster.conftest import RedisServer

pytest.importorskip("redis", reason="wants redis: pip install 'speechwire[cluster]'")
pytest.importorskip("prometheus_client", reason="wants the server: pip install 'speechwire[server]'")

from tests.cluster.quota_workers import until
from tests.server.callers import Twilio
from tests.server.serving import dial
from tests.server.test_drain import served

from speechwire.emulator import Emulator
from speechwire.errors import InvalidArgument
from speechwire.server._quota import shared_quota
from speechwire.server.aiohttp_host import AiohttpHost
from speechwire.server.config import Config
from speechwire.server.server import Server
from speechwire.session import SessionPool

LIMIT = 10


@asynccontextmanager
async def server_of(redis_server: RedisServer, emulator: Emulator) -> AsyncIterator[tuple[str, Server]]:
    config = replace(
        Config(port=0),
        max_calls=LIMIT,
        redis_url=f"redis://127.0.0.1:{redis_server.port}",
        quota_workers=2,
    )
    async with SessionPool("key", base_url=emulator.base_url, max_listen=LIMIT) as pool:
        server = Server(config, pool)
        async with shared_quota(config, server), AiohttpHost(server) as host:
            yield host.url, server


async def test_two_servers_share_the_places_for_calls(redis_server: RedisServer) -> None:
    async with (
        Emulator() as emulator,
        server_of(redis_server, emulator) as (url, busy),
        server_of(redis_server, emulator) as (other_url, idle),
        AsyncExitStack() as calls,
    ):
        reserved = LIMIT // 4
        for count in range(LIMIT - reserved):
            await until(lambda: (busy.admission.places or 0) > busy.admission.taken)
            await calls.enter_async_context(dial(url, Twilio()))
            await until(lambda taken=count + 1: len(busy.lines) == taken)  # type: ignore[misc]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await calls.enter_async_context(dial(url, Twilio()))
        assert refused.value.status == 503
        for _ in range(reserved):
            await calls.enter_async_context(dial(other_url, Twilio()))
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await calls.enter_async_context(dial(other_url, Twilio()))
        assert len(busy.lines) + len(idle.lines) == LIMIT


@pytest.mark.parametrize(
    "url",
    [
        "http://:hidden-word@127.0.0.1",
        "hidden-word",
        "redis://:hidden-word@127.0.0.1:port",
        "redis://:hidden-word/more@127.0.0.1:6379",
        "redis://user:hidden-word@[::1",
        "redis://127.0.0.1?nonsense=hidden-word",
    ],
)
async def test_a_wrong_url_of_redis_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidArgument, match="redis_url must be redis://") as refused:
        async with shared_quota(replace(Config(), redis_url=url), cast(Server, _Pool())):
            pass
    assert "hidden" not in str(refused.value) and refused.value.__suppress_context__


class _Pool:
    """All that is looked at of a server before Redis is asked."""

    pool = admission = listen_limiter = speak_limiter = None


async def test_the_log_says_that_redis_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEECHWIRE_SERVE_REDIS_URL", "redis://:hidden-word@127.0.0.1:1")
    async with served(tmp_path) as process:
        await until(lambda: "Redis does not answer" in process.log.read_text())
        assert "hidden-word" not in process.log.read_text()
