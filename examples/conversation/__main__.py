"""Run the demo: ``python -m examples.conversation --help``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from examples.shared.journal import Journal
from speechwire.audio import engine_name

from .report import exchanges, table
from .scene import FRAMEWORKS, SCRIPT, Scene, live_scene, offline_scene, scripted_scene, stage
from .timeline import draw


def main() -> int:
    """Hold the conversation the arguments ask for; return the exit status."""
    arguments = _parse()
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    for name in FRAMEWORKS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if arguments.live and not os.environ.get("DEEPGRAM_API_KEY"):
        print(
            "--live needs DEEPGRAM_API_KEY in the environment; without --live no key is needed.",
            file=sys.stderr,
        )
        return 2
    return asyncio.run(_run(arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m examples.conversation",
        description="A spoken conversation through a framework for voice agents.",
        epilog="example: python -m examples.conversation --engine scripted --out demo-output",
    )
    parser.add_argument("--live", action="store_true", help="use the real Deepgram (needs DEEPGRAM_API_KEY)")
    parser.add_argument(
        "--engine", choices=("offline", "scripted"), default="offline", help="the emulator's engine"
    )
    parser.add_argument(
        "--framework", choices=tuple(FRAMEWORKS), default="videosdk", help="who holds the conversation"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo-output"), help="folder for the WAV and the picture"
    )
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        scene = await _scene(arguments, stack)
        framework = FRAMEWORKS[arguments.framework]
        print(f"framework: {framework}; audio engine: {engine_name()}; speech service: {scene.service}")
        print(f"the caller will say {len(SCRIPT)} lines in {scene.call.duration_s:.0f} seconds\n")
        journal = Journal()
        recording = await stage(scene, journal, arguments.framework)
    arguments.out.mkdir(parents=True, exist_ok=True)
    wav, picture = arguments.out / "conversation.wav", arguments.out / "timeline.png"
    recording.write(wav)
    draw(picture, scene.call, journal, recording, title=f"A call to the station cafe, on the {scene.service}")
    rows = exchanges(scene.call, journal, recording)
    print(f"\n{table(rows)}\n\nconversation  {wav.resolve()}\ntimeline      {picture.resolve()}")
    answered = sum(row.answer_s is not None for row in rows)
    return 0 if answered == len(rows) else 1


async def _scene(arguments: argparse.Namespace, stack: AsyncExitStack) -> Scene:
    if arguments.live:
        return live_scene()
    if arguments.engine == "scripted":
        return await scripted_scene(stack)
    return await offline_scene(stack)


if __name__ == "__main__":
    sys.exit(main())
