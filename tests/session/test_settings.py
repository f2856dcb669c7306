from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import pytest

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.session import BackoffPolicy, ListenSettings, SpeakSettings

LISTENING = (
    *("connect_timeout_s", "send_timeout_s", "drain_timeout_s", "keep_alive_s", "buffer_s"),
    *("configure_timeout_s", "max_age_s", "rollover_wait_s", "ping_s", "progress_timeout_s"),
    *("pause_after_s", "event_limit"),
)
SPEAKING = (
    *("connect_timeout_s", "send_timeout_s", "progress_timeout_s", "fence_timeout_s", "close_timeout_s"),
    *("ping_s", "max_age_s", "audio_limit_s", "text_limit", "request_limit"),
)


@pytest.mark.parametrize("value", [0, -0.5, float("nan")])
@pytest.mark.parametrize(
    ("settings", "name"),
    [*((ListenSettings, name) for name in LISTENING), *((SpeakSettings, name) for name in SPEAKING)],
)
def test_durations_and_limits_are_above_0(settings: type, name: str, value: float) -> None:
    with pytest.raises(InvalidArgument) as refused:
        settings(**{name: value})
    assert str(refused.value) == f"{name} must be above 0, got {value}"
    settings(**{name: 1})


@pytest.mark.parametrize(
    ("settings", "wrong", "words"),
    [
        (ListenSettings, {"replay_s": -1}, "replay_s must be 0 to 1000000 s, got -1"),
        (
            ListenSettings,
            {"replay_speed": 1.0},
            "replay_speed must be above 1 (or the backlog never ends) and finite, or None, got 1.0",
        ),
        (ListenSettings, {"buffer_s": math.inf}, "buffer_s must be 0 to 1000000 s, got inf"),
        (ListenSettings, {"replay_s": 1 << 70}, f"replay_s must be 0 to 1000000 s, got {1 << 70}"),
        (ListenSettings, {"replay_s": math.nan}, "replay_s must be 0 to 1000000 s, got nan"),
        (ListenSettings, {"replay_burst_s": -0.1}, "replay_burst_s must be 0 to 1000000 s, got -0.1"),
        (
            ListenSettings,
            {"replay_speed": math.nan},
            "replay_speed must be above 1 (or the backlog never ends) and finite, or None, got nan",
        ),
        (SpeakSettings, {"max_resends": -1}, "max_resends must be at least 0, got -1"),
    ],
)
def test_other_nonsense_is_refused_by_name(settings: type, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        settings(**wrong)
    assert str(refused.value) == words


def test_by_default() -> None:
    assert asdict(ListenSettings()) == {
        "connect_timeout_s": 10.0,
        "send_timeout_s": 5.0,
        "drain_timeout_s": 5.0,
        "progress_timeout_s": 3.5,
        "keep_alive_s": 4.0,
        "ping_s": 20.0,
        "pause_after_s": 0.5,
        "buffer_s": 30.0,
        "replay_s": 30.0,
        "replay_speed": 1.25,
        "replay_burst_s": 5.0,
        "configure_timeout_s": 5.0,
        "max_age_s": 3300.0,
        "rollover_wait_s": 8.0,
        "event_limit": 1000,
        "backoff": asdict(BackoffPolicy()),
        "wait_out_outages": True,
    }
    assert asdict(SpeakSettings()) == {
        "connect_timeout_s": 10.0,
        "send_timeout_s": 5.0,
        "progress_timeout_s": 8.0,
        "fence_timeout_s": 1.0,
        "close_timeout_s": 1.0,
        "ping_s": 20.0,
        "max_age_s": 3300.0,
        "max_resends": 2,
        "audio_limit_s": 300.0,
        "text_limit": 1_000_000,
        "request_limit": 1000,
        "backoff": asdict(BackoffPolicy()),
    }
    assert asdict(BackoffPolicy()) == {
        "base_s": 0.25,
        "factor": 2.0,
        "cap_s": 8.0,
        "max_attempts": 10,
        "throttled_base_s": 2.0,
        "quick_failure_s": 5.0,
        "max_quick_failures": 3,
    }


def test_what_can_be_turned_off() -> None:
    ListenSettings(progress_timeout_s=None, pause_after_s=None, max_age_s=None, replay_speed=None, replay_s=0)
    SpeakSettings(max_resends=0)


@pytest.mark.parametrize(
    "name", ["buffer_s", "replay_s", "replay_speed", "replay_burst_s", "connect_timeout_s"]
)
@pytest.mark.parametrize("wrong", ["4", b"4", [4], True])
def test_what_is_no_number_is_told(name: str, wrong: Any) -> None:
    with pytest.raises(InvalidArgumentType, match=f"^{name} must be a number, got {type(wrong).__name__}$"):
        ListenSettings(**{name: wrong})


def test_a_bound_of_audio_cannot_be_turned_off() -> None:
    off: dict[str, Any] = {"buffer_s": None, "replay_s": None, "replay_burst_s": None}
    for name in off:
        with pytest.raises(InvalidArgumentType, match=f"^{name} must be a number, got NoneType$"):
            ListenSettings(**{name: off[name]})
    with pytest.raises(InvalidArgumentType, match="^backoff must be a BackoffPolicy, got NoneType$"):
        ListenSettings(backoff=None)  # type: ignore[arg-type]
