"""Standard streams that the caller has closed."""

from __future__ import annotations

import os
import sys

__all__ = ["open_closed_streams"]

# The null device opened the wrong way round fails as a closed stream does. What is told there is not missed.
_IN_PLACE = {
    "stdin": ("r", os.O_WRONLY),
    "stdout": ("w", os.O_RDONLY),
    "stderr": ("w", os.O_WRONLY),
}


def open_closed_streams() -> None:
    """Put something into the place of each closed standard stream.

    Python has ``None`` there, and the next file that is opened takes the number of the stream: what is meant
    for standard output would end up in it. Reading and writing still fail, only notes and errors vanish.
    """
    for name, (mode, flags) in _IN_PLACE.items():  # by number: the lowest free one is taken
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode))
