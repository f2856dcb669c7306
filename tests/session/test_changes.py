"""Changing settings and connections in mid-stream."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
from tests.session.counted import RATE
from tests.session.driving import Endpoint, check_turns, check_words, collect, endpoints, peers, speak_into
from tests.session.fake_service import FakeService, reset

from speechwire.audio import PcmPipeline
from speechwire.errors import HandshakeRefused, InvalidArgument, ServiceError, SessionClosed
from speechwire.protocol import ListenV1Options, ListenV2Options
from speechwire.session import ListenV1Session, ListenV2Session, Reconnecting
from speechwire.transport import MemoryPeer

TURNS = [(1.0, 2.0), (3.5, 5.5), (7.0, 8.0), (12.0, 14.0)]


endpoint = endpoints("flux", "nova")


def answering(service: FakeService, answer: dict[str, Any] | None) -> Any:
    """The service, with an answer to each Configure."""

    async def serve(peer: MemoryPeer) -> None:
        receive = peer.receive

        async def look() -> Any:
            frame = await receive()
            if isinstance(frame, str) and json.loads(frame)["type"] == "Configure" and answer is not None:
                peer.send(json.dumps(answer))
            return frame

        peer.receive = look  # type: ignore[method-assign]
        await service(peer)

    return serve


def changes_of(endpoint: Endpoint) -> dict[str, Any]:
    return {"eot_threshold": 0.9, "keyterms": ["Oslo"]} if endpoint.name == "flux" else {"keyterms": ["Oslo"]}


async def test_a_change_is_asked_for_and_kept_for_later_connections(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS, {0: (6.0, reset)})
    session = endpoint.session(answering(service, {"type": "ConfigureSuccess"}), drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 3.0)
    await session.configure(**changes_of(endpoint))
    await speak_into(session, 13.0, start_s=3.0)
    await session.aclose()
    check_words(service, await events)
    asked = [text for text in service.heard[0].texts if text["type"] == "Configure"]
    assert len(asked) == 1
    assert asked[0]["keyterms"] == ["Oslo"]
    assert "keyterm=Oslo" not in peers(session)[0].request.url
    assert "keyterm=Oslo" in peers(session)[1].request.url


async def test_a_refused_change_raises_and_is_not_kept(endpoint: Endpoint) -> None:
    refusal = {"type": "ConfigureFailure", "code": "NO", "description": "Not today."}
    service = endpoint.service(TURNS, {0: (6.0, reset)})
    session = endpoint.session(answering(service, refusal), drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 3.0)
    with pytest.raises(ServiceError, match="Not today"):
        await session.configure(**changes_of(endpoint))
    await speak_into(session, 13.0, start_s=3.0)
    await session.aclose()
    check_words(service, await events)
    assert "keyterm" not in peers(session)[1].request.url


async def test_a_change_without_an_answer_ends_at_the_deadline_and_the_next_may_follow(
    endpoint: Endpoint,
) -> None:
    service = endpoint.service(TURNS)
    session = endpoint.session(answering(service, None))
    await speak_into(session, 1.0)
    for _ in range(2):
        with pytest.raises(ServiceError, match="no answer"):
            await session.configure(**changes_of(endpoint))
    await session.aclose()
    assert [text["type"] for text in service.heard[0].texts].count("Configure") == 2


async def test_changes_are_made_one_at_a_time(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS)
    session = endpoint.session(answering(service, {"type": "ConfigureSuccess"}))
    await speak_into(session, 1.0)
    await asyncio.gather(*(session.configure(keyterms=[f"word{n}"]) for n in range(5)))
    await session.aclose()
    asked = [text["keyterms"] for text in service.heard[0].texts if text["type"] == "Configure"]
    assert asked == [["word4"]], "what is wanted last is all that has to be asked for"


async def test_a_change_that_cannot_be_is_refused_at_once(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS)
    session = endpoint.session(service)
    await speak_into(session, 1.0)
    with pytest.raises(InvalidArgument):
        await session.configure()
    await session.aclose()
    with pytest.raises(SessionClosed):
        await session.configure(keyterms=["x"])
    assert len(service.heard) == 1


async def test_a_change_before_the_first_connection_goes_into_its_query(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS)
    session = endpoint.session(service)
    await session.configure(keyterms=["Oslo"])
    await session.connect()
    assert "keyterm=Oslo" in peers(session)[0].request.url
    await session.aclose()


@pytest.mark.parametrize("at_s", [0.7, 1.5, 2.3, 4.4, 6.1, 9.0])
async def test_a_rollover_loses_and_doubles_nothing(endpoint: Endpoint, at_s: float) -> None:
    service = endpoint.service(TURNS)

    async def slow(peer: MemoryPeer) -> None:
        await asyncio.sleep(0.3)
        await service(peer)

    session = endpoint.session(slow, drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    await speak_into(session, at_s)
    rolling = asyncio.create_task(session.reopen())
    await speak_into(session, 16.0 - at_s, start_s=at_s)
    await rolling
    await session.aclose()
    got = await events
    check_words(service, got)
    check_turns(got)
    assert len(service.counts()) == 16000
    assert len(service.heard) == 2
    assert not any(isinstance(event, Reconnecting) for event in got)
    assert session.stats().rollovers == 1
    assert session.stats().replayed_bytes <= 3 * 32000
    if endpoint.name == "flux":
        changed_at = service.heard[0].pieces[-1][1] / 16000
        known = [(begin + 0.26, end) for begin, end in TURNS]  # a turn is known from its first word on
        assert not any(begin < changed_at < end for begin, end in known), "in the middle of a turn"


async def test_an_old_connection_is_replaced(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS)
    session = endpoint.session(service, max_age_s=6.0, drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 40.0)
    await session.aclose()
    check_words(service, await events)
    assert 5 <= len(service.heard) <= 7
    assert len(service.counts()) == 40000


async def test_other_options_hold_from_the_new_connection_on() -> None:
    flux, nova = Endpoint("flux"), Endpoint("nova")
    for kind, options in (
        (flux, ListenV2Options(model="flux-general-multi")),
        (nova, ListenV1Options(encoding="linear16", sample_rate=16000, interim_results=True, language="es")),
    ):
        service = kind.service(TURNS)
        session = kind.session(service)
        await speak_into(session, 3.0)
        await session.reopen(options)
        urls = [peer.request.url for peer in peers(session)]
        assert len(urls) == 2
        assert ("flux-general-multi" if kind is flux else "language=es") in urls[1]
        await session.aclose()


async def test_a_refused_rollover_keeps_the_old_connection_and_options(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS)

    async def once(peer: MemoryPeer) -> None:
        if peer.number:
            peer.refuse(HandshakeRefused(400, dg_error="No such model."))
        else:
            await service(peer)

    session = endpoint.session(once)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 3.0)
    before = session._runner.options.wanted
    with pytest.raises(HandshakeRefused, match="No such model"):
        await session.reopen(type(before)(model="flux-custom" if endpoint.name == "flux" else "nova-x"))
    assert session._runner.options.wanted is before
    await speak_into(session, 13.0, start_s=3.0)
    await session.aclose()
    check_words(service, await events)


@pytest.mark.parametrize("session_type", [ListenV2Session, ListenV1Session])
async def test_another_audio_format_is_refused(session_type: Any) -> None:
    session = session_type("k")
    options = type(session._runner.options.wanted)(encoding="mulaw", sample_rate=8000)
    with pytest.raises(InvalidArgument, match="audio format"):
        await session.reopen(options)
    await session.aclose()


async def test_an_exchanged_pipeline_sends_the_rest_of_the_old_one_first(endpoint: Endpoint) -> None:
    heard: list[bytes] = []

    async def serve(peer: MemoryPeer) -> None:
        async for frame in peer:
            if isinstance(frame, bytes):
                heard.append(frame)
            elif json.loads(frame)["type"] == "CloseStream":
                peer.send('{"type":"Metadata"}')  # Nova's last word; Flux says how far it has come
                end_s = len(b"".join(heard)) / (2 * RATE)
                peer.send(
                    f'{{"type":"TurnInfo","event":"Update","audio_window_end":{end_s},"transcript":""}}'
                )
                peer.close()

    noise = random.Random(7).randbytes(9_600)
    first, second = PcmPipeline(48_000, RATE, channels=2), PcmPipeline(8_000, RATE, channels=1)
    session = endpoint.session(serve, converter=first)
    session.push(noise)
    session.exchange(second)
    session.push(noise)
    await session.aclose()
    expected = []
    for pipeline in (PcmPipeline(48_000, RATE, channels=2), PcmPipeline(8_000, RATE, channels=1)):
        expected += [*pipeline.push(noise), *pipeline.flush()]
    assert b"".join(heard) == b"".join(expected)
    with pytest.raises(SessionClosed):
        session.exchange(first)
