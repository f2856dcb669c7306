"""Files, pipes and the standard streams: what a name on the command line means.

``-`` and names like ``/dev/stdout`` are standard input or output. A regular file is written completely or not
at all; a pipe or a device is written as the data comes.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import click

from speechwire.cli._failures import InputError

__all__ = [
    "STANDARD",
    "ByteSink",
    "GrowingFile",
    "display_name",
    "input_file",
    "is_standard",
    "naming",
    "output_file",
    "read_standard_input",
    "refuse_folder",
    "try_output",
]

STANDARD = Path("-")
"""Standard input or output."""

_INPUT_NAMES = {"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"}
_OUTPUT_NAMES = {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}
_numbers = itertools.count()


class ByteSink(Protocol):
    """Where bytes go."""

    seekable: bool
    """Whether what was written can still be changed."""

    def write(self, data: bytes, /) -> None:
        """Write all of it, or raise."""

    def overwrite(self, position: int, data: bytes, /) -> None:
        """Replace what was written there; only where `seekable`."""


class _Stream:
    """A pipe or a device, written without a buffer, so that no data is lost when the process ends."""

    seekable = False

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def write(self, data: bytes, /) -> None:
        with naming(self._path):
            _write_all(self._descriptor, data)

    def overwrite(self, position: int, data: bytes, /) -> None:
        raise NotImplementedError


class _Regular:
    seekable = True

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file

    def write(self, data: bytes, /) -> None:
        with naming(self._path):
            self._put(data)

    def overwrite(self, position: int, data: bytes, /) -> None:
        with naming(self._path):
            self._file.seek(position)
            self._put(data)
            self._file.seek(0, os.SEEK_END)

    def _put(self, data: bytes) -> None:
        self._file.write(data)


def is_standard(path: Path, *, output: bool) -> bool:
    """Whether a name stands for standard input, or output."""
    return str(path) in (_OUTPUT_NAMES if output else _INPUT_NAMES)


def display_name(path: Path) -> str:
    """A file's name as it is shown."""
    return click.format_filename(path)


# Input


@contextmanager
def input_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file, a pipe or standard input for reading. Blocks until a named pipe has a writer.

    Raises:
        InputError: There is none, it may not be read, or it is a folder; or standard input is a terminal.
    """
    name = display_name(path)
    try:
        standard = is_standard(path, output=False)
        file: BinaryIO = open(0 if standard else path, "rb", buffering=0, closefd=not standard)  # noqa: SIM115
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from error
    except ValueError as error:  # a NUL in the name
        raise InputError(f"{name}: {error}") from error
    with file:
        if os.isatty(file.fileno()):
            raise InputError(f"{name}: this is a terminal; give a file or a pipe")
        yield file


def read_standard_input(what: str) -> str:
    """All of standard input as text, without a byte order mark.

    Raises:
        InputError: It is not UTF-8, or cannot be read.
    """
    try:
        with open(0, "rb", closefd=False) as file:
            return file.read().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{what} from standard input: {error.strerror}") from error
    except UnicodeDecodeError:
        raise InputError(f"{what} from standard input: it is not UTF-8") from None


# Output


@contextmanager
def output_file(path: Path) -> Iterator[ByteSink]:
    """Open a file, a pipe or standard output for writing.

    A regular file gets its name when the block ends without an exception, and is deleted otherwise. A link's
    target is replaced, not the link. Blocks until a named pipe has a reader.

    Raises:
        OSError: It cannot be written; always with the name that was given.
        click.UsageError: Standard output is a terminal, and the data is binary.
    """
    if is_standard(path, output=True):
        if os.isatty(1):
            raise click.UsageError("standard output is a terminal; redirect it, or name a file")
        yield _Stream(path, 1)
        return
    refuse_folder(path)
    if _is_stream(path):
        with _descriptor_of(path) as descriptor:
            yield _Stream(path, descriptor)
        return
    with _whole_file(path) as file:
        yield _Regular(path, file)


def refuse_folder(path: Path) -> None:
    """Raise OSError if a name for an output is that of a folder."""
    if path.is_dir():
        raise OSError(None, "this is a folder; name a file to write", str(path))


def try_output(path: Path) -> None:
    """Check that a regular file can be written, without changing it, before a long command begins.

    Raises:
        OSError: It cannot be written.
    """
    if is_standard(path, output=True) or _is_stream(path):
        return
    refuse_folder(path)
    new = not path.exists()
    with naming(path):
        path.open("ab").close()
    if new:
        path.unlink()


class GrowingFile:
    """A file that always contains everything written so far.

    It is opened with the first text, so that an existing file is kept if there is no text. A pipe or a device
    is opened at once, which blocks until it has a reader.

    Raises:
        OSError: It cannot be written; always with the name that was given.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        if _is_stream(path):
            self._open()

    def write(self, text: str) -> None:
        """Append; an empty text makes an empty file."""
        if self._file is None:
            self._open()
        with naming(self.path):
            _write_all(cast(BinaryIO, self._file).fileno(), text.encode(errors="backslashreplace"))

    def close(self) -> None:
        """Idempotent."""
        if self._file is not None:
            self._file.close()

    def _open(self) -> None:
        with naming(self.path):
            self._file = open(self.path, "wb", buffering=0)  # noqa: SIM115  # closed by close()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Make errors name the requested file, not the temporary file that is written first."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, _reason(error, path), str(path)) from error


def _reason(error: OSError, path: Path) -> str | None:
    if error.errno == errno.ENOENT and not path.parent.exists():
        return f"there is no folder {display_name(path.parent)}"
    return error.strerror


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _is_stream(path: Path) -> bool:
    with suppress(OSError):
        mode = path.stat().st_mode
        return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
    return False


@contextmanager
def _descriptor_of(path: Path) -> Iterator[int]:
    with naming(path):
        descriptor = os.open(path, os.O_WRONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _whole_file(path: Path) -> Iterator[BinaryIO]:
    with naming(path), suppress(FileNotFoundError):
        path.stat()  # a link to itself leads nowhere
    target = Path(os.path.realpath(path))
    part = target.with_name(f".speechwire-{os.getpid()}-{next(_numbers)}.part")
    file: BinaryIO | None = None
    try:
        with naming(path):
            file = part.open("xb")
        yield file
        with naming(path):
            file.close()  # writes what waits in the buffer: the disk may be full
            os.replace(part, target)
    except BaseException as error:
        if file is not None:
            with suppress(OSError):
                file.close()
        if file is not None or not isinstance(error, OSError):  # a signal may come as it is made
            part.unlink(missing_ok=True)
        raise
