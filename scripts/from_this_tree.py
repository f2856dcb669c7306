"""Importing this makes what is imported afterwards come from this tree, whatever is installed beside it."""

from __future__ import annotations

import sys
from pathlib import Path

PYTHON = Path(__file__).resolve().parents[1] / "python"

sys.path.insert(0, str(PYTHON))

import videosdk.plugins  # noqa: E402

# The framework's own package looks into its own folder first, where an installed plugin would be found.
videosdk.plugins.__path__ = [str(PYTHON / "videosdk" / "plugins"), *videosdk.plugins.__path__]
