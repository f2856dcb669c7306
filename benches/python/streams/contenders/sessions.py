"""``speechwire`` without a framework: ``session.push``, and a task per stream that reads the events."""

from __future__ import annotations

import asyncio
from typing import Any

from benches.python.streams.contenders.base import Setup, key
from benches.python.streams.feeding import nothing
from benches.python.streams.sink import Sink
from benches.python.streams.ticker import Feed

from speechwire.audio import PcmPipeline
from speechwire.protocol import ListenV1Options, ListenV2Options
from speechwire.protocol.listen_v1_events import Results
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import ListenV1Session, ListenV2Session

__all__ = ["idle", "stream"]

_CHUNK_MS = 100
_HEARD: tuple[type, ...] = (TurnInfo, Results)


class SessionStream:
    """A session and its reader."""

    def __init__(self, session: Any, sink: Sink) -> None:
        self._session = session
        self._sink = sink
        self.feed: Feed = session.push

    async def connect(self) -> int:
        await self._session.connect()
        self._reading = asyncio.create_task(self._read())
        return 0

    async def close(self) -> None:
        await self._session.aclose()
        await self._reading

    async def _read(self) -> None:
        try:
            async for event in self._session:
                if isinstance(event, _HEARD) and event.transcript:  # type: ignore[attr-defined]
                    self._sink(event.transcript)  # type: ignore[attr-defined]
        except Exception as error:
            self._sink.complain(error)


def stream(name: str, setup: Setup, index: int) -> SessionStream:
    """Make a session."""
    return SessionStream(_session(name, setup.base_url, key(index)), setup.sink)


def idle(name: str) -> Feed:
    """Pacing for a plain call."""
    return nothing


def _session(name: str, base_url: str, api_key: str) -> Any:
    pipeline = PcmPipeline(in_rate=48_000, out_rate=16_000, channels=2, chunk_ms=_CHUNK_MS)
    if name.startswith("flux"):
        return ListenV2Session(
            api_key, ListenV2Options(), converter=pipeline, base_url=base_url, force_end_turn=False
        )
    mono = ListenV1Options(sample_rate=16_000, channels=1, interim_results=True)
    return ListenV1Session(api_key, mono, converter=pipeline, base_url=base_url)
