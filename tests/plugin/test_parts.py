"""Parts by themselves: what a stream outlasts, what an event means, what is told of a failure."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from videosdk.agents import STTResponse, global_event_emitter
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2
from videosdk.plugins.deepgram._input import InputFormat, InputWatch
from videosdk.plugins.deepgram._stream import Stream
from videosdk.plugins.deepgram._transcription import Feeding
from videosdk.plugins.deepgram._voices import Voices
from videosdk.plugins.deepgram.version import __version__

from speechwire.errors import HandshakeRefused, SessionClosed
from speechwire.protocol.listen_v1_events import SpeechStarted

from .conftest import KEY

PROJECT = Path(__file__).parents[2] / "python" / "videosdk-plugins-deepgram" / "pyproject.toml"
ROOM, PHONE = InputFormat(48_000, 2), InputFormat(8_000, 1)


def stream(
    translate: Callable[[object], Iterable[STTResponse]] = lambda event: (), *, follows: bool = True
) -> Stream:
    """One that began as a room's, in a session that takes everything."""
    session = SimpleNamespace(push=lambda audio: None, exchange=lambda converter: None, connected=True)
    made: Any = object
    return Stream(cast(Any, session), ROOM, made(), lambda format: made(), translate, follows=follows)


async def test_a_format_that_has_stayed_for_five_seconds_is_worth_a_session() -> None:
    one = stream()
    one.push(bytes(2 * 8_000 * 4), PHONE)
    assert not one.is_outlasted(PHONE)
    one.push(bytes(2 * 8_000), PHONE)
    assert one.is_outlasted(PHONE)
    assert not one.is_outlasted(ROOM), "it has just changed back"
    one.push(b"", ROOM)
    one.push(bytes(2 * 8_000 * 4), PHONE)
    assert not one.is_outlasted(PHONE), "it counts anew"


async def test_what_began_the_session_and_what_is_not_followed_is_worth_none() -> None:
    one, other = stream(), stream(follows=False)
    one.push(bytes(ROOM.frame_bytes * 48_000 * 9), ROOM)
    other.push(bytes(2 * 8_000 * 9), PHONE)
    assert not one.is_outlasted(ROOM)
    assert not other.is_outlasted(PHONE)


async def test_an_event_that_cannot_be_translated_is_told_and_means_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def translate(event: object) -> Iterable[STTResponse]:
        raise KeyError("odd")

    assert stream(translate).responses("an event") == ()
    assert caplog.messages == ["an event could not be translated: str"]


@pytest.mark.parametrize("plugin", [DeepgramSTT, DeepgramSTTV2])
async def test_an_event_that_means_nothing_is_passed_over(
    plugin: type[DeepgramSTT | DeepgramSTTV2], caplog: pytest.LogCaptureFixture
) -> None:
    translate = plugin(api_key=KEY)._translation()
    assert [*translate(SimpleNamespace(event="EndOfTurn")), *translate("an event")] == []
    assert caplog.messages == []


async def test_speech_that_has_started_is_told_to_the_session() -> None:
    told: list[str] = []

    def started(data: object) -> None:
        told.append("started")

    global_event_emitter.on("speech_started", started)
    translate = DeepgramSTT(api_key=KEY)._translation()
    event = SpeechStarted(timestamp=0.0)
    assert [*translate(event)] == []
    assert told == [], "the first says nothing"
    assert [*translate(event)] == []
    assert told == ["started"]


async def test_a_failure_in_the_background_is_told_and_a_cancellation_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def failing() -> None:
        raise ValueError("odd")

    async def waiting() -> None:
        await asyncio.Event().wait()

    voices = Voices(lambda name: cast(Any, None), 4)
    for work in (failing(), waiting(), asyncio.sleep(0)):
        voices.finish(work)
    await asyncio.sleep(0.01)
    for task in tuple(voices._tasks):
        task.cancel()
    await voices.aclose()
    assert caplog.messages == ["in the background of a synthesis: ValueError"]
    assert voices._tasks == set()


def test_the_version_is_the_projects() -> None:
    assert __version__ == tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["version"]


async def test_few_converters_are_kept() -> None:
    one = stream()
    for rate in range(8_000, 15_000, 1_000):
        one.push(b"", InputFormat(rate, 1))
    assert len(one._converters) == 8
    one.push(b"", InputFormat(16_000, 1))
    assert len(one._converters) == 1


async def test_a_source_is_not_read_on_when_its_session_has_ended() -> None:
    taken: list[bytes] = []

    async def frames() -> AsyncIterator[bytes]:
        for frame in (b"second", b"third", b"fourth"):
            taken.append(frame)
            yield frame

    def push(audio: bytes, format: object) -> None:
        if audio == b"third":
            raise SessionClosed("it has ended")

    async def aclose() -> None:
        taken.append(b"closed")

    ended: Any = SimpleNamespace(push=push, session=SimpleNamespace(aclose=aclose))
    feeding = Feeding(ended, b"first", frames(), InputWatch(None, None))
    await feeding._task
    await feeding.result()
    assert taken == [b"second", b"third", b"closed"]


async def test_a_source_without_audio_is_no_reason_to_repeat_an_old_failure() -> None:
    async def frames(*audio: bytes) -> AsyncIterator[bytes]:
        for each in audio:
            yield each

    stt = DeepgramSTT(api_key=KEY)
    refusal = HandshakeRefused(401)
    stt._failures.failed(refusal, stt._configuration(ROOM), worked=False)
    assert await stt._admit(frames(b"")) is None
    with pytest.raises(HandshakeRefused):
        await stt._admit(frames(bytes(3840)))
