"""Text to speech: a session that outlives its connections."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from speechwire.errors import ConnectionLost, SessionClosed, SpeechwireError
from speechwire.protocol import DEFAULT_BASE_URL, Closed, EndKind, SpeakV1Options, SpeakV2Options
from speechwire.session._aura_link import AuraLink
from speechwire.session._credential import ApiKey, Credential, check_secrecy
from speechwire.session._dialer import Dialer, Dialing
from speechwire.session._flux_speech_link import FluxSpeechLink
from speechwire.session.events import Reconnecting
from speechwire.session.limiter import ConnectionLimiter
from speechwire.session.metrics import SpeakStats
from speechwire.session.request import SpeakRequest
from speechwire.session.settings import SpeakSettings
from speechwire.transport import Transport, WebSocket

__all__ = ["SpeakSession"]

_logger = logging.getLogger("speechwire.session")


class SpeakSession:
    """Speaks requests, one after the other, with Aura (``/v1/speak``) or Flux TTS (``/v2/speak``).

    ::

        async with SpeakSession(api_key, SpeakV1Options(model="aura-2-thalia-en")) as session:
            async for pcm in session.speak("Your train leaves at nine."):
                play(pcm)

    Requests are spoken in the order they were made. Audio belongs to the request that asked for it: after
    :meth:`SpeakRequest.interrupt` nothing of it is delivered, and nothing of it can reach the next one. When
    a connection is lost, what has not been heard is sent again on a new one, and what had been heard is left
    out of its audio. A request never hangs: the deadlines of the settings bound each wait for the service.

    Args:
        api_key: A key, or a callable (plain or async) asked for one at each connect.
        options: The voice and the audio format; their type chooses the endpoint.
        base_url: Where the service is.
        transport: Default: one shared by all sessions of the event loop. A given one is not closed.
        settings: Limits and deadlines.
        allow_insecure: Permit sending the key over ``ws://`` to another machine.
        on_retry: Told about each attempt that will follow.
        limiter: Shared with other sessions; see :class:`SessionPool`.

    Raises:
        InvalidArgument: The URL would send the key in the clear, or the key is empty.
    """

    def __init__(
        self,
        api_key: ApiKey,
        options: SpeakV1Options | SpeakV2Options | None = None,
        *,
        base_url: str = DEFAULT_BASE_URL,
        transport: Transport | None = None,
        settings: SpeakSettings | None = None,
        allow_insecure: bool = False,
        on_retry: Callable[[Reconnecting], None] | None = None,
        limiter: ConnectionLimiter | None = None,
    ) -> None:
        self._options: SpeakV1Options | SpeakV2Options = options or SpeakV1Options()
        self._url = self._options.url(base_url)
        check_secrecy(self._url, allow_insecure=allow_insecure)
        self._settings = settings or SpeakSettings()
        self._dialing = Dialing(Credential(api_key), transport, limiter)
        self._stats = SpeakStats()
        self._tell = on_retry
        self._sample_bytes = 2 if self._options.encoding == "linear16" else 1
        self._requests: deque[SpeakRequest] = deque()
        self._changed = asyncio.Event()
        self._link: AuraLink | FluxSpeechLink | None = None
        self._linked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._wanted = False
        self._dial_error: SpeechwireError | None = None
        self._closing = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def connected(self) -> bool:
        """Whether a connection is open."""
        return self._link is not None

    @property
    def over(self) -> bool:
        """Whether its task has ended: nothing will be sent or counted any more."""
        return self._closing if self._task is None else self._task.done()

    def stats(self) -> SpeakStats:
        """A copy of the counters."""
        return SpeakStats() + self._stats

    def request(self) -> SpeakRequest:
        """Open a request to push text to.

        Raises:
            SessionClosed: The session was closed.
        """
        if self._closing:
            raise SessionClosed("the session has been closed")
        request = SpeakRequest(self._wake, self._on_interrupt, self._sample_bytes)
        self._stats.requests += 1
        self._requests.append(request)
        self._start()
        return request

    def speak(self, text: str) -> SpeakRequest:
        """Say a text.

        Raises:
            SessionClosed: The session was closed.
            InvalidArgument: The text cannot be encoded.
        """
        request = self.request()
        request.push(text)
        request.end()
        return request

    async def prewarm(self) -> None:
        """Open the connection now instead of at the first request. Idempotent.

        Raises:
            HandshakeRefused: The service refused, permanently or too often.
            ConnectFailed: It could not be reached, too often.
            SessionClosed: The session was closed.
        """
        if self._closing:
            raise SessionClosed("the session has been closed")
        if self._link is not None:
            return
        self._wanted, self._dial_error = True, None
        self._linked.clear()
        self._start()
        await self._linked.wait()
        if self._link is None:
            raise self._reason()

    async def aclose(self) -> None:
        """Fail what is open, say ``Close``, and wait a little for the service's answer. Idempotent."""
        self._closing = True
        self._fail_all(SessionClosed("the session has been closed"))
        if self._task is None:
            return
        if self._link is not None:
            self._link.close()
        self._wake()
        try:
            await asyncio.wait({self._task}, timeout=self._settings.close_timeout_s if self._link else 0)
        finally:
            self._task.cancel()
            await asyncio.wait({self._task})

    # The session's task

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        if self._link is not None:
            self._link.wake()

    def _reason(self) -> SpeechwireError:
        return self._dial_error or SessionClosed("the session was closed while connecting")

    def _on_interrupt(self, request: SpeakRequest) -> None:
        self._stats.interrupted += 1
        if self._link is not None:
            self._link.fence(request)
        self._wake()

    async def _run(self) -> None:
        settings = self._settings
        dialer = Dialer(self._dialing, settings.backoff, settings.connect_timeout_s, self._stats)
        try:
            await self._serve(dialer)
        except Exception as fault:
            failure = SessionClosed(f"the session failed: {type(fault).__name__}")
            failure.__cause__ = fault
            self._closing = True
            self._fail_all(failure)
        finally:
            self._linked.set()
            await dialer.aclose()

    async def _serve(self, dialer: Dialer) -> None:
        while await self._has_work():
            connection = await self._dial(dialer)
            if connection is not None:
                await self._converse(connection, dialer)

    async def _has_work(self) -> bool:
        """Wait for a reason to connect; false when the session is closing."""
        while not self._closing:
            if self._wanted or self._head() is not None:
                return True
            self._changed.clear()
            await self._changed.wait()
        return False

    def _head(self) -> SpeakRequest | None:
        while self._requests and self._requests[0].done:
            self._requests.popleft()
        return self._requests[0] if self._requests else None

    async def _dial(self, dialer: Dialer) -> WebSocket | None:
        """Connect, or fail every open request with the reason."""
        try:
            return await dialer.open(self._url, self._on_retry)
        except SpeechwireError as error:
            self._dial_error = error
            dialer.backoff.succeeded()
            self._fail_all(error)
            self._linked.set()
            return None
        finally:
            self._wanted = False

    async def _converse(self, connection: WebSocket, dialer: Dialer) -> None:
        loop = asyncio.get_running_loop()
        opened = loop.time()
        link = self._make_link(connection)
        self._link = link
        self._linked.set()
        try:
            closed = await link.run()
        finally:
            self._link = None
            self._linked.clear()
            self._stats.connected_s += loop.time() - opened
        if not link.retired:
            await self._recover(closed, dialer, lived_s=loop.time() - opened, progressed=link.progressed)

    def _make_link(self, connection: WebSocket) -> AuraLink | FluxSpeechLink:
        rest = (self._requests, self._settings, self._stats, self._options.output_rate * self._sample_bytes)
        if isinstance(self._options, SpeakV2Options):
            return FluxSpeechLink(connection, self._options, *rest)
        return AuraLink(connection, self._options, *rest)

    async def _recover(self, closed: Closed, dialer: Dialer, *, lived_s: float, progressed: bool) -> None:
        """Decide what the end of a connection means for the request that was being spoken."""
        request = self._head()
        if request is None:
            return
        error = closed.error or ConnectionLost(closed.code, closed.reason)
        delay_s = dialer.backoff.ended(
            lived_s=lived_s, progressed=progressed, throttled=closed.kind is EndKind.THROTTLE
        )
        request.resends += 1
        if (
            closed.kind is EndKind.PERMANENT
            or delay_s is None
            or request.resends > self._settings.max_resends
        ):
            dialer.backoff.succeeded()
            self._stats.failed += 1
            request.fail(error)
            return
        self._stats.resends += 1
        for segment in request.segments:
            segment.rewind()
        if closed.kind is not EndKind.ROTATION:
            self._on_retry(Reconnecting(attempt=dialer.backoff.attempts, delay_s=delay_s, error=error))
            await asyncio.sleep(delay_s)

    def _on_retry(self, event: Reconnecting) -> None:
        _logger.warning("%s", event)
        if self._tell is not None:
            self._tell(event)

    def _fail_all(self, error: SpeechwireError) -> None:
        for request in tuple(self._requests):
            self._stats.failed += not request.done
            request.fail(error)
        self._requests.clear()
