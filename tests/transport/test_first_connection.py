"""What a transport needs is loaded with its first connection, beside the event loop."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import Any

import pytest
import trustme
from tests.transport.raw_peer import raw_peer
from tests.transport.reaching import PATIENCE_S, client_side, greet, greeting, request, server_side

from speechwire.session import SessionPool
from speechwire.transport import new_transport
from speechwire.transport.picows_ws import PicowsTransport

pytestmark = pytest.mark.usefixtures("no_proxy", "quiet")


class Beside:
    """Stands in for a function; returns what that gives once the event loop has gone on meanwhile."""

    def __init__(self, function: Any) -> None:
        self.calls = 0
        self._function = function
        self._loop = asyncio.get_running_loop()

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        went_on = threading.Event()
        self._loop.call_soon_threadsafe(went_on.set)
        assert went_on.wait(PATIENCE_S), "the event loop stands still"
        return self._function(*arguments)


async def test_the_event_loop_goes_on_while_the_library_is_imported(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = make()
    beside = Beside(transport._new_client)
    monkeypatch.setattr(transport, "_new_client", beside)
    async with raw_peer(greet) as listening:
        await greeting(transport, listening.url)
    assert beside.calls == 1


async def test_the_event_loop_goes_on_while_the_certificates_are_read(
    make: Any, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> ssl.SSLContext:
        return client_side(authority)

    beside = Beside(read)
    monkeypatch.setattr("speechwire.transport._network.default_tls", beside)
    async with raw_peer(greet, server_side(authority, "127.0.0.1")) as listening:
        await greeting(make(), listening.url)
    assert beside.calls == 1


async def test_first_connections_at_once_share_one_client(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = make()
    beside = Beside(transport._new_client)
    monkeypatch.setattr(transport, "_new_client", beside)
    async with asyncio.timeout(PATIENCE_S), raw_peer(greet) as listening:
        connections = await asyncio.gather(*(transport.connect(request(listening.url)) for _ in range(4)))
        for connection in connections:
            assert await connection.receive() == "hello"
            connection.abort()
        await transport.aclose()
    assert beside.calls == 1


async def test_what_is_prepared_needs_no_thread(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = make()
    async with raw_peer(greet) as listening:
        await transport.prepare(listening.url)
        monkeypatch.delattr("speechwire.transport._network.ThreadPoolExecutor")
        await greeting(transport, listening.url)


async def test_a_pool_prepares_its_transport_as_it_opens(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server makes its pool when it starts; the first call is not to wait for an import."""
    transport = make()
    beside = Beside(transport._new_client)
    monkeypatch.setattr(transport, "_new_client", beside)
    monkeypatch.setattr("speechwire.session.pool.new_transport", lambda: transport)
    async with SessionPool("key", base_url="ws://127.0.0.1:1"):
        assert beside.calls == 1


@pytest.mark.parametrize("way", ["by name", "by the variable"])
def test_a_transport_whose_library_is_missing_says_so_when_it_is_made(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEECHWIRE_TRANSPORT", "picows")
    monkeypatch.setattr("speechwire.transport.picows_ws.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="needs the package picows, which the extra 'fast' brings"):
        PicowsTransport() if way == "by name" else new_transport()


async def test_certificates_are_read_once_and_for_tls_alone(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = Beside(ssl.create_default_context)
    monkeypatch.setattr("speechwire.transport._network.default_tls", beside)
    transport = make()
    for url, calls in (("ws://here", 0), ("wss://here", 1), ("ws://here", 1), ("wss://there", 1)):
        await transport.prepare(url)
        assert beside.calls == calls
    await transport.aclose()


async def test_who_waits_no_longer_does_not_hold_up_the_event_loop(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported, goes_on = threading.Event(), threading.Event()

    def slow() -> None:
        goes_on.wait(PATIENCE_S)
        imported.set()

    transport = make()
    monkeypatch.setattr(transport, "_new_client", slow)
    preparing = asyncio.create_task(transport.prepare("ws://here"))
    await asyncio.sleep(0.01)
    preparing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await preparing
    assert not imported.is_set()
    goes_on.set()
    assert imported.wait(PATIENCE_S)
