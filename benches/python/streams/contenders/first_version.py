"""What this plugin's first version did, in its main steps: an FFT per frame, then aiohttp, awaited.

The results are read and turned into the framework's responses as it did: only the end of a turn has a text
for the caller.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
from typing import Any

import aiohttp
import numpy as np
from benches.python.streams.contenders.base import Setup, key
from benches.python.streams.contenders.framework import announced, idle, session_context
from benches.python.streams.feeding import CoroutineFeed
from benches.python.streams.sink import Sink
from benches.python.streams.ticker import Feed
from scipy import signal
from videosdk.agents import SpeechData, SpeechEventType, STTResponse

__all__ = ["idle", "stream"]

_IN_RATE, _OUT_RATE, _CHUNK_BYTES = 48_000, 16_000, 3200


class FirstVersion:
    """Frame by frame: mean of the channels, `scipy.signal.resample`, 100 ms chunks."""

    def __init__(self, base_url: str, api_key: str, sink: Sink) -> None:
        self._url = f"{base_url}/v2/listen?model=flux-general-en&encoding=linear16&sample_rate={_OUT_RATE}"
        self._headers = {"Authorization": f"Token {api_key}"}
        self._sink = sink
        self._pending = bytearray()
        self._context: contextvars.Context = session_context()
        self.feed: Feed = announced(CoroutineFeed(self._process, self._context), self._context)

    async def connect(self) -> int:
        self._http = aiohttp.ClientSession()
        self._socket = await self._http.ws_connect(self._url, headers=self._headers)
        self._listening = asyncio.create_task(self._listen())
        return 0

    async def close(self) -> None:
        self._listening.cancel()
        await self._socket.close()
        await self._http.close()

    async def _process(self, frame: bytes) -> None:
        self._pending += _resampled(frame)
        while len(self._pending) >= _CHUNK_BYTES:
            chunk, self._pending = bytes(self._pending[:_CHUNK_BYTES]), self._pending[_CHUNK_BYTES:]
            await self._socket.send_bytes(chunk)

    async def _listen(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                response = _response(message.json(loads=json.loads))
                if response is not None:
                    self._sink(response.data.text)


def _resampled(frame: bytes) -> bytes:
    mono = np.frombuffer(frame, np.int16).reshape(-1, 2).astype(np.float32).mean(axis=1)
    resampled = signal.resample(mono, int(len(mono) * _OUT_RATE / _IN_RATE))
    return bytes(np.clip(resampled, -32767, 32767).astype(np.int16))


def _response(message: dict[str, Any]) -> STTResponse | None:
    if message.get("event") != "EndOfTurn":
        return None
    data = SpeechData(
        text=message["transcript"],
        confidence=message["end_of_turn_confidence"],
        start_time=message["audio_window_start"],
        end_time=message["audio_window_end"],
    )
    return STTResponse(event_type=SpeechEventType.FINAL, data=data, metadata={"model": "flux-general-en"})


def stream(name: str, setup: Setup, index: int) -> FirstVersion:
    """Make one."""
    return FirstVersion(setup.base_url, key(index), setup.sink)
