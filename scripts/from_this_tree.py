"""Importing this makes what is imported afterwards come from this tree, whatever is installed beside it."""

from __future__ import annotations

import sys
from pathlib import Path

PYTHON = Path(__file__).resolve().parents[1] / "python"
PURE = [path.parent for path in sorted(PYTHON.glob("*/pyproject.toml"))]

sys.path[:0] = [str(path) for path in (PYTHON, *PURE)]

import videosdk.plugins  # noqa: E402

# The framework's own package looks into its own folder first, where an installed plugin would be found.
videosdk.plugins.__path__ = [
    *(str(path / "videosdk" / "plugins") for path in PURE),
    *videosdk.plugins.__path__,
]
