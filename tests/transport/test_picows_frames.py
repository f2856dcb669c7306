"""A connection through picows, frame by frame; picows and its socket are played."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import picows
import pytest
from tests.transport.played_picows import MAX_BYTES, Played

from speechwire.errors import ConnectionLost
from speechwire.transport.base import ABNORMAL, NO_STATUS, CloseEvent

BINARY, TEXT = picows.WSMsgType.BINARY, picows.WSMsgType.TEXT
CONTINUATION, CLOSE = picows.WSMsgType.CONTINUATION, picows.WSMsgType.CLOSE
PING, PONG = picows.WSMsgType.PING, picows.WSMsgType.PONG

MOST_WAITING = 64
KEPT_BYTES = 4096
NO_CLOSE_FRAME = CloseEvent(ABNORMAL, "the connection ended without a close frame")


@pytest.fixture
async def played() -> Played:
    return Played()


async def test_an_open_connection_is_ready_and_keeps_no_headers(played: Played) -> None:
    assert (played.was_ready, played.connection.ready, played.connection.request_id) == (False, True, "r1")
    assert played.siblings == {played.connection}
    assert played.picows.request.headers == played.picows.response.headers == {}
    assert played.socket.limits == [(1, 0)], "told as soon as the buffer is not empty; 0 is full to TLS"


async def test_reading_pauses_while_many_frames_wait(played: Played) -> None:
    """They would fill the memory of who does not take them."""
    for number in range(MOST_WAITING - 1):
        played.come(BINARY, bytes([number]))
    assert played.socket.reading == []
    played.come(BINARY, b"last")
    played.come(BINARY, b"was on its way")
    assert played.socket.reading == [False]
    frames = [await played.connection.receive() for _ in range(MOST_WAITING)]
    assert frames == [*(bytes([number]) for number in range(MOST_WAITING - 1)), b"last"]
    assert played.socket.reading == [False], "until all have been taken"
    assert await played.connection.receive() == b"was on its way"
    assert played.socket.reading == [False, True]


async def test_who_takes_each_frame_has_none_waiting(played: Played) -> None:
    taken: list[str | bytes] = []

    def take(message: str | bytes) -> bool:
        taken.append(message)
        return len(taken) < 2 * MOST_WAITING

    played.come(TEXT, b"before")
    taking = asyncio.create_task(played.connection.receive_each(take))
    await asyncio.sleep(0)
    for _ in range(2 * MOST_WAITING):
        played.come(BINARY, b"frame")
    assert await taking is None
    assert taken == ["before", *[b"frame"] * (2 * MOST_WAITING - 1)]
    assert played.socket.reading == []
    assert await played.connection.receive() == b"frame"


async def test_a_connection_that_has_ended_does_not_resume_reading(played: Played) -> None:
    for _ in range(MOST_WAITING):
        played.come(BINARY, b"frame")
    played.connection.abort()
    received = [await played.connection.receive() for _ in range(MOST_WAITING + 2)]
    assert received == [*[b"frame"] * MOST_WAITING, *[NO_CLOSE_FRAME] * 2]
    assert played.socket.reading == [False]


@pytest.mark.parametrize("bit", ["rsv1", "rsv2", "rsv3"])
@pytest.mark.parametrize("kind", [TEXT, BINARY, CONTINUATION, PING, PONG, CLOSE])
async def test_a_reserved_bit_ends_the_connection(played: Played, bit: str, kind: picows.WSMsgType) -> None:
    played.come(kind, **{bit: True})
    assert await played.connection.receive() == CloseEvent(ABNORMAL, "a frame with reserved bits set")
    assert played.picows.done == [("close", 1002), ("disconnect", True)]
    played.come(TEXT, b"too late")
    played.come(PING, b"too late")
    assert len(played.picows.done) == 2


async def test_a_message_of_the_most_bytes_is_one(played: Played) -> None:
    played.come(BINARY, bytes(MAX_BYTES))
    played.come(BINARY, bytes(MAX_BYTES - 1), fin=False)
    played.come(CONTINUATION, b"1")
    assert [await played.connection.receive() for _ in range(2)] == [
        bytes(MAX_BYTES),
        bytes(MAX_BYTES - 1) + b"1",
    ]
    played.come(BINARY, bytes(MAX_BYTES + 1))
    assert await played.connection.receive() == CloseEvent(ABNORMAL, f"a frame of {MAX_BYTES + 1} bytes")


@pytest.mark.parametrize(
    ("frames", "fault"),
    [
        ([(TEXT, b"\xff", True)], "text that is not UTF-8: invalid start byte"),
        ([(CONTINUATION, b"a", True)], "a fragment continues no message"),
        ([(TEXT, b"a", False), (TEXT, b"b", True)], "a message began before the one before it had ended"),
        ([(TEXT, bytes(600), False), (CONTINUATION, bytes(401), False)], "a message of over 1000 bytes"),
    ],
)
async def test_a_fault_of_the_peer_ends_the_connection(
    played: Played, frames: list[tuple[Any, bytes, bool]], fault: str
) -> None:
    for kind, payload, fin in frames:
        played.come(kind, payload, fin=fin)
    assert await played.connection.receive() == CloseEvent(ABNORMAL, fault)
    assert played.picows.done == [("close", 1002), ("disconnect", True)]
    assert not played.connection.ready


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (b"", CloseEvent(NO_STATUS)),
        (b"\x03\xe8", CloseEvent(1000)),
        (b"\x03\xf3NET-0001", CloseEvent(1011, "NET-0001")),
    ],
)
async def test_the_peers_close_frame_is_told_and_answered(
    played: Played, payload: bytes, told: CloseEvent
) -> None:
    played.come(CLOSE, payload)
    assert played.picows.done == [("close", 1000), ("disconnect", True)]
    assert await played.connection.receive() == told
    played.disconnected()
    assert await played.connection.receive() == told


async def test_the_answer_to_our_own_close_frame_says_nothing(played: Played) -> None:
    played.picows.close_handshake.recv_then_sent = False
    played.come(CLOSE, b"\x03\xe8")
    assert await played.connection.receive() == NO_CLOSE_FRAME


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (None, NO_CLOSE_FRAME.reason),
        (SimpleNamespace(code=1000, reason=None), NO_CLOSE_FRAME.reason),
        (SimpleNamespace(code=1001, reason="ping timeout"), "the peer did not answer a ping"),
        (SimpleNamespace(code=1002, reason="a mask where none may be"), "a mask where none may be"),
    ],
)
async def test_an_end_without_a_close_frame_has_picows_reason(played: Played, sent: Any, reason: str) -> None:
    played.picows.close_handshake.sent = sent
    played.disconnected()
    assert played.siblings == set()
    assert await played.connection.receive() == CloseEvent(ABNORMAL, reason)
    with pytest.raises(ConnectionLost) as lost:
        await played.connection.send("late")
    assert (lost.value.code, lost.value.reason, lost.value.request_id) == (ABNORMAL, reason, "r1")


async def test_a_ping_is_answered_at_once(played: Played) -> None:
    played.come(PING, b"one")
    played.come(PING, b"two")
    played.come(PONG, b"of nobody")
    assert played.picows.done == [("pong", b"one"), ("pong", b"two")]


async def test_of_pings_while_the_buffer_is_full_the_last_is_answered_once(played: Played) -> None:
    played.connection.pause_writing()
    for payload in (b"one", b"two", b"three"):
        played.come(PING, payload)
    assert played.picows.done == []
    played.connection.resume_writing()
    played.connection.resume_writing()
    assert played.picows.done == [("pong", b"three")]


async def test_a_socket_that_is_closing_gets_nothing_more(played: Played) -> None:
    played.socket.closing = True
    played.come(PING, b"one")
    with pytest.raises(ConnectionLost):
        played.connection.send_now(b"frame")
    with pytest.raises(ConnectionLost):
        await played.connection.send("frame")
    with pytest.raises(ConnectionLost):
        await played.connection.ping()
    assert played.picows.done == []


@pytest.mark.parametrize("size", [1, KEPT_BYTES, KEPT_BYTES + 1])
async def test_a_long_frame_is_not_left_in_picows_buffer(played: Played, size: int) -> None:
    """It would keep the size of the longest frame as long as the connection lives."""
    pcm, text = bytes(size), "t" * size
    played.connection.send_now(pcm)
    await played.connection.send(pcm)
    await played.connection.send(text)
    if size > KEPT_BYTES:
        long = ("send long", BINARY, pcm, 14)
        assert played.picows.done == [long, long, ("send long", TEXT, text.encode(), 14)]
    else:
        assert played.picows.done == [("send", BINARY, pcm), ("send", BINARY, pcm), ("send", TEXT, text)]


async def test_who_sends_waits_while_the_buffer_is_full(played: Played) -> None:
    ready = [played.connection.ready]
    played.connection.pause_writing()
    ready.append(played.connection.ready)
    sending = [asyncio.create_task(played.connection.send(f"{number}")) for number in range(2)]
    await asyncio.sleep(0)
    played.connection.pause_writing()
    await asyncio.sleep(0)
    assert not any(task.done() for task in sending)
    played.connection.resume_writing()
    await asyncio.gather(*sending)
    assert [*ready, played.connection.ready] == [True, False, True]
    assert [call[2] for call in played.picows.done] == ["0", "1"]


async def test_who_waits_for_room_learns_of_the_end(played: Played) -> None:
    played.connection.pause_writing()
    sending = asyncio.create_task(played.connection.send("frame"))
    await asyncio.sleep(0)
    played.disconnected()
    with pytest.raises(ConnectionLost, match="without a close frame"):
        await sending
    assert not played.connection.ready


async def test_a_frame_that_went_before_the_peers_close_frame_is_sent(played: Played) -> None:
    """It waits for room still: only with the connection itself is it lost."""
    played.connection.pause_writing()
    sending = asyncio.create_task(played.connection.send("frame"))
    await asyncio.sleep(0)
    played.come(CLOSE, b"\x03\xe8")
    await sending
    assert await played.connection.receive() == CloseEvent(1000)


async def test_a_close_of_ours_says_its_code_and_drops_the_connection(played: Played) -> None:
    closing = asyncio.create_task(played.connection.aclose(1001))
    await asyncio.sleep(0)
    assert played.picows.done == [("close", 1001)]
    played.picows.close_handshake.recv_then_sent = False
    played.come(CLOSE, b"\x03\xe9")
    await closing
    assert played.picows.done[1:] == [("close", 1000), ("disconnect", True), ("disconnect", False)]
    await played.connection.aclose()
    assert played.picows.done[4:] == [("disconnect", False)], "it has been said that it ends"


async def test_a_ping_of_ours_is_sent(played: Played) -> None:
    await played.connection.ping()
    assert played.picows.done == [("ping", b"")]
    played.connection.abort()
    with pytest.raises(ConnectionLost):
        await played.connection.ping()
    assert played.picows.done == [("ping", b""), ("disconnect", False)]
