"""Speaking sessions whose service fails, and who listens to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.session.fake_voice import FakeAura, FakeFlux, heard

from speechwire.protocol import SpeakV2Options
from speechwire.session import SpeakRequest, SpeakSession, SpeakSettings
from speechwire.transport import MemoryTransport

SERVICES: dict[str, Callable[[], FakeAura | FakeFlux]] = {"v1": FakeAura, "v2": FakeFlux}


def session_with(service: FakeAura | FakeFlux, **settings: object) -> SpeakSession:
    options = SpeakV2Options() if isinstance(service, FakeFlux) else None
    speaking = SpeakSettings(**settings)  # type: ignore[arg-type]
    return SpeakSession("k", options, transport=MemoryTransport(service), settings=speaking)


async def listen_to(request: SpeakRequest) -> str:
    return heard(b"".join([pcm async for pcm in request]))


def now() -> float:
    return asyncio.get_running_loop().time()
