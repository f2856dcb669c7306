"""The choice of an engine: the only importer of ``speechwire._native``."""

from __future__ import annotations

import importlib
import importlib.util
import os
from fractions import Fraction
from functools import lru_cache
from types import ModuleType
from typing import Any, cast

from speechwire.audio._engine_np import NumpyPipeline
from speechwire.audio._filter_np import numpy_filter
from speechwire.audio._ring_py import PythonRing
from speechwire.audio._settings import ENGINES, Settings, one_of
from speechwire.audio._tables import SharedTables
from speechwire.audio._taps import FilterTable, filter_table
from speechwire.audio.ring import AudioRing, Converter
from speechwire.errors import EngineUnavailable

__all__ = ["engine_name", "load_native", "make_pipeline", "make_ring"]

_NATIVE = "speechwire._native"


def engine_name(engine: str = "auto") -> str:
    """Return the engine that ``engine`` stands for: ``"native"`` or ``"numpy"``.

    ``auto`` means what the environment variable ``SPEECHWIRE_ENGINE`` says, else ``native`` where the
    extension is installed, else ``numpy``.

    Raises:
        InvalidArgument: ``engine`` or the variable is none of ``auto``, ``native``, ``numpy``.
        EngineUnavailable: The native engine is asked for and missing, or is installed and cannot be loaded.
    """
    wanted = one_of("engine", engine, ENGINES)
    if wanted == "auto":
        wanted = one_of("SPEECHWIRE_ENGINE", os.environ.get("SPEECHWIRE_ENGINE") or "auto", ENGINES)
    if wanted == "auto" and importlib.util.find_spec(_NATIVE) is None:
        return "numpy"
    if wanted != "numpy":
        load_native()
        return "native"
    return wanted


@lru_cache(maxsize=1)
def load_native() -> ModuleType:
    """Import the extension. A broken one is an error, never a reason to go on slowly in silence."""
    try:
        return importlib.import_module(_NATIVE)
    except ModuleNotFoundError as error:
        raise EngineUnavailable(
            "the native audio engine is not installed: install a wheel for this platform, build one with a"
            ' Rust toolchain, or use engine="numpy"'
        ) from error
    except Exception as error:
        raise EngineUnavailable(
            f"the native audio engine is installed but cannot be loaded ({error}): reinstall it, or set"
            " SPEECHWIRE_ENGINE=numpy"
        ) from error


def make_pipeline(settings: Settings, engine: str, kernel: str | None = None) -> object:
    """Return a pipeline of the engine asked for; ``kernel`` picks one of the native code paths, for tests."""
    name = engine_name(engine)
    table = _shared_table(settings, name)
    if name == "numpy":
        return NumpyPipeline(settings, table)
    return load_native().NativePipeline(
        table,
        settings.in_rate,
        settings.channels,
        settings.format,
        settings.chunk_samples,
        settings.describe(name),
        kernel,
    )


def make_ring(
    frame_bytes: int,
    frame_rate: int,
    queue_frames: int,
    replay_frames: int,
    converter: Converter | None = None,
    engine: str = "auto",
) -> AudioRing:
    """Return an empty ring.

    Args:
        frame_bytes: Bytes of one frame, over all channels; 1 for compressed audio.
        frame_rate: Frames per second; 0 for compressed audio: then what is sent is not kept.
        queue_frames: Bound of what waits to be sent.
        replay_frames: Bound of what has been sent and is kept for a replay; 0 keeps nothing.
        converter: Makes messages of what is pushed; ``None`` sends it as it comes, cut between frames.
        engine: As in `engine_name`.
    """
    ring: Any = PythonRing if engine_name(engine) == "numpy" else load_native().NativeRing
    return cast(AudioRing, ring(frame_bytes, frame_rate, queue_frames, replay_frames, converter))


_TABLES: SharedTables[Any] = SharedTables(limit_bytes=32 << 20)


def _shared_table(settings: Settings, engine: str) -> Any:
    """The filter in the engine's own form; one for all pipelines whose rates have the same ratio."""
    ratio = Fraction(settings.out_rate, settings.in_rate)
    make = numpy_filter if engine == "numpy" else _native_table
    return _TABLES.get(
        (engine, ratio, settings.quality),
        lambda: make(filter_table(settings.in_rate, settings.out_rate, settings.quality)),
    )


def _native_table(table: FilterTable) -> Any:
    taps = table.taps.tobytes()
    return load_native().FilterTable(table.up, table.down, table.phases, taps, table.center, table.shift)
