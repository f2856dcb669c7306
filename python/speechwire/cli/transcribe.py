"""``speechwire transcribe``: recordings to text, many at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from speechwire.cli._arguments import FILE, SPEED, extra_option, verbosity_options
from speechwire.cli._asking import Asked
from speechwire.cli._display import Display, Verbosity
from speechwire.cli._files import STANDARD, display_name, is_standard, try_output
from speechwire.cli._service import Service, service_options
from speechwire.cli._transcribing import Order, transcribe_all
from speechwire.cli._transcript import FORMATS

__all__ = ["transcribe"]

_BY_SUFFIX = {suffix: format for format, suffix in FORMATS.items()}
_AUDIO = (".wav", ".wave", ".flac", ".mp3", ".m4a", ".mp4", ".aac", ".ogg", ".opus", ".webm", ".raw", ".pcm")
_PIPE_STEM = "stdin"


@click.command(
    short_help="Turn recordings into text or subtitles.",
    epilog="\b\nExamples:\n  speechwire transcribe call.wav --emulator"
    "\n  speechwire transcribe call.wav other.wav --srt --output-dir out --emulator",
)
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--flux", is_flag=True, help="Use Flux: turns instead of utterances.")
@click.option("--model", help="Default: nova-3, or flux-general-en with --flux.")
@click.option("--language", help="BCP-47 tag, or multi; not with --flux.")
@click.option("--keyterm", multiple=True, help="Phrase to favour (repeatable).")
@click.option(
    "--multichannel", is_flag=True, help="Recognise each channel separately and number it; not with --flux."
)
@click.option("--diarize", is_flag=True, help="Separate and number the speakers; not with --flux.")
@click.option(
    "--redact",
    multiple=True,
    metavar="WHAT",
    help="Mask pci, ssn, numbers, ... (repeatable; one with --flux).",
)
@extra_option
@click.option("--text", "formats", flag_value="text", multiple=True, help="One line an utterance (default).")
@click.option(
    "--json", "formats", flag_value="json", multiple=True, help="One JSON object a file, on a line."
)
@click.option("--srt", "formats", flag_value="srt", multiple=True, help="SubRip subtitles.")
@click.option("--vtt", "formats", flag_value="vtt", multiple=True, help="WebVTT subtitles.")
@click.option(
    "-o", "--output", type=FILE, help="File to write instead of standard output, in the format it names."
)
@click.option(
    "--output-dir",
    type=FILE,
    help="Folder to write into: a file for each input and format, named like the input.",
)
@click.option(
    "--concurrency", type=click.IntRange(1, 150), default=4, show_default=True, help="Files at once."
)
@click.option(
    "--speed",
    type=SPEED,
    default="1.25",
    show_default=True,
    help="Times real time, 1 or more, or max for as fast as the service takes it. An hour takes 48 minutes at"
    " 1.25, which is the most that Deepgram recommends.",
)
@service_options
@verbosity_options
def transcribe(
    files: tuple[Path, ...],
    flux: bool,
    model: str | None,
    language: str | None,
    keyterm: tuple[str, ...],
    multichannel: bool,
    diarize: bool,
    redact: tuple[str, ...],
    extra: tuple[str, ...],
    formats: tuple[str, ...],
    output: Path | None,
    output_dir: Path | None,
    concurrency: int,
    speed: float | None,
    service: Service,
    verbosity: Verbosity,
) -> int:
    """Transcribe recordings: WAV at any rate, with any number of channels, mixed to one; and MP3, FLAC, Opus,
    M4A and others where the extra media or ffmpeg is installed.

    A dash reads standard input. What is heard is written as soon as it is final.
    """
    asked = Asked(flux, model, language, keyterm, multichannel, diarize, redact, extra)
    asked.options(1)
    service.check_streams(files)
    paths = _outputs(files, _formats(formats, output), output, output_dir)
    _spare_inputs(files, [path for of_one in paths for path in of_one.values()])
    order = Order(files, asked, paths, concurrency, speed)
    with Display("transcribe", verbosity) as display:
        return asyncio.run(transcribe_all(order, service, display))


def _formats(given: Sequence[str], output: Path | None) -> list[str]:
    """The formats to write: those asked for, or the one that the output's extension names."""
    formats = list(dict.fromkeys(given))
    suffix = output.suffix.lower() if output else ""
    if output and suffix in _AUDIO:
        raise click.UsageError(
            f"{display_name(output)}: {suffix} is a recording's; transcripts are .txt, .json, .srt and .vtt"
        )
    by_suffix = _BY_SUFFIX.get(suffix)
    if output and by_suffix and formats and formats != [by_suffix]:
        flags = " ".join(f"--{format}" for format in formats)
        raise click.UsageError(f"{display_name(output)}: {flags} contradicts the extension {output.suffix}")
    return formats or [by_suffix or "text"]


def _outputs(
    files: Sequence[Path], formats: Sequence[str], output: Path | None, output_dir: Path | None
) -> list[dict[str, Path]]:
    """Where each input's transcript goes, by format: ``-`` is standard output."""
    if output_dir is not None:
        if output is not None:
            raise click.UsageError("-o and --output-dir contradict each other")
        return _in_folder(files, formats, output_dir)
    if len(formats) > 1:
        flags = " and ".join(f"--{format}" for format in formats)
        raise click.UsageError(f"{flags} together need --output-dir")
    if len(files) > 1 and (output is not None and output != STANDARD):
        raise click.UsageError("-o is for one input; several need --output-dir")
    if len(files) > 1 and formats[0] in ("srt", "vtt"):
        raise click.UsageError(f"--{formats[0]} of several inputs needs --output-dir")
    target = output or STANDARD
    target = STANDARD if is_standard(target, output=True) else target
    if target.is_dir():
        raise click.UsageError(f"{display_name(target)}: -o names a file; --output-dir names a folder")
    try_output(target)
    return [{formats[0]: target} for _ in files]


def _spare_inputs(files: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Raise UsageError if a transcript would be written over a recording."""
    for output in outputs:
        if (
            output != STANDARD
            and output.is_file()
            and any(file.is_file() and file.samefile(output) for file in files)
        ):
            raise click.UsageError(f"{display_name(output)}: the transcript would replace the recording")


def _in_folder(files: Sequence[Path], formats: Sequence[str], folder: Path) -> list[dict[str, Path]]:
    stems = [_PIPE_STEM if is_standard(file, output=False) else file.stem for file in files]
    for stem, count in Counter(stems).items():
        if count > 1:
            raise click.UsageError(f"{count} inputs would be written to the same {stem}{FORMATS[formats[0]]}")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [{format: folder / (stem + FORMATS[format]) for format in formats} for stem in stems]
    for path in (path for of_one in paths for path in of_one.values()):
        try_output(path)
    return paths
