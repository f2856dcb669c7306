"""Options that change at any moment hold on the connection that follows, and the attributes say so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.plugin.conftest import KEY, Listener
from tests.plugin.virtual.driving import Serve, Service, service_of, speak, words
from tests.session.counted import RATE
from videosdk.plugins.deepgram import DeepgramSTTV2

from speechwire.errors import ConnectFailed, HandshakeRefused, ServiceError
from speechwire.session import ListenSettings
from speechwire.transport import MemoryPeer

Flux = Callable[[Serve], tuple[Service, DeepgramSTTV2, Listener]]


def query(peer: MemoryPeer) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(peer.request.url).query))


class Configurable:
    """Flux that answers `Configure` as it is told to, and says nothing else."""

    def __init__(self, answers: list[str], *, delay_s: float = 0.0) -> None:
        self.answers = answers
        self.delay_s = delay_s
        self.told: list[dict[str, Any]] = []
        self.refusing: Exception | None = None
        self.handshake_s = 0.0

    async def __call__(self, peer: MemoryPeer) -> None:
        await asyncio.sleep(self.handshake_s)
        if self.refusing is not None:
            peer.refuse(self.refusing)  # type: ignore[arg-type]
            return
        sequence = 0
        peer.send('{"type": "Connected", "request_id": "r", "sequence_id": 0}')
        async for frame in peer:
            message = {} if isinstance(frame, bytes) else json.loads(frame)
            if message.get("type") == "Configure":
                self.told.append(message)
                await asyncio.sleep(self.delay_s)
                kind = self.answers.pop(0)
                sequence += 1
                if kind:
                    answer = {"type": kind, "request_id": "r", "sequence_id": sequence}
                    peer.send(json.dumps({**answer, **message, "type": kind}))
            elif message.get("type") == "CloseStream":
                peer.close(1005)
                return


@pytest.fixture
def flux(monkeypatch: pytest.MonkeyPatch) -> Flux:
    """Returns a function that makes a plugin and puts a scripted peer in the place of the network."""

    def make(serve: Serve) -> tuple[Service, DeepgramSTTV2, Listener]:
        served = Service("flux", serve, monkeypatch)
        stt = DeepgramSTTV2(api_key=KEY, input_sample_rate=RATE, input_channels=1)
        listener = Listener(stt)
        stt.settings = ListenSettings(progress_timeout_s=None, drain_timeout_s=1.0)
        return served, stt, listener

    return make


async def test_before_the_first_audio_they_are_in_the_url(flux: Flux) -> None:
    served, stt, _ = flux(Configurable([]))
    await stt.update_options(eot_threshold=0.6, keyterm="Oslo")
    await stt.update_options(numerals=True)
    await speak(stt, 0.2)
    assert query(served.peers[0])["eot_threshold"] == "0.6"
    assert query(served.peers[0])["keyterm"] == "Oslo"
    assert query(served.peers[0])["numerals"] == "true"
    await stt.aclose()
    assert not stt._changes._open, "what holds is not kept as what may be refused"


async def test_during_the_handshake_they_are_told_to_the_connection(flux: Flux) -> None:
    service = Configurable(["ConfigureSuccess"])
    service.handshake_s = 2.0
    served, stt, _ = flux(service)
    await speak(stt, 0.5)
    changing = asyncio.ensure_future(stt.update_options(eot_threshold=0.6))
    await asyncio.sleep(0.1)
    assert stt.eot_threshold == 0.6
    assert not changing.done()
    await speak(stt, 3.0)
    await changing
    assert query(served.peers[0])["eot_threshold"] == "0.8"
    assert [told["thresholds"] for told in service.told] == [{"eot_threshold": 0.6}]
    await stt.aclose()


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("eager_eot_threshold", 0.5, {"thresholds": {"eager_eot_threshold": 0.5}}),
        ("eot_threshold", 0.7, {"thresholds": {"eot_threshold": 0.7}}),
        ("eot_timeout_ms", 900, {"thresholds": {"eot_timeout_ms": 900}}),
        ("keyterm", "Oslo", {"keyterms": ["Oslo"]}),
        ("keyterm", [], {"keyterms": []}),
        ("language_hint", ["de", "en"], {"language_hints": ["de", "en"]}),
        ("numerals", True, {"numerals": True}),
    ],
)
async def test_each_is_told_to_the_service_by_its_name(
    flux: Flux, option: str, value: Any, told: dict[str, Any]
) -> None:
    service = Configurable(["ConfigureSuccess"])
    _, stt, _ = flux(service)
    stt.model, stt.enable_preemptive_generation = "flux-general-multi", True
    await speak(stt, 0.5)
    await stt.update_options(**{option: value})
    assert service.told == [{"type": "Configure", **told}]
    assert getattr(stt, option) == (
        tuple(value) if isinstance(value, list) else (value,) if option == "keyterm" else value
    )
    await stt.aclose()


async def test_what_is_refused_is_no_part_of_the_running_session(flux: Flux) -> None:
    _, stt, _ = flux(Configurable(["ConfigureFailure"]))
    await speak(stt, 0.5)
    with pytest.raises(ServiceError):
        await stt.update_options(eot_threshold=0.6)
    (stream,) = stt._streams()
    assert stream.configuration == stt._configuration(stream.first)
    await stt.aclose()


async def test_in_an_outage_they_return_at_once_and_hold_when_it_is_over(flux: Flux) -> None:
    service = Configurable([])
    service.refusing = ConnectFailed("ws://there", "refused")
    served, stt, listener = flux(service)
    await speak(stt, 45.0)
    assert len(listener.errors) == 1
    session = tuple(stt._streams())
    await asyncio.wait_for(stt.update_options(eot_threshold=0.6, keyterm=["Oslo"]), 0.1)
    assert (stt.eot_threshold, stt.keyterm) == (0.6, ("Oslo",))
    await speak(stt, 5.0)
    service.refusing = None
    await speak(stt, 10.0)
    assert query(served.peers[-1])["eot_threshold"] == "0.6"
    assert query(served.peers[-1])["keyterm"] == "Oslo"
    assert len(listener.errors) == 1
    assert tuple(stt._streams()) == session  # nothing that it kept is lost
    await stt.aclose()


async def test_after_a_failure_they_are_a_reason_to_begin_anew(flux: Flux) -> None:
    service = Configurable([])
    service.refusing = HandshakeRefused(400, "bad eot_threshold")
    served, stt, listener = flux(service)
    await speak(stt, 2.0)
    service.refusing = None
    await speak(stt, 2.0)
    assert len(served.peers) == 1
    await stt.update_options(eot_threshold=0.6)
    await speak(stt, 0.2)
    assert query(served.peers[1])["eot_threshold"] == "0.6"
    assert len(listener.errors) == 1
    await stt.aclose()


@pytest.mark.parametrize("sooner", ["refused", "refused later"])
async def test_what_the_service_refuses_is_as_before(flux: Flux, sooner: str) -> None:
    service = Configurable(["ConfigureFailure"], delay_s=0.0 if sooner == "refused" else 2.0)
    _, stt, _ = flux(service)
    await speak(stt, 1.0)
    changing = asyncio.ensure_future(stt.update_options(eot_threshold=0.6, keyterm=["Oslo"]))
    await speak(stt, 3.0)
    with pytest.raises(ServiceError):
        await changing
    assert (stt.eot_threshold, stt.keyterm) == (0.8, ())
    await stt.aclose()


async def test_what_the_service_does_not_answer_stays_wanted(flux: Flux) -> None:
    service = Configurable([""])
    _, stt, _ = flux(service)
    await speak(stt, 1.0)
    changing = asyncio.ensure_future(stt.update_options(eot_threshold=0.6))
    await speak(stt, 8.0)
    with pytest.raises(ServiceError) as told:
        await changing
    assert told.value.retryable
    assert stt.eot_threshold == 0.6
    await stt.aclose()


async def test_a_call_that_is_cancelled_stays_wanted(flux: Flux) -> None:
    service = Configurable(["ConfigureSuccess"], delay_s=1.0)
    _, stt, _ = flux(service)
    await speak(stt, 1.0)
    changing = asyncio.ensure_future(stt.update_options(eot_threshold=0.6))
    await speak(stt, 0.2)
    changing.cancel()
    await asyncio.wait({changing})
    assert stt.eot_threshold == 0.6
    await stt.aclose()


SUCCESS, FAILURE = "ConfigureSuccess", "ConfigureFailure"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([SUCCESS, SUCCESS], (0.7, ("Oslo",), 900)),
        ([FAILURE, SUCCESS], (0.7, (), 900)),
        ([SUCCESS, FAILURE], (0.6, ("Oslo",), 7000)),
        ([FAILURE, FAILURE], (0.8, (), 7000)),
    ],
)
async def test_two_calls_at_once(
    flux: Flux, answers: list[str], expected: tuple[float, tuple[str, ...], int]
) -> None:
    """They overlap in one option; each is kept or undone by itself."""
    service = Configurable(list(answers), delay_s=0.5)
    _, stt, _ = flux(service)
    await speak(stt, 1.0)
    first = asyncio.ensure_future(stt.update_options(eot_threshold=0.6, keyterm=["Oslo"]))
    await speak(stt, 0.2)
    second = asyncio.ensure_future(stt.update_options(eot_threshold=0.7, eot_timeout_ms=900))
    await asyncio.sleep(0)
    assert (stt.eot_threshold, stt.keyterm, stt.eot_timeout_ms) == (0.7, ("Oslo",), 900)
    await speak(stt, 3.0)
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [outcome is None for outcome in outcomes] == [answer == SUCCESS for answer in answers]
    assert (stt.eot_threshold, stt.keyterm, stt.eot_timeout_ms) == expected
    await stt.aclose()


@pytest.mark.parametrize("connected", [True, False])
async def test_values_out_of_range_leave_everything_as_it_is(flux: Flux, connected: bool) -> None:
    service = Configurable([])
    _, stt, _ = flux(service)
    if connected:
        await speak(stt, 1.0)
    for bad in ({"eot_threshold": 2.0}, {"keyterm": ["x" * 101]}, {"language_hint": ["de"]}, {}):
        with pytest.raises(ValueError, match=f"^{next(iter(bad))} must be" if bad else "change"):
            await stt.update_options(eager_eot_threshold=None, **bad)
    assert (stt.eot_threshold, stt.keyterm, stt.language_hint) == (0.8, (), ())
    assert service.told == []
    await stt.aclose()


async def test_they_hold_over_a_reconnection_and_in_a_session_that_follows(flux: Flux) -> None:
    fake = service_of("flux", [(1.0, 2.0)])
    served, stt, listener = flux(fake)
    await stt.update_options(eot_timeout_ms=900)
    await speak(stt, 3.0)
    served.peers[0].reset()
    await speak(stt, 2.0, start_s=3.0)
    (stream,) = stt._streams()
    await stream.session.aclose()  # whatever the reason
    await speak(stt, 2.0, start_s=5.0)
    await stt.aclose()
    assert [query(peer)["eot_timeout_ms"] for peer in served.peers] == ["900"] * 3
    assert words(listener) == [4, 5, 6, 7]
