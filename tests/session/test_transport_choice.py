"""A wrong choice of the transport is refused when a session is made, before anything waits for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from speechwire.errors import InvalidArgument
from speechwire.protocol import ListenV1Options, ListenV2Options, SpeakV1Options, SpeakV2Options
from speechwire.session import ListenV1Session, ListenV2Session, SpeakSession
from speechwire.transport import MemoryPeer, MemoryTransport
from speechwire.transport.shared import TRANSPORT_VARIABLE

Make = Callable[..., object]

SESSIONS: dict[str, Make] = {
    "listen v1": lambda **more: ListenV1Session("key", ListenV1Options(), **more),
    "listen v2": lambda **more: ListenV2Session("key", ListenV2Options(), **more),
    "speak v1": lambda **more: SpeakSession("key", SpeakV1Options(), **more),
    "speak v2": lambda **more: SpeakSession("key", SpeakV2Options(), **more),
}

pytestmark = pytest.mark.parametrize("make", SESSIONS.values(), ids=SESSIONS.keys())


async def nobody(peer: MemoryPeer) -> None:
    raise AssertionError("nothing connects")


def test_an_unknown_name_is_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRANSPORT_VARIABLE, "pigeon")
    with pytest.raises(
        InvalidArgument, match="^SPEECHWIRE_TRANSPORT must be one of auto, aiohttp, picows, got 'pigeon'$"
    ):
        make()


def test_a_missing_package_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRANSPORT_VARIABLE, "picows")
    monkeypatch.setattr("speechwire.transport.picows_ws.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="^the picows transport needs the package picows, which the extra"):
        make()


def test_a_transport_of_ones_own_needs_no_choice(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRANSPORT_VARIABLE, "pigeon")
    make(transport=MemoryTransport(nobody))
