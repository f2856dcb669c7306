"""How ``serve`` ends: what each signal waits for, and the exit code."""

from __future__ import annotations

import asyncio
import signal
from typing import Any, cast

import pytest

pytest.importorskip("prometheus_client", reason="wants the server: pip install 'speechwire[server]'")

from speechwire.cli.serve import _drained

TERM, INT = int(signal.SIGTERM), int(signal.SIGINT)


class Ending:
    """A server with callers who hang up after a while; signals come one after the other.

    Attributes:
        did: What was asked of it.
    """

    def __init__(self, *signals: int, callers_s: float = 0.0) -> None:
        self.did: list[str] = []
        self._signals = list(signals)
        self._callers_s = callers_s

    async def first(self) -> int:
        await asyncio.sleep(0.02)
        if not self._signals:
            await asyncio.Event().wait()
        return self._signals.pop(0)

    async def drain(self, timeout_s: float | None = None) -> None:
        self.did.append("drain" if timeout_s is None else f"drain {timeout_s:g}")
        await asyncio.sleep(self._callers_s if timeout_s is None else timeout_s)

    def hang_up_all(self) -> None:
        self.did.append("hang up")

    async def retire(self) -> None:
        self.did.append("retire")


@pytest.mark.parametrize(
    ("signals", "callers_s", "retired", "code", "did"),
    [
        ([TERM], 0.0, False, 0, ["drain"]),
        ([INT], 0.0, False, 130, ["hang up", "drain 0"]),
        ([TERM, TERM], 3600.0, False, 0, ["drain", "hang up", "drain 0"]),
        ([], 0.0, True, 0, ["retire", "drain"]),
    ],
)
async def test_what_a_signal_waits_for(
    signals: list[int], callers_s: float, retired: bool, code: int, did: list[str]
) -> None:
    ending = Ending(*signals, callers_s=callers_s)
    is_retired = asyncio.Event()
    if retired:
        is_retired.set()
    double = cast(Any, ending)
    assert await asyncio.wait_for(_drained(double, double, double, is_retired), 20.0) == code
    assert ending.did == did
