"""What the harness asks of a client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from benches.python.streams.sink import Sink
from benches.python.streams.ticker import Feed

__all__ = ["Setup", "Stream", "key"]


@dataclass(frozen=True)
class Setup:
    """What streams are made with.

    Attributes:
        base_url: ``ws://`` or ``wss://``, host and port.
        sink: Takes the results' texts.
        frames: What will be pushed; the first one may be needed to connect.
    """

    base_url: str
    sink: Sink
    frames: list[bytes]


class Stream(Protocol):
    """One live stream of a client.

    Attributes:
        feed: Takes a 20 ms frame; does not wait.
    """

    feed: Feed

    async def connect(self) -> int:
        """Return once the connection is open, with the number of frames pushed for that."""
        ...

    async def close(self) -> None:
        """End it; what is outstanding does not matter."""
        ...


class Module(Protocol):
    """What every module here offers."""

    def stream(self, name: str, setup: Setup, index: int) -> Stream:
        """Make stream ``index`` of the contender called ``name``."""
        ...

    def idle(self, name: str) -> Feed:
        """Return what takes the frames when only the pacing is measured."""
        ...


def key(index: int) -> str:
    """The API key by which the server knows the stream."""
    return f"bench-{index}"
