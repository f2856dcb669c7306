"""A test of an agent: audio with known words, faults, and what Deepgram saw."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from speechwire.audio import PcmPipeline
from speechwire.emulator import (
    Behaviour,
    Delivery,
    EmulatedCall,
    KnownWords,
    RefuseUpgrade,
    Reset,
    StreamInfo,
    tag_of,
)
from speechwire.emulator._audio_format import AudioFormat, Decoder, encode
from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol import ListenV1Options, ListenV2Options, SpeakV1Options, SpeakV2Options
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import ListenV1Session, ListenV2Session, SpeakRequest, SpeakSession

pytest_plugins = ["speechwire.emulator.pytest_plugin", "pytester"]

ORDER = "Two tickets to Oslo, please."


class Agent:
    """Repeats each turn, and stops when the caller speaks."""

    def __init__(
        self, base_url: str, voice: SpeakV1Options | SpeakV2Options | None = None, *, stops: bool = True
    ) -> None:
        converter = PcmPipeline(48_000, 16_000, 2, chunk_ms=80)
        self.ears = ListenV2Session("key", ListenV2Options(), converter=converter, base_url=base_url)
        self.mouth = SpeakSession("key", voice, base_url=base_url)
        self.stops = stops
        self.played = bytearray()
        self.request: SpeakRequest | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Agent:
        self._tasks.append(asyncio.create_task(self._listen()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.ears.aclose()
        await self.mouth.aclose()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self) -> None:
        async for event in self.ears:
            if not isinstance(event, TurnInfo):
                continue
            if event.event == "StartOfTurn" and self.request and self.stops:
                self.request.interrupt()
            if event.event == "EndOfTurn":
                self.request = self.mouth.speak(f"You said: {event.transcript} I will see to it at once.")
                self._tasks.append(asyncio.create_task(self._play(self.request)))

    async def _play(self, request: SpeakRequest) -> None:
        async for pcm in request:
            self.played += pcm


async def test_what_an_agent_heard_and_said(deepgram_call: EmulatedCall) -> None:
    call = deepgram_call
    async with Agent(call.base_url) as agent:
        await call.play(ORDER, agent.ears.push, rate=48_000, channels=2, speed=4)
        assert await call.eventually(lambda: call.spoken("you said two tickets to oslo please"))
        assert await call.eventually(lambda: call.texts_in(bytes(agent.played)))
    assert call.heard("two tickets", times=1)
    assert call.texts_in(bytes(agent.played)) == [f"You said: {ORDER} I will see to it at once."]
    assert not call.heard("three tickets")
    assert not call.heard("tickets two")
    assert not call.interrupted_within(10)


@pytest.mark.parametrize("voice", [SpeakV1Options(), SpeakV2Options()], ids=["Clear", "Interrupt"])
async def test_a_caller_who_interrupts(
    deepgram_call: EmulatedCall, voice: SpeakV1Options | SpeakV2Options
) -> None:
    call = deepgram_call
    async with Agent(call.base_url, voice) as agent:
        await call.play(ORDER, agent.ears.push, rate=48_000, channels=2, speed=4, after_s=0.6)
        assert await call.eventually(lambda: len(agent.played) > 4800)
        await call.play("No, three.", agent.ears.push, rate=48_000, channels=2, speed=4)
        assert await call.eventually(lambda: call.interrupted_within(20.0))
    assert not call.interrupted_within(0.0)
    assert "interrupted after 0." in repr(call.interrupted_within(0.0))


async def test_an_agent_that_does_not_stop_is_found(deepgram_call: EmulatedCall) -> None:
    call = deepgram_call
    async with Agent(call.base_url, stops=False) as agent:
        await call.play(ORDER, agent.ears.push, rate=48_000, channels=2, speed=4, after_s=0.6)
        assert await call.eventually(lambda: len(agent.played) > 4800)
        await call.play("No, three.", agent.ears.push, rate=48_000, channels=2, speed=4)
        assert await call.eventually(lambda: call.heard("no three"))
        assert not call.interrupted_within(10.0)


async def test_an_early_end_of_a_speaking_connection_is_an_interruption(deepgram_call: EmulatedCall) -> None:
    call = deepgram_call
    async with Agent(call.base_url, stops=False) as agent:
        await call.play(ORDER, agent.ears.push, rate=48_000, channels=2, speed=4, after_s=0.6)
        assert await call.eventually(lambda: len(agent.played) > 4800)
        await call.play("No, three.", agent.ears.push, rate=48_000, channels=2, speed=4, after_s=0.0)
        await agent.mouth.aclose()
        assert await call.eventually(lambda: call.interrupted_within(20.0))


@pytest.mark.parametrize("name", ["reset", "closed with 1011", "refused with 503"])
async def test_a_common_fault_loses_no_word_of_a_session(deepgram_call: EmulatedCall, name: str) -> None:
    call = deepgram_call
    await SpeakSession("key", base_url=call.base_url).prewarm()  # listening is not the first connection
    call.fails_with(call.common_faults()[name])
    async with Agent(call.base_url) as agent:
        await call.play(ORDER, agent.ears.push, rate=48_000, channels=2, speed=4)
        assert await call.eventually(lambda: call.heard(ORDER))
    assert len([one for one in call.emulator.connections if one.endpoint == "/v2/listen"]) == 2


@pytest.mark.parametrize("fault", ["reset", [Reset()], Reset])
def test_what_is_no_fault_is_refused(deepgram_call: EmulatedCall, fault: Any) -> None:
    with pytest.raises(InvalidArgumentType, match=r"faults must be .*common_faults"):
        deepgram_call.fails_with(fault)
    assert not deepgram_call.emulator.faults


@pytest.mark.parametrize(
    ("argument", "value"), [("rate", 100), ("rate", 200_000), ("channels", 0), ("channels", 33)]
)
def test_audio_that_no_call_has_is_refused(deepgram_call: EmulatedCall, argument: str, value: int) -> None:
    with pytest.raises(InvalidArgument, match=argument):
        next(deepgram_call.frames(ORDER, **{argument: value}))


async def test_faults_can_be_given_at_once(make_deepgram_call: Callable[..., EmulatedCall]) -> None:
    call = make_deepgram_call(RefuseUpgrade(401))
    async with ListenV1Session("key", ListenV1Options(), base_url=call.base_url) as session:
        session.push(call.audio(ORDER))
        assert await call.eventually(lambda: session.error)
    assert not call.heard(ORDER)


async def test_nova_hears_known_words_and_a_fault_can_name_speaking_connections(
    deepgram_call: EmulatedCall,
) -> None:
    call = deepgram_call
    call.fails_with(Reset(connections=call.speaking(0)))
    async with ListenV1Session("key", ListenV1Options(), base_url=call.base_url) as session:
        for frame in call.frames("very very good"):
            session.push(frame)
        assert await call.eventually(lambda: call.heard("very very good", times=1))
    assert len(call.emulator.connections) == 1


def test_a_test_without_asyncio_can_wait(deepgram_call: EmulatedCall) -> None:
    async def say() -> None:
        async with ListenV1Session("key", ListenV1Options(), base_url=deepgram_call.base_url) as session:
            session.push(deepgram_call.audio(ORDER))
            await session.aclose()

    asyncio.run(say())
    assert deepgram_call.wait_for(lambda: deepgram_call.heard(ORDER))
    assert not deepgram_call.wait_for(lambda: deepgram_call.heard("goodbye"), within_s=0.05)


def test_calls_speak_at_real_pace_unless_told_otherwise(
    make_deepgram_call: Callable[..., EmulatedCall],
) -> None:
    assert make_deepgram_call().emulator.behaviour.delivery.pace == 1.0
    behaviour = Behaviour(delivery=Delivery(pace=5.0))
    assert make_deepgram_call(behaviour=behaviour).emulator.behaviour is behaviour


def test_another_engine_has_no_known_words(make_deepgram_call: Callable[..., EmulatedCall]) -> None:
    call = make_deepgram_call(engine="scripted")
    with pytest.raises(RuntimeError, match="the scripted engine does not recognise known words"):
        call.audio(ORDER)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16_000, 1), (44_100, 2), (48_000, 2)])
async def test_words_survive_mixing_and_resampling(rate: int, channels: int) -> None:
    words = KnownWords()
    pipeline = PcmPipeline(rate, 16_000, channels, chunk_ms=100)
    pcm = b"".join(pipeline.push(words.say(ORDER, rate=rate, channels=channels)) + pipeline.flush())
    recognizer = await words.recognizer(StreamInfo(0, "/v2/listen", 16_000))
    (last,) = [*await recognizer.feed(pcm + bytes(1600)), *await recognizer.settle()][-1:]
    assert [word.display for word in last.words] == ORDER.split()
    assert [word.text for word in last.words] == ["two", "tickets", "to", "oslo", "please"]


async def test_words_survive_mu_law() -> None:
    words = KnownWords()
    pcm = words.say(" ".join(f"w{n}" for n in range(100)), rate=8000)
    back = b"".join(Decoder(AudioFormat("mulaw", 8000)).decode(encode(pcm, "mulaw")))
    recognizer = await words.recognizer(StreamInfo(0, "/v1/listen", 8000))
    (last,) = [*await recognizer.feed(back), *await recognizer.settle()][-1:]
    assert [word.text for word in last.words] == [f"w{n}" for n in range(100)]


def test_a_word_too_many_is_refused() -> None:
    words = KnownWords()
    words.say(" ".join(f"w{n}" for n in range(100)))
    words.say("w7 w8")
    with pytest.raises(InvalidArgument, match="one of the 100 words already used"):
        words.say("another")


async def test_what_was_played_is_told_by_text() -> None:
    words = KnownWords()
    voice = await words.synthesizer(StreamInfo(0, "/v1/speak", 24_000))
    one = b"".join([piece async for piece in voice.speak("One.")])
    two = b"".join([piece async for piece in voice.speak("Two.")])
    assert np.frombuffer(one, "<i2")[0] == tag_of("One.")
    assert words.texts_in(bytes(960) + one[:4800] + two + bytes(960)) == ["One.", "Two."]
    assert words.texts_in(one[: 2 * 239] + bytes(960)) == [], "shorter than 10 ms"
    assert words.texts_in(one[: 2 * 240] + bytes(960)) == ["One."]
    assert words.texts_in(b"") == []


def test_a_failed_assertion_says_what_was_seen(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest('pytest_plugins = ["speechwire.emulator.pytest_plugin"]')
    pytester.makepyfile("""
        def test_heard(deepgram_call):
            assert deepgram_call.heard("hello")

        def test_spoken(deepgram_call):
            assert deepgram_call.spoken("hello")

        def test_interrupted(deepgram_call):
            assert deepgram_call.interrupted_within(0.5)
    """)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "E*assert <not heard: 'hello', but []>*",
            "E*assert <not spoken: 'hello', but []>*",
            "E*assert <not interrupted: no Clear, no Interrupt and no early end of a connection>*",
        ]
    )
