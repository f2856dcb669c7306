"""A refusal is said once, and whatever is changed then is tried at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.plugin.conftest import KEY
from tests.plugin.virtual.driving import of, service_of, speak, words
from tests.plugin.virtual.refusing import TURNS, Serving, authorization, refusing

from speechwire.errors import HandshakeRefused
from speechwire.session import SessionEnded
from speechwire.transport import MemoryPeer


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


async def test_another_key_is_tried_at_once(
    service: Serving, endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    fake = service_of(endpoint, TURNS)

    def refusal(peer: MemoryPeer) -> Exception | None:
        return None if authorization(peer) == "Token good" else HandshakeRefused(401, "no")

    served = service(refusing(fake, refusal))
    stt, listener = served.listen(api_key="bad")
    await speak(stt, 3.0)
    stt.api_key = "worse"
    await speak(stt, 0.5, start_s=3.0)
    stt.api_key = "good"
    caplog.clear()
    await speak(stt, 3.0, start_s=3.5)
    (said,) = caplog.messages
    assert said.startswith(f"{type(stt).__name__} has ignored 3.") and said.endswith(" s of audio so far")
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


async def test_a_dictionary_that_is_changed_in_place_is_noticed(service: Serving, endpoint: str) -> None:
    served = service(refusing(service_of(endpoint, ()), lambda peer: HandshakeRefused(400, "no")))
    stt, _ = served.listen()
    stt.wishes = {"a": 1}
    await speak(stt, 0.5)
    stt.wishes["a"] = 2
    await speak(stt, 0.5)
    assert len(served.peers) == 2
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
