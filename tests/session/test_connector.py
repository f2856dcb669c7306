"""Where no transport was given, a session has a share of the event loop's, and gives it back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.session.driving import KEY, collect
from tests.session.fake_service import FakeFlux
from tests.session.fake_voice import FakeAura

from speechwire.session import ListenV2Session, SpeakSession
from speechwire.transport import MemoryTransport


class Lease(MemoryTransport):
    """A share, which is counted."""

    closed = 0

    async def aclose(self) -> None:
        self.closed += 1
        await super().aclose()


@pytest.mark.parametrize("kind", ["listen", "speak"])
async def test_a_share_of_the_transport_is_given_back_once(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases: list[Lease] = []

    def share() -> Lease:
        leases.append(Lease(FakeFlux() if kind == "listen" else FakeAura()))
        return leases[-1]

    monkeypatch.setattr("speechwire.session._connector.shared_transport", share)
    session: Any
    if kind == "listen":
        session = ListenV2Session(KEY)
        reading = asyncio.create_task(collect(session))
        session.push(bytes(3200))
        await asyncio.sleep(1.0)
    else:
        session = SpeakSession(KEY)
        await session.speak("Hi.").wait()
    (lease,) = leases
    assert (len(lease.peers), lease.closed) == (1, 0)
    await session.aclose()
    assert (len(leases), lease.closed) == (1, 1)
    if kind == "listen":
        await reading
