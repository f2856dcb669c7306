from __future__ import annotations

import asyncio

import pytest

from speechwire.errors import ConnectFailed, ConnectionLost, HandshakeRefused
from speechwire.transport import CloseEvent, ConnectRequest, MemoryPeer, MemoryTransport

REQUEST = ConnectRequest("wss://memory/v1/listen?x=y", {"Authorization": "Token secret"})


async def echo(peer: MemoryPeer) -> None:
    async for frame in peer:
        peer.send(frame)
    peer.close()


async def test_both_directions_and_the_end() -> None:
    transport = MemoryTransport(echo)
    connection = await transport.connect(REQUEST)
    await connection.send("a")
    await connection.send(b"b")
    assert await connection.receive() == "a"
    assert await connection.receive() == b"b"
    await connection.aclose(1000)
    assert await connection.receive() == CloseEvent(1000)
    with pytest.raises(ConnectionLost):
        await connection.send("c")
    with pytest.raises(ConnectionLost):
        await connection.ping()
    assert transport.peers[0].request is REQUEST
    await transport.aclose()


@pytest.mark.parametrize("first", ["send", "receive", "close", "reset", "accept"])
async def test_whatever_a_script_does_first_accepts_the_connection(first: str) -> None:
    async def serve(peer: MemoryPeer) -> None:
        if first == "receive":
            await peer.receive()
        else:
            getattr(peer, first)(*(["said"] if first == "send" else []))
        await asyncio.Event().wait()

    transport = MemoryTransport(serve)
    async with asyncio.timeout(10):
        connection = await transport.connect(REQUEST)
    assert connection.request_id == "memory-0"
    ends = {"close": CloseEvent(1000), "reset": CloseEvent(1006, "connection reset by peer")}
    if first in ends:
        assert await connection.receive() == ends[first]
    connection.abort()
    await transport.aclose()


async def test_frames_before_a_close_arrive_and_a_reset_loses_them() -> None:
    async def say(peer: MemoryPeer) -> None:
        peer.send("said")
        peer.close(1011, "NET-0000") if peer.number == 0 else peer.reset()

    transport = MemoryTransport(say)
    closing, resetting = await transport.connect(REQUEST), await transport.connect(REQUEST)
    assert await closing.receive() == "said"
    assert await closing.receive() == CloseEvent(1011, "NET-0000")
    ended = await resetting.receive()
    assert isinstance(ended, CloseEvent)
    assert ended.code == 1006
    await transport.aclose()


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_behind_its_close_a_peer_hears_nothing_and_nothing_is_sent_to_it(how: str) -> None:
    heard: list[str | bytes | CloseEvent] = []

    async def serve(peer: MemoryPeer) -> None:
        heard.append(await peer.receive())
        peer.close(4000, "enough") if how == "close" else peer.reset()
        heard.append(await peer.receive())

    close = CloseEvent(4000, "enough") if how == "close" else CloseEvent(1006, "connection reset by peer")
    transport = MemoryTransport(serve)
    connection = await transport.connect(REQUEST)
    await connection.send("a")
    async with asyncio.timeout(10):
        assert await connection.receive() == close
        while len(heard) < 2:
            await asyncio.sleep(0)
    assert heard == ["a", close]
    assert not connection.ready
    for send in (connection.send(b"b"), connection.ping()):
        with pytest.raises(ConnectionLost) as lost:
            await send
        assert (lost.value.code, lost.value.reason) == (close.code, close.reason)
    with pytest.raises(ConnectionLost):
        connection.send_now(b"b")
    await transport.aclose()


async def test_a_peer_that_reads_nothing_blocks_the_sender() -> None:
    received = asyncio.Event()

    async def late(peer: MemoryPeer) -> None:
        peer.accept("r-1")
        await received.wait()
        while not isinstance(await peer.receive(), CloseEvent):
            pass

    transport = MemoryTransport(late, window_bytes=10)
    connection = await transport.connect(REQUEST)
    assert connection.request_id == "r-1"
    await connection.send(b"x" * 11)
    blocked = asyncio.create_task(connection.send(b"y"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not blocked.done()
    received.set()
    await blocked
    await connection.aclose()
    await transport.aclose()


async def test_abort_frees_a_blocked_sender() -> None:
    async def silent(peer: MemoryPeer) -> None:
        peer.accept()

    transport = MemoryTransport(silent, window_bytes=1)
    connection = await transport.connect(REQUEST)
    await connection.send(b"xx")
    blocked = asyncio.create_task(connection.send(b"y"))
    await asyncio.sleep(0)
    connection.abort()
    with pytest.raises(ConnectionLost):
        await blocked
    await transport.aclose()


async def test_refusals_and_deadlines() -> None:
    async def refuse(peer: MemoryPeer) -> None:
        if peer.number == 0:
            peer.refuse(HandshakeRefused(503))
        else:
            await asyncio.sleep(60)

    transport = MemoryTransport(refuse)
    with pytest.raises(HandshakeRefused):
        await transport.connect(REQUEST)
    with pytest.raises(
        ConnectFailed, match=r"^could not connect to wss://memory/: no answer within 0\.01 s$"
    ):
        await transport.connect(ConnectRequest("wss://memory/?x=y", connect_timeout_s=0.01))
    await transport.aclose()


async def test_a_broken_script_resets_and_is_reported() -> None:
    async def broken(peer: MemoryPeer) -> None:
        await peer.receive()
        raise RuntimeError("typo")

    transport = MemoryTransport(broken)
    connection = await transport.connect(REQUEST)
    await connection.send("x")
    assert isinstance(await connection.receive(), CloseEvent)
    with pytest.raises(ExceptionGroup, match="^scripted peers failed$"):
        await transport.aclose()


async def test_frames_are_given_as_long_as_they_are_wanted() -> None:
    async def say(peer: MemoryPeer) -> None:
        for frame in ("one", "two", "three"):
            peer.send(frame)
        peer.close(1000)

    transport = MemoryTransport(say)
    connection = await transport.connect(REQUEST)
    given: list[str | bytes] = []

    def take(frame: str | bytes, /) -> bool:
        given.append(frame)
        return frame != "two"

    assert await connection.receive_each(take) is None
    assert given == ["one", "two"]
    assert await connection.receive_each(take) == CloseEvent(1000)
    assert given == ["one", "two", "three"]
    await transport.aclose()


async def test_pings_are_counted() -> None:
    transport = MemoryTransport(echo)
    connection = await transport.connect(REQUEST)
    counts = [transport.peers[0].pings]
    for _ in range(2):
        await connection.ping()
        counts.append(transport.peers[0].pings)
    assert counts == [0, 1, 2]
    await connection.aclose()
    await transport.aclose()


async def test_who_is_not_heard_may_send_a_mebibyte() -> None:
    async def deaf(peer: MemoryPeer) -> None:
        peer.accept()

    transport = MemoryTransport(deaf)
    connection = await transport.connect(REQUEST)
    was_ready = []
    for frame in (bytes(1 << 20), b"!"):
        connection.send_now(frame)
        was_ready.append(connection.ready)
    assert was_ready == [True, False]
    connection.abort()
    await transport.aclose()


async def test_a_script_that_has_nothing_to_say_has_accepted() -> None:
    async def nothing(peer: MemoryPeer) -> None:
        pass

    transport = MemoryTransport(nothing)
    connection = await transport.connect(REQUEST)
    connection.send_now(b"heard")
    await connection.aclose()
    assert [await transport.peers[0].receive() for _ in range(2)] == [b"heard", CloseEvent(1000)]
    await transport.aclose()


@pytest.mark.usefixtures("quiet")
async def test_a_refusal_that_comes_too_late_is_nobodys() -> None:
    async def late(peer: MemoryPeer) -> None:
        await asyncio.sleep(0.02)
        peer.refuse(HandshakeRefused(503))

    transport = MemoryTransport(late)
    connecting = asyncio.create_task(transport.connect(REQUEST))
    await asyncio.sleep(0.01)
    connecting.cancel()
    await asyncio.wait({connecting})
    await asyncio.sleep(0.05)
    await transport.aclose()


async def test_a_client_that_is_cut_off_says_so() -> None:
    transport = MemoryTransport(echo)
    connection = await transport.connect(REQUEST)
    connection.abort()
    assert await connection.receive() == CloseEvent(1006, "aborted")
    with pytest.raises(ConnectionLost) as lost:
        await connection.send("more")
    assert (lost.value.code, lost.value.reason, lost.value.request_id) == (1006, "aborted", "memory-0")
    await transport.aclose()


async def test_a_client_that_has_given_up_is_told_nothing_and_tells_the_script() -> None:
    ended: list[object] = []

    async def late(peer: MemoryPeer) -> None:
        await asyncio.sleep(0.02)
        if peer.number:
            peer.refuse(HandshakeRefused(503))
        ended.append(peer._to_server.closed)

    transport = MemoryTransport(late)
    for _ in range(2):
        with pytest.raises(ConnectFailed, match="no answer within 0.001 s"):
            await transport.connect(ConnectRequest("ws://memory", connect_timeout_s=0.001))
    await asyncio.sleep(0.05)
    assert ended == [CloseEvent(1006)] * 2
    await transport.aclose()
