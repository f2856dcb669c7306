"""What cannot be mended is said once, in the framework's terms; and its fallback takes over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APIStatusError
from livekit.agents import stt as stt_module
from livekit.agents import tts as tts_module
from livekit.agents.stt import SpeechEventType
from livekit.plugins.speechwire._errors import api_error
from tests.livekit.conftest import Start
from tests.livekit.parties import KEY, Told, frames, listen, speak, speech_to_text, text_to_speech, until
from tests.livekit.spoken import AUDIO, SCRIPT, TURNS, spoken

from speechwire.emulator import CloseWith, Emulator, RefuseUpgrade, ScriptedEngine
from speechwire.errors import ConnectFailed, ConnectionLost, HandshakeRefused, ServiceError, SessionClosed
from speechwire.session import ListenSettings

LISTENING, SPEAKING = ["/v1/listen", "/v2/listen"], ["/v1/speak", "/v2/speak"]
QUICK = APIConnectOptions(max_retry=1, retry_interval=0.05, timeout=2.0)
ONCE = APIConnectOptions(max_retry=0, retry_interval=0.05, timeout=2.0)


@pytest.mark.parametrize("endpoint", LISTENING)
async def test_a_wrong_key_is_said_once_and_not_tried_again(start: Start, endpoint: str) -> None:
    """LiveKit agents #3519, #7031: and no message holds it."""
    emulator, told = await start(ScriptedEngine(), keys={"another"}), Told()
    async with speech_to_text("speechwire", emulator.http_url, endpoint, told) as stt:
        with pytest.raises(APIStatusError) as refused:
            await listen(stt, AUDIO)
    assert (refused.value.status_code, refused.value.retryable) == (401, False)
    assert refused.value.request_id == emulator.connections[0].request_id
    assert [error.recoverable for error in told.errors] == [False]
    assert len(emulator.connections) == 1
    said = repr(refused.value) + str(refused.value) + repr(refused.value.__cause__) + repr(told.errors)
    assert KEY not in said


@pytest.mark.parametrize("endpoint", SPEAKING)
async def test_a_wrong_key_fails_the_text_once(start: Start, endpoint: str) -> None:
    """LiveKit agents #7158: the same when speaking."""
    emulator, told = await start(ScriptedEngine(), keys={"another"}), Told()
    async with text_to_speech("speechwire", emulator.http_url, endpoint, told) as tts:
        with pytest.raises(APIStatusError) as refused:
            await speak(tts, "Hello.")
        with pytest.raises(APIStatusError):
            await tts.synthesize("Hello.").collect()
    assert refused.value.status_code == 401
    assert [error.recoverable for error in told.errors] == [False, False]
    assert KEY not in repr(refused.value) + str(refused.value) + repr(told.errors)


@pytest.mark.parametrize("endpoint", LISTENING)
async def test_an_outage_is_given_up_after_the_retries_of_the_connect_options(
    start: Start, endpoint: str
) -> None:
    emulator, told = await start(ScriptedEngine(SCRIPT), faults=[RefuseUpgrade(503)]), Told()
    async with speech_to_text("speechwire", emulator.http_url, endpoint, told) as stt:
        with pytest.raises(APIStatusError) as given_up:
            await listen(stt, AUDIO, QUICK)
    assert (given_up.value.status_code, given_up.value.retryable) == (503, True)
    assert [error.recoverable for error in told.errors] == [True, True, False]
    assert len(emulator.connections) == 3


async def test_a_refused_address_is_a_connection_error() -> None:
    told = Told()
    async with speech_to_text("speechwire", "http://127.0.0.1:9", "/v2/listen", told) as stt:
        with pytest.raises(APIConnectionError):
            await listen(stt, AUDIO, ONCE)
    assert len(told.final_errors) == 1


async def test_a_session_may_be_told_to_wait_outages_out(start: Start) -> None:
    """Then nothing ends it, and what was said meanwhile is recognised afterwards."""
    emulator = await start(ScriptedEngine(SCRIPT), faults=[RefuseUpgrade(503, connections=range(4))])
    told, settings = Told(), ListenSettings(backoff=_impatient(), wait_out_outages=True)
    async with (
        speech_to_text("speechwire", emulator.http_url, "/v2/listen", told, settings=settings) as stt,
        stt.stream() as stream,
    ):
        for each in frames(AUDIO):
            stream.push_frame(each)
            await asyncio.sleep(0.004)
        await until(lambda: emulator.connections and emulator.connections[-1].is_open)
        stream.end_input()
        events = [event async for event in stream]
    finals = [e.alternatives[0].text for e in events if e.type is SpeechEventType.FINAL_TRANSCRIPT]
    assert finals == TURNS
    assert told.final_errors == []


def _impatient() -> Any:
    from speechwire.session import BackoffPolicy  # noqa: PLC0415

    return BackoffPolicy(base_s=0.05, cap_s=0.2, max_attempts=2)


@pytest.mark.parametrize(
    ("error", "kind", "fields"),
    [
        (
            HandshakeRefused(429, "slow down", request_id="r"),
            APIStatusError,
            {"status_code": 429, "retryable": True, "request_id": "r", "body": "slow down"},
        ),
        (HandshakeRefused(402), APIStatusError, {"status_code": 402, "retryable": False}),
        (
            ConnectionLost(1011, "NET-0001"),
            APIStatusError,
            {"status_code": 1011, "retryable": True, "body": "NET-0001"},
        ),
        (ConnectionLost(1008, retryable=False), APIStatusError, {"status_code": 1008, "retryable": False}),
        (
            ServiceError("X", "y"),
            APIError,
            {"retryable": False, "body": {"code": "X", "description": "y"}},
        ),
        (ConnectFailed("wss://host", "no route"), APIConnectionError, {"retryable": True}),
        (SessionClosed("closed"), APIConnectionError, {"retryable": False}),
    ],
    ids=repr,
)
def test_errors_keep_what_they_know(error: Any, kind: type, fields: dict[str, Any]) -> None:
    told = api_error(error)
    assert type(told) is kind
    assert {name: getattr(told, name) for name in fields} == fields


# Fallback


async def two(start: Start, **faults: Any) -> tuple[Emulator, Emulator]:
    """A service that fails, and one that does not."""
    return await start(ScriptedEngine(SCRIPT), **faults), await start(ScriptedEngine(SCRIPT))


@pytest.mark.parametrize("endpoint", LISTENING)
@pytest.mark.parametrize("status", [401, 503])
async def test_the_fallback_recogniser_takes_over(start: Start, endpoint: str, status: int) -> None:
    bad, good = await two(start, faults=[RefuseUpgrade(status)])
    told = Told()
    async with (
        speech_to_text("speechwire", bad.http_url, endpoint, told) as first,
        speech_to_text("speechwire", good.http_url, endpoint) as second,
    ):
        adapter = stt_module.FallbackAdapter([first, second], attempt_timeout=3.0, retry_interval=0.1)
        changed: list[Any] = []
        adapter.on("stt_availability_changed", changed.append)
        async with adapter.stream() as stream:
            await until(lambda: any(connection.is_open for connection in good.connections))
            for each in frames(AUDIO):
                stream.push_frame(each)
            stream.end_input()
            events = [event async for event in stream]
        await adapter.aclose()
    finals = [e.alternatives[0].text for e in events if e.type is SpeechEventType.FINAL_TRANSCRIPT]
    assert " ".join(finals) == " ".join(TURNS)
    assert [(event.stt, event.available) for event in changed] == [(first, False)]
    # Once for the call, once for the adapter's own attempt at recovery.
    assert 1 <= len(told.final_errors) <= 2


async def test_a_lost_connection_is_no_reason_to_fall_back(start: Start) -> None:
    """It is mended within the session, without a word lost; the other plugin would be dropped here."""
    bad, good = await two(start, faults=[CloseWith(1011, "NET-0001", at_s=1.0, connections={0})])
    async with (
        speech_to_text("speechwire", bad.http_url, "/v2/listen") as first,
        speech_to_text("speechwire", good.http_url, "/v2/listen") as second,
    ):
        adapter = stt_module.FallbackAdapter([first, second], attempt_timeout=3.0, retry_interval=0.1)
        async with adapter.stream() as stream:
            for each in frames(AUDIO):
                stream.push_frame(each)
            stream.end_input()
            events = [event async for event in stream]
        await adapter.aclose()
    finals = [e.alternatives[0].text for e in events if e.type is SpeechEventType.FINAL_TRANSCRIPT]
    assert finals == TURNS
    assert good.connections == []


@pytest.mark.parametrize("endpoint", SPEAKING)
@pytest.mark.parametrize("status", [401, 503])
async def test_the_fallback_synthesiser_takes_over(start: Start, endpoint: str, status: int) -> None:
    bad, good = await two(start, faults=[RefuseUpgrade(status)])
    told = Told()
    async with (
        text_to_speech("speechwire", bad.http_url, endpoint, told, sample_rate=16000) as first,
        text_to_speech("speechwire", good.http_url, endpoint, sample_rate=16000) as second,
    ):
        adapter = tts_module.FallbackAdapter([first, second], max_retry_per_tts=0)
        heard = await speak(adapter, "Two tickets to Oslo, please.")
        await adapter.aclose()
    assert heard == spoken("Two tickets to Oslo, please.")
    assert told.errors
    assert all(not error.recoverable for error in told.errors)
