"""Golden vectors of the audio engine: make them anew, or check that they still come out the same.

``python tests/golden/regenerate.py`` writes, ``--check`` only compares. A difference means that the
arithmetic or a filter has changed: on purpose (then commit the new files, and say so in the change log) or by
mistake. The input comes from integer arithmetic, so that no library's random numbers are part of it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from speechwire.audio import PcmPipeline
from speechwire.audio._taps import filter_table

HERE = Path(__file__).parent
FRAMES = 2000

PIPELINES: list[dict[str, Any]] = [
    {"in_rate": 48_000, "out_rate": 16_000, "channels": 2, "quality": "fast"},
    {"in_rate": 48_000, "out_rate": 16_000, "channels": 2, "quality": "balanced"},
    {"in_rate": 48_000, "out_rate": 16_000, "channels": 2, "quality": "best"},
    {"in_rate": 44_100, "out_rate": 16_000, "channels": 1, "quality": "balanced"},
    {"in_rate": 24_000, "out_rate": 16_000, "channels": 2, "quality": "balanced"},
    {"in_rate": 16_000, "out_rate": 48_000, "channels": 2, "quality": "balanced"},
    {"in_rate": 192_000, "out_rate": 4_000, "channels": 3, "quality": "best"},
    {"in_rate": 44_101, "out_rate": 16_000, "channels": 2, "quality": "balanced"},  # interpolated
    {"in_rate": 7_919, "out_rate": 16_000, "channels": 1, "quality": "best"},  # interpolated
    {"in_rate": 16_000, "out_rate": 16_000, "channels": 7, "quality": "fast"},
    {"in_rate": 8_000, "out_rate": 16_000, "channels": 1, "quality": "balanced", "format": "mulaw"},
    {"in_rate": 8_000, "out_rate": 16_000, "channels": 1, "quality": "balanced", "format": "alaw"},
    {"in_rate": 48_000, "out_rate": 16_000, "channels": 1, "quality": "balanced", "format": "f32le"},
]
# Rates whose tables are files, for the tests in Rust, which cannot design a filter.
TABLES = [(48_000, 16_000, "fast"), (48_000, 16_000, "balanced"), (48_000, 16_000, "best")]
TABLES += [(24_000, 16_000, "balanced"), (16_000, 48_000, "balanced")]
# Rates whose tables are only hashed.
HASHED = [(44_100, 16_000), (16_000, 44_100), (44_100, 48_000), (8_000, 16_000)]
HASHED += [(11_025, 192_000), (192_000, 11_025), (44_101, 16_000), (7_919, 16_000)]


def noise(count: int) -> list[int]:
    """16-bit values of a linear congruential generator (the constants of Numerical Recipes)."""
    state, values = 1, []
    for _ in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        values.append((state >> 16) - 32768)
    return values


def samples(channels: int) -> np.ndarray[Any, Any]:
    """Noise, then a full-scale square wave, then silence with one impulse."""
    loud = noise(FRAMES // 2 * channels)
    square = [32767 if i // (12 * channels) % 2 else -32768 for i in range(FRAMES // 4 * channels)]
    quiet = [0] * (FRAMES // 4 * channels)
    quiet[len(quiet) // 2] = -32768
    return np.array(loud + square + quiet)


def encoded(channels: int, format: str) -> bytes:
    values = samples(channels)
    if format == "s16le":
        return values.astype("<i2").tobytes()
    if format == "f32le":
        return (values / 26_000).astype("<f4").tobytes()
    return (values & 0xFF).astype(np.uint8).tobytes()


def vectors() -> dict[str, bytes]:
    """File name and content of every vector."""
    files = {"input_stereo.pcm": encoded(2, "s16le")}
    for options in PIPELINES:
        format = options.get("format", "s16le")
        pipeline = PcmPipeline(**options)
        data = encoded(options["channels"], format)
        name = "{in_rate}_{out_rate}_{channels}_{quality}".format(**options) + f"_{format}.pcm"
        files[name] = b"".join(pipeline.push(data) + pipeline.flush())
    for in_rate, out_rate, quality in TABLES:
        files[f"table_{in_rate}_{out_rate}_{quality}.i32"] = table_bytes(in_rate, out_rate, quality)
    return files


def table_bytes(in_rate: int, out_rate: int, quality: str) -> bytes:
    """Five integers that describe the table, then its taps; all 32 bits, little-endian."""
    table = filter_table(in_rate, out_rate, quality)
    head = (table.up, table.down, table.taps.shape[1], table.center, table.shift)
    return np.array(head, "<i4").tobytes() + table.taps.astype("<i4").tobytes()


def manifest(files: dict[str, bytes]) -> str:
    """SHA-256 of every file, and of the tables that are not files."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    for in_rate, out_rate in HASHED:
        for quality in ("fast", "balanced", "best"):
            content = table_bytes(in_rate, out_rate, quality)
            hashes[f"(table {in_rate} {out_rate} {quality})"] = hashlib.sha256(content).hexdigest()
    return json.dumps(hashes, indent=2) + "\n"


def differences() -> list[str]:
    """Names whose committed content is not what comes out now."""
    files = vectors()
    current = {name: (HERE / name).read_bytes() for name in files if (HERE / name).exists()}
    names = [name for name, content in files.items() if current.get(name) != content]
    if (HERE / "manifest.json").read_text(encoding="utf-8") != manifest(files):
        names.append("manifest.json")
    return names


def main() -> int:
    if "--check" in sys.argv[1:]:
        changed = differences()
        print("changed: " + ", ".join(changed) if changed else "golden vectors agree")
        return bool(changed)
    files = vectors()
    for name, content in files.items():
        (HERE / name).write_bytes(content)
    (HERE / "manifest.json").write_text(manifest(files), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
