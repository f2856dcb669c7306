"""Connections through aiohttp. The only module of the core that imports it."""

from __future__ import annotations

import asyncio
import ssl as ssl_module
from contextvars import ContextVar
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import yarl
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

from speechwire.errors import ConnectionLost, SpeechwireError
from speechwire.transport._client import (
    BODY_BYTES,
    BODY_TIMEOUT_S,
    CLOSE_TIMEOUT_S,
    CUT_SHORT,
    NO_CLOSE_FRAME,
    NO_PONG,
    USER_AGENT,
    attempted,
    failed,
    refused,
    shown,
    told,
    unreachable,
)
from speechwire.transport._dial import dial
from speechwire.transport._proxy import Proxy
from speechwire.transport._secret import NotCopyable, Redactor
from speechwire.transport.base import ABNORMAL, CloseEvent, ConnectRequest, Take, WebSocket, pull_each

__all__ = ["AiohttpClient"]

_DNS_TTL_S: Final = 60
_MOST_ANSWERS: Final = 16  # responses to one upgrade, including informational ones, which aiohttp skips

_ENDED = (
    aiohttp.WSMsgType.CLOSE,
    aiohttp.WSMsgType.CLOSING,
    aiohttp.WSMsgType.CLOSED,
    aiohttp.WSMsgType.ERROR,
)


class _Attempt:
    """The state of one connection attempt, for the hooks that aiohttp calls during it."""

    def __init__(
        self, request: ConnectRequest, proxy: Proxy | None, tls: ssl_module.SSLContext | None
    ) -> None:
        self.request = request
        self.proxy = proxy
        self.tls = tls
        self.redact = Redactor([*request.secrets, *(proxy.secrets if proxy else ())])
        self.response: aiohttp.ClientResponse | None = None
        self._began = False

    def begin(self) -> None:
        """Count a request. Fails at the second one: aiohttp repeats requests whose connection broke."""
        if self._began:
            raise failed(self.request, CUT_SHORT)
        self._began = True

    def explain(self, error: Exception) -> SpeechwireError:
        """Return the speechwire exception for an exception of aiohttp."""
        if isinstance(error, aiohttp.ClientResponseError):
            said = shown(f"{error.message} (HTTP {error.status})", self.redact)
            return failed(self.request, said)
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return unreachable(self.request, error.certificate_error, self.redact)
        if isinstance(error, aiohttp.ClientConnectorError):
            return unreachable(self.request, error.os_error, self.redact)
        if isinstance(
            error, (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError)
        ):
            return failed(self.request, CUT_SHORT)
        return unreachable(self.request, error, self.redact)


# aiohttp hands neither the upgrade's response nor its body to the caller of ws_connect. Its hooks run in the
# caller's context, so a context variable carries them back.
_attempts: ContextVar[_Attempt | None] = ContextVar("_attempts", default=None)


class AiohttpClient:
    """One aiohttp session, bound to the event loop that opens the first connection."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def connect(
        self, request: ConnectRequest, proxy: Proxy | None, tls: ssl_module.SSLContext | None
    ) -> WebSocket:
        """Open one connection."""
        attempt = _Attempt(request, proxy, tls)
        return await attempted(request, lambda: self._open(attempt), attempt.explain)

    async def aclose(self) -> None:
        """Close the session and its connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _open(self, attempt: _Attempt) -> WebSocket:
        request = attempt.request
        token = _attempts.set(attempt)
        try:
            socket = await self._opened().ws_connect(
                yarl.URL(request.url, encoded=True),
                headers={"User-Agent": USER_AGENT, **request.revealed()},
                heartbeat=request.heartbeat_s,
                max_msg_size=request.max_message_bytes,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                ssl=attempt.tls or True,
            )
        finally:
            _attempts.reset(token)
            # Taken out: a cancelled timer of the connect keeps this context, and so the attempt, for a while.
            response, attempt.response = attempt.response, None
        assert response is not None
        return _AiohttpConnection(socket, response, attempt.redact)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            hooks = aiohttp.TraceConfig()
            hooks.on_request_redirect.append(_on_redirect)
            connector = _Connector(limit=0, ttl_dns_cache=_DNS_TTL_S)
            connector._factory = partial(_Answers, asyncio.get_running_loop())  # type: ignore[assignment]
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                raise_for_status=_on_response,
                trace_configs=[hooks],
            )
        return self._session


class _Connector(aiohttp.TCPConnector):
    """Connects once for each attempt; tunnels ``ws`` like ``wss``, and through SOCKS."""

    async def _create_connection(self, req: aiohttp.ClientRequest, traces: Any, timeout: Any) -> Any:
        attempt = _attempts.get()
        assert attempt is not None
        attempt.begin()
        if attempt.proxy is None:
            return await super()._create_connection(req, traces, timeout)
        parts = urlsplit(attempt.request.url)
        secure = parts.scheme == "wss"
        host, port = parts.hostname or "", parts.port or (443 if secure else 80)
        sock = await dial(attempt.request, host, port, attempt.proxy)
        _, protocol = await asyncio.get_running_loop().create_connection(
            self._factory,
            sock=sock,
            ssl=attempt.tls if secure else None,
            server_hostname=host if secure else None,
        )
        return protocol


class _Answers(ResponseHandler):
    """aiohttp's protocol, with a limit on the number of informational responses."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._count = 0

    def feed_data(self, data: Any, size: int = 0) -> None:
        self._count += 1
        if self._count > _MOST_ANSWERS:
            self.set_exception(HttpProcessingError(code=data[0].code, message="too many answers"))
        else:
            super().feed_data(data, size)


class _AiohttpConnection(NotCopyable):
    """One open WebSocket."""

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse[bool],
        response: aiohttp.ClientResponse,
        redact: Redactor,
    ) -> None:
        self._socket = socket
        self._response = response
        self._redact = redact
        self._transport = response.connection.transport if response.connection is not None else None
        self._close: CloseEvent | None = None
        self.request_id = redact.optional(response.headers.get("dg-request-id"))

    async def send(self, frame: str | bytes) -> None:
        try:
            if isinstance(frame, str):
                await self._socket.send_str(frame)
            else:
                await self._socket.send_bytes(frame)
            return
        except Exception as error:
            lost = self._lost(error)
        raise lost

    @property
    def ready(self) -> bool:
        transport = self._transport
        # With nothing left in the buffer aiohttp writes a frame and returns without waiting.
        return (
            transport is not None
            and not self._socket.closed
            and not transport.is_closing()
            and transport.get_write_buffer_size() == 0
        )

    def send_now(self, frame: bytes) -> None:
        try:
            _write_now(self._socket, frame)
            return
        except Exception as error:
            lost = self._lost(error)
        raise lost

    async def receive(self) -> str | bytes | CloseEvent:
        if self._close is not None:
            return self._close
        try:
            message: Any = await self._socket.receive()
        except Exception as error:  # such as a pong that cannot be written any more
            self._close = self._broken(error)
            return self._close
        if message.type is aiohttp.WSMsgType.TEXT:
            return self._redact(message.data)
        if message.type in _ENDED:
            self._close = self._ending(message)
            return self._close
        data: bytes = message.data
        return data

    async def receive_each(self, take: Take) -> CloseEvent | None:
        return await pull_each(self, take)

    async def ping(self) -> None:
        try:
            await self._socket.ping()
            return
        except Exception as error:
            lost = self._lost(error)
        raise lost

    async def aclose(self, code: int = 1000) -> None:
        try:
            async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):
                await self._socket.close(code=code)
        except Exception:  # whatever it was, the connection is dropped next
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        # A plain close flushes first, so a peer that does not read would keep the socket open for ever.
        if self._transport is not None:
            self._transport.abort()
        self._response.close()

    def _ending(self, message: Any) -> CloseEvent:
        if message.type is aiohttp.WSMsgType.CLOSE:
            return told(message.data or None, message.extra or "", self._redact)
        return self._broken(message.data if isinstance(message.data, Exception) else self._socket.exception())

    def _broken(self, error: BaseException | None) -> CloseEvent:
        """How it ended without a close frame."""
        if isinstance(error, aiohttp.WebSocketError):  # the peer sent an invalid frame
            return CloseEvent(ABNORMAL, shown(str(error), self._redact))
        no_pong = isinstance(error, aiohttp.ServerTimeoutError)
        return CloseEvent(ABNORMAL, NO_PONG if no_pong else NO_CLOSE_FRAME)

    def _lost(self, error: Exception) -> ConnectionLost:
        close = self._close or self._broken(error)
        return ConnectionLost(close.code, close.reason, request_id=self.request_id)


def _write_now(socket: aiohttp.ClientWebSocketResponse[bool], frame: bytes) -> None:
    """Run aiohttp's ``send_bytes`` up to its first wait: by then the frame is written."""
    sending = socket.send_bytes(frame)
    try:
        sending.send(None)
    except StopIteration:
        return
    sending.close()  # only the wait for room remained


async def _on_response(response: aiohttp.ClientResponse) -> None:
    """Keep the upgrade's response; raise an error with the service's reason if it is a refusal."""
    attempt = _attempts.get()
    assert attempt is not None
    attempt.response = response
    if response.status != 101:
        raise await _refusal(response, attempt)


async def _on_redirect(session: Any, context: Any, params: aiohttp.TraceRequestRedirectParams) -> None:
    attempt = _attempts.get()
    assert attempt is not None
    raise await _refusal(params.response, attempt)


async def _refusal(response: aiohttp.ClientResponse, attempt: _Attempt) -> SpeechwireError:
    body = b""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while len(body) < BODY_BYTES and (piece := await response.content.read(BODY_BYTES)):
                body += piece
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass  # the part that has come is enough
    response.close()
    return refused(attempt.request, response.status, response.headers, body, attempt.redact)
