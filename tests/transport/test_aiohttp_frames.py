"""A connection through aiohttp, frame by frame; aiohttp's socket is played, and so are its failures."""

from __future__ import annotations

import asyncio
import ssl
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from speechwire.errors import ConnectFailed, ConnectionLost
from speechwire.transport import _aiohttp
from speechwire.transport._aiohttp import AiohttpClient, _AiohttpConnection
from speechwire.transport._proxy import Proxy
from speechwire.transport._secret import Redactor, Secret
from speechwire.transport.base import ABNORMAL, NO_STATUS, CloseEvent, ConnectRequest

SECRET = "0123456789abcdef-very-secret"
NO_CLOSE_FRAME = CloseEvent(ABNORMAL, "the connection ended without a close frame")
NO_PONG = CloseEvent(ABNORMAL, "the peer did not answer a ping")


class Pipe:
    """asyncio's transport below aiohttp."""

    def __init__(self) -> None:
        self.closing = self.aborted = False
        self.waiting_bytes = 0

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return self.waiting_bytes

    def abort(self) -> None:
        self.aborted = True


class Socket:
    """aiohttp's end of the connection."""

    def __init__(self) -> None:
        self.closed = False
        self.done: list[tuple[str, Any]] = []
        self.coming: list[Any] = []
        self.fault: Exception | None = None

    def exception(self) -> Exception | None:
        return self.fault

    async def _do(self, what: str, value: Any = None) -> None:
        if self.fault is not None:
            raise self.fault
        self.done.append((what, value))

    async def send_str(self, text: str) -> None:
        await self._do("str", text)

    async def send_bytes(self, data: bytes) -> None:
        await self._do("bytes", data)
        if data == b"no room":
            await asyncio.sleep(0)
            self.done.append(("waited for room", data))

    async def ping(self) -> None:
        await self._do("ping")

    async def close(self, *, code: int) -> None:
        await self._do("close", code)

    async def receive(self) -> Any:
        message = self.coming.pop(0)
        if isinstance(message, Exception):
            raise message
        return message


class Played:
    """An open connection, and what is below it."""

    def __init__(self) -> None:
        self.socket, self.pipe = Socket(), Pipe()
        self.closed: list[bool] = []
        self.response: Any = SimpleNamespace(
            connection=SimpleNamespace(transport=self.pipe),
            headers={"dg-request-id": f"r1 {SECRET}"},
            close=lambda: self.closed.append(True),
        )
        self.connection = _AiohttpConnection(self.socket, self.response, Redactor([Secret(SECRET)]))  # type: ignore[arg-type]

    def comes(self, kind: WSMsgType, data: Any = None, extra: str | None = None) -> None:
        self.socket.coming.append(aiohttp.WSMessage(kind, data, extra))


@pytest.fixture
def played() -> Played:
    return Played()


async def test_frames_go_as_what_they_are(played: Played) -> None:
    await played.connection.send("text")
    await played.connection.send(b"bytes")
    played.connection.send_now(b"at once")
    await played.connection.ping()
    assert played.socket.done == [("str", "text"), ("bytes", b"bytes"), ("bytes", b"at once"), ("ping", None)]
    assert played.connection.request_id == "r1 (hidden)"


async def test_what_goes_at_once_does_not_wait_for_room(played: Played) -> None:
    played.connection.send_now(b"no room")
    assert played.socket.done == [("bytes", b"no room")]


@pytest.mark.parametrize("call", ["send", "send_now", "ping"])
@pytest.mark.parametrize("fault", [ConnectionResetError("Cannot write"), RuntimeError("closed")])
async def test_who_sends_too_late_learns_of_the_end(played: Played, call: str, fault: Exception) -> None:
    async def try_it() -> None:
        if call == "ping":
            await played.connection.ping()
        elif call == "send":
            await played.connection.send("late")
        else:
            played.connection.send_now(b"late")

    played.socket.fault = fault
    with pytest.raises(ConnectionLost) as lost:
        await try_it()
    assert (lost.value.code, lost.value.reason) == (ABNORMAL, NO_CLOSE_FRAME.reason)
    assert lost.value.request_id == "r1 (hidden)"
    assert lost.value.__context__ is None, "a library's exception may hold what it sent"
    played.comes(WSMsgType.CLOSE, 1011, "NET-0001")
    await played.connection.receive()
    with pytest.raises(ConnectionLost) as lost:
        await try_it()
    assert (lost.value.code, lost.value.reason) == (1011, "NET-0001")


async def test_it_is_ready_while_nothing_waits_to_be_written(played: Played) -> None:
    ready = [played.connection.ready]
    for owner, name, value in (
        (played.pipe, "waiting_bytes", 1),
        (played.pipe, "closing", True),
        (played.socket, "closed", True),
    ):
        before = getattr(owner, name)
        setattr(owner, name, value)
        ready.append(played.connection.ready)
        setattr(owner, name, before)
    assert [*ready, played.connection.ready] == [True, False, False, False, True]


async def test_frames_come_as_what_they_are_without_the_key(played: Played) -> None:
    played.comes(WSMsgType.TEXT, f"you sent {SECRET}")
    played.comes(WSMsgType.BINARY, SECRET.encode())
    assert await played.connection.receive() == "you sent (hidden)"
    assert await played.connection.receive() == SECRET.encode()


ENDS: list[tuple[Any, CloseEvent]] = [
    (aiohttp.WSMessage(WSMsgType.CLOSE, 1000, None), CloseEvent(1000)),
    (aiohttp.WSMessage(WSMsgType.CLOSE, 0, ""), CloseEvent(NO_STATUS)),
    (aiohttp.WSMessage(WSMsgType.CLOSE, 1008, f"key {SECRET}"), CloseEvent(1008, "key (hidden)")),
    (aiohttp.WSMessage(WSMsgType.CLOSING, None, None), NO_CLOSE_FRAME),
    (aiohttp.WSMessage(WSMsgType.CLOSED, None, None), NO_CLOSE_FRAME),
    (aiohttp.WSMessage(WSMsgType.ERROR, OSError(), None), NO_CLOSE_FRAME),
    (aiohttp.WSMessage(WSMsgType.ERROR, aiohttp.ServerTimeoutError(), None), NO_PONG),
    (
        aiohttp.WSMessage(WSMsgType.ERROR, aiohttp.WebSocketError(1002, f"odd {SECRET}"), None),
        CloseEvent(ABNORMAL, "odd (hidden)"),
    ),
    (ConnectionResetError("a pong could not be written"), NO_CLOSE_FRAME),
]


async def test_each_end_is_told_in_its_words_and_for_good() -> None:
    for message, end in ENDS:
        played = Played()
        played.socket.coming.append(message)
        assert [await played.connection.receive() for _ in range(3)] == [end] * 3


KEY_OF_A_POOL: Any = SimpleNamespace(host="service.test", port=443, is_ssl=True, ssl=True)
CUT = "the connection ended during the handshake"


def untrusted() -> aiohttp.ClientConnectorCertificateError:
    """As of an aiohttp that keeps the error of the certificate alone."""
    cause = ssl.SSLCertVerificationError("self-signed")
    cause.verify_message = "self-signed"
    error = aiohttp.ClientConnectorCertificateError(KEY_OF_A_POOL, cause)
    error._os_error = OSError("another")
    return error


@pytest.mark.parametrize(
    ("error", "cause", "retryable"),
    [
        (
            aiohttp.ClientResponseError(Any, (), status=502, message=f"odd\n{SECRET}"),  # type: ignore[arg-type]
            "odd (hidden) (HTTP 502)",
            True,
        ),
        (untrusted(), "the certificate is not trusted: self-signed", False),
        (
            aiohttp.ClientConnectorError(KEY_OF_A_POOL, OSError(f"no route {SECRET}")),
            "OSError: no route (hidden)",
            True,
        ),
        (aiohttp.ClientConnectorError(KEY_OF_A_POOL, ConnectionResetError("reset")), CUT, True),
        (aiohttp.ClientOSError("reset"), CUT, True),
        (aiohttp.ServerDisconnectedError(), CUT, True),
        (aiohttp.ClientPayloadError("cut"), CUT, True),
        (aiohttp.ClientError(f"header {SECRET}"), "ClientError", True),
        (OSError("no route"), "OSError: no route", True),
    ],
)
def test_what_is_made_of_a_failure(error: Exception, cause: str, retryable: bool) -> None:
    request = ConnectRequest("wss://service.test/a?b=c", {"Authorization": f"Token {SECRET}"})
    told = _aiohttp._Attempt(request, None, None).explain(error)
    assert isinstance(told, ConnectFailed)
    assert (told.url, told.cause, told.retryable) == ("wss://service.test/a", cause, retryable)


def test_a_request_is_made_once() -> None:
    """aiohttp repeats one whose connection broke."""
    attempt = _aiohttp._Attempt(ConnectRequest("wss://service.test/a"), None, None)
    attempt.begin()
    for _ in range(2):
        with pytest.raises(ConnectFailed, match=CUT):
            attempt.begin()


def test_what_a_proxy_is_told_is_not_shown() -> None:
    proxy = Proxy("http", "proxy.test", 1, Secret("user:another-long-secret"))
    attempt = _aiohttp._Attempt(ConnectRequest("wss://service.test/a"), proxy, None)
    assert attempt.redact("another-long-secret and nothing else") == "(hidden) and nothing else"


async def test_the_end_of_a_heartbeat_is_where_aiohttp_keeps_it(played: Played) -> None:
    played.socket.fault = aiohttp.ServerTimeoutError()
    played.comes(WSMsgType.CLOSED)
    assert await played.connection.receive() == NO_PONG


async def test_who_takes_gets_each_frame_until_it_has_enough(played: Played) -> None:
    taken: list[str | bytes] = []

    def take(frame: str | bytes) -> bool:
        taken.append(frame)
        return len(taken) < 2

    for text in ("one", "two", "three"):
        played.comes(WSMsgType.TEXT, text)
    assert await played.connection.receive_each(take) is None
    played.comes(WSMsgType.CLOSE, 1000)
    taken.clear()
    assert await played.connection.receive_each(take) == CloseEvent(1000)
    assert taken == ["three"]


@pytest.mark.parametrize("fault", [None, RuntimeError("closed twice")])
async def test_a_close_says_its_code_and_drops_the_connection(
    played: Played, fault: Exception | None
) -> None:
    played.socket.fault = fault
    await played.connection.aclose(1001)
    assert played.socket.done == ([("close", 1001)] if fault is None else [])
    assert (played.pipe.aborted, played.closed) == (True, [True])


async def test_deadlines_pings_and_cookies_are_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class Session:
        def __init__(self, **options: Any) -> None:
            asked.update(options, total_s=options["timeout"].total)

        async def ws_connect(self, url: Any, **options: Any) -> Any:
            asked.update(options, url=url)
            raise OSError("far enough")

        async def close(self) -> None:
            asked["closed"] = True

    monkeypatch.setattr(aiohttp, "ClientSession", Session)
    client = AiohttpClient()
    request = ConnectRequest(
        "ws://service.test/a%2Fb?c=d", {"X-Own": "own"}, heartbeat_s=3.0, max_message_bytes=5000
    )
    for _ in range(2):
        with pytest.raises(ConnectFailed, match="far enough"):
            await client.connect(request, None, None)
    await asked["connector"].close()
    assert (asked["heartbeat"], asked["max_msg_size"], asked["ssl"]) == (3.0, 5000, True)
    assert asked["headers"] == {"User-Agent": "speechwire", "X-Own": "own"}
    assert str(asked["url"]) == request.url, "as it is, not encoded once more"
    assert (asked["timeout"].ws_close, asked["timeout"].ws_receive) == (1.0, None)
    assert asked["total_s"] is None
    assert isinstance(asked["cookie_jar"], aiohttp.DummyCookieJar)
    assert asked["connector"].limit == 0, "as many connections as there are sessions"
    (hooks,) = asked["trace_configs"]
    assert (asked["raise_for_status"], [*hooks.on_request_redirect]) == (
        _aiohttp._on_response,
        [_aiohttp._on_redirect],
    )
    await client.aclose()
    await client.aclose()
    assert asked["closed"]
