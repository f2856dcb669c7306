"""The memory of this process."""

from __future__ import annotations

import gc
import re
from pathlib import Path

__all__ = ["resident_kib"]


def resident_kib() -> int:
    """KiB of memory that no file backs, garbage collected first (Linux)."""
    gc.collect()
    rollup = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Anonymous:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found is not None
    return int(found[1])
