"""Calls of the server: its own socket, whose callers lose their connections at random too."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from benches.python.soak.ledger import CallAccount, HeardWord
from benches.python.soak.units import CHANNELS, RATE

from speechwire.client import AudioFormat, Call, CallEvent, Caption, Ended, Resumed, connect
from speechwire.errors import SessionClosed, SpeechwireError
from speechwire.server.aiohttp_host import AiohttpHost
from speechwire.server.config import Config
from speechwire.server.server import Server
from speechwire.session import Reconnected, SessionEnded, SessionPool
from speechwire.transport import ConnectRequest, Transport, WebSocket, new_transport

__all__ = ["SERVER_CALL", "CallLine", "serving"]

SERVER_CALL: Final = "call of the server"
_MOST_CALLS: Final = 10_000
_DRAIN_S: Final = 30.0
_CUT_EVERY_S: Final = 30.0


@asynccontextmanager
async def serving(pool: SessionPool) -> AsyncIterator[str]:
    """A server on the pool, in this process; gives the URL of its socket."""
    server = Server(Config(port=0, max_calls=_MOST_CALLS, hangup_s=_DRAIN_S), pool)
    async with AiohttpHost(server) as host:
        yield host.url.replace("http", "ws", 1) + "/socket"


class CallLine:
    """A call, and a task that reads its events."""

    def __init__(self, url: str, account: CallAccount) -> None:
        form = AudioFormat(encoding="s16le", sample_rate=RATE, channels=CHANNELS)
        self._transport = _Cut()
        self._call = connect(url, format=form, drain_timeout_s=_DRAIN_S, transport=self._transport)
        self._reading = asyncio.create_task(self._read(account))

    async def push(self, frame: bytes) -> None:
        """Send a frame."""
        with suppress(SessionClosed):  # the account has been told
            self._call.push(frame)

    async def hang_up(self) -> None:
        """Take the last words and close."""
        self._call.finish()
        await self._reading

    async def _read(self, account: CallAccount) -> None:
        try:
            async with self._call as call:
                await _account_for(call, account)
        except SpeechwireError as error:
            account.failed(error)
        finally:
            await self._transport.aclose()


async def _account_for(call: Call, account: CallAccount) -> None:
    clock = asyncio.get_running_loop().time
    async for event in call:
        if isinstance(event, Caption) and event.event == "EndOfTurn":
            account.words(_words(event))
        else:
            account.event(_as_of_a_session(event), clock())


def _words(caption: Caption) -> Iterator[HeardWord]:
    yield from ((word.word, word.start_s, word.end_s) for word in caption.words)


def _as_of_a_session(event: CallEvent) -> object:
    if isinstance(event, Resumed):
        return Reconnected(request_id=None, replayed_s=event.sent_again_s)
    if isinstance(event, Ended):
        complete = event.code == 1000 and not event.dropped_s
        pushed_s, dropped_s = event.pushed_s, event.dropped_s
        return SessionEnded(complete=complete, pushed_s=pushed_s, dropped_s=dropped_s, replayed_s=0.0)
    return event


class _Cut(Transport):
    """Breaks each connection after a random time, without a goodbye."""

    def __init__(self) -> None:
        self._inner = new_transport()
        self._timers: list[asyncio.TimerHandle] = []

    async def connect(self, request: ConnectRequest) -> WebSocket:
        """Open one, and plan its end."""
        websocket = await self._inner.connect(request)
        after_s = random.expovariate(1 / _CUT_EVERY_S)
        self._timers = [asyncio.get_running_loop().call_later(after_s, websocket.abort)]
        return websocket

    async def aclose(self) -> None:
        """Cut nothing any more."""
        for timer in self._timers:
            timer.cancel()
        await self._inner.aclose()
