"""Deepgram for Pipecat, on `speechwire`: sessions that outlive their connections.

The services take the arguments of Pipecat's own Deepgram services, have their settings and events, and push
the same frames, so that another import is the whole migration::

    from pipecat_speechwire import SpeechwireFluxSTTService as DeepgramFluxSTTService
"""

from __future__ import annotations

from ._version import __version__
from .flux_stt import SpeechwireFluxSTTService
from .settings import SpeechwireFluxSTTSettings, SpeechwireSTTSettings, SpeechwireTTSSettings
from .stt import SpeechwireSTTService
from .tts import SpeechwireTTSService

__all__ = [
    "SpeechwireFluxSTTService",
    "SpeechwireFluxSTTSettings",
    "SpeechwireSTTService",
    "SpeechwireSTTSettings",
    "SpeechwireTTSService",
    "SpeechwireTTSSettings",
    "__version__",
]
