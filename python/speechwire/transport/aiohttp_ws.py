"""The default transport, on aiohttp. The only module of the core that imports it."""

from __future__ import annotations

import asyncio
import ssl as ssl_module
from contextvars import ContextVar
from typing import Any, Final

import aiohttp

from speechwire.errors import ConnectionLost, HandshakeRefused, SpeechwireError
from speechwire.transport._client import BODY_BYTES, CLOSE_TIMEOUT_S, USER_AGENT, failed
from speechwire.transport.base import (
    ABNORMAL,
    NO_STATUS,
    CloseEvent,
    ConnectRequest,
    Take,
    WebSocket,
    pull_each,
)

__all__ = ["AiohttpTransport"]

_DNS_TTL_S: Final = 60

_ENDED = (
    aiohttp.WSMsgType.CLOSE,
    aiohttp.WSMsgType.CLOSING,
    aiohttp.WSMsgType.CLOSED,
    aiohttp.WSMsgType.ERROR,
)

# aiohttp hands neither the upgrade's response nor its body to the caller of ws_connect. Its
# raise_for_status hook sees the response and runs in the caller's context, so a context variable carries it
# back.
_responses: ContextVar[list[aiohttp.ClientResponse] | None] = ContextVar("_responses", default=None)


class AiohttpTransport:
    """WebSockets through one aiohttp session: one connector, DNS cache and TLS context for all connections.

    Made anywhere, bound to the event loop that opens the first connection.

    Args:
        ssl: TLS settings; by default the system's certificate authorities, verified.
        proxy: URL of an HTTP proxy to go through.
    """

    def __init__(self, *, ssl: ssl_module.SSLContext | None = None, proxy: str | None = None) -> None:
        self._ssl = ssl
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    async def connect(self, request: ConnectRequest) -> WebSocket:
        """Open one connection. See :meth:`speechwire.transport.base.Transport.connect`."""
        failure: SpeechwireError
        try:
            async with asyncio.timeout(request.connect_timeout_s):
                return await self._open(request)
        except SpeechwireError as error:
            failure = error
        except TimeoutError:
            failure = failed(request, f"no answer within {request.connect_timeout_s:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = failed(request, _words(error))
        # Raised outside of the handler: aiohttp's exceptions hold the request's headers, and so the key, and
        # must not hang on as __context__.
        raise failure

    async def aclose(self) -> None:
        """Close the session and its connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _open(self, request: ConnectRequest) -> WebSocket:
        responses: list[aiohttp.ClientResponse] = []
        token = _responses.set(responses)
        try:
            socket = await self._client().ws_connect(
                request.url,
                headers={"User-Agent": USER_AGENT, **request.headers},
                heartbeat=request.heartbeat_s,
                max_msg_size=request.max_message_bytes,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                proxy=self._proxy,
            )
        finally:
            _responses.reset(token)
        # Taken out: a cancelled timer of the connect keeps this context, and so the list, for half a minute.
        return _AiohttpConnection(socket, responses.pop())

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=_DNS_TTL_S, ssl=self._ssl or True)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                raise_for_status=_on_response,
            )
        return self._session


class _AiohttpConnection:
    """One open WebSocket."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse[bool], response: aiohttp.ClientResponse
    ) -> None:
        self._socket = socket
        self._response = response
        self._transport = response.connection.transport if response.connection is not None else None
        self._close: CloseEvent | None = None
        self.request_id = response.headers.get("dg-request-id")

    async def send(self, frame: str | bytes) -> None:
        try:
            if isinstance(frame, str):
                await self._socket.send_str(frame)
            else:
                await self._socket.send_bytes(frame)
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise self._lost(error) from None

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
        sending = self._socket.send_bytes(frame)
        try:
            sending.send(None)
        except StopIteration:
            return
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise self._lost(error) from None
        sending.close()  # the frame is written; only a wait for room was left

    async def receive(self) -> str | bytes | CloseEvent:
        if self._close is not None:
            return self._close
        message = await self._socket.receive()
        if message.type in _ENDED:
            self._close = self._ending(message)
            return self._close
        data: str | bytes = message.data
        return data

    async def receive_each(self, take: Take) -> CloseEvent | None:
        return await pull_each(self, take)

    async def ping(self) -> None:
        try:
            await self._socket.ping()
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise self._lost(error) from None

    async def aclose(self, code: int = 1000) -> None:
        try:
            async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):
                await self._socket.close(code=code)
        except (TimeoutError, aiohttp.ClientError, OSError, RuntimeError):
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        # A plain close would first flush what a stalled peer does not read, and so keep the socket for ever.
        if self._transport is not None:
            self._transport.abort()
        self._response.close()

    def _ending(self, message: aiohttp.WSMessage | Any) -> CloseEvent:
        if message.type is aiohttp.WSMsgType.CLOSE:
            return CloseEvent(message.data or NO_STATUS, message.extra or "")
        error = message.data if isinstance(message.data, Exception) else self._socket.exception()
        code = error.code if isinstance(error, aiohttp.WebSocketError) else ABNORMAL
        return CloseEvent(code, _words(error) if error else "the connection ended without a close frame")

    def _lost(self, error: Exception) -> ConnectionLost:
        close = self._close or CloseEvent(ABNORMAL, _words(error))
        return ConnectionLost(close.code, close.reason, request_id=self.request_id)


async def _on_response(response: aiohttp.ClientResponse) -> None:
    """Remember the upgrade's response; turn a refusal into an error that keeps the service's reason."""
    responses = _responses.get()
    if responses is not None:
        responses.append(response)
    if response.status == 101:
        return
    try:
        body = await response.content.read(BODY_BYTES)
    except (aiohttp.ClientError, OSError):
        body = b""
    response.close()
    raise HandshakeRefused(
        response.status,
        body.decode("utf-8", "replace").strip(),
        dg_error=response.headers.get("dg-error"),
        request_id=response.headers.get("dg-request-id"),
    )


def _words(error: BaseException) -> str:
    """What went wrong, without what a handshake error would show: its request, headers and all."""
    if isinstance(error, aiohttp.ClientResponseError):
        return f"{error.message} (HTTP {error.status})"
    if isinstance(error, aiohttp.InvalidURL):
        return "the URL is invalid"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
