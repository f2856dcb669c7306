"""What the tests of listening ask of a stream and of the emulator."""

from __future__ import annotations

from typing import Any

from livekit.agents.stt import SpeechEventType
from tests.livekit.spoken import EAGER_EOT_THRESHOLD, EOT_THRESHOLD

from speechwire.emulator import Emulator

NOVA, FLUX = "/v1/listen", "/v2/listen"
EAGER: dict[str, Any] = {"eager_eot_threshold": EAGER_EOT_THRESHOLD, "eot_threshold": EOT_THRESHOLD}


def texts(events: list[Any], kind: SpeechEventType) -> list[str]:
    return [event.alternatives[0].text for event in events if event.type is kind]


def opened(emulator: Emulator) -> list[Any]:
    return [connection for connection in emulator.connections if connection.is_open]


async def all_of(stream: Any) -> list[Any]:
    return [event async for event in stream]
