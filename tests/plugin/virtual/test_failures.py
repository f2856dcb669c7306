"""Whatever ends a session is said once, and the next audio is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.plugin.conftest import KEY
from tests.plugin.virtual.driving import Serve, Service, of, service_of, speak, words
from videosdk.agents import STTResponse

from speechwire.errors import ConnectFailed, HandshakeRefused
from speechwire.session import OutageBegan, OutageEnded, SessionEnded
from speechwire.session._conversation import Conversation
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


@pytest.mark.parametrize("outage_s", [40.0, 120.0])
async def test_an_outage_is_said_once_and_lived_through(
    service: Serving, endpoint: str, outage_s: float
) -> None:
    """The caller goes on speaking, and is heard within 10 s of the service's return."""
    clock = asyncio.get_running_loop().time
    began = clock()
    all_s = outage_s + 130.0  # the backlog is sent little faster than it was said
    fake = service_of(endpoint, [(t, t + 1.0) for t in range(1, int(all_s) - 2, 2)])

    def refusal(peer: MemoryPeer) -> Exception | None:
        is_out = clock() - began < outage_s
        return ConnectFailed("ws://there", "connection refused") if is_out else None

    stt, listener = service(refusing(fake, refusal)).listen()
    heard_at: list[float] = []

    async def hear(response: STTResponse) -> None:
        heard_at.append(clock() - began)
        await listener.hear(response)

    stt.on_stt_transcript(hear)
    await speak(stt, all_s)
    assert outage_s <= heard_at[0] <= outage_s + 10.0
    stt.on_stt_transcript(hear)  # of an outage that is over nothing is left to be dropped
    await speak(stt, 1.0, start_s=all_s)
    await stt.aclose()
    assert len(listener.errors) == 1
    assert "connection refused" in listener.errors[0]
    assert len(of(OutageBegan, listener)) == len(of(OutageEnded, listener)) == 1
    (ended,) = of(SessionEnded, listener)
    # What was pushed within the bound of the buffer before the return is heard as well, each word once.
    kept_from = int((outage_s - 20.0) * 4)
    expected = [word for word in fake.words if word >= kept_from]
    assert [word for word in words(listener) if word >= kept_from] == expected
    assert ended.dropped_s == pytest.approx(max(0.0, outage_s - 26.0), abs=9.0)
    assert stt.ignored_s == 0.0


async def test_an_error_of_the_closing_in_an_outage_is_not_said_again(service: Serving) -> None:
    def refusal(peer: MemoryPeer) -> Exception:
        return ConnectFailed("ws://there", "connection refused")

    async def never(peer: MemoryPeer) -> None: ...

    stt, listener = service(refusing(never, refusal)).listen()
    await speak(stt, 60.0)
    await stt.aclose()
    assert len(listener.errors) == 1
    (ended,) = of(SessionEnded, listener)
    assert (ended.complete, ended.dropped_s) == (False, ended.pushed_s)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
async def test_after_a_refusal_audio_is_counted_and_one_attempt_is_made(
    service: Serving, endpoint: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    def refusal(peer: MemoryPeer) -> Exception:
        return HandshakeRefused(status, "no")

    served = service(refusing(service_of(endpoint, TURNS), refusal))
    stt, listener = served.listen()
    await speak(stt, 120.0)
    await stt.flush()
    await stt.aclose()
    assert len(served.peers) == 1
    (error,) = listener.errors
    assert f"HTTP {status}" in error
    assert KEY not in error
    (ended,) = of(SessionEnded, listener)
    # Each second was either a session's, and is in its account, or nobody's, and is in this one.
    assert stt.ignored_s + ended.pushed_s == pytest.approx(120.0, abs=0.1)  # a chunk that was not yet whole
    assert stt.ignored_s > 119.0
    told = [record.getMessage() for record in caplog.records if "ignore" in record.getMessage()]
    assert len(told) == 2
    name = type(stt).__name__
    assert told == [
        f"{name} ignores the audio until its key or an option is changed, because: {error}",
        f"{name} has ignored {stt.ignored_s:.1f} s of audio so far",
    ]
    assert f"{name}: {error}" in [record.getMessage() for record in caplog.records]


async def test_another_key_is_tried_at_once(service: Serving, endpoint: str) -> None:
    fake = service_of(endpoint, TURNS)

    def refusal(peer: MemoryPeer) -> Exception | None:
        return None if authorization(peer) == "Token good" else HandshakeRefused(401, "no")

    served = service(refusing(fake, refusal))
    stt, listener = served.listen(api_key="bad")
    await speak(stt, 3.0)
    stt.api_key = "worse"
    await speak(stt, 0.5, start_s=3.0)
    stt.api_key = "good"
    await speak(stt, 3.0, start_s=3.5)
    await stt.aclose()
    assert words(listener) == [16, 17, 18, 19]
    assert [authorization(peer) for peer in served.peers] == ["Token bad", "Token worse", "Token good"]
    assert len(listener.errors) == 2


CHANGES: dict[str, list[tuple[str, Any]]] = {
    "nova": [
        ("model", "nova-3"),
        ("language", "de"),
        ("base_url", "ws://127.0.0.1:9/v1/listen"),
        ("keyterm", ()),
        ("extra", {"a": "b"}),
        ("settings", None),
    ],
    "flux": [
        ("model", "flux-general-multi"),
        ("eot_threshold", 0.6),
        ("base_url", "ws://127.0.0.1:9/v2/listen"),
        ("tag", ["a"]),
        ("mip_opt_out", True),
    ],
}


async def test_any_option_that_is_changed_is_tried_at_once(service: Serving, endpoint: str) -> None:
    served = service(refusing(service_of(endpoint, ()), lambda peer: HandshakeRefused(400, "no")))
    stt, listener = served.listen()
    await speak(stt, 1.0)
    attempts = 1
    for name, value in CHANGES[endpoint]:
        setattr(stt, name, getattr(stt, name))
        await speak(stt, 0.5)
        assert len(served.peers) == attempts  # it is as it was
        changed = getattr(stt, name) != value
        setattr(stt, name, value)
        await speak(stt, 0.5)
        attempts += changed
        assert len(served.peers) == attempts
    assert len(listener.errors) == attempts >= 5
    await stt.aclose()


async def test_a_list_that_is_changed_in_place_is_noticed(service: Serving, endpoint: str) -> None:
    served = service(refusing(service_of(endpoint, ()), lambda peer: HandshakeRefused(400, "no")))
    stt, _ = served.listen()
    stt.tag = ["a"]  # type: ignore[assignment]
    await speak(stt, 0.5)
    assert len(served.peers) == 1
    stt.tag.append("b")  # type: ignore[attr-defined]
    await speak(stt, 0.5)
    assert len(served.peers) == 2
    assert served.peers[1].request.url.count("tag=") == 2
    await stt.aclose()


async def test_a_key_that_is_asked_for_is_asked_for_again(service: Serving, endpoint: str) -> None:
    """A token that has run out is refused; the next one need not be."""
    fake = service_of(endpoint, [(1.0, 2.0), (30.0, 31.0)])
    tokens = iter(["old"] * 4 + ["new"] * 100)

    async def token() -> str:
        await asyncio.sleep(0.01)
        return next(tokens)

    def refusal(peer: MemoryPeer) -> Exception | None:
        return HandshakeRefused(401, "no") if authorization(peer) == "Token old" else None

    served = service(refusing(fake, refusal))
    stt, listener = served.listen(api_key=token)
    await speak(stt, 33.0)
    await stt.aclose()
    assert words(listener)[-4:] == [120, 121, 122, 123]
    assert len(served.peers) == 5
    assert len(listener.errors) == 4
    # After the first refusal at once, then by growing delays.
    assert 0.0 < stt.ignored_s < 3.0


async def test_a_key_that_can_never_be_had_is_not_asked_for_each_frame(service: Serving) -> None:
    asked: list[float] = []

    def token() -> str:
        asked.append(asyncio.get_running_loop().time())
        return "refused"

    async def refuse(peer: MemoryPeer) -> None:
        peer.refuse(HandshakeRefused(403, "no"))

    stt, _ = service(refuse).listen(api_key=token)
    await speak(stt, 120.0)
    assert 10 <= len(asked) <= 22  # at most 8 s apart
    await stt.aclose()


async def test_another_key_holds_for_the_next_connection_of_a_running_session(
    service: Serving, endpoint: str
) -> None:
    fake = service_of(endpoint, TURNS, {0: (3.0, lambda peer: peer.reset())})
    served = service(fake)
    stt, listener = served.listen(api_key="first")
    await speak(stt, 2.0)
    stt.api_key = "second"
    await speak(stt, 5.0, start_s=2.0)
    await stt.aclose()
    assert [authorization(peer) for peer in served.peers] == ["Token first", "Token second"]
    assert words(listener) == fake.words
    assert listener.errors == []


async def test_an_option_out_of_its_range_is_said_once_and_mended_by_another(
    service: Serving, endpoint: str
) -> None:
    fake = service_of(endpoint, TURNS)
    stt, listener = service(fake).listen()
    good = stt.model
    stt.model = ""
    await speak(stt, 3.0)
    assert len(listener.errors) == 1
    assert "model" in listener.errors[0]
    assert stt.ignored_s == pytest.approx(3.0)
    stt.model = good
    await speak(stt, 4.0, start_s=3.0)
    await stt.aclose()
    assert words(listener) == [16, 17, 18, 19]
    assert len(listener.errors) == 1


def fail_once(monkeypatch: pytest.MonkeyPatch, times: int = 1) -> None:
    """Have sessions fail from within, by a fault that nobody foresaw."""
    live = Conversation.live
    faults = iter([ZeroDivisionError("secret words")] * times)

    async def live_or_fail(*arguments: Any) -> None:
        if (fault := next(faults, None)) is not None:
            await asyncio.sleep(0.3)
            raise fault
        await live(*arguments)

    monkeypatch.setattr(Conversation, "live", live_or_fail)


async def test_a_fault_of_our_own_is_said_once_and_the_next_audio_is_heard(
    service: Serving, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = service_of(endpoint, TURNS)
    served = service(fake)
    fail_once(monkeypatch)
    stt, listener = served.listen()
    await speak(stt, 7.0)
    await stt.aclose()
    assert words(listener) == fake.words
    (error,) = listener.errors
    assert "speechwire itself failed (ZeroDivisionError)" in error
    assert "secret words" not in error
    assert stt.ignored_s == 0.0


async def test_faults_of_our_own_in_a_row_make_no_storm(
    service: Serving, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = service_of(endpoint, [(60.0, 61.0)])
    served = service(fake)
    fail_once(monkeypatch, times=8)
    stt, listener = served.listen()
    await speak(stt, 65.0)
    await stt.aclose()
    assert words(listener) == fake.words
    assert len(listener.errors) == 8
    assert stt.ignored_s == pytest.approx(0.25 + 0.5 + 1 + 2 + 4 + 8 + 8, abs=0.3)


async def test_all_tasks_are_cancelled_and_the_next_audio_is_heard(service: Serving, endpoint: str) -> None:
    fake = service_of(endpoint, TURNS)
    served = service(fake)
    stt, listener = served.listen()
    await speak(stt, 2.8)
    serving = set(served.transport._tasks)
    for task in asyncio.all_tasks() - {asyncio.current_task()} - serving:
        task.cancel()
    await speak(stt, 4.0, start_s=3.0)
    await stt.aclose()
    assert words(listener) == fake.words
    (error,) = listener.errors
    assert "cancelled" in error
    assert len(served.peers) == 2


async def test_a_delivery_that_was_cancelled_is_taken_up_again(service: Serving, endpoint: str) -> None:
    fake = service_of(endpoint, TURNS)
    served = service(fake)
    stt, listener = served.listen()
    await speak(stt, 1.5)
    assert stt._stream is not None
    assert stt._stream.delivery is not None
    stt._stream.delivery.cancel()
    await speak(stt, 5.0, start_s=1.5)
    assert words(listener)[:4] == [4, 5, 6, 7]
    await stt.aclose()
    assert words(listener) == fake.words
    assert listener.errors == []
    assert len(served.peers) == 1


async def test_what_was_said_before_the_delivery_was_cancelled_comes_at_the_close(
    service: Serving, endpoint: str
) -> None:
    stt, listener = service(service_of(endpoint, [(1.0, 2.0)])).listen()
    await speak(stt, 1.9)
    assert stt._stream is not None
    assert stt._stream.delivery is not None
    stt._stream.delivery.cancel()
    await asyncio.sleep(0.0)
    await stt.aclose()
    assert words(listener) == [4, 5, 6]


class Odd(BaseException):
    """Neither an Exception nor one of those that end a process."""


@pytest.mark.parametrize(
    "failure", [RuntimeError("broken"), asyncio.CancelledError(), Odd(), TimeoutError(), StopAsyncIteration()]
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_callback_that_raises_costs_one_response(
    service: Serving, endpoint: str, failure: BaseException, at_once: bool
) -> None:
    fake = service_of(endpoint, TURNS)
    stt, listener = service(fake).listen()
    deliveries: set[object] = set()

    async def hear(response: STTResponse) -> None:
        deliveries.add(asyncio.current_task())
        await listener.hear(response)
        if not at_once:
            await asyncio.sleep(0.01)
        raise failure

    stt.on_stt_transcript(hear)
    await speak(stt, 7.0)
    await stt.aclose()
    assert words(listener) == fake.words
    assert listener.errors == []
    assert len(deliveries) == 1  # it was not ended and taken up again


async def test_a_callback_whose_awaited_task_is_cancelled_costs_one_response(
    service: Serving, endpoint: str
) -> None:
    fake = service_of(endpoint, TURNS)
    stt, listener = service(fake).listen()

    async def hear(response: STTResponse) -> None:
        await listener.hear(response)
        helper = asyncio.ensure_future(asyncio.sleep(1))
        helper.cancel()
        await helper

    stt.on_stt_transcript(hear)
    await speak(stt, 7.0)
    await stt.aclose()
    assert words(listener) == fake.words


async def test_a_handler_of_events_that_raises_costs_nothing(service: Serving, endpoint: str) -> None:
    fake = service_of(endpoint, TURNS)
    stt, listener = service(fake).listen()

    def fail(event: object) -> None:
        raise asyncio.CancelledError

    stt.on("event", fail)
    await speak(stt, 7.0)
    await stt.aclose()
    assert words(listener) == fake.words


async def test_a_real_cancellation_in_a_callback_ends_the_delivery(service: Serving, endpoint: str) -> None:
    """Also where the callback makes another exception of it, or swallows it."""
    for swallow in (True, False):
        stt, listener = service(service_of(endpoint, TURNS)).listen()
        waiting = asyncio.Event()

        async def hear(
            response: STTResponse, swallow: bool = swallow, waiting: asyncio.Event = waiting
        ) -> None:
            waiting.set()
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                if not swallow:
                    raise RuntimeError("not now") from None

        stt.on_stt_transcript(hear)
        await speak(stt, 2.0)
        await waiting.wait()
        assert stt._stream is not None
        delivery = stt._stream.delivery
        assert delivery is not None
        delivery.cancel()
        await asyncio.wait({delivery}, timeout=10.0)
        assert delivery.cancelled()
        stt.on_stt_transcript(listener.hear)
        await stt.aclose()


async def test_a_component_taken_back_into_use_after_an_outage_begins_anew(
    service: Serving, endpoint: str
) -> None:
    """Others have answered what it kept; the framework's fallback sets the callback when it comes back."""
    clock = asyncio.get_running_loop().time
    began = clock()
    fake = service_of(endpoint, [(1.0, 2.0), (101.0, 102.0)])

    def refusal(peer: MemoryPeer) -> Exception | None:
        is_out = clock() - began < 70.0
        return ConnectFailed("ws://there", "connection refused") if is_out else None

    stt, listener = service(refusing(fake, refusal)).listen()
    await speak(stt, 45.0)
    assert len(listener.errors) == 1
    await asyncio.sleep(60.0)
    stt.on_stt_transcript(listener.hear)
    await speak(stt, 3.0, start_s=100.0)
    await stt.aclose()
    assert words(listener) == [404, 405, 406, 407]
    first, second = of(SessionEnded, listener)
    assert (first.complete, first.dropped_s) == (False, first.pushed_s)
    assert (second.complete, second.dropped_s) == (True, 0.0)


async def test_a_component_taken_back_into_use_tries_a_refused_key_again_and_says_so_again(
    service: Serving, endpoint: str
) -> None:
    served = service(refusing(service_of(endpoint, ()), lambda peer: HandshakeRefused(401, "no")))
    stt, listener = served.listen()
    for attempts in (1, 2, 3):
        await speak(stt, 5.0)
        assert len(served.peers) == len(listener.errors) == attempts
        stt.on_stt_transcript(listener.hear)
    await stt.aclose()


async def test_another_address_is_tried_in_an_outage(service: Serving, endpoint: str) -> None:
    fake = service_of(endpoint, [(41.0, 42.0)])

    def refusal(peer: MemoryPeer) -> Exception | None:
        return None if "127.0.0.2" in peer.request.url else ConnectFailed("ws://there", "refused")

    stt, listener = service(refusing(fake, refusal)).listen()
    await speak(stt, 40.0)
    stt.base_url = stt.base_url.replace("wss://api.deepgram.com", "ws://127.0.0.2")
    await speak(stt, 3.0, start_s=40.0)
    await stt.aclose()
    assert words(listener) == fake.words
    assert len(listener.errors) == 1
