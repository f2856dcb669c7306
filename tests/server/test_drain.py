"""SIGTERM, in a real process: ready turns 503, new callers are refused, live ones finish or are told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from tests.cli.conftest import default_signals
from tests.server.callers import Twilio
from tests.server.content import ContentEngine, spoken
from tests.server.serving import dial, until
from tests.server.test_faults import CaptionedTwilio

from speechwire.emulator import Emulator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")

KEY = "a-key-that-must-not-be-seen"


class Process:
    """``speechwire serve`` and what it printed."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def status(self, path: str) -> int:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as response:
            return response.status

    async def ended(self) -> int:
        async with asyncio.timeout(30):
            return await self.process.wait()


@asynccontextmanager
async def served(tmp_path: Path, *options: str) -> AsyncIterator[Process]:
    log = tmp_path / "log"
    async with Emulator(ContentEngine()) as emulator:
        with log.open("wb") as written:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "speechwire", "serve", "--port", "0", "--base-url", emulator.base_url),
                *("--log-format", "json", *options),
                stdout=asyncio.subprocess.PIPE,
                stderr=written,
                preexec_fn=default_signals,
                env={
                    **os.environ,
                    "DEEPGRAM_API_KEY": KEY,
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                },
            )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(120):  # a bound for a busy machine
                url = (await process.stdout.readline()).decode().strip()
            assert url.startswith("http://"), log.read_text()
            yield Process(process, url, log)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            assert KEY not in log.read_text()


async def refused(url: str) -> aiohttp.WSServerHandshakeError:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(url.replace("http", "ws", 1) + "/call")
    return caught.value


async def test_a_live_call_finishes_while_new_ones_are_refused(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    loop = asyncio.get_running_loop()
    timeline: list[str] = []

    def note(words: str) -> None:
        timeline.append(f"{loop.time() - began_s:.2f} s {words}")

    async with served(tmp_path, "--drain-s", "20") as process:
        caller = CaptionedTwilio()
        async with dial(process.url, caller) as call:
            assert await process.status("/readyz") == 200
            await call.say(spoken([3, 4]), pace=0.01)
            await until(lambda: caller.heard.captions)
            began_s = loop.time()
            process.signal(signal.SIGTERM)
            note("SIGTERM")
            while await process.status("/readyz") != 503:
                await asyncio.sleep(0.01)
            note("/readyz is 503, /healthz is 200")
            assert await process.status("/healthz") == 200
            error = await refused(process.url)
            assert error.status == 503 and int(error.headers["Retry-After"]) > 0  # type: ignore[index]
            note("a new caller is refused with 503 and Retry-After")
            await call.say(spoken([5, 6, 7]), pace=0.02)

            def finals() -> list[str]:
                return [one["transcript"] for one in caller.heard.captions if one["type"] == "EndOfTurn"]

            await until(lambda: len(finals()) == 2)
            note("the live call's second turn is understood")
            await call.hang_up()
            assert call.ws.close_code == 1000
            note("the caller hangs up")
        assert await process.ended() == 0
        note("the process ends with 0")
    assert finals() == ["3 4", "5 6 7"]
    figure("S16", "; ".join(timeline))


async def test_calls_that_last_too_long_are_told_and_closed(tmp_path: Path) -> None:
    async with served(tmp_path, "--drain-s", "1") as process:
        async with dial(process.url, Twilio()) as call:
            await call.say(spoken([1]), pace=0.01)
            process.signal(signal.SIGTERM)
            assert await call.ended() == 1001
        assert await process.ended() == 0
        assert '"ending": "closing"' in process.log.read_text()


@pytest.mark.parametrize(("second", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0)])
async def test_a_second_signal_does_not_wait(tmp_path: Path, second: int, code: int) -> None:
    async with served(tmp_path, "--drain-s", "600") as process:
        async with dial(process.url, Twilio()) as call:
            await call.say(b"\xff" * 800)
            process.signal(signal.SIGTERM)
            while await process.status("/readyz") != 503:
                await asyncio.sleep(0.01)
            process.signal(second)
            assert await call.ended() == 1001
        assert await process.ended() == code


async def test_ctrl_c_tells_the_callers_and_ends(tmp_path: Path) -> None:
    async with served(tmp_path) as process:
        async with dial(process.url, Twilio()) as call:
            await call.say(b"\xff" * 800)
            process.signal(signal.SIGINT)
            assert await call.ended() == 1001
        assert await process.ended() == 130


async def test_a_server_without_calls_ends_at_once(tmp_path: Path) -> None:
    async with served(tmp_path) as process:
        process.signal(signal.SIGTERM)
        assert await process.ended() == 0


APPLICATION = """
import gc

async def answer(call):
    call.log.info("%d objects are kept", gc.get_freeze_count())
"""


async def test_the_collector_leaves_alone_what_a_serving_process_has_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "counts_kept_objects.py").write_text(APPLICATION, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    async with served(tmp_path, "counts_kept_objects:answer") as process:
        async with dial(process.url, Twilio()) as call:
            assert await call.ended() == 1000
        messages = [json.loads(line).get("message", "") for line in process.log.read_text().splitlines()]
    (kept,) = [int(one.split()[0]) for one in messages if "objects are kept" in one]
    assert kept > 10_000
