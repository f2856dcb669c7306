"""A pool of a process's sessions: one connector, one quota, one set of counters."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any, TypeVar

from speechwire.errors import SessionClosed
from speechwire.protocol import (
    DEFAULT_BASE_URL,
    ListenV1Options,
    ListenV2Options,
    SpeakV1Options,
    SpeakV2Options,
)
from speechwire.session._credential import ApiKey, check_allow_insecure
from speechwire.session.backoff import BackoffPolicy
from speechwire.session.limiter import ConnectionLimiter
from speechwire.session.listen import ListenV1Session, ListenV2Session
from speechwire.session.metrics import ListenStats, SpeakStats
from speechwire.session.speak import SpeakSession
from speechwire.transport import Transport, new_transport

__all__ = ["PoolStats", "SessionPool"]

Session = ListenV2Session | ListenV1Session | SpeakSession
SessionT = TypeVar("SessionT", ListenV2Session, ListenV1Session, SpeakSession)


@dataclasses.dataclass(frozen=True, slots=True)
class PoolStats:
    """The counters and the current state of a pool's sessions.

    Args:
        listen: Sum over all listening sessions, including ended ones.
        speak: Sum over all speaking sessions, including ended ones.
        sessions: How many sessions are open.
        open_listen: How many listening connections are open.
        open_speak: How many speaking connections are open.
        buffered_bytes: Bytes of audio that open listening sessions keep.
        throttled: Whether the service has answered 429 and no handshake has succeeded since.
    """

    listen: ListenStats
    speak: SpeakStats
    sessions: int
    open_listen: int
    open_speak: int
    buffered_bytes: int
    throttled: bool


class SessionPool:
    """Makes sessions that share a transport, quotas and counters.

    ::

        async with SessionPool(api_key, max_listen=150, max_speak=45) as pool:
            session = pool.listen_v2(ListenV2Options(), converter=...)

    The sessions share a transport (connector, DNS cache, TLS context), the quota of connections, and the
    back-off after 429, so that a thousand streams do not retry together.

    Args:
        api_key: A key, or a callable (plain or async) that is called for one at each connect.
        base_url: The service's URL.
        transport: By default a new one that the pool closes. A given one is not closed.
        max_listen: The most listening connections open at once, as the contract allows; further ones wait.
            ``None`` for no limit.
        max_speak: The most speaking connections open at once; ``None`` for no limit.
        max_handshakes: The most handshakes at once, for listening and for speaking each.
        policy: How long to wait after 429.
        allow_insecure: Whether the key may be sent over ``ws://`` to another machine.
    """

    def __init__(
        self,
        api_key: ApiKey,
        *,
        base_url: str = DEFAULT_BASE_URL,
        transport: Transport | None = None,
        max_listen: int | None = None,
        max_speak: int | None = None,
        max_handshakes: int = 16,
        policy: BackoffPolicy | None = None,
        allow_insecure: bool = False,
    ) -> None:
        check_allow_insecure(allow_insecure)
        self._own_transport = None if transport else new_transport()
        self._listen = ConnectionLimiter(
            max_connections=max_listen, max_handshakes=max_handshakes, policy=policy
        )
        self._speak = ConnectionLimiter(
            max_connections=max_speak, max_handshakes=max_handshakes, policy=policy
        )
        self._common: dict[str, Any] = {
            "base_url": base_url,
            "transport": transport or self._own_transport,
            "allow_insecure": allow_insecure,
        }
        self._api_key = api_key
        self._sessions: set[Session] = set()
        self._ended_listen = ListenStats()
        self._ended_speak = SpeakStats()
        self._closed = False

    async def __aenter__(self) -> SessionPool:
        if self._own_transport is not None:
            await self._own_transport.prepare(self._common["base_url"])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def listen_limiter(self) -> ConnectionLimiter:
        """The limiter of all listening sessions."""
        return self._listen

    @property
    def speak_limiter(self) -> ConnectionLimiter:
        """The limiter of all speaking sessions."""
        return self._speak

    def listen_v2(self, options: ListenV2Options | None = None, **arguments: Any) -> ListenV2Session:
        """Make a :class:`ListenV2Session`. The pool forgets it when it is closed."""
        return self._add(
            ListenV2Session(self._api_key, options, limiter=self._listen, **self._with(arguments))
        )

    def listen_v1(self, options: ListenV1Options | None = None, **arguments: Any) -> ListenV1Session:
        """Make a :class:`ListenV1Session`. The pool forgets it when it is closed."""
        return self._add(
            ListenV1Session(self._api_key, options, limiter=self._listen, **self._with(arguments))
        )

    def speak(self, options: SpeakV1Options | SpeakV2Options | None = None, **arguments: Any) -> SpeakSession:
        """Make a :class:`SpeakSession`. The pool forgets it when it is closed."""
        return self._add(SpeakSession(self._api_key, options, limiter=self._speak, **self._with(arguments)))

    @property
    def throttled(self) -> bool:
        """Whether a listening session got 429 and no listening handshake has succeeded since."""
        return self._listen.throttled

    def snapshot(self) -> PoolStats:
        """Copy and sum all counters. Costs a few microseconds for each open session."""
        self._let_go()
        listen, speak, buffered = self._ended_listen, self._ended_speak, 0
        for session in self._sessions:
            if isinstance(session, SpeakSession):
                speak += session.stats()
            else:
                listen += session.stats()
                buffered += session.buffered_bytes
        return PoolStats(
            listen=listen,
            speak=speak,
            sessions=len(self._sessions),
            open_listen=self._listen.open_connections,
            open_speak=self._speak.open_connections,
            buffered_bytes=buffered,
            throttled=self._listen.throttled or self._speak.throttled,
        )

    async def aclose(self) -> None:
        """Close every session, then what they share. Idempotent.

        Raises:
            SpeechwireError: A session belongs to another event loop that still exists: close the pool there.
                Sessions whose loop has ended do not raise.
        """
        self._closed = True
        outcomes = await asyncio.gather(
            *(session.aclose() for session in self._sessions), return_exceptions=True
        )
        self._let_go()
        if self._own_transport is not None:
            await self._own_transport.aclose()
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    def _with(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if self._closed:
            raise SessionClosed("the pool has been closed")
        return {**self._common, **arguments}

    def _add(self, session: SessionT) -> SessionT:
        self._let_go()
        self._sessions.add(session)
        return session

    def _let_go(self) -> None:
        """Add the counters of ended sessions to the sums, and forget these sessions."""
        for session in [session for session in self._sessions if session.over]:
            self._sessions.discard(session)
            if isinstance(session, SpeakSession):
                self._ended_speak += session.stats()
            else:
                self._ended_listen += session.stats()
