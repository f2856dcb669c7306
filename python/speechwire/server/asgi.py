"""Serves calls inside an existing ASGI application: Starlette, FastAPI or any other.

The ASGI server sets the limits. On SIGTERM it ends calls in its own way (uvicorn closes them at once, with
1012), and it sends its own pings. A message costs about 1.5 times as much as with
:class:`speechwire.server.aiohttp_host.AiohttpHost`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qsl

from speechwire.server._line import Line
from speechwire.server._sockets import UNAUTHORIZED, opening_of
from speechwire.server._tasked_socket import TaskedSocket
from speechwire.server.call import Answer
from speechwire.server.config import Config
from speechwire.server.dialects import choose
from speechwire.server.entrance import Entrance, NotLetIn
from speechwire.server.server import Refusal, Server
from speechwire.session import SessionPool

__all__ = ["AsgiCalls"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_TOO_BIG: Final = 1009


class AsgiCalls:
    """An ASGI application that takes calls::

        calls = AsgiCalls(Config(auth="required", shared_secret=secret), answer)

        @asynccontextmanager
        async def lifespan(app):
            async with SessionPool(key) as pool, calls.serving(pool):
                yield

        app = Starlette(routes=[Mount("/voice", calls)], lifespan=lifespan)

    It answers only upgrades below its mount path, such as ``/voice/call`` and ``/voice/socket``. It serves no
    page, tokens, health or metrics. The setting ``host`` decides only whether callers need a token. Settings
    for listening, workers and draining have no effect.

    Args:
        config: Settings.
        answer: The application; ``None`` for captions only.
    """

    def __init__(self, config: Config, answer: Answer | None = None) -> None:
        self._config = config
        self._answer = answer
        self._serving: tuple[Server, Entrance] | None = None

    @asynccontextmanager
    async def serving(self, pool: SessionPool) -> AsyncIterator[Server]:
        """Take calls inside the block; leaving it ends all calls. Outside it, upgrades get 503.

        Args:
            pool: Makes the sessions. It is not closed.
        """
        server = Server(self._config, pool, self._answer)
        self._serving = server, Entrance(server.config)
        try:
            yield server
        finally:
            self._serving = None
            await server.drain(0.0)
            await server.aclose()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            await _respond(send, "http.response", 404, {"error": "not_found"})
        elif scope["type"] == "websocket" and (await receive())["type"] == "websocket.connect":
            await self._on_upgrade(scope, receive, send)

    async def _on_upgrade(self, scope: Message, receive: Receive, send: Send) -> None:
        request = _Request(scope)
        offered = list(scope.get("subprotocols", ()))
        chosen = choose(request.path, offered)
        if chosen is None:
            await _refuse(scope, send, 404, "not_found", "nothing is served here")
        elif self._serving is None:
            await _refuse(scope, send, 503, "draining", "no calls are taken now")
        else:
            await self._admit(*self._serving, request, chosen, offered, receive, send)

    async def _admit(
        self,
        server: Server,
        entrance: Entrance,
        request: _Request,
        chosen: Any,
        offered: list[str],
        receive: Receive,
        send: Send,
    ) -> None:
        make, subprotocol = chosen
        try:
            admitted = entrance.admit(request, offered)
            place = server.claim()
        except NotLetIn as refused:
            server.counters.refused[refused.reason] += 1
            await _turn_away(request.scope, send, refused)
            return
        except Refusal as refusal:
            retry = {"retry-after": str(max(1, round(refusal.retry_after_s)))}
            await _refuse(request.scope, send, 503, refusal.reason, str(refusal), retry)
            return
        try:
            await send({"type": "websocket.accept", "subprotocol": subprotocol or admitted.subprotocol})
            opening = opening_of(request.path, request.query, request.headers, subprotocol)
            line = server.open(make(opening), place)
        except BaseException:
            place.release()
            raise
        try:
            await _AsgiSocket(receive, send, server.config.message_bytes).serve(
                line, server.config.slow_reader_s
            )
        finally:
            server.closed(line)


class _AsgiSocket(TaskedSocket):
    def __init__(self, receive: Receive, send: Send, message_bytes: int) -> None:
        self._receive = receive
        self._put = send
        self._message_bytes = message_bytes
        self._is_gone = False

    async def _read(self, line: Line) -> None:
        while (message := await self._receive())["type"] == "websocket.receive":
            text = message.get("text")
            data = message["bytes"] if text is None else text
            if len(data) > self._message_bytes:
                await self._close(_TOO_BIG, b"")
                break
            delay_s = line.receive(data)
            if delay_s:
                await asyncio.sleep(delay_s)
        self._is_gone = True

    async def _send(self, message: str | bytes) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        await self._put({"type": "websocket.send", kind: message})

    async def _close(self, code: int, reason: bytes) -> None:
        if not self._is_gone:
            self._is_gone = True
            await self._put({"type": "websocket.close", "code": code, "reason": reason.decode()})

    def _abort(self) -> None:
        """Do nothing: ASGI cannot drop a connection; its server does when the application returns."""


class _Headers(dict[str, str]):
    """Headers by name, in any case."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


class _Request:
    """The parts of an ASGI scope that are needed. `path` is relative to the mount."""

    def __init__(self, scope: Message) -> None:
        self.scope = scope
        path, root = scope["path"], scope.get("root_path", "")
        self.path = path.removeprefix(root) if path.startswith(root) else path
        text = scope.get("query_string", b"").decode("latin-1")
        self.query = dict(parse_qsl(text, keep_blank_values=True))
        self.headers = _Headers(
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]
        )
        raw = (scope.get("raw_path") or path.encode()).decode("latin-1")
        self.raw_path = f"{raw}?{text}" if text else raw
        self.remote: str | None = (scope.get("client") or [None])[0]


async def _turn_away(scope: Message, send: Send, refused: NotLetIn) -> None:
    """Refuse a caller. With an invalid token it gets a close code, as browsers see no HTTP status."""
    if refused.status == 401 and refused.by_subprotocol:
        await send({"type": "websocket.accept", "subprotocol": refused.by_subprotocol})
        await send({"type": "websocket.close", "code": UNAUTHORIZED, "reason": str(refused)[:120]})
        return
    headers = {"www-authenticate": "Bearer"} if refused.status == 401 else {}
    await _refuse(scope, send, refused.status, refused.reason, str(refused), headers)


async def _refuse(
    scope: Message,
    send: Send,
    status: int,
    reason: str,
    words: str,
    headers: MutableMapping[str, str] | None = None,
) -> None:
    """Refuse an upgrade with this status where the ASGI server supports that, else with the server's 403."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": words[:120]})
        return
    body = {"error": reason, "description": words}
    await _respond(send, "websocket.http.response", status, body, headers or {})


async def _respond(
    send: Send, kind: str, status: int, body: Any, headers: MutableMapping[str, str] | None = None
) -> None:
    fields = {"content-type": "application/json", "cache-control": "no-store", **(headers or {})}
    encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": f"{kind}.start", "status": status, "headers": encoded})
    await send({"type": f"{kind}.body", "body": json.dumps(body).encode()})
