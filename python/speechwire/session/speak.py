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

    Requests are spoken in the order they were made. A request gets only its own audio: after
    :meth:`SpeakRequest.interrupt` no more of it is delivered, and none of it reaches the next request. After
    a lost connection, unfinished text is sent again on a new one, and audio that was delivered before is left
    out. A request never hangs: the settings' deadlines limit each wait for the service.

    A request that cannot be served fails with the reason, and the session serves the next one. If the service
    cannot be reached, the open requests fail once the attempts are used up. The next request tries at once;
    within ``BackoffPolicy.cap_s`` after such a failure it gets only one attempt.

    A session belongs to the event loop of its first use. It cannot be copied or pickled.

    Args:
        api_key: A key, or a callable (plain or async) that is called for one at each connect.
        options: The voice and the audio format; their type chooses the endpoint.
        base_url: The service's URL.
        transport: By default one that all sessions of the event loop share. A given one is not closed.
        settings: Limits and deadlines.
        allow_insecure: Whether the key may be sent over ``ws://`` to another machine.
        on_retry: Called before each further attempt; an exception that it raises is logged.
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
        """The state of the session."""
        return self._runner.machine.state

    @property
    def connected(self) -> bool:
        """Whether a connection is open."""
        return self.state is State.READY

    @property
    def over(self) -> bool:
        """Whether the session has ended: nothing will be sent or counted any more."""
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
        """Speak a text: open a request, push the text and end it. Does not block.

        Raises:
            SessionClosed: The session was closed, or belongs to another event loop.
            LocalProtocolError: ``SpeakSettings.request_limit`` requests wait already.
            InvalidArgument: The text is longer than ``SpeakSettings.text_limit``.
            InvalidArgumentType: `text` is not a ``str``.
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
            ConnectFailed: The service could not be reached, too often.
            SessionClosed: The session was closed, or belongs to another event loop.
        """
        await self._runner.connect()

    async def aclose(self) -> None:
        """Fail open requests, send ``Close``, and wait up to ``close_timeout_s`` for the answer. Idempotent.

        Returns at once if the session's event loop has ended.

        Raises:
            SessionClosed: The session is in use in another event loop, which is running.
        """
        await self._runner.aclose()
