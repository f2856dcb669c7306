"""The optional packages of the offline engine, imported on first use."""

from __future__ import annotations

import importlib
from typing import Any

from speechwire.errors import EngineUnavailable

__all__ = ["require"]


def require(name: str) -> Any:
    """Import an optional package.

    Raises:
        EngineUnavailable: It is not installed, with the command that installs it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        command = 'pip install "speechwire[emulator]"'
        raise EngineUnavailable(
            f"the offline engine needs {name}, which is not installed: {command}"
        ) from error
