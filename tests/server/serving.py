"""A server, the emulator behind it, and callers before it, all on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from tests.server.callers import Caller

from speechwire.emulator import Emulator, Engine, Fault
from speechwire.server.aiohttp_host import AiohttpHost
from speechwire.server.call import Answer
from speechwire.server.config import Config
from speechwire.server.server import Server
from speechwire.session import SessionPool

__all__ = ["Dialled", "Serving", "dial", "serving", "until"]

LIMIT_S = 30.0
SOCKETS = "auto"
"""What moves the messages of calls; the fixture ``each_socket`` sets it."""


@dataclass
class Serving:
    """What runs."""

    url: str
    server: Server
    emulator: Emulator

    @property
    def socket_url(self) -> str:
        return self.url.replace("http", "ws", 1)


@asynccontextmanager
async def serving(
    answer: Answer | None = None,
    *,
    engine: Engine | str = "scripted",
    script: Any = None,
    faults: Sequence[Fault] = (),
    keep_audio: bool = True,
    **settings: Any,
) -> AsyncIterator[Serving]:
    """Serve until the end of the block."""
    config = replace(Config(port=0, hangup_s=3.0, sockets=SOCKETS), **settings)
    emulator = Emulator(engine, script=script, faults=faults, keep_audio=keep_audio)
    async with emulator, SessionPool("key", base_url=emulator.base_url) as pool:
        server = Server(config, pool, answer)
        async with AiohttpHost(server) as host:
            yield Serving(host.url, server, emulator)


class Dialled:
    """A caller on the line; what it is sent is taken as it comes, and marks are answered in playing time."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, caller: Caller) -> None:
        self.ws = ws
        self.caller = caller
        self.answers_marks = True
        self.first_speech_s = self.first_clear_s = -1.0
        self._playing_s = 0.0  # when what was sent will have been played
        self._cleared = 0
        self._listening = asyncio.create_task(self._listen())
        self._marking: set[asyncio.Task[None]] = set()

    async def say(self, audio: bytes, *, pace: float = 0.0) -> None:
        """Send audio in the caller's frames; with a pause of so many seconds after each."""
        for frame in self.caller.frames(audio):
            await self.send(self.caller.audio(frame))
            await asyncio.sleep(pace)

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self.ws.send_str(message)
        else:
            await self.ws.send_bytes(message)

    async def hang_up(self) -> None:
        """Say the protocol's goodbye, or just close where it has none, and wait for the end."""
        goodbye = self.caller.stop()
        for message in goodbye:
            await self.send(message)
        if not goodbye:
            await self.ws.close()
        await self.ended()

    async def ended(self) -> int | None:
        """Wait until the server closes; returns the code."""
        async with asyncio.timeout(LIMIT_S):
            await asyncio.shield(self._listening)
        return self.ws.close_code

    async def aclose(self) -> None:
        for task in [*self._marking, self._listening]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.ws.close()

    async def _listen(self) -> None:
        heard = self.caller.heard
        loop = asyncio.get_running_loop()
        width = 2 if self.caller.encoding == "s16le" else 1
        async for message in self.ws:
            speech, marks, clears = len(heard.speech), len(heard.marks), len(heard.clears)
            self.caller.take(message.data)
            if heard.speech and self.first_speech_s < 0:
                self.first_speech_s = loop.time()
            if heard.clears and self.first_clear_s < 0:
                self.first_clear_s = loop.time()
            if len(heard.clears) > clears:
                self._cleared, self._playing_s = self._cleared + 1, loop.time()
            more_s = (len(heard.speech) - speech) / width / self.caller.rate
            self._playing_s = max(self._playing_s, loop.time()) + more_s
            if len(heard.marks) > marks and self.answers_marks:
                marking = asyncio.create_task(self._mark(heard.marks[-1][0], self._playing_s))
                self._marking.add(marking)
                marking.add_done_callback(self._marking.discard)

    async def _mark(self, name: str, at_s: float) -> None:
        await asyncio.sleep(max(0.0, at_s - asyncio.get_running_loop().time()))
        message = self.caller.mark_played(name)
        if message is not None and not self.ws.closed:
            with suppress(ConnectionError):
                await self.send(message)


@asynccontextmanager
async def dial(
    where: Serving | str, caller: Caller, session: aiohttp.ClientSession | None = None, **headers: str
) -> AsyncIterator[Dialled]:
    """Call, say the first messages, and be there until the end of the block."""
    own = aiohttp.ClientSession() if session is None else None
    protocols = (caller.subprotocol,) if caller.subprotocol else ()
    try:
        url = (where if isinstance(where, str) else where.url).replace("http", "ws", 1)
        ws = await (session or own or aiohttp.ClientSession()).ws_connect(
            url + caller.path, protocols=protocols, headers=headers
        )
        dialled = Dialled(ws, caller)
        try:
            for message in caller.first():
                await dialled.send(message)
            yield dialled
        finally:
            await dialled.aclose()
    finally:
        if own is not None:
            await own.close()


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that others make true."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.02)
