"""The messages between a worker and its supervisor, over the worker's stdin and stdout."""

from __future__ import annotations

import msgspec

__all__ = ["ASK", "FD_VARIABLE", "RETIRE", "Ready", "Report", "line"]

FD_VARIABLE = "SPEECHWIRE_WORKER_FD"
"""The environment variable with the descriptor of the listening socket that a worker inherits."""

ASK = b"report\n"

RETIRE = b"retire\n"
"""Another worker has replaced this one: it must take no more calls, and finish those it has."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker takes calls.

    Attributes:
        url: The URL at which it takes calls.
    """

    url: str


class Report(msgspec.Struct, frozen=True, tag=True):
    """The answer to :data:`ASK`, and the last message of a worker that ends.

    Attributes:
        phase: ``serving``, ``draining`` or ``closed``.
        calls: The number of live calls.
        metrics: The metrics in Prometheus's text format.
    """

    phase: str
    calls: int
    metrics: str


def line(message: Ready | Report) -> bytes:
    """Encode a message as one line."""
    return msgspec.json.encode(message) + b"\n"
