"""What the transport tests share."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trustme
from tests.transport.reaching import TRANSPORTS

from speechwire.transport.shared import TRANSPORT_VARIABLE

_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
_LIBRARIES = ("aiohttp", "picows", "speechwire.transport")


@pytest.fixture
async def quiet(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Nothing is complained of: by a library's log, by asyncio's, or to the event loop's handler.

    Asked when the test has ended and nothing of it is left: only then is a task's exception told that nobody
    has retrieved.
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


@pytest.fixture(params=TRANSPORTS)
def make(request: pytest.FixtureRequest) -> Any:
    return TRANSPORTS[request.param]


@pytest.fixture(params=["aiohttp", "picows"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of each network transport in turn, which is the one that is made."""
    name: str = request.param
    monkeypatch.setenv(TRANSPORT_VARIABLE, name)
    return name


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()
