"""``speechwire speak``: text to a WAV file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from speechwire.cli._display import Bar, Display
from speechwire.cli._patience import SPEAK_SETTINGS
from speechwire.cli._service import Service, service_options
from speechwire.cli._wav import wav_writer
from speechwire.protocol import SpeakV1Options
from speechwire.session import SpeakSession

__all__ = ["speak"]


@click.command(
    short_help="Turn text into a WAV file.",
    epilog="\b\nExample:\n  speechwire speak 'I would like to book a table for two.' -o call.wav --emulator",
)
@click.argument("text")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="WAV file, 16 bit mono.")
@click.option("--model", default="aura-2-thalia-en", show_default=True, help="The voice.")
@click.option("--rate", type=int, help="Rate of the output in Hz (default: 24000).")
@click.option("--speed", type=float, help="0.7 to 1.5; Aura-2 in English and Spanish.")
@service_options
def speak(
    text: str, output: Path, model: str, rate: int | None, speed: float | None, service: Service
) -> None:
    """Have TEXT spoken into a WAV file; - reads it from standard input."""
    if str(output) == "-":
        raise click.UsageError("-o needs a file: a WAV file's header holds its length, which comes last")
    words = sys.stdin.read() if text == "-" else text
    if not any(character.isalnum() for character in words):
        raise click.UsageError("TEXT has no words to speak")
    options = SpeakV1Options(model=model, sample_rate=rate, speed=speed)
    with Display() as display, display.bar(output.name, None) as bar:
        asyncio.run(_speak(words, options, output, service, bar))


async def _speak(words: str, options: SpeakV1Options, output: Path, service: Service, bar: Bar) -> None:
    async with service.access() as access:
        session = SpeakSession(
            access.api_key,
            options,
            base_url=access.base_url,
            settings=SPEAK_SETTINGS,
            on_retry=lambda event: bar.caption(f"trying again: {event.error}"),
        )
        async with session:
            with wav_writer(output, options.output_rate) as append:
                request = session.speak(words)
                async for pcm in request:
                    append(pcm)
                    bar.reach(request.audio_bytes / 2 / options.output_rate)
