"""The messages between the engine and its worker processes: length-prefixed pickles, answered in order.

Both ends belong to this package and the pipe is private, so pickle is safe here.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from speechwire.emulator.engine import Heard

__all__ = ["HEADER", "Answer", "Request", "pack", "unpack"]

HEADER = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Request:
    """What to do with a stream; ``warm`` only loads the models."""

    op: Literal["warm", "open", "feed", "settle", "keyterms", "close"]
    stream: int = 0
    pcm: bytes = b""
    keyterms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What was heard, or why nothing could be."""

    heard: Sequence[Heard] = ()
    error: str = ""


def pack(message: Request | Answer) -> bytes:
    """Encode with its length in front."""
    payload = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(payload)) + payload


def unpack(payload: bytes) -> Any:
    """Decode what follows the length."""
    return pickle.loads(payload)
