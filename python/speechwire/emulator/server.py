"""The emulator: routes, admission, lifecycle."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import uuid
import warnings
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import WSCloseCode, web

from speechwire.emulator._auth import Credentials
from speechwire.emulator._endpoints import Behaviour, Endpoints, Serve
from speechwire.emulator._http import HttpServer, check_upgrade
from speechwire.emulator._inlet import Inlet
from speechwire.emulator._outlet import Outlet
from speechwire.emulator._refusal import Refusal
from speechwire.emulator._rest import GRANT, grant, not_served
from speechwire.emulator.engine import Engine, StreamInfo
from speechwire.emulator.faults import Fault, FaultSession
from speechwire.emulator.journal import Connection, Journal
from speechwire.emulator.scripted import Script, ScriptedEngine
from speechwire.emulator.tagged import TaggedEngine
from speechwire.errors import InvalidArgument

__all__ = ["Behaviour", "Emulator"]

_MAX_FRAME = 8 * 1024 * 1024
_GOODBYE_S = 0.2


class Emulator:
    """A Deepgram-compatible server; use it as an async context manager.

    Args:
        engine: ``"scripted"``, ``"tagged"``, ``"offline"`` or an engine object.
        script: What the scripted engine hears.
        host: Address to listen on.
        port: 0 for any free one.
        keys: API keys to accept; None accepts any.
        faults: Faults to apply; the list may be changed while the emulator runs.
        behaviour: Limits and choices; see :class:`Behaviour`.
        journal: File for a JSON-lines log of what clients sent.
        keep_audio: Keep the audio each connection received.
        count_audio: Expect :func:`counted_audio` at the declared rate and note where it jumps.
        allow_remote: Listen on an address others can reach. There is no encryption and no real
            authentication.

    Raises:
        InvalidArgument: An unknown engine, a script for an engine other than the scripted one, an invalid
            port, or a host that is not loopback without ``allow_remote``.
        InvalidArgumentType: ``keys`` is one string.
    """

    def __init__(
        self,
        engine: str | Engine = "scripted",
        *,
        script: Script | Callable[[StreamInfo], Script] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        keys: Collection[str] | None = None,
        faults: Sequence[Fault] = (),
        behaviour: Behaviour | None = None,
        journal: Path | None = None,
        keep_audio: bool = False,
        count_audio: bool = False,
        allow_remote: bool = False,
    ) -> None:
        if not 0 <= port <= 65535:
            raise InvalidArgument("port", port, "0 to 65535")
        _check_host(host, allow_remote)
        self.engine = _make_engine(engine, script)
        self.faults = list(faults)
        self.behaviour = behaviour or Behaviour()
        self._host = host
        self._port = port
        self._credentials = Credentials(keys)
        self._journal = Journal(journal, keep_audio=keep_audio)
        self._runner: web.ServerRunner | None = None
        self._open: dict[web.WebSocketResponse, asyncio.Task[Any]] = {}
        self._endpoints = Endpoints(self.engine, self.behaviour, count_audio=count_audio)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def base_url(self) -> str:
        """``ws://host:port``, without a path."""
        return f"ws://{self._address()}"

    @property
    def http_url(self) -> str:
        """``http://host:port``, without a path."""
        return f"http://{self._address()}"

    @property
    def paths(self) -> list[str]:
        """Where the endpoints are: ``/v1/listen`` and so on."""
        return self._endpoints.paths

    @property
    def connections(self) -> list[Connection]:
        """What each client sent, in order of arrival, refused ones included."""
        return self._journal.connections

    async def start(self) -> None:
        """Load the engine and listen.

        Raises:
            OSError: The address is in use, or is not one of this machine.
            EngineUnavailable: The offline engine's packages are not installed.
        """
        await self.engine.start()
        server = HttpServer(self._handle, lambda: str(uuid.uuid4()))
        self._runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def aclose(self) -> None:
        """Drop every client, stop listening, release the engine. Safe to call twice."""
        await asyncio.gather(*(_drop(ws, task) for ws, task in list(self._open.items())))
        if self._runner:
            runner, self._runner = self._runner, None
            await runner.cleanup()
        await self.engine.aclose()
        self._journal.close()

    def status(self) -> dict[str, Any]:
        """What ``/_emulator`` shows."""
        connections = [connection.summary() for connection in self.connections[-1000:]]
        numbers = {"open": len(self._open), "total": self._journal.count}
        return {"engine": self.engine.name, **numbers, "connections": connections}

    def _address(self) -> str:
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError(
                "the emulator has no address before it was started: use `async with Emulator(...)`"
            )
        host, port = self._runner.addresses[0][:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def _handle(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        match request.method, request.path:
            case "GET", path if path in self.paths:
                return await self._admit(request, request_id)
            case "GET", "/_emulator":
                return web.json_response(self.status())
            case "POST", path if path == GRANT:
                return await grant(request, self._credentials)
            case method, path:
                raise not_served(method, path, self.paths, self.base_url)

    async def _admit(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        record = self._journal.arrive(request.path, list(request.query.items()), _safe_headers(request))
        record.request_id = request_id
        faults = FaultSession(self.faults, record.index, request.path)
        await asyncio.sleep(faults.upgrade_delay_s)
        query = {name: request.query.getall(name) for name in request.query}
        try:
            self._check(request, record, faults)
            serve = await self._endpoints.open(record, query)
        except Refusal as refusal:
            record.status = refusal.status
            self._journal.opened(record)
            raise
        return await self._serve(request, record, faults, serve)

    def _check(self, request: web.BaseRequest, record: Connection, faults: FaultSession) -> None:
        if faults.refusal:
            raise Refusal(faults.refusal.status, faults.refusal.code, faults.refusal.message)
        record.auth = self._credentials.check(request.headers, asyncio.get_running_loop().time())
        if len(self._open) >= self.behaviour.max_connections:
            raise Refusal(429)
        check_upgrade(request)

    async def _serve(
        self, request: web.BaseRequest, record: Connection, faults: FaultSession, serve: Serve
    ) -> web.WebSocketResponse:
        # The service accepts no extension, so none is negotiated here.
        ws = web.WebSocketResponse(
            protocols=("token", "bearer"), compress=False, autoping=False, max_msg_size=_MAX_FRAME
        )
        ws.headers["dg-request-id"] = record.request_id
        await ws.prepare(request)
        record.status = 101
        self._journal.opened(record)
        outlet = Outlet(ws, request, record, self._journal, faults)
        task = asyncio.current_task()
        assert task is not None
        self._open[ws] = task
        try:
            await serve(Inlet(ws, record, self._journal, faults, outlet), outlet)
        finally:
            del self._open[ws]
            await outlet.aclose()
            self._journal.closed(record, "server", 1001, "")
            outlet.hang_up()
        return ws


async def _drop(ws: web.WebSocketResponse, task: asyncio.Task[Any]) -> None:
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_GOODBYE_S):
            await ws.close(code=WSCloseCode.GOING_AWAY, message=b"")
    task.cancel()


def _make_engine(engine: str | Engine, script: Script | Callable[[StreamInfo], Script] | None) -> Engine:
    if engine == "scripted":
        return ScriptedEngine(script)
    if script is not None:
        raise InvalidArgument("script", script, "None unless the engine is 'scripted'")
    if not isinstance(engine, str):
        return engine
    if engine == "tagged":
        return TaggedEngine()
    if engine != "offline":
        raise InvalidArgument("engine", engine, "'scripted', 'tagged', 'offline' or an engine object")
    # Its packages are an extra.
    from speechwire.emulator.offline import OfflineEngine  # noqa: PLC0415

    return OfflineEngine()


def _check_host(host: str, allow_remote: bool) -> None:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if loopback:
        return
    if not allow_remote:
        raise InvalidArgument("host", host, "a loopback address unless allow_remote is given")
    warnings.warn(
        f"the emulator listens on {host}: unencrypted, and with the keys it was given to accept",
        stacklevel=3,
    )


def _safe_headers(request: web.BaseRequest) -> dict[str, str]:
    secret = {"authorization", "sec-websocket-protocol", "cookie"}
    return {name: value for name, value in request.headers.items() if name.lower() not in secret}
