"""Tests of an agent with the emulator: ``pytest examples/cookbook/test_my_agent.py``."""

from __future__ import annotations

import asyncio

import pytest

from speechwire.emulator import EmulatedCall
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import SessionPool, SpeakRequest

pytest_plugins = ["speechwire.emulator.pytest_plugin"]


class Agent:
    """Put your own agent here; all it needs is another base URL. This one repeats what it hears."""

    def __init__(self, base_url: str) -> None:
        pool = SessionPool("any key", base_url=base_url)
        self.ears, self.mouth = pool.listen_v2(), pool.speak()
        self.reply: SpeakRequest | None = None

    async def __aenter__(self) -> Agent:
        self.task = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(self.ears.aclose(), self.mouth.aclose(), self.task)

    async def run(self) -> None:
        """Answer turn after turn."""
        async for event in self.ears:
            if isinstance(event, TurnInfo) and event.event == "StartOfTurn" and self.reply:
                self.reply.interrupt()
            elif isinstance(event, TurnInfo) and event.event == "EndOfTurn":
                self.reply = self.mouth.speak(f"You would like {event.transcript} Is that right?")


async def test_it_answers(deepgram_call: EmulatedCall) -> None:
    async with Agent(deepgram_call.base_url) as agent:
        await deepgram_call.play("Two tickets to Oslo.", agent.ears.push)
        assert await deepgram_call.eventually(lambda: deepgram_call.spoken("you would like two tickets"))


async def test_it_stops_when_the_caller_speaks(deepgram_call: EmulatedCall) -> None:
    async with Agent(deepgram_call.base_url) as agent:
        await deepgram_call.play("Two tickets.", agent.ears.push)
        await deepgram_call.play("No, three.", agent.ears.push)
        assert await deepgram_call.eventually(lambda: deepgram_call.interrupted_within(2.0))


@pytest.mark.parametrize("fault", ["reset", "closed with 1011", "refused with 503"])
async def test_it_loses_no_word(deepgram_call: EmulatedCall, fault: str) -> None:
    deepgram_call.fails_with(deepgram_call.common_faults()[fault])
    async with Agent(deepgram_call.base_url) as agent:
        await deepgram_call.play("Two tickets to Oslo and back.", agent.ears.push)
        assert await deepgram_call.eventually(lambda: deepgram_call.heard("two tickets to oslo and back"))
