"""How long a process was ready to run and had no core: what other users of the machine take from it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["waited_s"]


def waited_s(process: int | str = "self") -> float:
    """Seconds its main thread has spent waiting for a core (Linux); 0 where that is not told."""
    path = Path(f"/proc/{process}/schedstat")
    return int(path.read_text(encoding="ascii").split()[1]) / 1e9 if path.exists() else 0.0
