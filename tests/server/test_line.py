"""A call without a host: what is sent, in which order, and what is acknowledged when."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec
import pytest
from tests.server.callers import Twilio
from tests.server.content import WORD_BYTES, ContentEngine, spoken
from tests.server.serving import until

from speechwire.emulator import Emulator, Fault, Reset
from speechwire.server import _ending as endings
from speechwire.server._line import Line
from speechwire.server.call import Answer, Call
from speechwire.server.codec import (
    Accepted,
    Acknowledged,
    Caption,
    Digit,
    EndTurn,
    Goodbye,
    Incoming,
    Notice,
    Opening,
    Outgoing,
    Started,
)
from speechwire.server.config import Config
from speechwire.server.dialects import choose
from speechwire.server.server import Server
from speechwire.session import SessionPool


class Recording:
    """Twilio's codec; what is to be said is noted, and what a resumed call says of itself put in."""

    def __init__(self, **resumed: object) -> None:
        chosen = choose("/call/twilio")
        assert chosen is not None
        self._codec = chosen[0](Opening())
        self._resumed = resumed
        self.said: list[Outgoing] = []

    @property
    def name(self) -> str:
        return self._codec.name

    def receive(self, message: str | bytes) -> list[Incoming]:
        events = self._codec.receive(message)
        return [replaced(one, self._resumed) if isinstance(one, Started) else one for one in events]

    def audio_in(self, texts: Sequence[bytes]) -> bytes:
        return self._codec.audio_in(texts)

    def send(self, outgoing: Outgoing) -> list[str | bytes]:
        self.said.append(outgoing)
        return self._codec.send(outgoing)

    @property
    def captions(self) -> list[Caption]:
        return [one for one in self.said if isinstance(one, Caption)]

    @property
    def finals(self) -> list[Caption]:
        return [one for one in self.captions if one.is_final]

    @property
    def acknowledged_s(self) -> float:
        return max((one.position_s for one in self.said if isinstance(one, Acknowledged)), default=0.0)


def replaced(started: Started, values: dict[str, object]) -> Started:
    made: Started = msgspec.structs.replace(started, **values)
    return made


@asynccontextmanager
async def on(
    codec: Recording,
    answer: Answer | None = None,
    faults: tuple[Fault, ...] = (),
    model: str = "flux-general-en",
) -> AsyncIterator[tuple[Line, Twilio]]:
    """A line that is on, whose outbox nobody empties."""
    config = replace(Config(), hangup_s=20.0, listen={"model": model})
    async with (
        Emulator(ContentEngine(), faults=faults) as emulator,
        SessionPool("key", base_url=emulator.base_url) as pool,
    ):
        server = Server(config, pool, answer)
        line = server.open(codec, server.claim())
        running, caller = asyncio.create_task(line.run()), Twilio()
        for message in caller.first():
            line.receive(message)
        try:
            yield line, caller
        finally:
            for message in caller.stop():
                line.receive(message)
            await running
            server.closed(line)
            await server.aclose()


async def test_a_barge_in_clears_first_and_leaves_no_speech_behind() -> None:
    async def answer(call: Call) -> None:
        await call.say("x" * 50)
        async for _ in call.turns():
            pass

    codec = Recording()
    async with on(codec, answer) as (line, caller):
        await until(lambda: line.outbox.waiting_bytes > 40_000)
        for frame in caller.frames(spoken([5, 6], pause_s=0.2)):
            line.receive(caller.audio(frame))
        await until(lambda: codec.captions)
        waiting = await line.outbox.take()
        assert waiting is not None
        events = [json.loads(message)["event"] for message in waiting]
        assert events == ["clear"], "what had not left yet is forgotten, marks too"


async def test_only_audio_whose_turn_has_been_told_is_acknowledged() -> None:
    codec = Recording()
    async with on(codec) as (line, caller):
        audio = spoken([1, 2, 3], pause_s=0.0) + spoken([4, 5]) + spoken([6, 7], pause_s=3.0)
        for frame in caller.frames(audio):
            line.receive(caller.audio(frame))
            await asyncio.sleep(0)
        await until(lambda: len(codec.finals) == 2)
        await until(lambda: codec.acknowledged_s > 3.0)
    positions, told_s, turn_is_open = [0.0], 0.0, False
    for one in codec.said:
        if isinstance(one, Caption):
            turn_is_open = not one.is_final
            told_s = max(told_s, one.end_s)
        elif isinstance(one, Acknowledged):
            assert not turn_is_open, "a new session could not go on with these words"
            assert positions[-1] < one.position_s <= 5.01
            positions.append(one.position_s)
    # The pause between the turns was long enough for one in between.
    assert len(positions) >= 3


async def test_a_call_that_goes_on_counts_from_where_it_was() -> None:
    codec = Recording(position_s=100.0, turn_index=7, resumed=True)
    async with on(codec) as (line, caller):
        for frame in caller.frames(spoken([8, 9], pause_s=1.5)):
            line.receive(caller.audio(frame))
        await until(lambda: codec.finals)
    assert isinstance(codec.said[0], Accepted)
    (final,) = codec.finals
    assert final.turn_index == 7 and final.transcript == "8 9"
    assert 100.0 <= final.start_s < final.end_s <= 101.6
    assert [word.word for word in final.words] == ["8", "9"]
    assert all(word.start_s is not None and 100.0 <= word.start_s <= 100.6 for word in final.words)
    assert all(one.position_s > 100.0 for one in codec.said if isinstance(one, Acknowledged))


async def test_nothing_that_comes_with_the_first_message_is_lost() -> None:
    digits: list[str] = []

    async def answer(call: Call) -> None:
        async for event in call.events():
            if isinstance(event, Digit):
                digits.append(event.digit)

    codec = Recording()
    async with on(codec, answer) as (line, caller):
        line.receive(caller.digit("5"))
        for frame in caller.frames(spoken([3], pause_s=0.1)):
            line.receive(caller.audio(frame))
    assert digits == ["5"]
    assert [one.transcript for one in codec.finals] == ["3"]


async def test_a_lost_connection_is_told_and_costs_no_word() -> None:
    codec = Recording()
    async with on(codec, faults=(Reset(1.0, connections={0}),)) as (line, caller):
        for frame in caller.frames(spoken([1, 2, 3, 4], pause_s=1.0)):
            line.receive(caller.audio(frame))
            await asyncio.sleep(0.005)
        await until(lambda: codec.finals)
    assert [one.transcript for one in codec.finals] == ["1 2 3 4"]
    codes = [one.code for one in codec.said if isinstance(one, Notice)]
    assert codes == ["reconnecting", "reconnected"]


def cut_in(caller: Twilio) -> list[str]:
    """Two words and the half of a third, as messages."""
    audio = spoken([1, 2], pause_s=0.0) + spoken([3], pause_s=0.0)[: WORD_BYTES // 2]
    return [str(caller.audio(frame)) for frame in caller.frames(audio)]


@pytest.mark.parametrize(
    ("model", "text", "end_s"), [("flux-general-en", "1 2", 0.5), ("nova-3", "1 2 3", 0.6)]
)
async def test_a_turn_that_is_ended_within_a_word_ends_with_its_last_word(
    model: str, text: str, end_s: float
) -> None:
    codec = Recording()
    async with on(codec, model=model) as (line, caller):
        for message in cut_in(caller):
            line.receive(message)
        await until(lambda: codec.captions)
        line._on(EndTurn())
        await until(lambda: codec.finals)
        await until(lambda: codec.acknowledged_s)
        heard_s, acknowledged_s = codec.finals[0].end_s, codec.acknowledged_s
    assert codec.finals[0].transcript == text
    assert heard_s == codec.finals[0].words[-1].end_s == pytest.approx(end_s)
    assert end_s - 0.1 < acknowledged_s <= heard_s, "what follows may be a word"


@pytest.mark.parametrize("may_resume", [True, False])
async def test_a_caller_that_comes_back_is_not_cut_when_the_server_goes_away(may_resume: bool) -> None:
    codec = Recording(may_resume=may_resume)
    async with on(codec) as (line, caller):
        for message in cut_in(caller):
            line.receive(message)
        await until(lambda: codec.captions)
        line.finish(endings.CLOSING)
    assert [one.transcript for one in codec.finals] == ([] if may_resume else ["1 2"])
    assert not (may_resume and codec.acknowledged_s), "all of its turn is heard again"
    assert isinstance(codec.said[-1], Goodbye)
