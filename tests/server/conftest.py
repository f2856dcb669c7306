"""What tests of the server share."""

from __future__ import annotations

import pytest
from tests.server import serving


@pytest.fixture(params=["aiohttp", "picows"])
def each_socket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test with either of what can move the messages of calls."""
    if request.param == "picows":
        pytest.importorskip("picows")
    monkeypatch.setattr(serving, "SOCKETS", request.param)
