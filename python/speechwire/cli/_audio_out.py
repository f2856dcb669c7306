"""Outputs: WAV, FLAC and raw samples, by the file's extension or by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import click

from speechwire.cli import _ffmpeg, _pyav
from speechwire.cli._audio_in import INSTALL_MEDIA
from speechwire.cli._failures import OutputError
from speechwire.cli._files import ByteSink, display_name, is_standard, output_file
from speechwire.cli._wav import write_wav

__all__ = ["FORMATS", "Append", "audio_writer", "output_format"]

Append = Callable[[bytes], None]

FORMATS = ("wav", "flac", "raw")
"""What can be written: raw is 16 bit little-endian without a header."""

_BY_SUFFIX = {".wav": "wav", ".wave": "wav", ".flac": "flac", ".raw": "raw", ".pcm": "raw"}


def output_format(path: Path, given: str | None) -> str:
    """The format a file is to be written in: as given, or as its extension says.

    Raises:
        click.UsageError: The extension is of a format that cannot be written, or there is none, or it
            contradicts what was given.
    """
    suffix = path.suffix.lower()
    by_suffix = _BY_SUFFIX.get(suffix)
    if is_standard(path, output=True) or _has_no_say(path):
        return given or by_suffix or "wav"
    if given and by_suffix in (given, None) and not (suffix and by_suffix is None):
        return given
    if given and by_suffix and given != by_suffix:
        raise click.UsageError(f"{display_name(path)}: --format {given} contradicts the extension {suffix}")
    if by_suffix:
        return by_suffix
    if path.is_dir():
        raise click.UsageError(f"{display_name(path)}: this is a folder; name a file to write")
    what = f"cannot write {suffix} files" if suffix else "no extension that names a format"
    raise click.UsageError(f"{display_name(path)}: {what}; there are .wav, .flac and .raw")


def _has_no_say(path: Path) -> bool:
    """Whether it is a pipe or a device, whose extension need not name the format."""
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def audio_writer(path: Path, format: str, rate: int) -> Iterator[Append]:
    """Write mono 16 bit samples.

    A regular file gets its name when it is complete, and is deleted if it does not become so. Blocks until a
    named pipe has a reader.

    Yields:
        A function that appends samples.

    Raises:
        OutputError: The format cannot hold it, or needs what is not installed.
        OSError: It cannot be written; with the name that was given.
        click.UsageError: Standard output is a terminal.
    """
    name = display_name(path)
    with output_file(path) as sink, _writer(name, sink, format, rate) as append:
        yield append


def _writer(name: str, sink: ByteSink, format: str, rate: int) -> AbstractContextManager[Append]:
    if format == "wav":
        return write_wav(name, sink, rate)
    if format == "raw":
        return _write_raw(sink)
    if _pyav.imported() is not None:
        return _pyav.write_flac(sink, rate)
    if _ffmpeg.program() is not None:
        return _ffmpeg.write_flac(name, sink, rate)
    raise OutputError(f"{name}: FLAC needs ffmpeg, or this: {INSTALL_MEDIA}")


@contextmanager
def _write_raw(sink: ByteSink) -> Iterator[Append]:
    yield sink.write
