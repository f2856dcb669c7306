"""The services, and Pipecat's own beside them, pointed at an emulator."""

from __future__ import annotations

from typing import Any

from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.deepgram.tts import DeepgramTTSService
from tests.clients.speech import EAGER_EOT_THRESHOLD, EOT_THRESHOLD, VOICE
from tests.pipecat.running import KEY

from pipecat_speechwire import SpeechwireFluxSTTService, SpeechwireSTTService, SpeechwireTTSService
from speechwire.emulator import Emulator
from speechwire.session import BackoffPolicy, ListenSettings, SpeakSettings

__all__ = [
    "HASTY",
    "HASTY_SPEECH",
    "aura",
    "flux",
    "nova",
    "their_aura",
    "their_flux",
    "their_nova",
]

POLICY = BackoffPolicy(base_s=0.05, cap_s=0.2, throttled_base_s=0.1, max_attempts=3)
HASTY = ListenSettings(backoff=POLICY)
"""Attempts follow one another quickly, and three of them make an outage."""

HASTY_SPEECH = SpeakSettings(backoff=POLICY)


def nova(emulator: Emulator, **arguments: Any) -> SpeechwireSTTService:
    return SpeechwireSTTService(**{"api_key": KEY, "base_url": emulator.base_url} | arguments)


def flux(emulator: Emulator, *, eager: bool = True, **arguments: Any) -> SpeechwireFluxSTTService:
    settings = SpeechwireFluxSTTService.Settings(eot_threshold=EOT_THRESHOLD)
    if eager:
        settings.eager_eot_threshold = EAGER_EOT_THRESHOLD
    defaults = {"api_key": KEY, "url": f"{emulator.base_url}/v2/listen", "settings": settings}
    return SpeechwireFluxSTTService(**defaults | arguments)


def aura(emulator: Emulator, **arguments: Any) -> SpeechwireTTSService:
    settings = SpeechwireTTSService.Settings(voice=VOICE)
    defaults = {"api_key": KEY, "base_url": emulator.base_url, "settings": settings}
    return SpeechwireTTSService(**defaults | arguments)


def their_nova(emulator: Emulator, **arguments: Any) -> DeepgramSTTService:
    return DeepgramSTTService(**{"api_key": KEY, "base_url": emulator.base_url} | arguments)


def their_flux(emulator: Emulator, **arguments: Any) -> DeepgramFluxSTTService:
    settings = DeepgramFluxSTTService.Settings(
        eager_eot_threshold=EAGER_EOT_THRESHOLD, eot_threshold=EOT_THRESHOLD
    )
    defaults = {"api_key": KEY, "url": f"{emulator.base_url}/v2/listen", "settings": settings}
    return DeepgramFluxSTTService(**defaults | arguments)


def their_aura(emulator: Emulator, **arguments: Any) -> DeepgramTTSService:
    settings = DeepgramTTSService.Settings(voice=VOICE)
    defaults = {"api_key": KEY, "base_url": emulator.base_url, "settings": settings}
    return DeepgramTTSService(**defaults | arguments)
