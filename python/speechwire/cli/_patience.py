"""Time limits of the commands: longer than in a live call, since a file can wait."""

from __future__ import annotations

from speechwire.session import BackoffPolicy, ListenSettings, SpeakSettings

__all__ = ["AHEAD_OF_RESULTS_S", "PROBE", "SPEAK_SETTINGS", "listen_settings"]

_POLICY = BackoffPolicy(max_attempts=6)  # about 4 s until a service that is not there is reported

PROBE = BackoffPolicy(max_attempts=1)
"""One attempt: what happens now is what is to be reported."""

SPEAK_SETTINGS = SpeakSettings(backoff=_POLICY, progress_timeout_s=30.0)

AHEAD_OF_RESULTS_S = 20.0
"""The most audio sent beyond what results cover, in seconds: a slow recogniser slows the file down."""

_SLOWEST = 0.1
_LEAST_REPLAY_SPEED = 1.25


def listen_settings(speed: float | None) -> ListenSettings:
    """Settings for a file sent at ``speed`` times real time; ``None`` for as fast as the connection takes it.

    The deadlines are long enough for a recogniser at a tenth of real time, such as an emulator on a busy
    machine, to answer all audio that was sent ahead.
    """
    slowest_answer_s = AHEAD_OF_RESULTS_S / _SLOWEST
    return ListenSettings(
        backoff=_POLICY,
        replay_speed=None if speed is None else max(speed, _LEAST_REPLAY_SPEED),
        buffer_s=60.0,
        replay_s=120.0,
        send_timeout_s=60.0,
        progress_timeout_s=60.0,
        drain_timeout_s=slowest_answer_s,
        pause_after_s=None,  # a file that waits for the recogniser has not stopped speaking
        wait_out_outages=False,
    )
