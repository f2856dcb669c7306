"""The emulator's fault list under 200 calls at once: nothing lost, nothing twice, nobody notices another."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
from tests.server.callers import Twilio
from tests.server.content import spoken
from tests.server.faulty_emulator import CALLS, KINDS
from tests.server.serving import Serving, dial, until

from speechwire.server.aiohttp_host import AiohttpHost
from speechwire.server.config import Config
from speechwire.server.server import Server
from speechwire.session import ListenSettings, SessionPool

FRAME_S = 0.1
# Half as fast as real: two hundred callers, the server and the emulator share what cores there are.
SLOWNESS = 2.0


class CaptionedTwilio(Twilio):
    """Asks for captions."""

    path = "/call/twilio?captions=1"


async def one_is_understood(where: Serving) -> None:
    """Hold a short call, and see it leave nothing behind."""
    caller = CaptionedTwilio()
    async with dial(where, caller) as call:
        await call.say(spoken([11, 12, 13]))
        await call.hang_up()
    finals = [one["transcript"] for one in caller.heard.captions if one["type"] == "EndOfTurn"]
    assert finals == ["11 12 13"]
    await until(lambda: not where.server.lines)


def turns_of(call: int) -> list[list[int]]:
    """What this caller says: no two neighbours alike, no two callers alike."""
    numbers = itertools.cycle([1 + (call * 7 + step * 13) % 90 for step in range(45)])
    return [[next(numbers) for _ in range(count)] for count in (3, 5, 2, 6)]


async def hold(
    url: str, session: aiohttp.ClientSession, call: int, everybody_is_on: asyncio.Event
) -> list[str]:
    """One call; returns the transcripts of its turns."""
    caller = CaptionedTwilio()
    caller.frame_ms = int(FRAME_S * 1000)
    loop = asyncio.get_running_loop()
    async with dial(url, caller, session) as dialled:
        audio = b"".join(spoken(turn) for turn in turns_of(call))
        first, *frames = caller.frames(audio)
        await dialled.send(caller.audio(first))
        await everybody_is_on.wait()  # so that the first connections are those with the faults
        began_s = loop.time()
        for index, frame in enumerate(frames):
            await dialled.send(caller.audio(frame))
            await asyncio.sleep(max(0.0, began_s + (index + 1) * FRAME_S * SLOWNESS - loop.time()))
        await dialled.hang_up()
    return [caption["transcript"] for caption in caller.heard.captions if caption["type"] == "EndOfTurn"]


@asynccontextmanager
async def emulator_elsewhere() -> AsyncIterator[str]:
    """The emulator in a process of its own, which ends with its standard input."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.server.faulty_emulator",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


async def test_nothing_is_lost_and_nothing_comes_twice() -> None:
    config = Config(port=0, max_calls=CALLS, hangup_s=60.0)
    async with AsyncExitStack() as stack:
        base_url = await stack.enter_async_context(emulator_elsewhere())
        pool = await stack.enter_async_context(SessionPool("key", base_url=base_url))
        # A machine that is slow is no caller that pauses.
        patient = ListenSettings(pause_after_s=None, drain_timeout_s=60.0)
        server = Server(config, pool, session_settings=patient)
        host = await stack.enter_async_context(AiohttpHost(server))
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

        everybody_is_on = asyncio.Event()
        calls = [asyncio.create_task(hold(host.url, session, call, everybody_is_on)) for call in range(CALLS)]
        async with asyncio.timeout(120):
            while (listen := pool.snapshot().listen).connections + listen.refused < CALLS:
                await asyncio.sleep(0.2)
        everybody_is_on.set()
        heard = await asyncio.gather(*calls)
        counters = server.counters
        notices = dict(counters.notices)
        assert counters.ended == {"hung_up": CALLS}
        assert "audio_dropped" not in notices
        assert notices["reconnecting"] >= CALLS // len(KINDS) * 5, notices
    wrong = {
        f"{call} ({KINDS[call % len(KINDS)]})": turns
        for call, turns in enumerate(heard)
        if turns != [" ".join(map(str, turn)) for turn in turns_of(call)]
    }
    assert not wrong, json.dumps(wrong, indent=1)
