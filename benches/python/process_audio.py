"""CPU time of one 20 ms frame through the plugins' ``process_audio``, beside the plugin they replace.

    python -m benches.python.process_audio --incumbent FOLDER

``FOLDER`` holds the unpacked wheel ``videosdk-plugins-deepgram`` 1.0.30 (``pip download --no-deps``, unzip).
Every plugin sends 48 kHz stereo to a server in another process, in turns within one run, so that a machine
that changes its speed changes it for all; what the server counts is compared with what was pushed. The figure
is the client process's CPU time per frame, sending included and pacing subtracted.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from aiohttp import ClientSession, WSMsgType, web
from videosdk.agents import audio_format
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2

from speechwire.session import ListenSettings

FRAME = bytes(range(256)) * 15  # 20 ms of 48 kHz stereo
FRAMES = 500
BURST = 5


@dataclass
class Candidate:
    """One plugin, configured.

    Attributes:
        bytes_per_frame: What 20 ms must become on the wire.
    """

    name: str
    make: Callable[[str], Any]
    path: str
    bytes_per_frame: int
    us_per_frame: list[float] = field(default_factory=list)


def candidates(incumbent: ModuleType | None) -> list[Candidate]:
    def ours_v1(url: str) -> Any:
        return unpaced(DeepgramSTT(api_key="k", base_url=url))

    def ours_v1_mono(url: str) -> Any:
        return unpaced(DeepgramSTT(api_key="k", base_url=url, downmix=True, target_sample_rate=16_000))

    def ours_v2(url: str) -> Any:
        return unpaced(DeepgramSTTV2(api_key="k", base_url=url))

    listed = [
        Candidate("DeepgramSTT, as it is", ours_v1, "/v1/listen", 3840),
        Candidate("DeepgramSTT, 16 kHz mono", ours_v1_mono, "/v1/listen", 640),
        Candidate("DeepgramSTTV2, 16 kHz mono", ours_v2, "/v2/listen", 640),
    ]
    if incumbent is None:
        return listed

    def their_v1(url: str) -> Any:
        return incumbent.DeepgramSTT(api_key="k", base_url=url)

    def their_v2(url: str) -> Any:
        return incumbent.DeepgramSTTV2(api_key="k", base_url=url)

    def their_v2_mono(url: str) -> Any:
        return incumbent.DeepgramSTTV2(api_key="k", base_url=url, target_sample_rate=16_000)

    return [
        *listed,
        Candidate("1.0.30 DeepgramSTT, as it is", their_v1, "/v1/listen", 3840),
        Candidate("1.0.30 DeepgramSTTV2, 48 kHz mono", their_v2, "/v2/listen", 1920),
        Candidate("1.0.30 DeepgramSTTV2, 16 kHz mono", their_v2_mono, "/v2/listen", 640),
    ]


def unpaced(plugin: DeepgramSTT | DeepgramSTTV2) -> Any:
    """Let the plugin send faster than real time, to a server that never answers."""
    plugin.settings = ListenSettings(replay_speed=None, progress_timeout_s=None)
    return plugin


def load_incumbent(folder: Path) -> ModuleType:
    """Import the other plugin under a name of its own."""
    package = folder / "videosdk" / "plugins" / "deepgram"
    spec = importlib.util.spec_from_file_location(
        "incumbent", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    if spec is None or spec.loader is None:
        raise SystemExit(f"no plugin in {package}")
    module = sys.modules["incumbent"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def measure(candidate: Candidate, url: str) -> None:
    """Push half a minute of frames; note the CPU time of one."""
    plugin = candidate.make(f"ws{url.removeprefix('http')}{candidate.path}")
    for _ in range(50):
        await plugin.process_audio(FRAME)
        await asyncio.sleep(0.002)
    spent_s = await cpu_s(plugin.process_audio) - await cpu_s(nothing)
    candidate.us_per_frame.append(spent_s / FRAMES * 1e6)
    await plugin.aclose()
    received = await taken(url)
    expected = (FRAMES + 50) * candidate.bytes_per_frame
    if not expected - 9600 <= received <= expected:
        raise SystemExit(f"{candidate.name}: {expected} bytes were due, {received} arrived")


async def cpu_s(push: Callable[[bytes], Awaitable[None]]) -> float:
    """Push the frames a few at a time, so that the server keeps up; return the process's CPU time."""
    before = time.process_time()
    for _ in range(FRAMES // BURST):
        for _ in range(BURST):
            await push(FRAME)
            await asyncio.sleep(0)
        await asyncio.sleep(0.004)
    return time.process_time() - before


async def nothing(frame: bytes) -> None:
    """What pacing costs by itself."""


async def taken(url: str) -> int:
    async with ClientSession() as session, session.get(f"{url}/taken") as answer:
        return int(await answer.text())


async def run(rounds: int, incumbent: ModuleType | None, url: str) -> list[Candidate]:
    listed = candidates(incumbent)
    for _ in range(rounds):
        for candidate in listed:
            audio_format.publish(48_000, 2)
            await measure(candidate, url)
    return listed


def report(listed: list[Candidate]) -> str:
    lines = ["| `process_audio`, 20 ms of 48 kHz stereo | µs of CPU, median (range) |", "|---|---|"]
    for candidate in listed:
        low, high = min(candidate.us_per_frame), max(candidate.us_per_frame)
        median = statistics.median(candidate.us_per_frame)
        lines.append(f"| {candidate.name} | {median:.1f} ({low:.1f}-{high:.1f}) |")
    return "\n".join(lines)


async def serve() -> None:
    """Take audio, answer CloseStream by closing, and say how much came since the last question."""
    count = 0

    async def listen(request: web.Request) -> web.WebSocketResponse:
        nonlocal count
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                count += len(message.data)
            elif message.type is WSMsgType.TEXT and "CloseStream" in message.data:
                await socket.close()
        return socket

    async def tell(request: web.Request) -> web.Response:
        nonlocal count
        total, count = count, 0
        return web.Response(text=str(total))

    app = web.Application()
    app.add_routes([web.get("/v1/listen", listen), web.get("/v2/listen", listen), web.get("/taken", tell)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.sleep(600)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--incumbent", type=Path, help="unpacked wheel of the plugin to compare with")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve())
        return
    incumbent = load_incumbent(arguments.incumbent) if arguments.incumbent else None
    command = [sys.executable, "-m", "benches.python.process_audio", "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            print(report(asyncio.run(run(arguments.rounds, incumbent, server.stdout.readline().strip()))))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
