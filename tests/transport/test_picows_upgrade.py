"""Opening a connection through picows, which is played: what it is told, and what is made of its answers."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import picows
import pytest

from speechwire.errors import ConnectFailed, HandshakeRefused, SpeechwireError
from speechwire.transport import _picows
from speechwire.transport._picows import PicowsClient
from speechwire.transport._picows_connection import PicowsConnection
from speechwire.transport._proxy import Proxy
from speechwire.transport._secret import Secret
from speechwire.transport.base import ConnectRequest

KEY = "0123456789abcdef-very-secret"
LOGIN = "user:another-long-secret"
PROXY = Proxy("http", "proxy.test", 3128, Secret(LOGIN))
CUT = "could not connect to ws://service.test/a: the connection ended during the handshake"


def request(**more: Any) -> ConnectRequest:
    return ConnectRequest("ws://service.test/a?b=c", {"Authorization": f"Token {KEY}"}, **more)


class Upgrade:
    """Plays ``picows.ws_connect``."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self.outcome: Any = OSError("far enough")
        self.dials = False

    async def __call__(self, make: Callable[[], Any], url: str, **options: Any) -> tuple[None, Any]:
        self.told, self.headers = {**options, "url": url}, dict(options["extra_headers"])
        if self.dials:
            await options["socket_factory"](SimpleNamespace(host="service.test", port=80))
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return None, make() if self.outcome is PicowsConnection else self.outcome


@pytest.fixture
def upgrade(monkeypatch: pytest.MonkeyPatch) -> Upgrade:
    played = Upgrade()
    monkeypatch.setattr(picows, "ws_connect", played)
    return played


async def failure(proxy: Proxy | None = None, **more: Any) -> SpeechwireError:
    with pytest.raises(SpeechwireError) as raised:
        await PicowsClient().connect(request(**more), proxy, None)
    assert KEY not in f"{raised.value} {vars(raised.value)}"
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
    return raised.value


@pytest.mark.parametrize(("heartbeat_s", "pings"), [(3.0, (True, 3.0, 1.5)), (None, (False, 0.0, 0.0))])
async def test_deadlines_pings_and_redirects_are_ours(
    upgrade: Upgrade, heartbeat_s: float | None, pings: tuple[bool, float, float]
) -> None:
    await failure(heartbeat_s=heartbeat_s, max_message_bytes=5000)
    told = upgrade.told
    names = ("enable_auto_ping", "auto_ping_idle_timeout", "auto_ping_reply_timeout")
    assert tuple(told[name] for name in names) == pings
    assert (told["enable_auto_pong"], told["websocket_handshake_timeout"]) == (False, None)
    assert (told["max_redirects"], told["max_frame_size"]) == (0, 5000)
    assert (told["url"], told["ssl_context"]) == ("ws://service.test/a?b=c", None)
    assert upgrade.headers == {"User-Agent": "speechwire", "Authorization": f"Token {KEY}"}
    assert not told["logger_name"].isEnabledFor(logging.ERROR), "sessions log what matters"


async def test_a_connection_that_is_open_keeps_no_key(upgrade: Upgrade) -> None:
    upgrade.outcome = PicowsConnection
    connection = await PicowsClient().connect(request(), None, None)
    assert isinstance(connection, PicowsConnection)
    assert upgrade.told["extra_headers"] == {}


async def test_an_early_end_that_picows_takes_for_success(upgrade: Upgrade) -> None:
    upgrade.outcome = None
    error = await failure()
    assert (str(error), error.retryable) == (CUT, True)


def answered(head: str, body: str = "") -> picows.WSHandshakeError:
    return picows.WSHandshakeError(f"no upgrade {KEY}\nx", head.encode(), body.encode())


REFUSALS: list[tuple[Any, type[SpeechwireError], str, bool]] = [
    (
        answered("HTTP/1.1 401 No\r\ndg-error: Bad key\r\ndg-request-id: r1", f"{KEY} is bad"),
        HandshakeRefused,
        "the service refused the connection (HTTP 401): Bad key [request r1]",
        False,
    ),
    (
        answered("HTTP/1.1 503 Busy", f"busy {KEY} {LOGIN}"),
        HandshakeRefused,
        "the service refused the connection (HTTP 503): busy (hidden) (hidden)",
        True,
    ),
    (
        answered("HTTP/1.1 103 Early"),
        ConnectFailed,
        "could not connect to ws://service.test/a: HTTP 103 came before the answer: the aiohttp transport "
        "skips it, picows cannot",
        True,
    ),
    (
        answered("HTTP/1.1 101 Switching Protocols\r\nUpgrade: none"),
        ConnectFailed,
        "could not connect to ws://service.test/a: no upgrade (hidden) x",
        True,
    ),
    (
        picows.WSHandshakeError("no HTTP"),
        ConnectFailed,
        "could not connect to ws://service.test/a: no HTTP",
        True,
    ),
    (ConnectionResetError("reset"), ConnectFailed, CUT, True),
    (
        OSError("no route"),
        ConnectFailed,
        "could not connect to ws://service.test/a: OSError: no route",
        True,
    ),
    (
        ValueError(f"header {KEY}"),
        ConnectFailed,
        "could not connect to ws://service.test/a: ValueError",
        True,
    ),
]


@pytest.mark.parametrize(("outcome", "kind", "words", "retryable"), REFUSALS)
async def test_what_is_made_of_a_failure(
    upgrade: Upgrade, outcome: Any, kind: type[SpeechwireError], words: str, retryable: bool
) -> None:
    upgrade.outcome = outcome
    error = await failure(PROXY)
    assert (type(error), str(error), error.retryable) == (kind, words, retryable)


async def test_a_handshake_that_fails_leaves_no_connection(
    upgrade: Upgrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """picows continues it after its task was cancelled."""
    ours, theirs = socket.socketpair()
    asked: list[tuple[Any, ...]] = []

    async def dial(*where: Any) -> socket.socket:
        asked.append(where[1:])
        return ours

    monkeypatch.setattr(_picows, "dial", dial)
    upgrade.dials = True
    with ours, theirs:
        theirs.settimeout(20.0)
        assert "far enough" in str(await failure(PROXY))
        assert theirs.recv(1) == b""
    assert asked == [("service.test", 80, PROXY)]


async def test_the_connections_that_are_left_are_closed_with_the_client() -> None:
    closed: list[int] = []

    class Open:
        async def aclose(self) -> None:
            closed.append(1)

    client = PicowsClient()
    client._open.update([Open(), Open()])  # type: ignore[list-item]
    await client.aclose()
    assert closed == [1, 1]
