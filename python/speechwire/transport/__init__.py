"""Transports: how frames reach the service. See :mod:`speechwire.transport.base` for the contract."""

from __future__ import annotations

from speechwire.transport._secret import Secret
from speechwire.transport.aiohttp_ws import AiohttpTransport
from speechwire.transport.base import (
    ABNORMAL,
    NO_STATUS,
    CloseEvent,
    ConnectRequest,
    Take,
    Transport,
    WebSocket,
    pull_each,
)
from speechwire.transport.memory import MemoryPeer, MemoryTransport
from speechwire.transport.shared import new_transport, shared_transport, transport_name

__all__ = [
    "ABNORMAL",
    "NO_STATUS",
    "AiohttpTransport",
    "CloseEvent",
    "ConnectRequest",
    "MemoryPeer",
    "MemoryTransport",
    "Secret",
    "Take",
    "Transport",
    "WebSocket",
    "new_transport",
    "pull_each",
    "shared_transport",
    "transport_name",
]
