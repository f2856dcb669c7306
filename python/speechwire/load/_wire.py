"""The client's half of RFC 6455 at the least cost: each message is one frame, masked with zeros.

A mask of zeros is allowed (section 5.3) and leaves the payload unchanged, so all callers can share a frame.
"""

from __future__ import annotations

from typing import Final

__all__ = ["BINARY", "CLOSE", "PING", "PONG", "TEXT", "Frames", "frame", "request"]

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_FINAL: Final = 0x80
_MASKED: Final = 0x80
_MOST_BYTES: Final = 1 << 20


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole message of at most 65535 bytes, masked."""
    size = len(payload)
    length = bytes([_MASKED | size]) if size < 126 else bytes([_MASKED | 126]) + size.to_bytes(2, "big")
    return bytes([_FINAL | opcode]) + length + b"\0\0\0\0" + payload


def request(path: str, host: str, token: str = "") -> bytes:
    """The HTTP request for the upgrade."""
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{authorization}\r\n"
    ).encode()


class Frames:
    """Splits a server's byte stream into frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take more bytes; return the opcodes and payloads of the complete frames.

        Raises:
            ValueError: A frame is longer than 1 MiB, which the server never sends.
        """
        data = self._rest + data if self._rest else data
        found: list[tuple[int, bytes]] = []
        at, size = 0, len(data)
        while size - at >= 2:
            length, begin = data[at + 1] & 0x7F, at + 2
            if length >= 126:
                wide = 2 if length == 126 else 8
                if size < begin + wide:
                    break
                length, begin = int.from_bytes(data[begin : begin + wide], "big"), begin + wide
            if length > _MOST_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            if size < begin + length:
                break
            found.append((data[at] & 0x0F, data[begin : begin + length]))
            at = begin + length
        self._rest = data[at:]
        return found
