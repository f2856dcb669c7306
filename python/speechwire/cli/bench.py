"""``speechwire bench``: what a live frame costs on this machine, and whether the engines agree."""

from __future__ import annotations

import random
import statistics
import sys
import time
from dataclasses import dataclass

import click
from rich.table import Table

from speechwire.audio import PcmPipeline, engine_name
from speechwire.cli._arguments import SECONDS, verbosity_options
from speechwire.cli._display import Verbosity, console
from speechwire.cli._failures import FAILED
from speechwire.errors import EngineUnavailable

__all__ = ["bench"]

_PRESETS = ("fast", "balanced", "best")
_FRAME_S = 0.02
_FRAME_BYTES = 3840  # 20 ms of 48 kHz stereo
_BATCH = 50


@dataclass(frozen=True, slots=True)
class _Row:
    preset: str
    engine: str
    kernel: str
    frame_us: float
    output: bytes


@click.command(
    short_help="Time the audio path on this machine.", epilog="\b\nExample:\n  speechwire bench --seconds 1"
)
@click.option("--seconds", type=SECONDS, default=3.0, show_default=True, help="How long to measure.")
@verbosity_options
def bench(seconds: float, verbosity: Verbosity) -> int:
    """Time one 20 ms frame, 48 kHz stereo to 16 kHz mono, on every preset and engine.

    Each engine's output is compared with the first one's: they must be equal to the byte.
    """
    engines = _engines()
    share_s = seconds / (len(engines) * len(_PRESETS))
    rows = [_measure(preset, engine, share_s) for preset in _PRESETS for engine in engines]
    if verbosity is not Verbosity.QUIET:
        console(sys.stdout).print(_table(rows, compared=len(engines) > 1))
    return 0 if _agree(rows) else FAILED


def _engines() -> list[str]:
    try:
        return [engine_name("native"), "numpy"]
    except EngineUnavailable as error:
        click.echo(f"speechwire bench: {error}", err=True)
        return ["numpy"]


def _measure(preset: str, engine: str, share_s: float) -> _Row:
    """The median over batches, so that what else the machine does counts little."""
    pipeline = PcmPipeline(48_000, 16_000, 2, quality=preset, engine=engine)
    frames = _frames()
    output = b"".join([chunk for frame in frames for chunk in pipeline.push(frame)] + pipeline.flush())
    batches_s, until = [_batch_s(pipeline, frames)], time.perf_counter() + share_s
    while time.perf_counter() < until:
        batches_s.append(_batch_s(pipeline, frames))
    return _Row(preset, engine, pipeline.kernel, statistics.median(batches_s) / len(frames) * 1e6, output)


def _batch_s(pipeline: PcmPipeline, frames: list[bytes]) -> float:
    begin = time.perf_counter()
    for frame in frames:
        pipeline.push(frame)
    return time.perf_counter() - begin


def _frames() -> list[bytes]:
    source = random.Random(0)  # full-scale noise: the filters saturate, and must do so alike
    return [source.randbytes(_FRAME_BYTES) for _ in range(_BATCH)]


def _agree(rows: list[_Row]) -> bool:
    return all(len({row.output for row in rows if row.preset == preset}) == 1 for preset in _PRESETS)


def _table(rows: list[_Row], *, compared: bool) -> Table:
    table = Table(
        "preset", "engine", "path", title="20 ms, 48 kHz stereo to 16 kHz mono", title_justify="left"
    )
    table.add_column("µs a frame", justify="right")
    table.add_column("streams a core", justify="right")
    table.add_column("output")
    reference = {row.preset: row.output for row in reversed(rows)}
    for row in rows:
        equal = "equal" if row.output == reference[row.preset] else "DIFFERENT"
        streams = f"{_FRAME_S * 1e6 / row.frame_us:,.0f}"
        cells = (row.preset, row.engine, row.kernel, f"{row.frame_us:.1f}", streams)
        table.add_row(*cells, equal if compared else "not compared")
    return table
