"""``speechwire convert``: a WAV file at another rate, mono."""

from __future__ import annotations

from pathlib import Path

import click

from speechwire.audio import PcmPipeline
from speechwire.cli._display import Bar, Display
from speechwire.cli._wav import WavReader, wav_reader, wav_writer

__all__ = ["convert"]

_BLOCK_S = 1.0


@click.command(
    short_help="Convert a WAV file to another rate, mono.",
    epilog="\b\nExample:\n  speechwire convert in.wav out.wav --rate 16000 --quality best",
)
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--rate", type=int, default=16_000, show_default=True, help="Rate of the output in Hz.")
@click.option(
    "--quality", type=click.Choice(["fast", "balanced", "best"]), default="balanced", show_default=True
)
def convert(source: Path, target: Path, rate: int, quality: str) -> None:
    """Convert a WAV file to 16 bit mono at another rate, with the audio path of the live streams.

    Reads a second at a time, so that length costs no memory.
    """
    if target.exists() and source.exists() and target.samefile(source):
        raise click.UsageError("TARGET must be another file than SOURCE")
    with Display() as display, wav_reader(source) as wav:
        if wav.missing_s:
            display.note(f"speechwire convert: {source} ends {wav.missing_s:.2f} s early; the rest is used")
        pipeline = PcmPipeline(
            in_rate=wav.rate, out_rate=rate, channels=wav.channels, quality=quality, format=wav.format
        )
        with display.bar(source.name, wav.duration_s) as bar:
            _run(wav, pipeline, target, rate, bar)


def _run(wav: WavReader, pipeline: PcmPipeline, target: Path, rate: int, bar: Bar) -> None:
    with wav_writer(target, rate) as append:
        for number, block in enumerate(wav.blocks(_BLOCK_S), 1):
            append(b"".join(pipeline.push(block)))
            bar.reach(number * _BLOCK_S)
        append(b"".join(pipeline.flush()))
