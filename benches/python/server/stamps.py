"""When a frame was sent, written into its audio so that every way of carrying it leaves it readable.

The stamp is a number of microseconds in eight bytes of six bits each. As mu-law these are sixty-four codes,
each with a sample of its own: a server that decodes mu-law to 16-bit samples keeps them apart.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from speechwire.load.dialects import word_sample

__all__ = ["FILLING", "STAMP_BYTES", "made", "read", "read_decoded"]

STAMP_BYTES: Final = 8
FILLING: Final = b"\x55"
_FIRST_CODE: Final = 0x80
_looks_right = re.compile(rb"[\x80-\xbf]{8}").fullmatch
_samples = struct.Struct("<8h").unpack_from
_codes: Final = {word_sample(_FIRST_CODE + digit): digit for digit in range(64)}


def made(now_us: int) -> bytes:
    """Eight bytes that say when."""
    return bytes(_FIRST_CODE | now_us >> 6 * place & 63 for place in range(STAMP_BYTES))


def read(audio: bytes, at: int) -> int | None:
    """The stamp that stands there; ``None`` where none does."""
    stamp = audio[at : at + STAMP_BYTES]
    if not _looks_right(stamp):
        return None
    return sum((byte & 63) << 6 * place for place, byte in enumerate(stamp))


def read_decoded(audio: bytes, at: int) -> int | None:
    """The stamp in samples that were mu-law."""
    if len(audio) - at < 2 * STAMP_BYTES:
        return None
    digits = [_codes.get(sample, -1) for sample in _samples(audio, at)]
    return None if min(digits) < 0 else sum(digit << 6 * place for place, digit in enumerate(digits))
