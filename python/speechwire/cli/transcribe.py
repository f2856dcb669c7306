"""``speechwire transcribe``: WAV files to text, many at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from speechwire.cli._display import Display
from speechwire.cli._failures import FAILED, exit_code, one_line
from speechwire.cli._files import whole_file
from speechwire.cli._patience import listen_settings
from speechwire.cli._playing import SERVICE_RATE, Session, listening_pipeline, transcript_of
from speechwire.cli._segments import Hearing, NovaHearing, TurnHearing
from speechwire.cli._service import Service, service_options
from speechwire.cli._transcript import FORMATS, Transcript
from speechwire.cli._wav import WavError, WavReader, wav_reader
from speechwire.errors import ConnectFailed, HandshakeRefused, SpeechwireError
from speechwire.protocol import ListenV1Options, ListenV2Options
from speechwire.session import SessionPool

__all__ = ["transcribe"]


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be done with each file."""

    files: tuple[Path, ...]
    options: ListenV1Options | ListenV2Options
    format: str
    output_dir: Path | None
    concurrency: int
    speed: float


@click.command(
    short_help="Turn WAV files into text or subtitles.",
    epilog="\b\nExamples:\n  speechwire transcribe call.wav --emulator"
    "\n  speechwire transcribe call.wav other.wav --flux --srt --output-dir subtitles --emulator",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--flux", is_flag=True, help="Use Flux: turns instead of utterances.")
@click.option("--model", help="Default: nova-3, or flux-general-en with --flux.")
@click.option("--language", help="BCP-47 tag, or multi; not with --flux.")
@click.option("--keyterm", multiple=True, help="Phrase to favour (repeatable).")
@click.option("--text", "format", flag_value="text", default="text", help="One line an utterance (default).")
@click.option("--json", "format", flag_value="json", help="One JSON object a file, on a line of its own.")
@click.option("--srt", "format", flag_value="srt", help="SubRip subtitles.")
@click.option("--vtt", "format", flag_value="vtt", help="WebVTT subtitles.")
@click.option(
    "-o",
    "--output-dir",
    type=click.Path(path_type=Path),
    help="Write a file there for each input instead of standard output.",
)
@click.option(
    "--concurrency", type=click.IntRange(1, 150), default=4, show_default=True, help="Files at once."
)
@click.option(
    "--speed",
    type=click.FloatRange(1.0, min_open=True),
    default=1.25,
    show_default=True,
    help="Times real time; Deepgram asks for at most 1.25.",
)
@service_options
def transcribe(
    files: tuple[Path, ...],
    flux: bool,
    model: str | None,
    language: str | None,
    keyterm: tuple[str, ...],
    format: str,
    output_dir: Path | None,
    concurrency: int,
    speed: float,
    service: Service,
) -> int:
    """Transcribe WAV files: any rate, any number of channels (mixed to one).

    Readable are 8, 16, 24 and 32 bit PCM, 32 and 64 bit float, mu-law and A-law.
    """
    options = _flux_options(model, language, keyterm) if flux else _nova_options(model, language, keyterm)
    _check_outputs(files, format, output_dir)
    return asyncio.run(_transcribe(_Order(files, options, format, output_dir, concurrency, speed), service))


def _nova_options(model: str | None, language: str | None, keyterms: Sequence[str]) -> ListenV1Options:
    return ListenV1Options(
        model=model or "nova-3",
        language=language,
        keyterm=keyterms,
        sample_rate=SERVICE_RATE,
        interim_results=True,
        smart_format=True,
        utterance_end_ms=1000,
    )


def _flux_options(model: str | None, language: str | None, keyterms: Sequence[str]) -> ListenV2Options:
    if language:
        raise click.UsageError("--language is for Nova: with --flux the --model decides the language")
    return ListenV2Options(model=model or "flux-general-en", keyterm=keyterms, sample_rate=SERVICE_RATE)


def _check_outputs(files: Sequence[Path], format: str, output_dir: Path | None) -> None:
    if output_dir is None:
        if len(files) > 1 and format in ("srt", "vtt"):
            raise click.UsageError(f"--{format} of several files needs --output-dir")
        return
    for stem, count in Counter(file.stem for file in files).items():
        if count > 1:
            raise click.UsageError(f"{count} inputs would be written to the same {stem}{FORMATS[format]}")
    output_dir.mkdir(parents=True, exist_ok=True)


async def _transcribe(order: _Order, service: Service) -> int:
    with Display() as display:
        async with (
            service.access() as access,
            SessionPool(access.api_key, base_url=access.base_url) as pool,
        ):
            room = asyncio.Semaphore(order.concurrency)
            tasks = [asyncio.create_task(_one(file, order, pool, room, display)) for file in order.files]
            try:
                return await _report(tasks, order, display)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)


async def _one(
    file: Path, order: _Order, pool: SessionPool, room: asyncio.Semaphore, display: Display
) -> Transcript:
    async with room:
        with wav_reader(file) as wav:
            session, hearing = _listening(wav, order, pool)
            if wav.missing_s:
                display.note(f"speechwire transcribe: {file} ends {wav.missing_s:.2f} s early")
            with display.bar(file.name, wav.duration_s) as bar:
                return await transcript_of(file, wav, session, hearing, bar)


def _listening(wav: WavReader, order: _Order, pool: SessionPool) -> tuple[Session, Hearing]:
    pipeline, settings = listening_pipeline(wav), listen_settings(order.speed)
    if isinstance(order.options, ListenV2Options):
        return pool.listen_v2(order.options, converter=pipeline, settings=settings), TurnHearing()
    return pool.listen_v1(order.options, converter=pipeline, settings=settings), NovaHearing()


async def _report(tasks: Sequence[asyncio.Task[Transcript]], order: _Order, display: Display) -> int:
    """Write each transcript in the order of the files; a service that cannot be had ends it all."""
    worst = 0
    for file, task in zip(order.files, tasks, strict=True):
        try:
            worst = max(worst, _write(await task, order, display))
        except BrokenPipeError:
            raise  # nobody reads any more
        except (WavError, OSError) as error:
            display.note(f"speechwire transcribe: {one_line(error)}")
            worst = max(worst, FAILED)
        except SpeechwireError as error:
            if isinstance(error, (HandshakeRefused, ConnectFailed)):
                raise
            display.note(f"speechwire transcribe: {file}: {one_line(error)}")
            worst = max(worst, exit_code(error))
    return worst


def _write(transcript: Transcript, order: _Order, display: Display) -> int:
    text = transcript.rendered(order.format)
    if order.output_dir:
        with whole_file(order.output_dir / (transcript.file.stem + FORMATS[order.format])) as file:
            file.write(text.encode(errors="surrogateescape"))
    elif order.format == "text" and len(order.files) > 1:
        name = click.format_filename(transcript.file)
        display.result("".join(f"{name}: {line}" for line in text.splitlines(keepends=True)))
    else:
        display.result(text)
    return _check_whole(transcript, display)


def _check_whole(transcript: Transcript, display: Display) -> int:
    """Nothing is lost in silence."""
    if transcript.lost_s:
        why = f"{transcript.lost_s:.2f} s of the audio did not reach the service"
    elif not transcript.complete:
        why = "the service did not finish its results in time; the last words may be missing"
    else:
        return 0
    display.note(f"speechwire transcribe: {transcript.file}: {why}")
    return FAILED
