"""What picows is told of a connection beyond its address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import picows
import pytest
from tests.transport.raw_peer import raw_peer
from tests.transport.reaching import greet, request

from speechwire.transport.picows_ws import PicowsTransport

pytestmark = pytest.mark.usefixtures("no_proxy", "quiet")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of each connection."""
    options: list[dict[str, Any]] = []
    connect: Callable[..., Any] = picows.ws_connect

    async def spy(factory: Any, url: str, **more: Any) -> Any:
        options.append(more)
        return await connect(factory, url, **more)

    monkeypatch.setattr(picows, "ws_connect", spy)
    return options


@pytest.mark.parametrize(
    ("heartbeat_s", "pings"),
    [(3.0, {"idle_timeout": 3.0, "reply_timeout": 1.5}), (None, None)],
)
async def test_deadlines_pings_and_redirects_are_ours(
    told: list[dict[str, Any]], heartbeat_s: float, pings: dict[str, float] | None
) -> None:
    transport = PicowsTransport()
    async with raw_peer(greet) as listening:
        connection = await transport.connect(
            request(listening.url, heartbeat_s=heartbeat_s, max_message_bytes=5000)
        )
        connection.abort()
        await transport.aclose()
    (options,) = told
    assert options["websocket_handshake_timeout"] is None
    assert (options["max_redirects"], options["max_frame_size"]) == (0, 5000)
    assert (options["enable_auto_ping"], options["enable_auto_pong"]) == (pings is not None, False)
    assert options["extra_headers"] == {}, "the key is kept nowhere"
    for name, seconds in (pings or {}).items():
        assert options[f"auto_ping_{name}"] == seconds
