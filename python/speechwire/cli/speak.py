"""``speechwire speak``: text to an audio file."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import click

from speechwire.cli._arguments import FILE, extra_option, make_options, verbosity_options
from speechwire.cli._audio_out import FORMATS, audio_writer, output_format
from speechwire.cli._display import Display, Verbosity
from speechwire.cli._files import STANDARD, read_standard_input, try_output
from speechwire.cli._service import Service, service_options
from speechwire.cli._speaking import Speaking
from speechwire.cli._threads import Background
from speechwire.protocol import SpeakV1Options, SpeakV2Options

__all__ = ["speak"]


@click.command(
    short_help="Turn text into an audio file.",
    epilog="\b\nExample:\n  speechwire speak 'Please book a table for two.' -o call.wav --emulator",
)
@click.argument("text")
@click.option(
    "-o",
    "--output",
    required=True,
    type=FILE,
    help="File to write, .wav, .flac or .raw; - for standard output.",
)
@click.option(
    "--format", type=click.Choice(FORMATS), help="Format of the output, if its name has none (default: wav)."
)
@click.option("--model", default="aura-2-thalia-en", show_default=True, help="The voice, Aura or Flux.")
@click.option("--rate", type=int, help="Rate of the output in Hz (default: 24000).")
@click.option(
    "--speed", type=float, help="0.7 to 1.5 for Aura-2 in English and Spanish, 0.5 to 1.5 for Flux."
)
@extra_option
@service_options
@verbosity_options
def speak(
    text: str,
    output: Path,
    format: str | None,
    model: str,
    rate: int | None,
    speed: float | None,
    extra: tuple[str, ...],
    service: Service,
    verbosity: Verbosity,
) -> None:
    """Speak TEXT into a file, 16 bit mono; - reads the text from standard input.

    Aura takes 2,400 characters a minute.
    """
    kind = output_format(output, format)
    options = _options(model, rate, speed, extra)
    service.check_streams([STANDARD] if text == "-" else [])
    words = read_standard_input("the text") if text == "-" else text
    _check_text(words)
    try_output(output)
    with Display("speak", verbosity) as display:
        asyncio.run(_speak(words, options, output, kind, service, display))


def _options(
    model: str, rate: int | None, speed: float | None, extra: tuple[str, ...]
) -> SpeakV1Options | SpeakV2Options:
    set_here: dict[str, Any] = {"model": model, "encoding": "linear16", "sample_rate": rate, "speed": speed}
    if model.startswith("flux-"):
        return make_options(SpeakV2Options, extra, set_here, {})
    return make_options(SpeakV1Options, extra, set_here, {})


def _check_text(words: str) -> None:
    try:
        words.encode()
    except UnicodeEncodeError:
        raise click.UsageError("TEXT is not UTF-8") from None
    if not any(character.isalnum() for character in words):
        raise click.UsageError("TEXT has no words to speak")


async def _speak(
    words: str,
    options: SpeakV1Options | SpeakV2Options,
    output: Path,
    format: str,
    service: Service,
    display: Display,
) -> None:
    async with service.access() as access, Background() as background:
        # A pipe waits for its reader.
        append = await background.enter(audio_writer(output, format, options.output_rate))
        with display.bar(output.name, len(words)) as bar:
            speaking = Speaking(words, options, access, display)
            await speaking.into(partial(background.call, append), bar)
