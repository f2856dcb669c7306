"""What answers a handshake: a service, late or not, a refusal, or nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.session.fake_service import FakeService

from speechwire.errors import HandshakeRefused, SpeechwireError
from speechwire.transport import MemoryPeer


def replacements(first: Any, *others: Any) -> Callable[[MemoryPeer], Any]:
    """The first connection is served by one, those that follow by the others, the last of them for all."""

    async def serve(peer: MemoryPeer) -> None:
        scripts = (first, *others)
        await scripts[min(peer.number, len(scripts) - 1)](peer)

    return serve


def refusing(error: SpeechwireError) -> Callable[[MemoryPeer], Any]:
    async def refuse(peer: MemoryPeer) -> None:
        peer.refuse(error)

    return refuse


def refusing_oslo(service: Any, status: int = 400) -> Callable[[MemoryPeer], Any]:
    """Refuse who asks for the term or the tag, and serve the others."""

    async def serve(peer: MemoryPeer) -> None:
        if "Oslo" in peer.request.url:
            peer.refuse(HandshakeRefused(status, dg_error="No such place."))
        else:
            await service(peer)

    return serve


async def silent(peer: MemoryPeer) -> None:
    """Answer no handshake."""
    await asyncio.sleep(3600)


def late(wait_s: float, service: FakeService) -> Callable[[MemoryPeer], Any]:
    async def serve(peer: MemoryPeer) -> None:
        await asyncio.sleep(wait_s)
        await service(peer)

    return serve
