"""espeak-ng through ctypes, after its public header ``speak_lib.h``.

The library has one voice and one callback per process, so one lock guards it.
"""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from speechwire.emulator.offline._packages import require
from speechwire.errors import EngineUnavailable, InvalidArgument

__all__ = ["NATIVE_RATE", "Voice", "synthesize"]

NATIVE_RATE = 22050
"""Hz at which espeak-ng speaks."""

_OUTPUT_SYNCHRONOUS = 2
_POSITION_CHARACTER = 1
_CHARACTERS_UTF8 = 1
_PARAMETER_RATE = 1
_CONTINUE = 0

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True, slots=True)
class Voice:
    """How to speak.

    Attributes:
        name: A voice, with a variant: ``en-us``, ``en-us+f3``.
        words_per_minute: 80 to 450.
    """

    name: str = "en-us"
    words_per_minute: int = 160


_lock = threading.Lock()
_pieces: list[bytes] = []


def _collect(samples: int | None, count: int, events: int | None) -> int:
    if samples and count > 0:
        _pieces.append(ctypes.string_at(samples, 2 * count))
    return _CONTINUE


# Kept for as long as the library may call it.
_collector = _Callback(_collect)


@lru_cache(maxsize=1)
def _library() -> Any:
    loader = require("espeakng_loader")
    library = ctypes.CDLL(loader.get_library_path())
    data = Path(loader.get_data_path()).parent
    rate = library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, str(data).encode(), 0)
    if rate != NATIVE_RATE:
        raise EngineUnavailable(
            f"espeak-ng must start at {NATIVE_RATE} Hz with the data in {data}, got {rate}"
        )
    library.espeak_SetSynthCallback(_collector)
    return library


def synthesize(text: str, voice: Voice | None = None) -> bytes:
    """Speak a text.

    Blocks for about a hundredth of the time the speech lasts, with the GIL released; safe from any thread.

    Returns:
        Mono s16le at :data:`NATIVE_RATE`.

    Raises:
        EngineUnavailable: espeak-ng is not installed or does not start.
        InvalidArgument: There is no such voice.
    """
    voice = voice or Voice()
    with _lock:
        library = _library()
        if library.espeak_SetVoiceByName(voice.name.encode()):
            raise InvalidArgument("voice", voice.name, "one espeak-ng knows, such as 'en-us' or 'en-us+f3'")
        library.espeak_SetParameter(_PARAMETER_RATE, voice.words_per_minute, 0)
        _pieces.clear()
        encoded = text.encode()
        flags = _CHARACTERS_UTF8
        library.espeak_Synth(encoded, len(encoded) + 1, 0, _POSITION_CHARACTER, 0, flags, None, None)
        pcm = b"".join(_pieces)
        _pieces.clear()
    return pcm
