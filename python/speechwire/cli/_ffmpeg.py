"""Coded audio in, FLAC out, through the program ffmpeg, where it is on PATH."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from speechwire.cli._audio import AudioReader
from speechwire.cli._failures import InputError, OutputError, printable
from speechwire.cli._files import ByteSink
from speechwire.cli._pyav import CONTAINERS
from speechwire.cli._wav import SIGNATURE_BYTES, WavError, read_exactly, read_wav

__all__ = ["program", "read", "write_flac"]

_PIECE_BYTES = 1 << 16
_QUIET = ("-nostdin", "-hide_banner", "-v", "error")


def program() -> str | None:
    """ffmpeg, where it is on PATH."""
    return shutil.which("ffmpeg")


@contextmanager
def read(name: str, path: Path | None, beginning: bytes, file: BinaryIO) -> Iterator[AudioReader]:
    """Open a recording and decode its first audio track.

    Args:
        name: As it is shown.
        path: Of a regular file; ``None`` for a pipe.
        beginning: Of a pipe, read already.
        file: Of a pipe, behind that.

    Raises:
        InputError: It is none, or none that can be decoded.
    """
    source = "pipe:0" if path is None else f"file:{path.resolve()}"
    limits = ("-protocol_whitelist", "file,pipe", "-format_whitelist", CONTAINERS)
    arguments = [*_QUIET, *limits, "-i", source, "-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "wav", "pipe:1"]
    with tempfile.TemporaryFile() as said, _running(arguments, said) as process:
        stdin, stdout = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
        pieces = _pieces(beginning, file) if path is None else iter(())
        threading.Thread(target=_feed, args=(stdin, pieces), daemon=True).start()
        try:
            reader = read_wav(
                name, read_exactly(stdout, SIGNATURE_BYTES).ljust(8, b"\0"), stdout, regular=False
            )
        except WavError as error:
            process.wait()
            raise InputError(f"{name}: ffmpeg cannot read it: {_last_line(said)}") from error
        wav_blocks = reader.read
        yield replace(
            reader,
            kind=f"{reader.rate} Hz, {reader.channels} channels, through ffmpeg",
            read=lambda frames: _to_the_end(name, wav_blocks(frames), process, said),
        )


def _to_the_end(
    name: str, blocks: Iterator[bytes], process: subprocess.Popen[bytes], said: BinaryIO
) -> Iterator[bytes]:
    yield from blocks
    if process.wait():
        raise InputError(f"{name}: ffmpeg cannot decode it to its end: {_last_line(said)}")


@contextmanager
def write_flac(name: str, sink: ByteSink, rate: int) -> Iterator[Callable[[bytes], None]]:
    """Write mono 16 bit FLAC.

    Yields:
        A function that appends samples.

    Raises:
        OutputError: ffmpeg failed.
        OSError: It cannot be written.
    """
    coding = ("-f", "s16le", "-ar", str(rate), "-ac", "1")
    arguments = [*_QUIET, *coding, "-i", "pipe:0", "-f", "flac", "pipe:1"]
    with tempfile.TemporaryFile() as said, _running(arguments, said) as process:
        stdin, stdout = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
        failures: list[OSError] = []
        draining = threading.Thread(target=_drain, args=(stdout, sink, failures), daemon=True)
        draining.start()

        def append(pcm: bytes) -> None:
            with suppress(BrokenPipeError):  # its reason is reported below
                stdin.write(pcm)
            if failures:
                raise failures[0]

        yield append
        with suppress(BrokenPipeError):
            stdin.close()
        draining.join()
        if failures:
            raise failures[0]
        if process.wait():
            raise OutputError(f"{name}: ffmpeg cannot write it: {_last_line(said)}")


@contextmanager
def _running(arguments: list[str], said: BinaryIO) -> Iterator[subprocess.Popen[bytes]]:
    pipe = subprocess.PIPE
    # A session of its own: Ctrl-C is for this process, which ends its helper itself.
    process = subprocess.Popen(
        [program() or "ffmpeg", *arguments], stdin=pipe, stdout=pipe, stderr=said, start_new_session=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                cast(BinaryIO, stream).close()


def _pieces(beginning: bytes, file: BinaryIO) -> Iterator[bytes]:
    yield beginning
    while piece := file.read(_PIECE_BYTES):
        yield piece


def _feed(stdin: BinaryIO, pieces: Iterator[bytes]) -> None:
    # It ends when the input does, or when ffmpeg has gone; then the pipe is closed under it.
    with suppress(OSError, ValueError):
        for piece in pieces:
            stdin.write(piece)
            stdin.flush()
    with suppress(OSError, ValueError):
        stdin.close()


def _drain(stdout: BinaryIO, sink: ByteSink, failures: list[OSError]) -> None:
    try:
        while piece := stdout.read(_PIECE_BYTES):
            sink.write(piece)
    except OSError as error:
        failures.append(error)
        stdout.close()


def _last_line(said: BinaryIO) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    return printable(lines[-1]) if lines else "it does not say why"
