"""``speechwire convert``: a recording at another rate, mono."""

from __future__ import annotations

from pathlib import Path

import click

from speechwire.cli._arguments import FILE, verbosity_options
from speechwire.cli._audio import AudioReader
from speechwire.cli._audio_in import open_audio
from speechwire.cli._audio_out import FORMATS, Append, audio_writer, output_format
from speechwire.cli._conversion import ClippingCounter, Converter, mono_converter
from speechwire.cli._display import Bar, Display, Verbosity
from speechwire.cli._files import display_name

__all__ = ["convert"]

_BLOCK_S = 1.0


@click.command(
    short_help="Convert a recording to another rate, mono.",
    epilog="\b\nExamples:\n  speechwire convert in.wav out.wav --rate 16000 --quality best"
    "\n  speechwire convert in.wav out.flac --rate 8000",
)
@click.argument("source", type=FILE)
@click.argument("target", type=FILE)
@click.option(
    "--rate",
    type=click.IntRange(4_000, 192_000),
    default=16_000,
    show_default=True,
    help="Rate of the output in Hz.",
)
@click.option(
    "--quality", type=click.Choice(["fast", "balanced", "best"]), default="balanced", show_default=True
)
@click.option(
    "--format", type=click.Choice(FORMATS), help="Format of the output, if its name has none (default: wav)."
)
@verbosity_options
def convert(
    source: Path, target: Path, rate: int, quality: str, format: str | None, verbosity: Verbosity
) -> None:
    """Convert a recording to 16 bit mono at another rate, with the audio path of the live streams.

    SOURCE is a WAV file, or any other recording where the extra media or ffmpeg is installed; TARGET ends in
    .wav, .flac or .raw. A dash is standard input or output. Memory does not grow with length.
    """
    kind = output_format(target, format)
    if target.exists() and source.exists() and target.is_file() and target.samefile(source):
        raise click.UsageError("TARGET must be another file than SOURCE")
    with Display("convert", verbosity) as display, open_audio(source) as audio:
        display.detail(f"{audio.name}: {audio.kind}")
        converter = mono_converter(audio, source, rate, quality=quality)
        clipping = ClippingCounter(audio, source, rate, quality)
        with (
            audio_writer(target, kind, rate) as append,
            display.bar(source.name, audio.duration_s) as bar,
        ):
            _run(audio, converter, clipping, append, bar)
        for shortcoming in audio.shortcomings():
            display.note(f"{audio.name}: {shortcoming}")
        if clipping.clipped:
            display.note(
                f"{display_name(target)}: {clipping.clipped} samples were clipped; lower the input's level"
            )


def _run(
    audio: AudioReader, converter: Converter, clipping: ClippingCounter, append: Append, bar: Bar
) -> None:
    for block in audio.blocks(_BLOCK_S):
        append(b"".join(converter.push(block)))
        clipping.push(block)
        bar.reach(audio.read_s)
    append(b"".join(converter.flush()))
    clipping.flush()
