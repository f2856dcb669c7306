"""What the transport tests share."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

_LIBRARIES = ("aiohttp", "picows", "speechwire.transport")


@pytest.fixture
async def quiet(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Nothing is complained of: by a library's log, by asyncio's, or to the event loop's handler.

    Asked when the test has ended and nothing of it is left: only then a task's exception that nobody retrieved
    is told.
    """
    caplog.set_level(logging.DEBUG)
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    yield
    await asyncio.sleep(0)
    gc.collect()
    assert complaints == []
    said = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.levelno >= logging.WARNING or record.name.startswith(_LIBRARIES)
    ]
    assert said == []
