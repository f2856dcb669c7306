"""This project's services in Pipecat, beside Pipecat's own."""

from __future__ import annotations

from typing import Any

from benches.python.streams.contenders.base import Setup, key
from benches.python.streams.contenders.pipecat_services import PipecatStream, idle

from pipecat_speechwire import SpeechwireFluxSTTService, SpeechwireSTTService

__all__ = ["idle", "stream"]


def stream(name: str, setup: Setup, index: int) -> PipecatStream:
    """Make a stream."""
    api_key, base_url = key(index), setup.base_url
    if name.startswith("pipecat_speechwire_v2"):
        service: Any = SpeechwireFluxSTTService(api_key=api_key, url=f"{base_url}/v2/listen")
    else:
        service = SpeechwireSTTService(api_key=api_key, base_url=base_url)
    return PipecatStream(service, setup.sink, queued=name.endswith("_pipeline"))
