"""Both network transports end in the same way, whatever the peer does in mid-stream."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from tests.transport.raw_peer import GREETING, PATIENCE_S, RawPeer, Serve, acceptance, frame, raw_peer

from speechwire.errors import ConnectionLost
from speechwire.transport import CloseEvent, ConnectRequest, WebSocket, new_transport

MOST_BYTES = 1 << 16
NO_CLOSE_FRAME = "the connection ended without a close frame"

pytestmark = pytest.mark.usefixtures("quiet", "transport")


def sends(*pieces: bytes, reset: bool = False, stay: bool = False) -> Serve:
    """Greet, send these bytes, then end, or wait for the client to end."""

    async def serve(peer: RawPeer) -> None:
        await peer.upgrade()
        await peer.send(GREETING)
        for piece in pieces:
            await peer.send(piece)
        if reset:
            peer.reset()
        elif stay:
            await peer.stay()

    return serve


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(8, code.to_bytes(2, "big") + reason)


MID_STREAM: dict[str, Serve] = {
    "FIN": sends(),
    "RST": sends(reset=True),
    "a ping, then RST": sends(frame(9, b"?"), reset=True),
    "many pings, then RST": sends(*[frame(9, b"?")] * 50, reset=True),
    "a ping, then FIN": sends(frame(9, b"?")),
    "half a head": sends(b"\x81"),
    "half a frame": sends(frame(1, b"half a frame")[:7]),
    "half a frame, RST": sends(frame(1, b"half a frame")[:7], reset=True),
    "half a message": sends(frame(1, b"half", fin=False)),
    "garbage": sends(b"HTTP/1.1 502 Bad Gateway\r\n\r\n" * 9),
    "garbage, and it stays": sends(b"HTTP/1.1 502 Bad Gateway\r\n\r\n" * 9, stay=True),
    **{
        f"reserved bit {bit:#x}": sends(frame(1, b"x", reserved=bit), stay=True) for bit in (0x40, 0x20, 0x10)
    },
    **{f"opcode {opcode:#x}": sends(frame(opcode, b"x"), stay=True) for opcode in (3, 7, 0xB, 0xF)},
    "a length of 2**62": sends(b"\x82\x7f" + (1 << 62).to_bytes(8, "big"), stay=True),
    "a length of 2**63": sends(b"\x82\x7f" + (1 << 63).to_bytes(8, "big"), stay=True),
    "too long": sends(frame(2, bytes(MOST_BYTES + 1)), stay=True),
    "too long in fragments": sends(
        *[frame(0 if i else 2, bytes(9000), fin=False) for i in range(20)], stay=True
    ),
    "no UTF-8": sends(frame(1, b"\xff\xfe"), stay=True),
    "no UTF-8 in fragments": sends(frame(1, b"\xe2", fin=False), frame(0, b"x"), stay=True),
    "a fragment of nothing": sends(frame(0, b"x"), stay=True),
    "a message within a message": sends(frame(1, b"x", fin=False), frame(1, b"y"), stay=True),
    "a ping in fragments": sends(frame(9, b"x", fin=False), stay=True),
    "a ping too long": sends(b"\x89\x7e\x00\x80" + bytes(128), stay=True),
    "a close of one byte": sends(frame(8, b"\x03"), stay=True),
    "a close that is no UTF-8": sends(close(1000, b"\xff"), stay=True),
    "a close whose reason is cut in a character": sends(close(1011, b"NET-0000 \xc3"), stay=True),
    "a close that is too long": sends(frame(8, (1011).to_bytes(2, "big") + b"x" * 124), stay=True),
    **{
        f"a close with {code}": sends(close(code), stay=True)
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    },
}


@pytest.mark.parametrize("fault", MID_STREAM)
async def test_a_stream_that_breaks(fault: str) -> None:
    async with asyncio.timeout(PATIENCE_S), connected(MID_STREAM[fault]) as connection:
        assert await connection.receive() == "hello"
        ended = await connection.receive()
        assert isinstance(ended, CloseEvent)
        assert ended.code == 1006
        assert ended.reason
        assert (ended.reason == NO_CLOSE_FRAME) is fault.startswith(
            ("FIN", "RST", "half", "many", "a ping, ")
        )
        assert await connection.receive() == ended
        assert await connection.receive_each(lambda taken: True) == ended
        await check_nothing_goes(connection)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("reserved bit 0x40", "a frame with reserved bits set"),
        ("too long", "a frame of 65537 bytes"),
        ("too long in fragments", "a message of over 65536 bytes"),
        ("no UTF-8", "text that is not UTF-8: invalid start byte"),
        ("a fragment of nothing", "a fragment continues no message"),
        ("a message within a message", "a message began before the one before it had ended"),
    ],
)
async def test_what_is_said_of_it(fault: str, words: str, transport: str) -> None:
    """aiohttp's own words are others."""
    async with asyncio.timeout(PATIENCE_S), connected(MID_STREAM[fault]) as connection:
        assert await connection.receive() == "hello"
        ended = await connection.receive()
        assert isinstance(ended, CloseEvent)
        assert transport == "aiohttp" or ended == CloseEvent(1006, words)
        with pytest.raises(ConnectionLost) as raised:
            await connection.send(b"audio")
    assert (raised.value.code, raised.value.reason) == (ended.code, ended.reason)


@pytest.mark.parametrize("fault", MID_STREAM)
async def test_a_stream_that_breaks_while_we_send(fault: str) -> None:
    """Both ends at once: the sender learns of it, and the receiver too."""
    async with asyncio.timeout(PATIENCE_S), connected(MID_STREAM[fault]) as connection:
        sending = asyncio.create_task(send_until_lost(connection))
        ended = await connection.receive_each(lambda taken: True)
        assert isinstance(ended, CloseEvent)
        assert ended.code == 1006
        with pytest.raises(ConnectionLost):
            await sending
        await check_nothing_goes(connection)


BROKEN_CLOSES = {
    "a close of one byte": frame(8, b"\x03"),
    "a reason that is no UTF-8": close(1011, b"NET-0000 \xff"),
    "a reason cut in a character": close(1011, b"NET-0000 " + "é".encode()[:1]),
    "a reason too long": frame(8, (1011).to_bytes(2, "big") + b"x" * 124),
    **{f"code {code}": close(code) for code in (0, 999, 1005, 1006, 1015, 1016, 5000)},
}


@pytest.mark.parametrize("behind", ["nothing", "echo", "a verdict", "a verdict in one piece"])
@pytest.mark.parametrize("fault", BROKEN_CLOSES)
async def test_a_broken_close_frame_is_a_lost_connection(fault: str, behind: str) -> None:
    """Whatever comes behind it: the peer echoes our own close code, or sends a whole close frame."""
    verdict = close(1008, b"DATA-0000")

    async def serve(peer: RawPeer) -> None:
        await peer.upgrade()
        await peer.send(GREETING)
        await peer.send(BROKEN_CLOSES[fault] + (verdict if behind == "a verdict in one piece" else b""))
        if behind != "nothing":
            head = await peer.reader.readexactly(6)
            assert head[0] == 0x88
            payload = unmasked(head + await peer.reader.readexactly(head[1] & 0x7F))
            await peer.send(frame(8, payload) if behind == "echo" else verdict)
        await peer.stay()

    async with asyncio.timeout(PATIENCE_S), connected(serve) as connection:
        assert await connection.receive() == "hello"
        ended = await connection.receive()
        assert isinstance(ended, CloseEvent)
        assert ended.code == 1006
        assert ended.reason not in ("", NO_CLOSE_FRAME)
        assert "DATA-0000" not in ended.reason
        await asyncio.sleep(0.05)
        assert await connection.receive() == ended


@pytest.mark.parametrize(
    "fault", [close(1012), frame(1, b"late"), frame(1, b"x", reserved=0x40), b"HTTP/1.1 502 Bad Gateway"]
)
async def test_what_comes_behind_a_close_frame_counts_for_nothing(fault: bytes) -> None:
    async with (
        asyncio.timeout(PATIENCE_S),
        connected(sends(close(1008, b"DATA-0000") + fault, stay=True)) as connection,
    ):
        assert await connection.receive() == "hello"
        assert await connection.receive() == CloseEvent(1008, "DATA-0000")
        await asyncio.sleep(0.02)
        assert await connection.receive() == CloseEvent(1008, "DATA-0000")


async def test_a_close_without_a_code() -> None:
    async with asyncio.timeout(PATIENCE_S), connected(sends(frame(8))) as connection:
        assert await connection.receive() == "hello"
        assert await connection.receive() == CloseEvent(1005)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1011, 1014, 3000, 4999])
async def test_a_close_with_a_code(code: int) -> None:
    async with (
        asyncio.timeout(PATIENCE_S),
        connected(sends(close(code, b"NET-0001 \xe2\x9c\x93"))) as connection,
    ):
        assert await connection.receive() == "hello"
        assert await connection.receive() == CloseEvent(code, "NET-0001 ✓")
        await check_nothing_goes(connection)


async def test_frames_before_the_fault_are_not_lost() -> None:
    """They come in one read with what cannot be understood."""
    fault = frame(1, b"one") + frame(2, b"two") + frame(1, b"x", reserved=0x40)
    async with asyncio.timeout(PATIENCE_S), connected(sends(fault, stay=True)) as connection:
        assert [await connection.receive() for _ in range(3)] == ["hello", "one", b"two"]
        assert isinstance(await connection.receive(), CloseEvent)


@pytest.mark.parametrize("receiving", [False, True])
async def test_a_peer_that_chatters_and_never_closes(receiving: bool) -> None:
    """Each of its frames is in time, the answer to our close never comes: there is one deadline for all."""

    async def serve(peer: RawPeer) -> None:
        await peer.upgrade()
        while True:
            await peer.send(GREETING)
            await asyncio.sleep(0.05)

    async with asyncio.timeout(PATIENCE_S), connected(serve) as connection:
        reading = asyncio.create_task(connection.receive_each(lambda taken: True)) if receiving else None
        await asyncio.sleep(0.1)
        await connection.aclose()
        if reading is not None:
            assert isinstance(await reading, CloseEvent)
        await check_nothing_goes(connection)


async def test_a_peer_that_pings_and_does_not_read() -> None:
    """What it is owed is bounded; when it reads again, its last ping is answered."""
    pings, size = 80_000, 131  # more than the kernel keeps, in frames of one size
    stopped = asyncio.Event()

    async def serve(peer: RawPeer) -> None:
        last = b""
        peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        await peer.upgrade()
        peer.writer.write(b"".join(frame(9, b"%0125d" % number) for number in range(pings)) + GREETING)
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await stopped.wait()
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
        while b"%0125d" % (pings - 1) not in unmasked(last) and not peer.reader.at_eof():
            last = (last + await peer.reader.read(1 << 20))[-size:]
        assert unmasked(last) == b"%0125d" % (pings - 1)

    async with asyncio.timeout(PATIENCE_S), connected(serve) as connection:
        receiving = asyncio.create_task(connection.receive())
        while connection.ready:
            await asyncio.sleep(0.001)
        stopped.set()
        assert await receiving == "hello"
        assert isinstance(await connection.receive(), CloseEvent)


def unmasked(sent: bytes) -> bytes:
    """The payload of a short frame of the client's."""
    return bytes(byte ^ sent[2 + index % 4] for index, byte in enumerate(sent[6:]))


async def test_empty_fragments_without_an_end(transport: str) -> None:
    """Two bytes each, and no message ever: they are not kept, and their number is bounded where it can be."""
    empty = frame(0, b"", fin=False) * 1000

    async def serve(peer: RawPeer) -> None:
        await peer.upgrade()
        await peer.send(frame(2, b"", fin=False))
        for _ in range(64):
            await peer.send(empty)
        await peer.send(frame(0, b"end"))
        await peer.stay()

    async with asyncio.timeout(PATIENCE_S), connected(serve) as connection:
        came = await connection.receive()
        assert came == b"end" if transport == "aiohttp" else isinstance(came, CloseEvent)


async def test_a_message_in_thousands_of_fragments() -> None:
    pieces = [frame(2, b"x", fin=False), *[frame(0, b"yz", fin=False)] * 8000, frame(0, b"")]
    async with asyncio.timeout(PATIENCE_S), connected(sends(b"".join(pieces), stay=True)) as connection:
        assert await connection.receive() == "hello"
        assert await connection.receive() == b"x" + b"yz" * 8000


async def sent_now(connection: WebSocket) -> None:
    connection.send_now(b"audio")


@pytest.mark.parametrize("send", [lambda it: it.send(b"audio"), lambda it: it.ping(), sent_now])
async def test_many_frames_in_one_turn_of_the_loop_after_a_reset(
    send: Callable[[WebSocket], Awaitable[None]],
) -> None:
    """The first one meets the reset; libraries complain of writing the others into nothing."""
    loop = asyncio.get_running_loop()
    opening = new_transport()
    async with asyncio.timeout(PATIENCE_S):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
            connecting = asyncio.create_task(opening.connect(ConnectRequest(url)))
            sock, _ = await loop.sock_accept(listener)
            await loop.sock_sendall(sock, acceptance(await loop.sock_recv(sock, 1 << 16)))
            connection = await connecting
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()  # the loop learns of it in its next turn
        lost = 0
        for _ in range(30):
            try:
                await send(connection)
            except ConnectionLost:
                lost += 1
        assert lost > 20
        assert isinstance(await connection.receive(), CloseEvent)
        connection.abort()
        await opening.aclose()


@asynccontextmanager
async def connected(serve: Serve) -> AsyncIterator[WebSocket]:
    opening = new_transport()
    async with raw_peer(serve) as listening:
        connection = await opening.connect(ConnectRequest(listening.url, max_message_bytes=MOST_BYTES))
        try:
            yield connection
        finally:
            await connection.aclose()
            connection.abort()
            await opening.aclose()


async def send_until_lost(connection: WebSocket) -> None:
    while True:
        await connection.send(b"audio")
        await connection.ping()
        await asyncio.sleep(0.001)


async def check_nothing_goes(connection: WebSocket) -> None:
    assert not connection.ready
    for attempt in (connection.send("text"), connection.send(b"audio"), connection.ping()):
        with pytest.raises(ConnectionLost) as raised:
            await attempt
        assert raised.value.retryable
    with pytest.raises(ConnectionLost):
        connection.send_now(b"audio")
