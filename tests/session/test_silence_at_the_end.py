"""A service that goes on for a moment after the end was asked for, and then falls silent."""

from __future__ import annotations

import asyncio

import pytest
from tests.session.driving import Endpoint, check_words, collect, of, speak_into
from tests.session.fake_service import FakeFlux, FakeNova, FluxVoice, NovaVoice

from speechwire.session import Reconnecting, SessionEnded
from speechwire.transport import MemoryPeer


class TrailingFlux(FluxVoice):
    """The first connection reports on the last audio only when the end is asked for, and nothing else."""

    def told(self, kind: str) -> bool:
        if self.peer.number:
            return super().told(kind)
        if kind == "CloseStream":
            self.info("Update")
        return False


class TrailingNova(NovaVoice):
    """The same."""

    def told(self, kind: str) -> bool:
        if self.peer.number:
            return super().told(kind)
        if kind == "CloseStream":
            self.results(is_final=False)
        return False


class FluxService(FakeFlux):
    def voice(self, peer: MemoryPeer) -> FluxVoice:
        return TrailingFlux(peer, self.words)


class NovaService(FakeNova):
    def voice(self, peer: MemoryPeer) -> NovaVoice:
        return TrailingNova(peer, self.words, interim=True)


@pytest.mark.parametrize("name", ["flux", "nova"])
async def test_one_more_result_does_not_put_off_the_second_connection(name: str) -> None:
    service = (FluxService if name == "flux" else NovaService)([(0.5, 3.0)])
    session = Endpoint(name).session(service, drain_timeout_s=60.0)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 3.1)
    began_s = asyncio.get_running_loop().time()
    await session.aclose()
    assert asyncio.get_running_loop().time() - began_s < 3.0
    check_words(service, await events)
    assert len(of(Reconnecting, await events)) == 1
    ended = (await events)[-1]
    assert isinstance(ended, SessionEnded)
    assert (ended.complete, ended.dropped_s) == (True, 0.0)
