"""The server's half of RFC 6455, as far as a benchmark needs it.

Audio is counted, not read: of a binary message only the header is looked at, so the mask is never undone.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

__all__ = ["BINARY", "CLOSE", "PING", "PONG", "TEXT", "accept_key", "encode", "frames", "unmasked"]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_key(key: bytes) -> bytes:
    """What answers ``Sec-WebSocket-Key`` (RFC 6455, section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID).digest())


def encode(opcode: int, payload: bytes) -> bytes:
    """One whole message, unmasked."""
    return header(opcode, len(payload)) + payload


def header(opcode: int, size: int) -> bytes:
    """What stands before a payload of ``size`` bytes."""
    first = bytes([0x80 | opcode])
    if size < 126:
        return first + bytes([size])
    if size < 1 << 16:
        return first + b"\x7e" + size.to_bytes(2, "big")
    return first + b"\x7f" + size.to_bytes(8, "big")


def frames(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The whole masked frames at the beginning of ``data``: opcode, begin of the mask, end of the payload.

    The end of the last one is where the rest begins; there is no rest if nothing is yielded.
    """
    position, size = 0, len(data)
    while size - position >= 6:
        length = data[position + 1] & 0x7F
        mask = position + 2
        if length >= 126:
            wide = 2 if length == 126 else 8
            mask += wide
            length = int.from_bytes(data[mask - wide : mask], "big")
        end = mask + 4 + length
        if end > size:
            return
        yield data[position] & 0x0F, mask, end
        position = end


def unmasked(data: bytes, mask: int, end: int) -> bytes:
    """The payload whose mask stands at ``mask``."""
    size = end - mask - 4
    key = (data[mask : mask + 4] * (size // 4 + 1))[:size]
    plain = int.from_bytes(key, "big") ^ int.from_bytes(data[mask + 4 : end], "big")
    return plain.to_bytes(size, "big")
