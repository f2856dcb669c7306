"""Who takes part: how each server is started, and how callers reach it. No peer is imported here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from speechwire.load.dialects import DIALECTS

__all__ = ["CATALOG", "Contender", "Line"]

_ALL: Final = frozenset({"Empty", "StartOfTurn", "Update", "EndOfTurn"})
_TURN: Final = frozenset({"StartOfTurn", "Update", "EndOfTurn"})  # the server says nothing where nobody spoke
_TEXTS: Final = frozenset({"Update", "EndOfTurn"})


@dataclass(frozen=True)
class Line:
    """How callers of a kind reach a server.

    Attributes:
        path: Where they call.
        first: Text messages that begin the call.
        caption: What the messages that are captions have in them.
    """

    path: str
    first: Sequence[Mapping[str, Any]]
    caption: bytes


@dataclass(frozen=True)
class Contender:
    """A server.

    Attributes:
        name: On command lines.
        title: In tables.
        module: That is started; it prints its URL or port.
        lines: By kind of call.
        delivers: The kinds of the service's messages that become a caption each.
        most: Calls it is tried with at most.
        ours: Whether it is this project's.
    """

    name: str
    title: str
    module: str
    lines: Mapping[str, Line]
    delivers: frozenset[str]
    most: int = 1_000_000
    ours: bool = False

    def command(self, service_port: int, calls: int) -> list[str]:
        """What starts it, for the interpreter's ``-m``."""
        base_url = f"ws://127.0.0.1:{service_port}"
        if not self.ours:
            return [self.module, base_url]
        limits = ["--max-calls", str(calls + 1), "--drain-s", "0"]
        return [self.module, "serve", "--port", "0", "--base-url", base_url, *limits]


_TWILIO, _SOCKET = DIALECTS["twilio"], DIALECTS["socket"]

CATALOG: Final = {
    contender.name: contender
    for contender in (
        Contender(
            name="speechwire",
            title="speechwire serve",
            module="speechwire",
            lines={
                "twilio": Line(_TWILIO.path, _TWILIO.first, b'"event":"caption"'),
                "pcm": Line(_SOCKET.path, _SOCKET.first, b'"type":"Caption"'),
            },
            delivers=_TURN,
            ours=True,
        ),
        Contender(
            name="starter",
            title="FastAPI + deepgram-sdk",
            module="benches.python.server.peers.starter",
            lines={
                "twilio": Line("/twilio", _TWILIO.first, b'"type":"TurnInfo"'),
                "pcm": Line("/pcm", (), b'"type":"TurnInfo"'),
            },
            delivers=_ALL,
            most=200,
        ),
        Contender(
            name="pipecat",
            title="pipecat's FastAPI transport",
            module="benches.python.server.peers.pipecat_bot",
            lines={
                "twilio": Line("/twilio", _TWILIO.first, b'"event": "caption"'),
                "pcm": Line("/pcm", (), b'"event": "caption"'),
            },
            delivers=_TEXTS,
            most=200,
        ),
    )
}
"""By name."""
