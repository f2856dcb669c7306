"""What a worker and its supervisor say to each other, over the worker's stdin and stdout."""

from __future__ import annotations

import msgspec

__all__ = ["ASK", "FD_VARIABLE", "RETIRE", "Ready", "Report", "line"]

FD_VARIABLE = "SPEECHWIRE_WORKER_FD"
"""The environment's name for the listening socket that a worker inherits."""

ASK = b"report\n"

RETIRE = b"retire\n"
"""Another worker has taken this one's place: it finishes the calls that it has."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker takes calls.

    Attributes:
        url: Where.
    """

    url: str


class Report(msgspec.Struct, frozen=True, tag=True):
    """The answer to :data:`ASK`, and the last word of a worker that ends.

    Attributes:
        phase: ``serving``, ``draining`` or ``closed``.
        calls: Live ones.
        metrics: In Prometheus's text format.
    """

    phase: str
    calls: int
    metrics: str


def line(message: Ready | Report) -> bytes:
    """The message as a line."""
    return msgspec.json.encode(message) + b"\n"
