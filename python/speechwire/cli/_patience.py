"""How long a command waits: a person is watching, and files can wait."""

from __future__ import annotations

from speechwire.session import BackoffPolicy, ListenSettings, SpeakSettings

__all__ = ["PROBE", "SPEAK_SETTINGS", "listen_settings"]

_POLICY = BackoffPolicy(max_attempts=6)  # about 4 s until a service that is not there is reported

PROBE = BackoffPolicy(max_attempts=1)
"""One attempt: what happens now is what is to be reported."""

SPEAK_SETTINGS = SpeakSettings(backoff=_POLICY)


def listen_settings(speed: float) -> ListenSettings:
    """For a file sent at ``speed`` times real time.

    A silent service gets more time than in a live conversation: an emulator on a busy machine needs it.
    """
    return ListenSettings(backoff=_POLICY, replay_speed=speed, drain_timeout_s=60.0, progress_timeout_s=12.0)
