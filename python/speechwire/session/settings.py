"""Limits and deadlines of sessions, with the reasons for their defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, SupportsFloat

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.session.backoff import BackoffPolicy

__all__ = ["ListenSettings", "SpeakSettings"]

_LONGEST_S: Final = 1_000_000  # any ring can count this much audio


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenSettings:
    """Limits and deadlines of a listening session, in seconds where the name ends in ``_s``.

    Args:
        connect_timeout_s: The longest time for DNS, TCP, TLS and the upgrade together.
        send_timeout_s: The session reconnects if a send takes longer: the service has stopped reading.
        drain_timeout_s: How long ``aclose`` waits for the last results.
        progress_timeout_s: The session reconnects and replays if results have not advanced for this long
            while audio is sent. ``None`` waits for ever.
        keep_alive_s: On v1, ``KeepAlive`` is sent after this long without a message (the service closes after
            10 s).
        ping_s: On Flux, a WebSocket ping is sent after this long without a message (the service closes after
            60 s).
        pause_after_s: If the caller stops pushing in the middle of speech, the session ends the speech after
            this long: with ``Finalize`` on v1, and with silence on Flux, where only audio ends a turn.
            ``None`` does neither.
        buffer_s: The most audio that waits to be sent. Beyond it the oldest is dropped and counted.
        replay_s: The most sent audio that is kept for a replay; 0 keeps nothing.
        replay_speed: How fast a backlog is sent, as a multiple of real time; the documentation asks for at
            most 1.25. ``None`` sends as fast as the connection takes it.
        replay_burst_s: How much of a backlog is sent at once before ``replay_speed`` applies.
        configure_timeout_s: How long a ``Configure`` waits for the service's answer.
        max_age_s: A connection this old is replaced at the next boundary; ``None`` never replaces one.
        rollover_wait_s: How long to wait for a boundary between turns or utterances.
        event_limit: The most events that wait for the consumer.
        backoff: When to try again, and when the attempts are used up.
        wait_out_outages: Whether the session goes on when the attempts are used up. It then keeps up to
            ``buffer_s`` of pushed audio, and tries again while audio comes, at most ``backoff.cap_s`` apart.
            Otherwise it ends with the error.
    """

    connect_timeout_s: float = 10.0
    send_timeout_s: float = 5.0
    drain_timeout_s: float = 5.0
    progress_timeout_s: float | None = 3.5
    keep_alive_s: float = 4.0
    ping_s: float = 20.0
    pause_after_s: float | None = 0.5
    buffer_s: float = 30.0
    replay_s: float = 30.0
    replay_speed: float | None = 1.25
    replay_burst_s: float = 5.0
    configure_timeout_s: float = 5.0
    max_age_s: float | None = 55 * 60.0
    rollover_wait_s: float = 8.0
    event_limit: int = 1000
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)
    wait_out_outages: bool = True

    def __post_init__(self) -> None:
        _positive(self, "connect_timeout_s", "send_timeout_s", "drain_timeout_s", "keep_alive_s", "buffer_s")
        _positive(self, "configure_timeout_s", "max_age_s", "rollover_wait_s")
        _positive(self, "ping_s", "progress_timeout_s", "pause_after_s", "event_limit")
        _within(self, 0, _LONGEST_S, "buffer_s", "replay_s", "replay_burst_s")
        speed = _number("replay_speed", 2 if self.replay_speed is None else self.replay_speed)
        if not 1 < speed < math.inf:
            raise InvalidArgument(
                "replay_speed", self.replay_speed, "above 1 (or the backlog never ends) and finite, or None"
            )
        if not isinstance(self.backoff, BackoffPolicy):
            raise InvalidArgumentType("backoff", self.backoff, "a BackoffPolicy")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakSettings:
    """Limits and deadlines of a speaking session, in seconds where the name ends in ``_s``.

    Args:
        connect_timeout_s: The longest time for DNS, TCP, TLS and the upgrade together.
        send_timeout_s: The session reconnects if a send takes longer: the service has stopped reading.
        progress_timeout_s: The session reconnects and sends the text again if a flush is unanswered and
            nothing has come for this long.
        fence_timeout_s: How long to wait for the answer to an interruption before a new connection is opened.
        close_timeout_s: How long ``aclose`` waits for the service to close.
        ping_s: A WebSocket ping is sent after this long without a message.
        max_age_s: A connection this old is replaced when no request is open (the service ends it at 60 min).
        max_resends: How often one request may be sent again after a lost connection without any new audio.
        audio_limit_s: The most audio of one request that waits for its consumer; beyond it, reading pauses.
        text_limit: The longest text of one request, in characters; beyond it, ``push`` raises
            ``InvalidArgument``. The service speaks 2400 a minute.
        request_limit: The most requests that are open; beyond it, ``request`` raises ``LocalProtocolError``.
        backoff: When to try again and when to give up.
    """

    connect_timeout_s: float = 10.0
    send_timeout_s: float = 5.0
    progress_timeout_s: float = 8.0
    fence_timeout_s: float = 1.0
    close_timeout_s: float = 1.0
    ping_s: float = 20.0
    max_age_s: float = 55 * 60.0
    max_resends: int = 2
    audio_limit_s: float = 300.0
    text_limit: int = 1_000_000
    request_limit: int = 1000
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)

    def __post_init__(self) -> None:
        _positive(self, "connect_timeout_s", "send_timeout_s", "progress_timeout_s", "fence_timeout_s")
        _positive(self, "close_timeout_s", "ping_s", "max_age_s", "audio_limit_s")
        _positive(self, "text_limit", "request_limit")
        if self.max_resends < 0:
            raise InvalidArgument("max_resends", self.max_resends, "at least 0")


def _positive(settings: ListenSettings | SpeakSettings, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if value is not None and not _number(name, value) > 0:
            raise InvalidArgument(name, value, "above 0")


def _within(settings: ListenSettings, low: float, high: float, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not low <= _number(name, value) <= high:
            raise InvalidArgument(name, value, f"{low} to {high} s")


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, SupportsFloat):
        raise InvalidArgumentType(name, value, "a number")
    return value  # type: ignore[return-value]  # an int may be too large for a float, and compares all the same
