"""Ctrl-C in a terminal reaches every process of the group: the worker must leave it to the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from speechwire.emulator.offline import _process


async def test_the_worker_is_out_of_reach_of_the_terminals_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    given: Mapping[str, Any] = {}
    create = asyncio.create_subprocess_exec

    async def noted(*command: str, **arguments: Any) -> Any:
        nonlocal given
        given = arguments
        return await create(*command, **arguments)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    process = _process.RecognitionProcess()
    await process.start()
    await process.aclose()
    assert given["start_new_session"]


async def test_the_worker_ends_by_itself_once_nothing_is_asked_any_more() -> None:
    process = _process.RecognitionProcess()
    await process.start()
    worker = process._process
    assert worker is not None
    await process.aclose()
    assert worker.returncode == 0
    await process.aclose()
