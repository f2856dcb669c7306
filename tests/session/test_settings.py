from __future__ import annotations

from typing import Any

import pytest

from speechwire.errors import InvalidArgument
from speechwire.session import ListenSettings, SpeakSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"connect_timeout_s": 0},
        {"drain_timeout_s": -1},
        {"progress_timeout_s": 0},
        {"pause_after_s": -0.5},
        {"max_age_s": 0},
        {"event_limit": 0},
        {"replay_s": -1},
        {"replay_speed": 1.0},
        {"buffer_s": float("nan")},
    ],
)
def test_listening_nonsense_is_refused_by_name(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(InvalidArgument, match=name):
        ListenSettings(**wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"fence_timeout_s": 0}, "fence_timeout_s must be above 0, got 0"),
        ({"audio_limit_s": -1}, "audio_limit_s must be above 0, got -1"),
        ({"text_limit": 0}, "text_limit must be above 0, got 0"),
        ({"max_resends": -1}, "max_resends must be at least 0, got -1"),
    ],
)
def test_speaking_nonsense_is_refused_by_name(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        SpeakSettings(**wrong)
    assert str(refused.value) == words


def test_what_can_be_turned_off() -> None:
    ListenSettings(progress_timeout_s=None, pause_after_s=None, max_age_s=None, replay_speed=None, replay_s=0)
