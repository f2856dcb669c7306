"""A connection through picows, of which picows and its socket are played."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import picows

from speechwire.transport._picows_connection import PicowsConnection
from speechwire.transport._secret import Redactor

__all__ = ["MAX_BYTES", "Played"]

MAX_BYTES = 1000


class Socket:
    """asyncio's transport below picows."""

    def __init__(self) -> None:
        self.limits: list[tuple[int, int]] = []
        self.reading: list[bool] = []
        self.closing = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high is not None and low is not None
        self.limits.append((high, low))

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.reading.append(False)

    def resume_reading(self) -> None:
        self.reading.append(True)


class Picows:
    """What picows gives a listener for its connection; notes what it is told to do."""

    def __init__(self) -> None:
        self.underlying_transport = Socket()
        self.request = SimpleNamespace(headers={"Authorization": "Token s3cret"})
        self.response = SimpleNamespace(headers={"dg-request-id": "r1"})
        self.close_handshake = SimpleNamespace(recv_then_sent=True, sent=None)
        self.is_disconnected = False
        self.done: list[tuple[Any, ...]] = []

    def send(self, kind: picows.WSMsgType, frame: str | bytes) -> None:
        self.done.append(("send", kind, frame))

    def send_reuse_external_bytearray(self, kind: picows.WSMsgType, data: bytearray, offset: int) -> None:
        self.done.append(("send long", kind, bytes(data[offset:]), offset))

    def send_pong(self, payload: bytes) -> None:
        self.done.append(("pong", payload))

    def send_ping(self, payload: bytes) -> None:
        self.done.append(("ping", payload))

    def send_close(self, code: int) -> None:
        self.done.append(("close", int(code)))

    def disconnect(self, graceful: bool = True) -> None:
        self.done.append(("disconnect", graceful))

    async def wait_disconnected(self) -> None:
        raise OSError("reset")


def frame(kind: picows.WSMsgType, payload: bytes = b"", *, fin: bool = True, **more: Any) -> Any:
    """A frame of the peer."""
    bits = {"rsv1": False, "rsv2": False, "rsv3": False}
    return SimpleNamespace(
        msg_type=kind,
        fin=fin,
        payload_size=len(payload),
        get_payload_as_bytes=lambda: payload,
        get_close_code=lambda: int.from_bytes(payload[:2], "big"),
        get_close_reason=lambda: payload[2:].decode() or None,
        **{**bits, **more},
    )


class Played:
    """A connection that is open, and the two ends of it."""

    def __init__(self) -> None:
        self.siblings: set[PicowsConnection] = set()
        self.connection = PicowsConnection(self.siblings, MAX_BYTES, Redactor([]))
        self.was_ready = self.connection.ready
        self.picows = Picows()
        self.socket = self.picows.underlying_transport
        self.connection.on_ws_connected(self.picows)  # type: ignore[arg-type]

    def come(self, *args: Any, **more: Any) -> None:
        self.connection.on_ws_frame(self.picows, frame(*args, **more))  # type: ignore[arg-type]

    def disconnected(self) -> None:
        self.picows.is_disconnected = True
        self.connection.on_ws_disconnected(self.picows)  # type: ignore[arg-type]
