"""The judge notices: a sound story is tampered with, one promise at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.model.player import play
from tests.model.story import Fate, Operation, Story

from speechwire.protocol.listen_v1_events import Results
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import AudioDropped, SessionEnded
from speechwire.session._outgoing import OutgoingAudio

replace = msgspec.structs.replace

SAY = (Operation(kind="speak", seconds=3.0), Operation(kind="pause", seconds=0.4), Operation(kind="flush"))


def story(endpoint: str, *fates: Fate) -> Story:
    return Story(seed=1, endpoint=endpoint, turns=((1, 4), (8, 11)), operations=SAY, fates=fates)


def promises(endpoint: str, tamper: Callable[[Any], list[Any]]) -> set[str]:
    return {broken.promise for broken in play(story(endpoint), tamper=tamper).broken}


def final(event: Any) -> bool:
    return bool(isinstance(event, Results) and event.is_final) or (
        isinstance(event, TurnInfo) and event.event == "EndOfTurn"
    )


def later(event: Any, by_s: float) -> Any:
    if isinstance(event, Results):
        return replace(event, start=event.start + by_s)
    return replace(event, audio_window_end=event.audio_window_end + by_s)


def early(event: Any) -> Any:
    """The first word half a second before its time."""
    if isinstance(event, TurnInfo):
        words = tuple(replace(word, start=0.0, end=0.1) for word in event.words)
        return replace(event, words=words)
    alternative = event.channel.alternatives[0]
    words = tuple(replace(word, start=0.0, end=0.1) for word in alternative.words)
    return replace(event, channel=replace(event.channel, alternatives=(replace(alternative, words=words),)))


@pytest.mark.parametrize("endpoint", ["flux", "nova", "nova finals"])
def test_a_sound_story_is_sound(endpoint: str) -> None:
    outcome = play(story(endpoint))
    assert (outcome.broken, outcome.words, outcome.complete, outcome.connections) == ([], 6, True, 1)


@pytest.mark.parametrize("endpoint", ["flux", "nova", "nova finals"])
@pytest.mark.parametrize(
    ("promise", "tamper"),
    [
        ("complete means complete", lambda event: [] if final(event) else [event]),
        ("finals are delivered", lambda event: [] if final(event) else [event]),
        ("words once and in order", lambda event: [event, event] if final(event) else [event]),
        ("times", lambda event: [later(event, 1.0)] if final(event) else [event]),
        ("times", lambda event: [later(event, math.inf)] if final(event) else [event]),
        ("words at their own time", lambda event: [early(event)] if final(event) else [event]),
        ("SessionEnded is last", lambda event: [] if isinstance(event, SessionEnded) else [event]),
        ("the end is the end", lambda event: [event, event] if isinstance(event, SessionEnded) else [event]),
    ],
)
def test_what_is_delivered_is_judged(endpoint: str, promise: str, tamper: Callable[[Any], list[Any]]) -> None:
    assert promise in promises(endpoint, tamper)


@pytest.mark.parametrize(
    ("promise", "changes"),
    [
        ("complete means complete", {"dropped_s": 1.0}),
        ("reported means lost", {"dropped_s": 3.0, "complete": False}),
        ("AudioDropped", {"dropped_s": 1.0, "complete": False}),
        ("what can be complete is", {"complete": False}),
        ("pushed_s", {"pushed_s": 2.0}),
    ],
)
def test_what_the_end_says_is_judged(promise: str, changes: dict[str, Any]) -> None:
    def tamper(event: Any) -> list[Any]:
        return [replace(event, **changes)] if isinstance(event, SessionEnded) else [event]

    assert promise in promises("nova", tamper)


@pytest.mark.parametrize("kind", ["StartOfTurn", "EndOfTurn"])
def test_turns_are_judged(kind: str) -> None:
    def tamper(event: Any) -> list[Any]:
        return [] if isinstance(event, TurnInfo) and event.event == kind else [event]

    assert "turns" in promises("flux", tamper)


def test_what_was_not_heard_must_be_reported() -> None:
    deaf = Fate(ending="deaf", ending_s=1.0)
    lost = Story(seed=1, endpoint="nova", operations=SAY, rest=deaf, settings={"drain_timeout_s": 1.0})

    def tamper(event: Any) -> list[Any]:
        if isinstance(event, AudioDropped):
            return []
        return [replace(event, dropped_s=0.0)] if isinstance(event, SessionEnded) else [event]

    assert "heard or reported" in {broken.promise for broken in play(lost, tamper=tamper).broken}


@pytest.mark.parametrize("endpoint", ["flux", "nova", "nova finals"])
def test_audio_that_is_sent_again_too_often_is_judged(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trickle = (Operation(kind="pause", seconds=7.0), Operation(kind="speak", seconds=0.1)) * 8
    speak = (Operation(kind="speak", seconds=2.0), *trickle)
    dies = Fate(ending="1011", ending_s=1.0)
    deadly = Story(seed=1, endpoint=endpoint, operations=speak, rest=dies, settings={"replay_speed": None})
    assert play(deadly).broken == []
    monkeypatch.setattr(OutgoingAudio, "bound_repeats", lambda audio: None)
    monkeypatch.setattr(OutgoingAudio, "give_up_repeats", lambda audio, until=None: None)
    monkeypatch.setattr(OutgoingAudio, "overdraft_s", lambda audio: 0.0)
    assert [broken.promise for broken in play(deadly).broken] == ["sent again at most three times"]
