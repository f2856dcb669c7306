"""What the framework's connect options mean for a session."""

from __future__ import annotations

from livekit.agents import APIConnectOptions

from speechwire.session import BackoffPolicy, ListenSettings, SpeakSettings

__all__ = ["listen_settings", "recognize_settings", "speak_settings"]

_FIRST_DELAY_S = 0.1
_SHORTEST_TIMEOUT_S = 0.001
# How long the service may take over a whole recording, once it has it.
_RECOGNIZE_S = 30.0


def listen_settings(options: APIConnectOptions) -> ListenSettings:
    """A session that gives up when the framework's retries are used up, so that a fallback can take over."""
    return ListenSettings(
        connect_timeout_s=_connect_timeout_s(options), backoff=_backoff(options), wait_out_outages=False
    )


def recognize_settings(options: APIConnectOptions, duration_s: float) -> ListenSettings:
    """A session that takes a whole recording at once; the framework tries again by itself."""
    return ListenSettings(
        connect_timeout_s=max(options.timeout, _SHORTEST_TIMEOUT_S),
        drain_timeout_s=_RECOGNIZE_S + duration_s,
        buffer_s=duration_s + 1.0,
        replay_s=duration_s + 1.0,
        replay_speed=None,
        backoff=BackoffPolicy(max_attempts=1),
        wait_out_outages=False,
    )


def speak_settings(options: APIConnectOptions) -> SpeakSettings:
    """A session that fails a request when the framework's retries are used up."""
    patience_s = min(SpeakSettings().progress_timeout_s, max(options.timeout, _SHORTEST_TIMEOUT_S))
    return SpeakSettings(
        connect_timeout_s=_connect_timeout_s(options),
        progress_timeout_s=patience_s,
        max_resends=options.max_retry + 1,
        backoff=_backoff(options),
    )


def _connect_timeout_s(options: APIConnectOptions) -> float:
    """All attempts together take no longer than those that the framework would make."""
    share: float = (options.max_retry + 1) / (options.max_retry + 2)
    timeout_s: float = options.timeout * share
    return max(timeout_s, _SHORTEST_TIMEOUT_S)


def _backoff(options: APIConnectOptions) -> BackoffPolicy:
    """Retries as the framework counts them; the first connection in place of a lost one is none."""
    return BackoffPolicy(
        base_s=min(_FIRST_DELAY_S, options.retry_interval),
        cap_s=options.retry_interval,
        throttled_base_s=options.retry_interval,
        max_attempts=options.max_retry + 2,
        max_quick_failures=options.max_retry + 2,
    )
