"""A service that refuses connections for a while, and what the tests of failures say to it."""

from __future__ import annotations

from collections.abc import Callable

from tests.plugin.virtual.driving import Serve, Service

from speechwire.transport import MemoryPeer

Serving = Callable[[Serve], Service]

TURNS = [(1.0, 2.0), (4.0, 5.0)]


def refusing(serve: Serve, refusal: Callable[[MemoryPeer], Exception | None]) -> Serve:
    """A peer that refuses for as long as ``refusal`` gives a reason."""

    async def refuse_or_serve(peer: MemoryPeer) -> None:
        error = refusal(peer)
        if error is None:
            await serve(peer)
        else:
            peer.refuse(error)  # type: ignore[arg-type]

    return refuse_or_serve


def authorization(peer: MemoryPeer) -> object:
    return peer.request.headers["Authorization"]
