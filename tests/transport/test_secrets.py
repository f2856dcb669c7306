"""The key is in nothing that is shown, whatever the peer does and whoever collects what went wrong."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import pytest
from tests.transport.raw_peer import RawPeer, frame, raw_peer

from speechwire import errors
from speechwire.session._credential import Credential
from speechwire.transport import (
    AiohttpTransport,
    CloseEvent,
    ConnectRequest,
)
from speechwire.transport.picows_ws import PicowsTransport

KEY = "0123456789abcdef-very-secret"
TRANSPORTS: dict[str, Any] = {"aiohttp": AiohttpTransport, "picows": PicowsTransport}
PATIENCE_S = 30.0

Serve = Callable[[RawPeer], Awaitable[None]]


@pytest.fixture(params=TRANSPORTS)
def make(request: pytest.FixtureRequest) -> Any:
    return TRANSPORTS[request.param]


async def open_and_fail(transport: Any, url: str) -> Any:
    """As a session does it: the credential at the last moment."""
    headers = await Credential(lambda: KEY).headers(url)
    request = ConnectRequest(url, headers, connect_timeout_s=0.3)
    return await transport.connect(request)


def shown(error: BaseException) -> Iterator[str]:
    """Everything that a collector of exceptions may keep: of the whole chain, with all frames' variables."""
    yield "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    seen: BaseException | None = error
    while seen is not None:
        yield f"{seen} {seen!r} {seen.args!r} {vars(seen)!r}"
        yield from variables(seen.__traceback__)
        seen = seen.__cause__ or seen.__context__


def variables(tb: TracebackType | None) -> Iterator[str]:
    while tb is not None:
        for value in tb.tb_frame.f_locals.values():
            yield from serialized(value, 5)
        tb = tb.tb_next


def serialized(value: object, depth: int) -> Iterator[str]:
    """As collectors do it: containers are looked into, of anything else the repr is kept."""
    if isinstance(value, Mapping) and depth:
        for key, item in value.items():
            yield f"{key!r}"
            yield from serialized(item, depth - 1)
    elif isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (str, bytes)) and depth:
        for item in value:
            yield from serialized(item, depth - 1)
    else:
        yield value if isinstance(value, str) else repr(value)


async def outcome_of(attempt: Coroutine[Any, Any, Any]) -> BaseException:
    """What it raises in a task of its own, whose frames are those of the code under test."""
    return await outcome_of_task(asyncio.create_task(attempt))


async def outcome_of_task(attempt: asyncio.Task[Any]) -> BaseException:
    try:
        await attempt
    except BaseException as outcome:
        return outcome
    raise AssertionError("it went well")


async def nothing(peer: RawPeer) -> None:
    await peer.read_request()


async def silence(peer: RawPeer) -> None:
    await peer.stay()


async def unauthorized(peer: RawPeer) -> None:
    await peer.read_request()
    await peer.send(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")


async def redirect(peer: RawPeer) -> None:
    await peer.read_request()
    await peer.send(b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.test/\r\nContent-Length: 0\r\n\r\n")


async def garbage(peer: RawPeer) -> None:
    await peer.read_request()
    await peer.send(b"\0\1\2\r\n\r\n")


FAILURES: dict[str, Serve] = {
    "FIN": nothing,
    "deadline": silence,
    "401": unauthorized,
    "302": redirect,
    "garbage": garbage,
}


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("fault", [*FAILURES, "nobody there", "cancelled"])
async def test_no_traceback_shows_the_key(make: Any, fault: str, tls: bool) -> None:
    transport = make()
    async with asyncio.timeout(PATIENCE_S), raw_peer(FAILURES.get(fault, silence)) as listening:
        url = "ws://127.0.0.1:1/" if fault == "nobody there" else listening.url
        url = url.replace("ws:", "wss:") if tls else url
        attempt = asyncio.create_task(open_and_fail(transport, url))
        if fault == "cancelled":
            while not listening.peers:
                await asyncio.sleep(0.01)
            attempt.cancel()
        outcome = await outcome_of_task(attempt)
        await transport.aclose()
    assert isinstance(outcome, errors.SpeechwireError | asyncio.CancelledError)
    texts = list(shown(outcome))
    assert any("request" in text for text in texts), "the check sees variables"
    assert [text for text in texts if KEY in text] == []


async def test_the_check_can_fail() -> None:
    async def leaking() -> None:
        headers = {"Authorization": KEY}
        raise RuntimeError(len(headers))

    assert any(KEY in text for text in shown(await outcome_of(leaking())))


async def test_what_is_lost_later_shows_nothing_either(make: Any) -> None:
    async def serve(peer: RawPeer) -> None:
        await peer.upgrade()
        peer.reset()

    transport = make()
    async with asyncio.timeout(PATIENCE_S), raw_peer(serve) as listening:
        connection = await open_and_fail(transport, listening.url)
        assert isinstance(await connection.receive(), CloseEvent)
        for attempt in (connection.send("x"), connection.ping()):
            lost = await outcome_of(attempt)
            assert isinstance(lost, errors.ConnectionLost)
            assert [text for text in shown(lost) if KEY in text] == []
        assert [text for text in serialized(connection, 0) if KEY in text] == []
        await transport.aclose()


# What a service echoes


def echoing(answer: str) -> Serve:
    async def serve(peer: RawPeer) -> None:
        await peer.read_request()
        await peer.send(answer.replace("KEY", KEY).encode())

    return serve


REFUSED = (
    "HTTP/1.1 400 No\r\ndg-error: bad KEY\r\ndg-request-id: r-KEY\r\n"
    f"Content-Length: {6 + len(KEY)}\r\n\r\nToken KEY"
)


async def test_a_refusal_that_echoes_the_key(make: Any) -> None:
    transport = make()
    async with raw_peer(echoing(REFUSED)) as listening:
        error = await outcome_of(open_and_fail(transport, listening.url))
        await transport.aclose()
    assert isinstance(error, errors.HandshakeRefused)
    assert (error.dg_error, error.request_id, error.body) == ("bad (hidden)", "r-(hidden)", "Token (hidden)")
    assert [text for text in shown(error) if KEY in text] == []


@pytest.mark.parametrize(
    "answer",
    [
        "HTTP/1.1 400 No KEY\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 400 No\r\n\r\nIs Token KEY or KEY yours?",
        "HTTP/1.1 302 Found\r\nLocation: https://KEY.test/KEY?KEY\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: https://KEY:KEY@elsewhere.test/\r\nContent-Length: 0\r\n\r\n",
        "KEY is no status line\r\n\r\n",
        "HTTP/1.1 200 OK\r\nKEY\r\n\r\n",
        "HTTP/1.1 101 KEY\r\nUpgrade: KEY\r\nConnection: KEY\r\nSec-WebSocket-Accept: KEY\r\n\r\n",
    ],
)
async def test_any_answer_that_echoes_the_key(make: Any, answer: str) -> None:
    transport = make()
    async with raw_peer(echoing(answer)) as listening:
        error = await outcome_of(open_and_fail(transport, listening.url))
        await transport.aclose()
    assert isinstance(error, errors.SpeechwireError)
    assert [text for text in shown(error) if KEY in text] == []


async def test_a_stream_that_echoes_the_key(make: Any) -> None:
    said = f'{{"type":"Error","description":"{KEY} is bad"}}'

    async def serve(peer: RawPeer) -> None:
        await peer.upgrade(f"dg-request-id: r-{KEY}")
        await peer.send(frame(1, said.encode()) + frame(2, KEY.encode()))
        await peer.send(frame(8, b"\x03\xf0" + f"Token {KEY} NET-0001".encode()))
        await peer.stay()

    transport = make()
    async with asyncio.timeout(PATIENCE_S), raw_peer(serve) as listening:
        connection = await open_and_fail(transport, listening.url)
        assert connection.request_id == "r-(hidden)"
        assert await connection.receive() == '{"type":"Error","description":"(hidden) is bad"}'
        assert await connection.receive() == KEY.encode()  # audio is not looked into
        assert await connection.receive() == CloseEvent(1008, "Token (hidden) NET-0001")
        lost = await outcome_of(connection.send("x"))
        await transport.aclose()
    assert isinstance(lost, errors.ConnectionLost)
    assert [text for text in shown(lost) if KEY in text] == []


async def test_an_open_connection_is_neither_pickled_nor_copied(make: Any) -> None:
    async def serve(peer: RawPeer) -> None:
        await peer.upgrade()
        await peer.stay()

    transport = make()
    async with raw_peer(serve) as listening:
        connection = await open_and_fail(transport, listening.url)
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="Connection cannot be pickled or copied"):
                attempt(connection)
        connection.abort()
        await transport.aclose()
    gc.collect()
