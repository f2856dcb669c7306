"""Which transport is taken, and who shares it."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from tests.transport.plain_server import KEY, TRANSPORTS, echo, request, serving, websocket

from speechwire.errors import (
    ConnectFailed,
    InvalidArgument,
)
from speechwire.transport import (
    new_transport,
    shared_transport,
    transport_name,
)
from speechwire.transport.shared import TRANSPORT_VARIABLE

pytestmark = pytest.mark.usefixtures("transport")


async def test_the_environment_chooses(transport: str) -> None:
    assert transport_name() == transport
    assert type(new_transport()) is TRANSPORTS[transport]


@pytest.mark.parametrize(
    ("arguments", "proxy"),
    [
        ({}, "http://of.test:1"),
        ({"trust_env": False}, None),
        ({"proxy": "socks5://given.test"}, "socks5://given.test:1080"),
    ],
)
def test_a_new_transport_takes_what_both_take(
    arguments: dict[str, Any], proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://of.test:1")
    context = ssl.create_default_context()
    made: Any = new_transport(ssl=context, **arguments)
    chosen = made._proxies.choose("wss://service.test")
    assert (chosen and chosen.place) == proxy
    assert made._ssl is context


async def test_the_fast_one_is_taken_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRANSPORT_VARIABLE)
    assert transport_name() == "picows"
    monkeypatch.setattr("speechwire.transport.shared.find_spec", lambda name: None)
    assert transport_name() == "aiohttp"


def test_an_unknown_transport_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRANSPORT_VARIABLE, "carrier pigeon")
    with pytest.raises(
        InvalidArgument,
        match="^SPEECHWIRE_TRANSPORT must be one of auto, aiohttp, picows, got 'carrier pigeon'$",
    ):
        new_transport()


def test_the_request_does_not_show_the_key() -> None:
    assert KEY not in repr(request("ws://127.0.0.1/"))


async def test_sessions_of_a_loop_share_one_transport_until_the_last_closes() -> None:
    async with serving(websocket(echo)) as url:
        first, second = shared_transport(), shared_transport()
        one, two = await first.connect(request(url)), await second.connect(request(url))
        await first.aclose()
        await first.aclose()
        await two.send("still open")
        assert await two.receive() == "still open"
        with pytest.raises(ConnectFailed):
            await first.connect(request(url))
        for connection in (one, two):
            await connection.aclose()
        await second.aclose()
        third = shared_transport()
        three = await third.connect(request(url))
        await three.aclose()
        await third.aclose()
