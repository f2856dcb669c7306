"""Output files: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["naming", "whole_file"]


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing; it takes its name when the block ends well, and vanishes if it does not.

    A link's target is replaced, not the link.

    Raises:
        OSError: It cannot be written, or the path leads to a directory, a device or a pipe.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise OSError(None, "this is a directory, a device or a pipe; name a file to write", str(path))
    part = target.with_name(target.name + ".part")
    with naming(path):
        file = part.open("wb")
    try:
        with file:
            yield file
            with naming(path):
                file.flush()
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """A failure names the file that was asked for, not its part."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
