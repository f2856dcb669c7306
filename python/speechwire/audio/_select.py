"""The choice of an engine: the only importer of ``speechwire._native``."""

from __future__ import annotations

import importlib
import importlib.util
import os
from functools import lru_cache
from types import ModuleType

from speechwire.audio._settings import ENGINES, one_of
from speechwire.errors import EngineUnavailable

__all__ = ["ENGINE_VARIABLE", "engine_name", "load_native"]

ENGINE_VARIABLE = "SPEECHWIRE_ENGINE"
"""Environment variable that chooses the engine which ``auto`` takes."""

_NATIVE = "speechwire._native"


def engine_name(engine: str = "auto") -> str:
    """Return the engine to use: ``"native"`` or ``"numpy"``.

    ``auto`` takes the environment variable ``SPEECHWIRE_ENGINE``, else ``native`` if the extension is
    installed, else ``numpy``.

    Raises:
        InvalidArgument: ``engine`` or the variable is none of ``auto``, ``native``, ``numpy``.
        EngineUnavailable: The native engine is asked for and missing, or is installed and cannot be loaded.
    """
    wanted = one_of("engine", engine, ENGINES)
    if wanted == "auto":
        wanted = one_of(ENGINE_VARIABLE, os.environ.get(ENGINE_VARIABLE) or "auto", ENGINES)
    if wanted == "auto" and importlib.util.find_spec(_NATIVE) is None:
        return "numpy"
    if wanted != "numpy":
        load_native()
        return "native"
    return wanted


@lru_cache(maxsize=1)
def load_native() -> ModuleType:
    """Import the extension. A broken extension raises, and does not silently select the slower engine."""
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
