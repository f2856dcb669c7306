"""Who gets in, and what the others are told ("Deepgram docs: errors")."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from speechwire.emulator import Behaviour, Emulator, RefuseUpgrade, Script, SlowUpgrade

from .conftest import KEY, Client, eventually

NOVA = "/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000"
FLUX = "/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=16000"
MULTI = FLUX.replace("-en", "-multi")
AURA = "/v1/speak?model=aura-2-thalia-en"
FLUX_TTS = "/v2/speak?model=flux-alexis-en"
JWT = "a.b.c"

ACCEPTED: list[tuple[dict[str, str], str]] = [
    ({"Authorization": f"Token {KEY}"}, "token"),
    ({"Authorization": f"token {KEY}"}, "token"),
    ({"Authorization": f"Bearer {JWT}"}, "bearer"),
    ({"Authorization": f"bearer {JWT}"}, "bearer"),
]
DENIED: list[dict[str, str]] = [
    {},
    {"Authorization": "Token"},
    {"Authorization": f"Bearer {KEY}"},
    {"Authorization": f"Token {JWT}"},
    {"Authorization": f"Basic {KEY}"},
    {"Authorization": KEY},
    {"Sec-WebSocket-Protocol": "token"},
]


@pytest.mark.parametrize(("headers", "way"), ACCEPTED)
@pytest.mark.parametrize("url", [NOVA, FLUX, AURA, FLUX_TTS])
async def test_headers_that_let_in(client: Client, url: str, headers: dict[str, str], way: str) -> None:
    async with Emulator() as emulator:
        socket = await client.open(emulator.base_url + url, headers=headers)
        (record,) = emulator.connections
        assert record.auth == way
        response = socket.ws._response
        assert response.headers["dg-request-id"] == record.request_id
        assert "Sec-WebSocket-Extensions" not in response.headers


@pytest.mark.parametrize(("scheme", "secret"), [("token", KEY), ("bearer", JWT)])
async def test_subprotocol(client: Client, scheme: str, secret: str) -> None:
    async with Emulator() as emulator:
        socket = await client.open(emulator.base_url + NOVA, headers={}, protocols=(scheme, secret))
        assert socket.ws.protocol == scheme
        assert emulator.connections[0].auth == f"subprotocol {scheme}"


@pytest.mark.parametrize("headers", DENIED)
async def test_401(client: Client, headers: dict[str, str]) -> None:
    async with Emulator() as emulator:
        status, answered, body = await client.refusal(emulator.base_url + NOVA, headers)
        (record,) = emulator.connections
    assert status == record.status == 401
    assert body == {
        "err_code": "INVALID_AUTH",
        "err_msg": "Invalid credentials.",
        "request_id": answered["dg-request-id"],
    }
    assert answered["dg-error"] == "Invalid credentials."


async def test_only_the_keys_told(client: Client) -> None:
    async with Emulator(keys={"right"}) as emulator:
        assert (await client.refusal(emulator.base_url + NOVA))[0] == 401
        await client.open(emulator.base_url + NOVA, headers={"Authorization": "Token right"})


def test_one_key_is_no_collection_of_keys() -> None:
    """Of a string, any part would be a key."""
    with pytest.raises(TypeError, match="^keys must be a collection of keys, got str$"):
        Emulator(keys="right")


async def test_temporary_tokens_open_sockets_until_they_expire(client: Client) -> None:
    async with Emulator(keys={KEY}) as emulator:
        async with client.session.post(
            emulator.http_url + "/v1/auth/grant",
            json={"ttl_seconds": 1.0},
            headers={"Authorization": f"Token {KEY}"},
        ) as response:
            granted = await response.json()
        assert granted["expires_in"] == 1.0
        headers = {"Authorization": f"Bearer {granted['access_token']}"}
        socket = await client.open(emulator.base_url + FLUX, headers=headers)
        await asyncio.sleep(1.05)
        assert (await client.refusal(emulator.base_url + FLUX, headers))[0] == 401
        await socket.send({"type": "CloseStream"})
        await socket.rest()
        assert socket.close == (1005, "")


REFUSED: list[tuple[str, int, str]] = [
    (NOVA + "&keywords=Oslo", 400, "Keywords are not supported for Nova-3"),
    (NOVA + "&keyterm=" + "&keyterm=".join(["x" * 20] * 60), 400, "Keyterm limit exceeded"),
    (NOVA + "&diarize=true&diarize_model=v1", 400, "diarize_model cannot be used together"),
    (NOVA + "&summarize=v2", 400, "Summarization is not available for streaming"),
    (NOVA + "&topics=true", 403, "requested features"),
    (NOVA + "&utterance_end_ms=1000", 400, "interim_results"),
    (NOVA + "&interim_results=True", 400, "provided string was not `true` or `false`"),
    (NOVA + "&endpointing=False", 400, "Failed to deserialize query parameters"),
    (NOVA + "&channels=21", 400, "channels"),
    (NOVA.replace("nova-3", "nova-33"), 403, "does not have access to the requested model"),
    (NOVA.replace("nova-3", "flux-general-en"), 400, "No such model"),
    (NOVA.replace("&sample_rate=16000", ""), 400, "`sample_rate` is required"),
    (NOVA.replace("linear16", "g722"), 400, "unknown variant `g722`"),
    (NOVA.replace("linear16", "opus"), 400, "this emulator does not decode opus"),
    (FLUX + "&channels=1", 400, "unknown field `channels`"),
    (FLUX + "&interim_results=true", 400, "unknown field `interim_results`"),
    (FLUX + "&eot_threshold=0.4", 400, "eot_threshold must be between"),
    (FLUX + "&eager_eot_threshold=0.8", 400, "must not exceed eot_threshold"),
    (FLUX + "&eot_timeout_ms=100", 400, "eot_timeout_ms must be between"),
    (FLUX + "&language_hint=en", 400, "language_hint is not supported for model flux-general-en"),
    (MULTI + "&language_hint=", 400, "language_hint `` is not supported"),
    (FLUX + "&keyterm=x" * 101, 400, "Received 101 keyterms, which is more than the limit of 100."),
    (FLUX.replace("16000", "11025"), 400, "Unsupported audio format"),
    ("/v2/listen?encoding=linear16&sample_rate=16000", 400, "No such model"),
    (AURA.replace("thalia-en", "thalia-xx"), 400, "No such model/version combination found."),
    (AURA + "&sample_rate=11025", 400, "`sample_rate` must be [8000, 16000, 24000, 32000, 48000]"),
    (AURA + "&encoding=mulaw&sample_rate=24000", 400, "when `encoding=mulaw`"),
    (AURA + "&encoding=mp3", 400, "unknown variant `mp3`"),
    (AURA + "&speed=2", 400, "speed must be 0.7 to 1.5"),
    (FLUX_TTS.replace("flux-alexis-en", "aura-2-thalia-en"), 400, "No such model/version combination found."),
    (FLUX_TTS + "&container=none", 400, "unknown field `container`"),
    (FLUX_TTS + "&expressivity=3", 400, "-2 to 2"),
    (FLUX_TTS + "&speed=1.02", 400, "0.05"),
]


@pytest.mark.parametrize(("url", "status", "words"), REFUSED, ids=[url[:60] for url, _, _ in REFUSED])
async def test_parameters_that_are_refused(client: Client, url: str, status: int, words: str) -> None:
    async with Emulator() as emulator:
        answer, headers, body = await client.refusal(emulator.base_url + url)
    assert (answer, words in headers["dg-error"]) == (status, True)
    assert headers["dg-error"] in body.values()


async def test_the_three_shapes_of_a_refusal(client: Client) -> None:
    async with Emulator() as emulator:
        _, headers, legacy = await client.refusal(emulator.base_url + NOVA + "&keywords=x")
        _, _, modern = await client.refusal(emulator.base_url + FLUX + "&eot_timeout_ms=x")
        _, _, flux = await client.refusal(emulator.base_url + FLUX + "&language_hint=en")
    assert set(legacy) == {"err_code", "err_msg", "request_id"}
    assert legacy["request_id"] == headers["dg-request-id"] == emulator.connections[0].request_id
    assert set(modern) == {"category", "message", "details", "request_id"}
    assert flux["code"] == "INVALID_PARAMETER"
    assert set(flux) == {"code", "description"}


ACCEPTED_URLS = [
    "/v1/listen",
    NOVA + "&sentiment=true&invented=1",
    NOVA + "&endpointing=false&no_delay=true&filler_words=true&vad_events=true&tag=a&tag=b",
    NOVA.replace("nova-3", "nova-2-phonecall") + "&keywords=Oslo:2",
    NOVA + "&interim_results=true&utterance_end_ms=1000&channels=2&multichannel=true",
    MULTI + "&language_hint=en&language_hint=pt-BR&keyterm=order+number&eager_eot_threshold=0.7",
    FLUX + "&eot_threshold=1.0&eot_timeout_ms=60000&redact=numbers",
    "/v1/speak",
    AURA + "&encoding=alaw&speed=1.5&container=none",
    FLUX_TTS + "&sample_rate=44100&speed=1.05&expressivity=-2&tag=x",
]


@pytest.mark.parametrize("url", ACCEPTED_URLS)
async def test_parameters_that_are_accepted(client: Client, url: str) -> None:
    async with Emulator() as emulator:
        await client.open(emulator.base_url + url)
        assert emulator.connections[0].status == 101


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "INVALID_AUTH"),
        (402, "ASR_PAYMENT_REQUIRED"),
        (403, "INSUFFICIENT_PERMISSIONS"),
        (429, "TOO_MANY_REQUESTS"),
        (503, "Service Unavailable"),
    ],
)
async def test_any_refusal_can_be_asked_for(client: Client, status: int, code: str) -> None:
    async with Emulator(faults=[RefuseUpgrade(status)]) as emulator:
        answer, headers, body = await client.refusal(emulator.base_url + NOVA)
    assert (answer, body["err_code"]) == (status, code)
    assert headers["dg-error"] == body["err_msg"]


async def test_refusal_only_at_reconnect_and_slow_upgrade(client: Client) -> None:
    refusal = RefuseUpgrade(503, connections={1})
    async with Emulator(faults=[refusal, SlowUpgrade(0.05, connections={2})]) as emulator:
        await client.open(emulator.base_url + NOVA)
        assert (await client.refusal(emulator.base_url + NOVA))[0] == 503
        await client.open(emulator.base_url + NOVA)
        assert [record.status for record in emulator.connections] == [101, 503, 101]


async def test_too_many_connections(client: Client) -> None:
    async with Emulator(behaviour=Behaviour(max_connections=2)) as emulator:
        sockets = [await client.open(emulator.base_url + FLUX) for _ in range(2)]
        assert (await client.refusal(emulator.base_url + FLUX))[0] == 429
        await sockets[0].send({"type": "CloseStream"})
        await sockets[0].rest()
        await eventually(lambda: emulator.status()["open"] == 1)
        await client.open(emulator.base_url + FLUX)


async def test_a_plain_get_is_told_what_this_is(client: Client) -> None:
    async with Emulator() as emulator:
        headers = {"Authorization": f"Token {KEY}"}
        async with client.session.get(emulator.http_url + "/v1/listen", headers=headers) as response:
            assert response.status == 400
            assert "WebSocket" in response.headers["dg-error"]


def test_only_loopback_unless_told_otherwise() -> None:
    with pytest.raises(
        ValueError, match=r"^host must be a loopback address unless allow_remote is given, got '0\.0\.0\.0'$"
    ):
        Emulator(host="0.0.0.0")
    with pytest.raises(
        ValueError,
        match=r"^host must be a loopback address unless allow_remote is given, got 'example\.com'$",
    ):
        Emulator(host="example.com")
    with pytest.warns(UserWarning, match="unencrypted"):
        Emulator(host="0.0.0.0", allow_remote=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"engine": "magic"},
            "engine must be 'scripted', 'tagged', 'offline' or an engine object, got 'magic'",
        ),
        ({"engine": "offline", "script": Script()}, "script must be None unless the engine is 'scripted'"),
        ({"port": -1}, "port must be 0 to 65535, got -1"),
        ({"port": 65536}, "port must be 0 to 65535, got 65536"),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as refused:
        Emulator(**arguments)
    assert str(refused.value).startswith(words)


@pytest.mark.parametrize("scale", [0, -1.0, math.nan, math.inf])
def test_time_is_scaled_by_a_number(scale: float) -> None:
    with pytest.raises(ValueError, match="time_scale must be a number above 0, got"):
        Behaviour(time_scale=scale)
