"""The application's side: turns, barge-in, keys, hang-up and errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import pytest
from tests.server.callers import CALLERS, Caller, Twilio
from tests.server.callers_exchanges import FreeSwitch
from tests.server.content import ContentEngine, spoken
from tests.server.serving import dial, serving, until

from speechwire.emulator import RefuseUpgrade
from speechwire.errors import SpeechwireError
from speechwire.server.call import BargeIn, Call, CallEnded, CallEvent, Said, Turn
from speechwire.server.codec import Digit
from speechwire.server.server import Phase

pytestmark = pytest.mark.usefixtures("each_socket")

PACE_S = 0.02
TEXT = " ".join(f"word{number}" for number in range(10, 24))
GREETING = 5 * 800
"""Bytes of its speech: the engine speaks a character in 0.1 s."""


async def test_ten_lines_hold_a_conversation() -> None:
    async def answer(call: Call) -> None:
        await call.say("Hello.")
        async for turn in call.turns():
            await call.say(f"{len(turn.text.split())} words")

    caller = Twilio()
    async with serving(answer, engine=ContentEngine()) as where:
        async with dial(where, caller) as call:
            await until(lambda: len(caller.heard.speech) == 6 * 800)
            await until(lambda: not any(line.speaking for line in where.server.lines))
            await call.say(spoken([3, 4, 5]), pace=PACE_S)
            await until(lambda: len(caller.heard.speech) == (6 + 7) * 800)
            await call.hang_up()
        assert where.server.counters.ended == {"hung_up": 1}
        assert where.server.counters.barge_ins == 0
    assert caller.heard.clears in ([], [len(caller.heard.speech)])


async def test_a_caller_who_speaks_is_heard_and_what_it_heard_is_known() -> None:
    events: list[CallEvent] = []
    said: list[Said] = []

    async def answer(call: Call) -> None:
        async def listen() -> None:
            async for event in call.events():
                events.append(event)

        listening = asyncio.create_task(listen())
        said.append(await call.say("hello"))
        said.append(await call.say(TEXT))
        await listening

    caller = Twilio()
    async with serving(answer, engine=ContentEngine()) as where:
        async with dial(where, caller) as call:
            await until(lambda: len(caller.heard.speech) > GREETING)
            call.first_speech_s = asyncio.get_running_loop().time()
            await call.say(spoken([7, 8], pause_s=0.5), pace=PACE_S)
            await until(lambda: caller.heard.clears)
            played_s = call.first_clear_s - call.first_speech_s
            sent = len(caller.heard.speech)
            await call.say(spoken([], pause_s=1.0), pace=PACE_S)
            assert len(caller.heard.speech) == sent, "after the clear nothing of it comes any more"
            await until(lambda: any(isinstance(event, Turn) for event in events))
            await call.hang_up()
        assert where.server.counters.barge_ins == 1
    (barge_in,) = [event for event in events if isinstance(event, BargeIn)]
    greeting, one = said
    assert (greeting.heard_text, greeting.interrupted) == ("hello", False)
    assert one.interrupted and one.heard_s == barge_in.heard_s
    assert 0 < one.heard_s < one.seconds < 10.5
    # Known to what a mark and the clock can tell.
    assert abs(one.heard_s - played_s) < 1.0
    # The engine speaks a character in 0.1 s: so many of the words, which are as long as their number says.
    assert TEXT.startswith(one.heard_text) and one.text == TEXT
    assert abs(len(one.heard_text) / 10 - one.heard_s) < 1.0
    assert [event.text for event in events if isinstance(event, Turn)] == ["7 8"]


async def test_a_flux_voice_is_told_how_much_was_heard_when_the_caller_cut_in() -> None:
    said: list[Said] = []

    async def answer(call: Call) -> None:
        await call.say("hello.")
        said.append(await call.say(unfinished()))
        async for _ in call.turns():
            pass

    async def unfinished() -> AsyncIterator[str]:
        """Sentences, and then nothing for a while: the service waits for more."""
        yield TEXT + ". "
        await asyncio.sleep(60)

    caller = Twilio()
    async with serving(answer, engine=ContentEngine(), speak={"model": "flux-alexis-en"}) as where:
        async with dial(where, caller) as call:
            await until(lambda: len(caller.heard.speech) > 6 * 800 + 8000)
            await call.say(spoken([7, 8], pause_s=0.5), pace=PACE_S)
            await until(lambda: said)
            await call.hang_up()
        (voice,) = [each for each in where.emulator.connections if each.endpoint == "/v2/speak"]
    (interrupt,) = [message for message in voice.received if message["type"] == "Interrupt"]
    (answered,) = [message for message in voice.sent if message["type"] == "SpeechInterrupted"]
    # The greeting was heard, which is 0.6 s of the connection's audio.
    offset_ms = int(600 + 1000 * said[0].heard_s)
    assert 0 < said[0].heard_s < said[0].seconds
    assert interrupt["playback_offset"] == {"type": "time_ms", "value": offset_ms}
    assert answered["audio_played_ms"] == offset_ms
    parts = f"{answered['text_spoken']} {answered['text_remaining']}".split()
    assert parts == (TEXT + ".").split()


@pytest.mark.parametrize("kind", [k for k in CALLERS if k is not FreeSwitch], ids=lambda kind: kind.__name__)
async def test_keys_reach_the_application(kind: type[Caller]) -> None:
    digits: list[str] = []

    async def answer(call: Call) -> None:
        async for event in call.events():
            if isinstance(event, Digit):
                digits.append(event.digit)
                if event.digit == "#":
                    return

    caller = kind()
    async with serving(answer) as where:
        async with dial(where, caller) as call:
            await until(lambda: any(line.call for line in where.server.lines))
            for digit in "12#":
                await call.send(caller.digit(digit))
            assert await call.ended() == 1000
        assert where.server.counters.ended == {"done": 1}
    assert digits == ["1", "2", "#"]


async def test_hanging_up_ends_what_is_being_said_with_an_exception() -> None:
    raised: list[BaseException] = []

    async def answer(call: Call) -> None:
        try:
            await call.say("x" * 100)
        except CallEnded as error:
            raised.append(error)
            raise

    caller = Twilio()
    async with serving(answer, engine=ContentEngine()) as where:
        async with dial(where, caller) as call:
            await until(lambda: caller.heard.speech)
            await call.hang_up()
        assert where.server.counters.ended == {"hung_up": 1}
        assert where.server.counters.application_failures == 0
    assert raised


async def test_the_last_turn_is_delivered_after_the_hang_up() -> None:
    turns: list[str] = []

    async def answer(call: Call) -> None:
        async for turn in call.turns():
            turns.append(turn.text)

    caller = Twilio()
    async with serving(answer, engine=ContentEngine()) as where, dial(where, caller) as call:
        await call.say(spoken([1, 2, 3], pause_s=0.1))
        await call.hang_up()
    assert turns == ["1 2 3"]


async def test_an_application_that_fails_ends_its_call_and_no_other() -> None:
    async def answer(call: Call) -> None:
        if call.parameters.get("customer") == "42":
            raise ValueError("a bug")
        async for _ in call.turns():
            pass

    class Other(Twilio):
        def first(self) -> list[str | bytes]:
            return [m.replace('"42"', '"43"') if isinstance(m, str) else m for m in super().first()]

    async with serving(answer) as where:
        async with dial(where, Other()) as well:
            async with dial(where, Twilio()) as broken:
                assert await broken.ended() == 1011
            await until(lambda: len(where.server.lines) == 1)
            await well.hang_up()
        assert where.server.counters.ended == {"application": 1, "hung_up": 1}


async def test_speech_that_the_service_refuses_is_an_exception_and_the_call_goes_on() -> None:
    outcome: list[object] = []

    async def answer(call: Call) -> None:
        try:
            await call.say("Hello.")
        except SpeechwireError as error:
            outcome.append(error)
        async for turn in call.turns():
            outcome.append(turn.text)

    caller = Twilio()
    faults = [RefuseUpgrade(402, endpoint="/v1/speak")]
    async with serving(answer, engine=ContentEngine(), faults=faults) as where:
        assert where.server.phase is Phase.SERVING
        async with dial(where, caller) as call:
            await until(lambda: outcome)
            await call.say(spoken([9, 10]), pace=PACE_S)
            await until(lambda: len(outcome) == 2)
            await call.hang_up()
    assert isinstance(outcome[0], SpeechwireError) and outcome[1] == "9 10"


async def test_a_key_that_is_refused_ends_the_call_with_a_reason_and_without_the_key() -> None:
    caller = Twilio()
    async with serving(faults=[RefuseUpgrade(401, endpoint="/v2/listen")]) as where:
        async with dial(where, caller) as call:
            with suppress(ConnectionError):
                await call.say(b"\xff" * 8000)
            assert await call.ended() == 1011
        assert where.server.counters.ended == {"service": 1}


async def test_text_in_pieces_is_spoken_as_it_comes() -> None:
    said: list[Said] = []

    async def words() -> AsyncIterator[str]:
        for piece in ("one ", "two ", "three"):
            yield piece
            await asyncio.sleep(0.01)

    async def answer(call: Call) -> None:
        said.append(await call.say(words()))

    caller = Twilio()
    async with serving(answer, engine=ContentEngine()) as where, dial(where, caller) as call:
        assert await call.ended() == 1000
    assert said[0].text == "one two three" and not said[0].interrupted


async def test_texts_that_fail_in_the_middle_fail_what_is_said() -> None:
    async def words() -> AsyncIterator[str]:
        yield "one "
        raise LookupError("the language model failed")

    seen: list[BaseException] = []

    async def answer(call: Call) -> None:
        try:
            await call.say(words())
        except LookupError as error:
            seen.append(error)

    async with serving(answer, engine=ContentEngine()) as where, dial(where, Twilio()) as call:
        assert await call.ended() == 1000
    assert seen


async def test_an_application_that_speaks_to_who_takes_no_speech_is_told_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def answer(call: Call) -> None:
        await call.say("Hello.")

    start = {"type": "Start", "version": 1, "format": {"encoding": "s16le", "sample_rate": 16_000}}
    async with (
        serving(answer, engine=ContentEngine()) as where,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{where.socket_url}/socket") as socket,
    ):
        await socket.send_json(start)
        await until(lambda: where.server.counters.ended == {"done": 1})
    warned = [record.getMessage() for record in caplog.records if "stopped at say" in record.getMessage()]
    assert warned == ["the application stopped at say(): this connection takes no speech"]
