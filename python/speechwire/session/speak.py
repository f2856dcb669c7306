"""Text to speech: a session that outlives its connections."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import NoReturn, Self, SupportsIndex

from speechwire.protocol import DEFAULT_BASE_URL, SpeakV1Options, SpeakV2Options
from speechwire.session._connector import Access
from speechwire.session._credential import ApiKey, Credential, check_secrecy
from speechwire.session._speak_runner import SpeakRunner
from speechwire.session._states import State
from speechwire.session.events import Reconnecting
from speechwire.session.limiter import ConnectionLimiter
from speechwire.session.metrics import SpeakStats
from speechwire.session.request import SpeakRequest
from speechwire.session.settings import SpeakSettings
from speechwire.transport import Transport

__all__ = ["SpeakSession"]


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

    A request that cannot be served fails with the reason; the session serves the next one. When the service
    cannot be reached, the open requests fail once the attempts are used up, and the next request tries at
    once; for ``BackoffPolicy.cap_s`` after a failure one attempt is all it gets.

    A session belongs to the event loop it is first used in. It cannot be copied or pickled.

    Args:
        api_key: A key, or a callable (plain or async) asked for one at each connect.
        options: The voice and the audio format; their type chooses the endpoint.
        base_url: Where the service is.
        transport: Default: one shared by all sessions of the event loop. A given one is not closed.
        settings: Limits and deadlines.
        allow_insecure: Permit sending the key over ``ws://`` to another machine.
        on_retry: Called before each further attempt; an error that it raises is logged.
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
        options = options or SpeakV1Options()
        url = options.url(base_url)
        check_secrecy(url, allow_insecure=allow_insecure)
        access = Access(Credential(api_key), transport, limiter)
        self._runner = SpeakRunner(access, url, options, settings or SpeakSettings(), on_retry)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            "a SpeakSession cannot be copied or pickled: it holds the API key and a live connection; "
            "make another one where it is needed"
        )

    @property
    def state(self) -> State:
        """Where the session is in its life."""
        return self._runner.machine.state

    @property
    def connected(self) -> bool:
        """Whether a connection is open."""
        return self.state is State.READY

    @property
    def over(self) -> bool:
        """Whether its work is done: nothing will be sent or counted any more."""
        return self._runner.over

    def stats(self) -> SpeakStats:
        """A copy of the counters."""
        return SpeakStats() + self._runner.stats

    def request(self) -> SpeakRequest:
        """Open a request to push text to.

        Raises:
            SessionClosed: The session was closed, or belongs to another event loop.
            LocalProtocolError: ``SpeakSettings.request_limit`` requests wait already.
        """
        return self._runner.add_request()

    def speak(self, text: str) -> SpeakRequest:
        """Say a text.

        Raises:
            SessionClosed: The session was closed, or belongs to another event loop.
            LocalProtocolError: ``SpeakSettings.request_limit`` requests wait already.
            InvalidArgument: The text is longer than ``SpeakSettings.text_limit``.
            InvalidArgumentType: It is not a ``str``.
        """
        request = self.request()
        try:
            request.push(text)
        except BaseException:
            request.interrupt()
            raise
        request.end()
        return request

    async def prewarm(self) -> None:
        """Open the connection now instead of at the first request. Idempotent.

        Raises:
            HandshakeRefused: The service refused, permanently or too often.
            ConnectFailed: It could not be reached, too often.
            SessionClosed: The session was closed, or belongs to another event loop.
        """
        await self._runner.connect()

    async def aclose(self) -> None:
        """Fail what is open, say ``Close``, and wait a little for the service's answer. Idempotent.

        In another event loop than the session's: returns at once when that one has ended.

        Raises:
            SessionClosed: The session is in use in another event loop, which is running.
        """
        await self._runner.aclose()
