"""The transport that an event loop shares: closed with its last user, and not before."""

from __future__ import annotations

import pytest

from speechwire.errors import ConnectFailed
from speechwire.transport import ConnectRequest, MemoryPeer, MemoryTransport, shared, shared_transport

REQUEST = ConnectRequest("wss://memory/v1/listen?x=secret", {})


async def listening(peer: MemoryPeer) -> None:
    async for _ in peer:
        pass


class Counted(MemoryTransport):
    closed = 0

    async def aclose(self) -> None:
        self.closed += 1
        await super().aclose()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Counted]:
    transports: list[Counted] = []

    def make() -> Counted:
        transports.append(Counted(listening))
        return transports[-1]

    monkeypatch.setattr(shared, "new_transport", make)
    return transports


async def test_it_is_one_for_all_and_closed_with_the_last(made: list[Counted]) -> None:
    one, other = shared_transport(), shared_transport()
    connections = [await lease.connect(REQUEST) for lease in (one, other)]
    (used,) = [transport for transport in made if transport.peers]
    assert len(used.peers) == 2
    await one.aclose()
    await one.aclose()
    assert used.closed == 0
    connections.append(await other.connect(REQUEST))
    with pytest.raises(ConnectFailed, match=r"the transport has been closed$") as failed:
        await one.connect(REQUEST)
    assert "secret" not in str(failed.value)
    for connection in connections:
        await connection.aclose()
    await other.aclose()
    assert used.closed == 1
