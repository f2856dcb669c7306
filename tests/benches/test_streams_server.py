"""The streams benchmark's server: its framing, its messages, and a session of ours with it."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from benches.python.streams import traffic
from benches.python.streams.server import Connection, Service
from benches.python.streams.websocket import BINARY, CLOSE, PING, TEXT, accept_key, encode, frames, unmasked
from benches.python.streams.wheel import Wheel
from hypothesis import given
from hypothesis import strategies as st

from speechwire.protocol import ListenV1, ListenV1Options, ListenV2, ListenV2Options
from speechwire.protocol.listen_v1_events import Results, SpeechStarted
from speechwire.protocol.listen_v2_events import Connected, TurnInfo
from speechwire.session import ListenSettings, ListenV2Session

HANDSHAKE = (
    b"GET /v1/listen?sample_rate=16000&channels=1 HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Token bench-7\r\n\r\n"
)


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def connect() -> tuple[Connection, Wire, Service]:
    wire, service = Wire(), Service(Wheel(0.005))
    connection = Connection(service)
    connection.connection_made(wire)  # type: ignore[arg-type]
    return connection, wire, service


def masked(opcode: int, payload: bytes) -> bytes:
    """A client's frame."""
    key = b"\x11\x22\x33\x44"
    plain = bytearray(encode(opcode, payload))
    head = len(plain) - len(payload)
    plain[1] |= 0x80
    return bytes(plain[:head]) + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def test_accept_key_is_that_of_the_rfc() -> None:
    assert accept_key(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@given(st.lists(st.sampled_from([0, 1, 125, 126, 640, 3840, 65_535, 65_536]), max_size=3))
def test_frames_are_found_with_their_payloads(sizes: list[int]) -> None:
    payloads = [bytes([size % 251]) * size for size in sizes]
    data = b"".join(masked(BINARY, payload) for payload in payloads)
    found = list(frames(data))
    assert [unmasked(data, mask, end) for _, mask, end in found] == payloads
    assert not found or found[-1][2] == len(data)


@given(st.data(), st.lists(st.integers(1, 700), min_size=1, max_size=8))
def test_audio_is_counted_however_it_is_cut(data: st.DataObject, sizes: list[int]) -> None:
    connection, wire, service = connect()
    sent = HANDSHAKE + b"".join(masked(BINARY, bytes(size)) for size in sizes)
    while sent:
        cut = data.draw(st.integers(1, len(sent)))
        connection.data_received(sent[:cut])
        sent = sent[cut:]
    assert wire.written.startswith(b"HTTP/1.1 101")
    assert list(service.journals) == [7]
    assert list(service.journals[7].received) == [sum(sizes[: n + 1]) for n in range(len(sizes))]


def test_ping_is_answered_and_the_end_of_the_stream_closes() -> None:
    connection, wire, service = connect()
    connection.data_received(HANDSHAKE)
    wire.written = b""
    connection.data_received(masked(PING, b"hello") + masked(TEXT, b'{"type": "CloseStream"}'))
    assert wire.written == b"\x8a\x05hello" + encode(CLOSE, b"\x03\xe8")
    assert wire.closed
    assert service.journals[7].texts == {"CloseStream": 1}


@pytest.mark.parametrize("variant", range(traffic.VARIANTS))
def test_flux_messages_are_what_the_protocol_expects(variant: int) -> None:
    protocol = ListenV2(ListenV2Options())
    protocol.send_audio(bytes(32_000 * 60))  # what is said of audio that was not sent is not believed
    (first,) = protocol.receive(payload(traffic.connected()))
    assert isinstance(first, Connected)
    turns = 0
    for index in range(100):
        message = traffic.flux(variant, index)
        (event,) = protocol.receive(payload(message.frame(1234)))  # a gap in the numbers would be a second
        assert isinstance(event, TurnInfo)
        assert event.turn_index == turns
        assert event.audio_window_start < event.audio_window_end == message.due_s
        assert (message.kind == "Empty") == (not event.transcript)
        if event.transcript:
            assert message.kind == event.event
            assert traffic.sent_at_us(event.transcript) == 1234
            assert event.transcript == " ".join(word.word for word in event.words)
        turns += event.event == "EndOfTurn"
    assert turns >= 3


@pytest.mark.parametrize("variant", range(traffic.VARIANTS))
def test_nova_messages_cover_the_audio_without_a_gap(variant: int) -> None:
    protocol = ListenV1(ListenV1Options(interim_results=True))
    protocol.send_audio(bytes(32_000 * 120))
    final_s, last_due_s = 0.0, 0.0
    for index in range(60):
        message = traffic.nova(variant, index)
        (event,) = protocol.receive(payload(message.frame(99)))
        assert message.due_s > last_due_s
        last_due_s = message.due_s
        if isinstance(event, SpeechStarted):
            continue
        assert isinstance(event, Results)
        assert (event.start, event.end) == (final_s, message.due_s)
        final_s = event.end if event.is_final else final_s
        assert not event.transcript or traffic.sent_at_us(event.transcript) == 99
    assert final_s > 40


def test_nothing_is_sent_once_the_server_is_quiet() -> None:
    connection, wire, service = connect()
    connection.data_received(HANDSHAKE)
    wire.written = b""
    connection._send(traffic.nova(0, 0))
    assert service.journals[7].sent == {"Empty": 1}
    written, connection_of_the_report = wire.written, Connection(service)
    connection_of_the_report.connection_made(Wire())  # type: ignore[arg-type]
    connection_of_the_report.data_received(b"GET /quiet HTTP/1.1\r\n\r\n")
    connection._send(traffic.nova(0, 1))
    assert wire.written == written
    assert service.journals[7].sent == {"Empty": 1}


async def test_a_session_gets_the_turns_of_the_audio_it_sent() -> None:
    wheel = Wheel(0.005)
    service = Service(wheel)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(service), "127.0.0.1", 0)
    turning = asyncio.create_task(wheel.turn())
    port = server.sockets[0].getsockname()[1]
    settings = ListenSettings(replay_speed=None)
    session = ListenV2Session(
        "bench-3", base_url=f"ws://127.0.0.1:{port}", settings=settings, force_end_turn=False
    )
    async with session:
        for _ in range(100):
            session.push(bytes(3200))  # 10 s at 16 kHz
        heard: list[TurnInfo] = []
        async for event in session:
            if isinstance(event, TurnInfo):
                heard.append(event)
                if event.event == "EndOfTurn":
                    break
    turning.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await turning
    server.close()
    journal = service.journals[3]
    assert journal.connections == 1
    assert journal.received[-1] == 320_000
    assert [event.audio_window_end for event in heard] == [0.25 * (n + 1) for n in range(len(heard))]
    assert journal.texts["CloseStream"] == 1


def payload(frame: bytes) -> str:
    """The text of a server's frame."""
    size = frame[1]
    begin = 2 if size < 126 else 4
    text = frame[begin:].decode()
    assert json.loads(text)
    assert len(frame) - begin == (size if size < 126 else int.from_bytes(frame[2:4], "big"))
    return text
