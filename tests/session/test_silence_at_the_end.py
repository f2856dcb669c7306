"""A service that falls silent after the end was asked for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.session.driving import Endpoint, Listening, check_words, collect, of, speak_into
from tests.session.fake_service import FakeFlux, FakeNova, FakeService, FluxVoice, NovaVoice

from speechwire.errors import ConnectFailed, HandshakeRefused, SpeechwireError
from speechwire.session import Reconnecting, SessionEnded
from speechwire.session._hedge import Hedge
from speechwire.transport import MemoryPeer

TURN = (0.5, 3.0)


class TrailingFlux(FluxVoice):
    """The first connection answers ``ForceEndTurn`` only so far as to report on the last audio."""

    def told(self, kind: str) -> bool:
        if self.peer.number:
            return super().told(kind)
        if kind == "CloseStream":
            self.info("Update")
        return False


class TrailingNova(NovaVoice):
    """The same with ``CloseStream``."""

    def told(self, kind: str) -> bool:
        if self.peer.number:
            return super().told(kind)
        if kind == "CloseStream":
            self.results(is_final=False)
        return False


class AnsweringFlux(FluxVoice):
    """Everything comes but the end."""

    def told(self, kind: str) -> bool:
        return kind != "CloseStream" and super().told(kind)


class AnsweringNova(NovaVoice):
    """The same."""

    def told(self, kind: str) -> bool:
        if kind == "CloseStream":
            self.results(is_final=True)
        return False


class FluxService(FakeFlux):
    kind: type[FluxVoice] = TrailingFlux

    def voice(self, peer: MemoryPeer) -> FluxVoice:
        return self.kind(peer, self.words)


class NovaService(FakeNova):
    kind: type[NovaVoice] = TrailingNova

    def voice(self, peer: MemoryPeer) -> NovaVoice:
        return self.kind(peer, self.words, interim=True)


class AnsweringFluxService(FluxService):
    kind = AnsweringFlux


class AnsweringNovaService(NovaService):
    kind = AnsweringNova


async def close(session: Listening, events: asyncio.Task[list[Any]]) -> tuple[float, list[Any]]:
    """Returns how long it took as well."""
    clock = asyncio.get_running_loop().time
    began_s = clock()
    await session.aclose()
    return clock() - began_s, await events


def is_whole(service: FakeService, events: list[Any]) -> None:
    check_words(service, events)
    assert isinstance(events[-1], SessionEnded)
    assert (events[-1].complete, events[-1].dropped_s) == (True, 0.0)


@pytest.mark.parametrize(("name", "kind"), [("flux", FluxService), ("nova", NovaService)])
async def test_one_more_result_does_not_put_off_the_second_connection(
    name: str, kind: type[FakeService]
) -> None:
    service = kind([TURN])
    session = Endpoint(name).session(service, drain_timeout_s=60.0)
    reading = asyncio.create_task(collect(session))
    await speak_into(session, 3.1)
    took_s, events = await close(session, reading)
    assert took_s < 3.0
    is_whole(service, events)
    assert len(of(Reconnecting, events)) == 1


@pytest.mark.parametrize(("name", "kind"), [("flux", FluxService), ("nova", NovaService)])
@pytest.mark.parametrize("error", [HandshakeRefused(503), ConnectFailed("wss://x", "no route")])
async def test_a_second_connection_that_cannot_be_opened_is_tried_again(
    name: str, kind: type[FakeService], error: SpeechwireError
) -> None:
    service = kind([TURN])

    async def refusing(peer: MemoryPeer) -> None:
        if peer.number in (1, 2):
            peer.refuse(error)
        else:
            await service(peer)

    session = Endpoint(name).session(refusing, drain_timeout_s=60.0)
    reading = asyncio.create_task(collect(session))
    await speak_into(session, 3.1)
    took_s, events = await close(session, reading)
    assert took_s < 12.0
    is_whole(service, events)


@pytest.mark.parametrize(("name", "kind"), [("flux", AnsweringFluxService), ("nova", AnsweringNovaService)])
async def test_an_end_that_is_not_said_takes_nothing_from_what_was_answered(
    name: str, kind: type[FakeService]
) -> None:
    service = kind([TURN])
    session = Endpoint(name).session(service)
    reading = asyncio.create_task(collect(session))
    await speak_into(session, 3.0)
    _, events = await close(session, reading)
    is_whole(service, events)
    assert len(service.heard) == 1, "nothing is owed that another could be asked for"
    assert not of(Reconnecting, events)


@pytest.mark.parametrize(("name", "kind"), [("flux", FluxService), ("nova", NovaService)])
async def test_a_fault_in_asking_a_second_connection_is_logged_and_the_first_one_counts(
    name: str, kind: type[FakeService], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Hedge, "ask", fail)
    session = Endpoint(name).session(kind([TURN]), drain_timeout_s=60.0)
    reading = asyncio.create_task(collect(session))
    await speak_into(session, 3.1)
    await close(session, reading)
    assert [(record.message, str(record.exc_info[1])) for record in caplog.records if record.exc_info] == [
        ("nobody else could be asked, by a fault of speechwire's own", "a fault of ours")
    ]
