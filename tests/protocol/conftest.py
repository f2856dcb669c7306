"""What the protocol tests share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speechwire.protocol import Endpoint, ListenV1, ListenV2, SpeakV1, SpeakV2

PROTOCOLS: dict[str, Callable[[], Endpoint[Any]]] = {
    "ListenV1": ListenV1,
    "ListenV2": ListenV2,
    "SpeakV1": SpeakV1,
    "SpeakV2": SpeakV2,
}


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> Endpoint[Any]:
    """A fresh connection of each endpoint in turn."""
    return PROTOCOLS[request.param]()


MINUTE = bytes(60 * 32_000)


@pytest.fixture
def heard() -> Callable[[str], Endpoint[Any]]:
    """Makes a connection by the name of its class, with a minute of audio sent if it listens."""

    def make(name: str) -> Endpoint[Any]:
        protocol = PROTOCOLS[name]()
        if isinstance(protocol, ListenV1 | ListenV2):
            protocol.send_audio(MINUTE)
        return protocol

    return make


@pytest.fixture
def make() -> Callable[[str], Endpoint[Any]]:
    """Makes a connection by the name of its class."""
    return lambda name: PROTOCOLS[name]()


@pytest.fixture(scope="session")
def documented() -> dict[str, dict[str, dict[str, Any]]]:
    """The examples of Deepgram's documentation: by endpoint, then by type."""
    path = Path(__file__).with_name("documented_messages.json")
    messages: dict[str, dict[str, dict[str, Any]]] = json.loads(path.read_text())
    return messages
