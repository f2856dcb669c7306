from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.session.driving import Endpoint
from tests.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": VirtualTimeLoop}


@pytest.fixture(params=["flux", "nova", "nova finals"])
def endpoint(request: pytest.FixtureRequest) -> Endpoint:
    """Flux, Nova with interim results, and Nova without."""
    return Endpoint(request.param)
