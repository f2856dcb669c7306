"""Instructions of one 20 ms frame on its way to the socket, by layer; writes a table to standard output.

    python -m benches.python.instructions [--layers flux raw] [--frames 2000]

Needs valgrind (``callgrind``). A layer holds those before it: `stt` is the plugin and the session below it;
what the socket costs is not in. Two runs of one tree differ by less than one per cent. Takes two minutes,
most of it the import of the framework under valgrind.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benches.python.instructions.layers import FRAME, LAYERS

ROOT = Path(__file__).resolve().parents[3]
FRAMES_PER_S = 50


def measured(layers: list[str], frames: int) -> dict[str, float]:
    """Instructions per frame of each layer, measured in one process under callgrind."""
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder, "profile")
        # A part of the profile ends wherever `getloadavg` is called.
        command = ["valgrind", "--tool=callgrind", "--dump-before=getloadavg", "--combine-dumps=no"]
        command += [f"--callgrind-out-file={profile}", sys.executable, "-m", __package__, "--inside"]
        command += ["--frames", str(frames), "--layers", *layers]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=_steady_environment())
        totals = [_total(Path(f"{profile}.{part}")) for part in range(1, 2 * len(layers) + 1)]
    return {layer: total / frames for layer, total in zip(layers, totals[1::2], strict=True)}


def _steady_environment() -> dict[str, str]:
    """Hashes decide how long a look-up takes."""
    return os.environ | {"PYTHONHASHSEED": "0"}


def _total(part: Path) -> int:
    found = re.search(r"^totals: (\d+)", part.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


async def inside(layers: list[str], frames: int) -> None:
    """Push, with a mark before and after."""
    for layer in layers:
        push = await LAYERS[layer]()
        for _ in range(200):
            push(FRAME)
        os.getloadavg()
        for _ in range(frames):
            push(FRAME)
        os.getloadavg()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.python.instructions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--layers", nargs="+", choices=sorted(LAYERS), default=list(LAYERS))
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        asyncio.run(inside(arguments.layers, arguments.frames))
        return
    layers = ["nothing", *(layer for layer in arguments.layers if layer != "nothing")]
    per_frame = measured(layers, arguments.frames)
    base = per_frame.pop("nothing")
    print("| layer | instructions per frame | per stream-second |\n|---|---|---|")
    for layer, count in per_frame.items():
        print(f"| {layer} | {count - base:,.0f} | {(count - base) * FRAMES_PER_S:,.0f} |")


if __name__ == "__main__":
    main()
