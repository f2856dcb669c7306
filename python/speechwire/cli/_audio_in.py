"""Inputs of every kind: WAV files as they are, all others decoded."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from speechwire.cli import _ffmpeg, _pyav
from speechwire.cli._audio import AudioReader
from speechwire.cli._failures import InputError
from speechwire.cli._files import display_name, input_file, is_standard
from speechwire.cli._wav import SIGNATURE_BYTES, UnsupportedWav, WavError, is_wav, read_exactly, read_wav

__all__ = ["INSTALL_MEDIA", "ffmpeg_command", "open_audio"]

INSTALL_MEDIA = 'pip install "speechwire[media]"'
"""What makes other inputs than WAV readable."""


@contextmanager
def open_audio(path: Path) -> Iterator[AudioReader]:
    """Open a file, a pipe or standard input. Blocks until a pipe delivers the header.

    Raises:
        InputError: It cannot be opened, or holds no audio that can be read.
    """
    name = display_name(path)
    with input_file(path) as file:
        with _reading(name):
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            beginning = read_exactly(file, SIGNATURE_BYTES)
        if not beginning:
            raise InputError(f"{name}: it is empty")
        with _opened(name, path, beginning, file, regular=regular) as reader:
            yield reader


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from error


def _opened(
    name: str, path: Path, beginning: bytes, file: BinaryIO, *, regular: bool
) -> AbstractContextManager[AudioReader]:
    if not is_wav(beginning):
        return _decoded(name, path, beginning, file, regular=regular, why="it is not a WAV file")
    try:
        with _reading(name):
            return _plain(read_wav(name, beginning, file, regular=regular))
    except UnsupportedWav as error:
        if not regular:
            raise InputError(f"{name}: {error}, and a pipe cannot be read twice; give a file") from error
        return _decoded(name, path, beginning, file, regular=True, why=str(error))
    except WavError as error:
        raise InputError(f"{name}: {error}") from error


@contextmanager
def _plain(reader: AudioReader) -> Iterator[AudioReader]:
    yield reader


def _decoded(
    name: str, path: Path, beginning: bytes, file: BinaryIO, *, regular: bool, why: str
) -> AbstractContextManager[AudioReader]:
    if _pyav.imported() is not None:
        return _pyav.read(name, beginning, file, regular=regular)
    if _ffmpeg.program() is not None:
        whole = path if regular and not is_standard(path, output=False) else None
        if regular and whole is None:
            file.seek(len(beginning))
        return _ffmpeg.read(name, whole, beginning, file)
    raise InputError(f"{name}: {why}; other recordings need ffmpeg, or this: {INSTALL_MEDIA}")


def ffmpeg_command(path: Path, options: str) -> str:
    """A command that makes a readable WAV file of a recording, to be copied into a shell."""
    if is_standard(path, output=False):
        return f"ffmpeg -i - {options} -f wav -"
    target = path.with_name(f"{path.stem}-converted.wav")
    return f"ffmpeg -i {_quoted(path)} {options} {_quoted(target)}"


def _quoted(path: Path) -> str:
    # ffmpeg would read a leading dash as an option, and a name before a colon as a protocol.
    plain = path.is_absolute() or not (str(path).startswith("-") or ":" in str(path))
    return shlex.quote(str(path) if plain else f"./{path}")
