"""The plugins over an in-memory transport, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from tests.plugin.virtual.driving import Serve, Service
from tests.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": VirtualTimeLoop}


@pytest.fixture(params=["nova", "flux"])
def endpoint(request: pytest.FixtureRequest) -> str:
    """One test for both plugins."""
    return str(request.param)


@pytest.fixture
def service(endpoint: str) -> Iterator[Callable[[Serve], Service]]:
    """Returns a function that puts a scripted peer in the place of the network."""
    with pytest.MonkeyPatch.context() as patch:
        yield lambda serve: Service(endpoint, serve, patch)
