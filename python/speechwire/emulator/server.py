"""The emulator: routes, admission, lifecycle."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import uuid
import warnings
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import WSCloseCode, web

from speechwire.emulator._auth import Credentials
from speechwire.emulator._hearing import Hearing
from speechwire.emulator._inlet import Inlet, Timers
from speechwire.emulator._listen import drive_listen
from speechwire.emulator._outlet import Outlet
from speechwire.emulator._parameters_listen import listen_v1, listen_v2
from speechwire.emulator._parameters_speak import speak_v1
from speechwire.emulator._refusal import Refusal
from speechwire.emulator._speak import Delivery, drive_speak
from speechwire.emulator.engine import Engine, StreamInfo
from speechwire.emulator.faults import Fault, FaultSession
from speechwire.emulator.journal import Connection, Journal
from speechwire.emulator.listen_v1 import ListenV1
from speechwire.emulator.listen_v2 import ListenV2
from speechwire.emulator.scripted import Script, ScriptedEngine
from speechwire.emulator.speak_v1 import SpeakLimits, SpeakV1

__all__ = ["Behaviour", "Emulator"]

_MAX_FRAME = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Where the service has a number, or is documented in two ways.

    Attributes:
        time_scale: Factor on every idle and session limit; 0.01 makes the 10 s of ``/v1/listen`` 0.1 s.
        max_connections: Open connections before 429.
        drain_on_close: Whether ``Close`` on ``/v1/speak`` speaks what is left.
        keepalive_needs_audio: Whether ``KeepAlive`` keeps a ``/v1/listen`` open that has had no audio.
        limits: Limits of the speaking endpoints.
        delivery: How synthesized audio goes out.
    """

    time_scale: float = 1.0
    max_connections: int = 1000
    drain_on_close: bool = True
    keepalive_needs_audio: bool = True
    limits: SpeakLimits = field(default_factory=SpeakLimits)
    delivery: Delivery = field(default_factory=Delivery)


@dataclass(frozen=True, slots=True)
class _Call:
    """One client at the door."""

    record: Connection
    query: dict[str, list[str]]
    faults: FaultSession


_Serve = Callable[[Inlet, Outlet], Awaitable[None]]


class Emulator:
    """A Deepgram-compatible server; use it as an async context manager.

    Args:
        engine: ``"scripted"``, ``"offline"`` or an engine object.
        script: What the scripted engine hears.
        host: Address to listen on.
        port: 0 for any free one.
        keys: API keys to accept; None accepts any.
        faults: What goes wrong; the list may be changed while the emulator runs.
        behaviour: Numbers and choices.
        journal: File for a JSON-lines log of what clients sent.
        keep_audio: Keep the audio each connection received.
        allow_remote: Listen on an address others can reach. There is no encryption and no real
            authentication.

    Raises:
        ValueError: An unknown engine, a script for another engine than the scripted, or a host that is not
            loopback without
            ``allow_remote``.
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
        allow_remote: bool = False,
    ) -> None:
        _check_host(host, allow_remote)
        self.engine = _make_engine(engine, script)
        self.faults = list(faults)
        self.behaviour = behaviour or Behaviour()
        self._host = host
        self._port = port
        self._credentials = Credentials(keys)
        self._journal = Journal(journal, keep_audio=keep_audio)
        self._runner: web.AppRunner | None = None
        self._open: dict[web.WebSocketResponse, asyncio.Task[Any]] = {}
        self._endpoints: dict[str, Callable[[_Call], Awaitable[_Serve]]] = {
            "/v1/listen": self._listen_v1,
            "/v2/listen": self._listen_v2,
            "/v1/speak": self._speak_v1,
        }

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
    def connections(self) -> list[Connection]:
        """What each client sent, in order of arrival, refused ones included."""
        return self._journal.connections

    async def start(self) -> None:
        """Load the engine and listen.

        Raises:
            OSError: The address is taken or not ours.
            EngineUnavailable: The offline engine's packages are not installed.
        """
        await self.engine.start()
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def aclose(self) -> None:
        """Drop every client, stop listening, release the engine. Safe to call twice."""
        for ws, task in list(self._open.items()):
            ws_closed = ws.close(code=WSCloseCode.GOING_AWAY, message=b"")
            with contextlib.suppress(TimeoutError, ConnectionError):
                await asyncio.wait_for(ws_closed, 0.2)
            task.cancel()
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

    def _application(self) -> web.Application:
        application = web.Application()
        for path in self._endpoints:
            application.router.add_get(path, self._admit)
        application.router.add_get("/_emulator", self._show_status)
        application.router.add_post("/v1/auth/grant", self._grant)
        return application

    async def _show_status(self, request: web.Request) -> web.Response:
        return web.json_response(self.status())

    async def _grant(self, request: web.Request) -> web.Response:
        now_s = asyncio.get_running_loop().time()
        try:
            self._credentials.check(request.headers, now_s)
        except Refusal as refusal:
            return _refuse(refusal, str(uuid.uuid4()))
        body = await request.json() if request.can_read_body else {}
        ttl_s = body.get("ttl_seconds", 30)
        return web.json_response({"access_token": self._credentials.grant(ttl_s, now_s), "expires_in": ttl_s})

    async def _admit(self, request: web.Request) -> web.StreamResponse:
        record = self._journal.arrive(request.path, list(request.query.items()), _safe_headers(request))
        record.request_id = str(uuid.uuid4())
        faults = FaultSession(self.faults, record.index, request.path)
        await asyncio.sleep(faults.upgrade_delay_s)
        query = {name: request.query.getall(name) for name in request.query}
        try:
            self._check(request, record, faults)
            serve = await self._endpoints[request.path](_Call(record, query, faults))
        except Refusal as refusal:
            record.status = refusal.status
            self._journal.opened(record)
            return _refuse(refusal, record.request_id)
        return await self._serve(request, record, faults, serve)

    def _check(self, request: web.Request, record: Connection, faults: FaultSession) -> None:
        if faults.refusal:
            raise Refusal(faults.refusal.status, faults.refusal.code, faults.refusal.message)
        record.auth = self._credentials.check(request.headers, asyncio.get_running_loop().time())
        if len(self._open) >= self.behaviour.max_connections:
            raise Refusal(429)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise Refusal(400, "Bad Request", "This endpoint is served over WebSocket only.")

    async def _serve(
        self, request: web.Request, record: Connection, faults: FaultSession, serve: _Serve
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

    def _timers(self, idle_s: float, session_s: float = float("inf"), **rules: bool) -> Timers:
        scale = self.behaviour.time_scale
        return Timers(idle_s * scale, session_s * scale, **rules)

    async def _listen_v1(self, call: _Call) -> _Serve:
        settings, audio = listen_v1(call.query)
        record, needs_audio = call.record, self.behaviour.keepalive_needs_audio
        stream = StreamInfo(record.index, record.endpoint, audio.sample_rate, keyterms=settings.keyterms)
        created = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        machine = ListenV1(record.request_id, settings, created=created, digest=record.digest.hexdigest)
        hearing = Hearing(self.engine, stream, audio, multichannel=settings.multichannel)
        timers = self._timers(10.0, ping_counts=False, text_needs_audio=needs_audio)

        async def serve(inlet: Inlet, outlet: Outlet) -> None:
            await drive_listen(machine, hearing, inlet, outlet, record, timers)

        return serve

    async def _listen_v2(self, call: _Call) -> _Serve:
        settings, audio = listen_v2(call.query)
        stream = StreamInfo(
            call.record.index, call.record.endpoint, audio.sample_rate, keyterms=settings.keyterms
        )
        machine = ListenV2(call.record.request_id, settings)
        hearing = Hearing(self.engine, stream, audio, multichannel=False)

        async def serve(inlet: Inlet, outlet: Outlet) -> None:
            await drive_listen(machine, hearing, inlet, outlet, call.record, self._timers(60.0))

        return serve

    async def _speak_v1(self, call: _Call) -> _Serve:
        settings, audio, speed = speak_v1(call.query)
        behaviour = self.behaviour
        settings = replace(settings, drain_on_close=behaviour.drain_on_close, limits=behaviour.limits)
        stream = StreamInfo(
            call.record.index, call.record.endpoint, audio.sample_rate, voice=settings.model, speed=speed
        )
        machine = SpeakV1(call.record.request_id, settings)
        synthesizer = await self.engine.synthesizer(stream)
        timers = self._timers(60.0, behaviour.limits.session_s)

        async def serve(inlet: Inlet, outlet: Outlet) -> None:
            record = call.record
            await drive_speak(machine, synthesizer, inlet, outlet, record, timers, audio, behaviour.delivery)

        return serve


def _make_engine(engine: str | Engine, script: Script | Callable[[StreamInfo], Script] | None) -> Engine:
    if engine == "scripted":
        return ScriptedEngine(script)
    if script is not None:
        raise ValueError(
            "a script is for the scripted engine; give it to ScriptedEngine, or leave engine out"
        )
    if not isinstance(engine, str):
        return engine
    if engine != "offline":
        raise ValueError(f"engine must be 'scripted', 'offline' or an engine object, got {engine!r}")
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
        raise ValueError(f"host must be a loopback address unless allow_remote is given, got {host!r}")
    warnings.warn(
        f"the emulator listens on {host}: unencrypted, and with whatever keys it was told to accept",
        stacklevel=3,
    )


def _safe_headers(request: web.Request) -> dict[str, str]:
    secret = {"authorization", "sec-websocket-protocol", "cookie"}
    return {name: value for name, value in request.headers.items() if name.lower() not in secret}


def _refuse(refusal: Refusal, request_id: str) -> web.Response:
    headers = {"dg-request-id": request_id, "dg-error": refusal.text}
    return web.json_response(refusal.body(request_id), status=refusal.status, headers=headers)
