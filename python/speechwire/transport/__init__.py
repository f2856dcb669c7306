"""Transports: how frames reach the service. See :mod:`speechwire.transport.base` for the contract."""

from __future__ import annotations

from speechwire.transport.aiohttp_ws import AiohttpTransport, shared_transport
from speechwire.transport.base import ABNORMAL, NO_STATUS, Close, Connection, Request, Transport
from speechwire.transport.memory import MemoryPeer, MemoryTransport

__all__ = [
    "ABNORMAL",
    "NO_STATUS",
    "AiohttpTransport",
    "Close",
    "Connection",
    "MemoryPeer",
    "MemoryTransport",
    "Request",
    "Transport",
    "shared_transport",
]
