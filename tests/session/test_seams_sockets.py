"""How often a session knocks at the door of a service that opens it and shuts it again; real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.session.counted import RATE, counted
from tests.session.driving import KEY
from tests.session.watching import Watch

from speechwire.errors import SpeechwireError
from speechwire.session import (
    BackoffPolicy,
    ListenSettings,
    ListenV2Session,
    OutageBegan,
    Reconnecting,
    SessionPool,
)
from speechwire.transport.shared import TRANSPORT_VARIABLE

SETTINGS = ListenSettings(
    backoff=BackoffPolicy(base_s=0.001, max_attempts=4), wait_out_outages=False, connect_timeout_s=5.0
)


class Door:
    """A listening socket that counts who comes, and sends everybody away.

    Args:
        reads: Whether it waits for the request first.
        says: What it says before it ends the connection.
    """

    def __init__(self, reads: bool, says: bytes) -> None:
        self.came = 0
        self.url = ""
        self._reads = reads
        self._says = says

    async def __aenter__(self) -> Door:
        self._server = await asyncio.start_server(self._send_away, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _send_away(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came += 1
        if self._reads:
            await reader.readuntil(b"\r\n\r\n")
        writer.write(self._says)
        writer.close()


DOORS: dict[str, tuple[bool, bytes]] = {
    "shut at once": (False, b""),
    "shut after the request": (True, b""),
    "shut in the middle of the answer": (True, b"HTTP/1.1 101 Switch"),
    "nonsense": (True, b"\0\1\2 nonsense\r\n\r\n"),
}


@pytest.fixture(params=["aiohttp", "picows"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "picows":
        pytest.importorskip("picows")
    monkeypatch.setenv(TRANSPORT_VARIABLE, request.param)
    return str(request.param)


def bounded(work: Callable[[], Any]) -> Any:
    async def run() -> Any:
        return await asyncio.wait_for(work(), 60.0)

    return asyncio.run(run())


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
@pytest.mark.parametrize("pooled", [False, True], ids=["alone", "in a pool"])
def test_an_attempt_is_one_connection(transport: str, door: tuple[bool, bytes], pooled: bool) -> None:
    async def knock() -> tuple[int, list[Any], SpeechwireError | None, ListenV2Session]:
        async with Door(*door) as at, SessionPool(KEY, base_url=at.url) as pool:
            if pooled:
                session = pool.listen_v2(settings=SETTINGS)
            else:
                session = ListenV2Session(KEY, base_url=at.url, settings=SETTINGS)
            watch = Watch(session)
            session.push(counted(0, RATE // 50))
            while not session.over:
                await asyncio.sleep(0.005)
            return at.came, await watch.close(), watch.error, session

    came, events, error, session = bounded(knock)
    retries = [event for event in events if isinstance(event, Reconnecting)]
    assert len(retries) == 3
    assert error is not None
    assert error.retryable
    assert session.stats().refused == 4
    assert came == 4
    assert not any(isinstance(event, OutageBegan) for event in events)


def test_a_closed_port_is_tried_as_often(transport: str) -> None:
    async def knock() -> tuple[list[Any], SpeechwireError | None]:
        async with Door(False, b"") as at:
            url = at.url
        session = ListenV2Session(KEY, base_url=url, settings=SETTINGS)
        watch = Watch(session)
        session.push(counted(0, RATE // 50))
        while not session.over:
            await asyncio.sleep(0.005)
        return await watch.close(), watch.error

    events, error = bounded(knock)
    assert sum(isinstance(event, Reconnecting) for event in events) == 3
    assert error is not None
    assert error.retryable
