"""A listening session's life: silence, pauses, flushing, closing; scripted services, virtual time."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from tests.session.counted import counted
from tests.session.driving import (
    Endpoint,
    check_words,
    collect,
    converse,
    finals,
    of,
    peers,
    speak_into,
    words_of,
)
from tests.session.fake_service import FakeNova, NovaVoice, close, stall
from tests.session.scripted_peer import Chunks, Line, Scripted
from tests.virtual_time import VirtualTimeLoop

from speechwire.errors import (
    InvalidArgument,
    InvalidArgumentType,
)
from speechwire.session import (
    EventsDropped,
    ListenV2Session,
    Reconnecting,
)
from speechwire.transport import MemoryPeer, MemoryTransport

TURNS = [(1.0, 2.0), (3.5, 5.5), (7.0, 8.0)]


async def test_a_silent_line_is_no_stall(endpoint: Endpoint) -> None:
    service = endpoint.service(())
    events = await converse(endpoint.session(service), 120.0)
    assert len(service.heard) == 1
    assert not of(Reconnecting, events)


async def test_a_caller_that_pauses_is_no_stall(endpoint: Endpoint) -> None:
    service = endpoint.service([(1.0, 2.0), (5.0, 6.0)])
    session = endpoint.session(service)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 4.7)
    await asyncio.sleep(600)
    await speak_into(session, 4.0, start_s=4.7)
    await session.aclose()
    check_words(service, await events)
    assert len(service.heard) == 1


async def test_a_caller_that_pauses_before_everything_is_answered_is_no_stall() -> None:
    class Sparing(NovaVoice):
        """Answers no ``Finalize``, which the documentation permits."""

        def told(self, kind: str) -> bool:
            return kind != "Finalize" and super().told(kind)

    class SparingService(FakeNova):
        def voice(self, peer: MemoryPeer) -> NovaVoice:
            return Sparing(peer, self.words, interim=True)

    service = SparingService([(1.0, 2.0)])
    session = Endpoint("nova").session(service)
    await speak_into(session, 3.9)
    await asyncio.sleep(600)
    assert len(service.heard) == 1
    await session.aclose()


async def test_a_peer_that_stops_reading_is_left_at_the_send_deadline(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS, {0: (2.0, stall)})
    session = endpoint.session(service, progress_timeout_s=None, window_bytes=16000, drain_timeout_s=60.0)
    events = await converse(session, 12.0)
    check_words(service, events)
    (retry,) = of(Reconnecting, events)
    assert "stopped reading" in str(retry.error)
    assert len(service.counts()) == 12000


async def test_a_silent_connection_is_kept_alive() -> None:
    nova, flux = Endpoint("nova"), Endpoint("flux")
    for kind in (nova, flux):
        service = kind.service(())
        session = kind.session(service)
        await speak_into(session, 1.0)
        await asyncio.sleep(60)
        keep_alives = [text["type"] for text in service.heard[0].texts].count("KeepAlive")
        assert (keep_alives, peers(session)[0].pings) == ((15, 0) if kind is nova else (0, 2))
        await session.aclose()


async def test_no_keep_alive_while_audio_flows() -> None:
    nova = Endpoint("nova")
    service = nova.service(())
    await converse(nova.session(service), 30.0)
    assert [text["type"] for text in service.heard[0].texts] == ["CloseStream"]


async def test_after_an_idle_close_the_next_audio_connects(endpoint: Endpoint) -> None:
    service = endpoint.service([(1.0, 2.0), (5.0, 6.0)], {0: (4.0, close(1011, "NET-0001"))})
    session = endpoint.session(service, drain_timeout_s=60.0)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 4.0)
    await asyncio.sleep(3600)
    assert len(service.heard) == 1
    await speak_into(session, 4.0, start_s=4.0)
    await session.aclose()
    check_words(service, await events)
    assert len(service.heard) == 2


async def test_silence_ends_the_turn_of_a_caller_that_stopped() -> None:
    flux = Endpoint("flux")
    service = flux.service([(1.0, 2.0), (2.5, 3.0)])
    session = flux.session(service, pause_after_s=0.5)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    await asyncio.sleep(30)
    await speak_into(session, 3.0, start_s=2.0)
    await session.aclose()
    got = await events
    check_words(service, got)
    assert 0.4 * 16000 <= service.heard[0].silence <= 3 * 16000


@pytest.mark.parametrize("seconds", [0.8, 20.0])
async def test_an_event_loop_that_stood_still_blames_nobody(endpoint: Endpoint, seconds: float) -> None:
    """Neither is the caller taken for silent, nor the service for dead."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    service = endpoint.service([(1.0, 6.0)])
    session = endpoint.session(service, pause_after_s=0.5)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 3.0)
    loop.advance(seconds)
    await asyncio.sleep(0.02)  # the timers come first, then the late frames
    await speak_into(session, 4.0, start_s=3.0)
    await session.aclose()
    check_words(service, await events)
    assert len(service.heard) == 1
    assert service.heard[0].silence == 0


async def test_flush_asks_for_results_behind_the_audio(endpoint: Endpoint) -> None:
    service = endpoint.service([(0.0, 10.0)])
    session = endpoint.session(service)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    session.flush()
    await asyncio.sleep(1)
    await speak_into(session, 2.0, start_s=2.0)
    await session.aclose()
    texts = [[word.word for word in words_of(final)] for final in finals(await events)]
    assert texts == [["0", "1", "2", "3", "4", "5", "6", "7"], ["8", "9", "10", "11", "12", "13", "14", "15"]]


async def test_a_flush_sends_what_has_not_filled_a_chunk_first() -> None:
    service = Scripted(Line.listen)
    session = Endpoint("nova").session(service, converter=Chunks(0.1), pause_after_s=None)
    await speak_into(session, 0.26)
    session.flush()
    await asyncio.sleep(1)
    (line,) = service.lines
    assert line.heard_s == 0.26
    assert line.order == ["audio", "Finalize"]
    await session.aclose()


async def test_an_unanswered_flush_is_repeated_after_a_reconnect(endpoint: Endpoint) -> None:
    service = endpoint.service([(0.0, 2.0)], {0: (2.0, stall)})
    session = endpoint.session(service, drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    session.flush()
    await asyncio.sleep(0.1)
    peers(session)[0].reset()
    await asyncio.sleep(10)
    assert len(service.heard) == 2
    asked = [text["type"] for text in service.heard[1].texts if text["type"] != "KeepAlive"]
    assert asked == ["ForceEndTurn" if endpoint.name == "flux" else "Finalize"]
    await session.aclose()
    check_words(service, await events)


async def test_a_slow_consumer_loses_interims_first_and_is_told() -> None:
    flux = Endpoint("flux")
    service = flux.service(TURNS)
    session = flux.session(service, event_limit=8)
    await speak_into(session, 9.0)
    await session.aclose()
    events = await collect(session)
    check_words(service, events)
    assert isinstance(events[0], EventsDropped)


@pytest.mark.parametrize("cut", [1, 3, 321, 641, 5000])
async def test_a_push_may_end_anywhere(endpoint: Endpoint, cut: int) -> None:
    service = endpoint.service([(0.25, 0.75)])
    session = endpoint.session(service)
    events = asyncio.create_task(collect(session))
    pcm = counted(0, 16000 * 2)
    pieces = [pcm[start : start + cut] for start in range(0, len(pcm), cut)]
    if cut < 4:  # a piece must show two samples
        cut += 4
        pieces = [pcm[:32001], pcm[32001 : 32001 + cut], pcm[32001 + cut :]]
    for piece in pieces:
        session.push(piece)
    await session.aclose()
    check_words(service, await events)
    heard = service.heard[0].pieces
    assert heard[0][0] == 0
    assert heard[-1][1] == 32000
    assert all(before[1] == after[0] for before, after in pairwise(heard))


async def test_wrong_audio_is_refused(endpoint: Endpoint) -> None:
    session = endpoint.session(endpoint.service())
    with pytest.raises(InvalidArgumentType):
        session.push("text")  # type: ignore[arg-type]
    session.push(b"")
    await session.aclose()


async def test_junk_from_the_service_ends_nothing(endpoint: Endpoint) -> None:
    def junk(peer: MemoryPeer) -> None:
        for frame in (
            "",
            "{",
            "[]",
            "null",
            '{"type":3}',
            '{"type":"New"}',
            '{"type":"Results"}',
            b"\0\1",
            "NaN",
        ):
            peer.send(frame)
        peer.send('{"type":"TurnInfo","event":"EndOfTurn","turn_index":1e999}')
        peer.send("[" * 100_000)

    service = endpoint.service(TURNS, {0: (2.2, junk)})
    events = await converse(endpoint.session(service), 9.0)
    check_words(service, events)
    assert len(service.heard) == 1


def test_a_key_in_the_clear_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="wss"):
        ListenV2Session("key", base_url="ws://api.deepgram.com")
    ListenV2Session(
        "key", base_url="ws://api.deepgram.com", allow_insecure=True, transport=MemoryTransport(stall)
    )


async def test_the_first_push_connects_without_waiting_for_a_chunk(endpoint: Endpoint) -> None:
    class Hoarder:
        def push(self, pcm: bytes, /) -> list[bytes]:
            return []

        def flush(self) -> list[bytes]:
            return []

    session = endpoint.session(endpoint.service(), converter=Hoarder())
    session.push(b"")
    await asyncio.sleep(1)
    assert not peers(session)
    session.push(b"\0\0")
    await asyncio.sleep(1)
    assert session.connected
    await session.aclose()
