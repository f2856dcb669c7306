"""What is on the wire when a connection is broken off, byte by byte, and what is read after its end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from speechwire.emulator import CloseWith, Emulator, Reset
from speechwire.emulator._listen import _WaitingFrames, drive_listen
from speechwire.emulator.journal import Connection

from .raw import UPGRADE, request

FLUX = "/v2/listen?model=flux-general-en"
BEGINNING = b'\x81\x64{"type":"Res'


def until_the_end(emulator: Emulator) -> tuple[bytes, str]:
    """What a client that sends nothing more receives, and how the connection ended."""
    host, port = emulator.http_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20.0) as connection:
        connection.sendall(request("GET", FLUX, UPGRADE))
        received = b""
        try:
            while more := connection.recv(65536):
                received += more
        except ConnectionResetError:
            return received, "reset"
    return received, "ended"


@pytest.mark.parametrize("mid_frame", [False, True])
async def test_an_end_in_the_middle_of_a_frame(mid_frame: bool) -> None:
    async with Emulator(faults=[Reset(hard=False, mid_frame=mid_frame)]) as emulator:
        received, how = await asyncio.to_thread(until_the_end, emulator)
    head, _, frames = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert frames.endswith(BEGINNING) == mid_frame
    assert b'"type":"Connected"' in frames
    assert how == "ended"


async def test_a_hard_reset_is_one() -> None:
    async with Emulator(faults=[Reset(hard=True)]) as emulator:
        assert (await asyncio.to_thread(until_the_end, emulator))[1] == "reset"


@pytest.mark.parametrize(
    ("code", "reason", "frame"),
    [
        (None, "", b"\x88\x00"),
        (1011, "NET-0000", b"\x88\x0a\x03\xf3NET-0000"),
        (1008, "x" * 200, b"\x88\x7d\x03\xf0" + b"x" * 123),
    ],
)
async def test_a_close_frame_as_it_is_written(
    code: int | None, reason: str, frame: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speechwire.emulator._outlet._LINGER_S", 0.1)
    async with Emulator(faults=[CloseWith(code, reason)]) as emulator:
        received, how = await asyncio.to_thread(until_the_end, emulator)
        (record,) = emulator.connections
    assert received.endswith(b"}" + frame)
    assert how == "ended", "soon, also where the client does not answer"
    assert (record.closed_by, record.close_code, record.close_reason) == ("fault", code or 1005, reason)


class Closed:
    """In place of a machine, a hearing and an outlet that has been closed: notes what is asked of it."""

    closed = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        async def asked(*_: object) -> None:
            self.asked.append(name)

        return asked


async def test_what_comes_after_the_close_is_read_and_dropped() -> None:
    """Else the end of the connection would never be seen behind it."""

    class Inlet:
        async def frames(self, timers: object) -> AsyncIterator[bytes]:
            for _ in range(2000):
                yield b"audio"

    hearing, outlet = Closed(), Closed()
    machine = type("Machine", (), {"open": lambda self: []})()
    record = Connection(0, "/v2/listen", [], {})
    driving = drive_listen(
        machine, cast(Any, hearing), cast(Any, Inlet()), cast(Any, outlet), record, cast(Any, None)
    )
    await asyncio.wait_for(driving, 20.0)
    assert hearing.asked == ["open", "aclose"]
    assert outlet.asked == ["send", "strike"]


async def test_a_client_that_is_too_fast_has_to_wait() -> None:
    waiting, eight_mib = _WaitingFrames(), bytes(8 << 20)
    for _ in range(3):
        await asyncio.wait_for(waiting.put(eight_mib), 20.0)
    fourth = asyncio.create_task(waiting.put(b"x"))
    await asyncio.sleep(0.01)
    assert not fourth.done(), "24 MiB wait already"
    assert [len(cast(bytes, await waiting.take())) for _ in range(2)] == [8 << 20] * 2
    await asyncio.wait_for(fourth, 20.0)
    assert [await waiting.take() for _ in range(2)] == [eight_mib, b"x"]
    assert waiting.empty()


async def test_many_small_frames_wait_as_well() -> None:
    waiting = _WaitingFrames()
    for _ in range(512):
        await asyncio.wait_for(waiting.put(b"x"), 20.0)
    one_more = asyncio.create_task(waiting.put(b"x"))
    await asyncio.sleep(0.01)
    assert not one_more.done()
    assert await waiting.take() == b"x"
    await asyncio.wait_for(one_more, 20.0)
