from __future__ import annotations

from typing import Any

import pytest
from tests.session.driving import converse
from tests.session.fake_service import FakeFlux, Fault, close, deaf, reset, stall

from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import (
    AudioDropped,
    FluxSession,
    ListenSettings,
    Reconnected,
    Reconnecting,
    SessionEnded,
)
from speechwire.transport import MemoryTransport

TURNS = [(1.0, 2.0), (3.5, 5.5), (7.0, 8.0)]


def session_with(service: FakeFlux, **settings: Any) -> FluxSession:
    return FluxSession("secret-key", transport=MemoryTransport(service), settings=ListenSettings(**settings))


def ended_turns(events: list[Any]) -> list[TurnInfo]:
    return [event for event in events if isinstance(event, TurnInfo) and event.event == "EndOfTurn"]


def check_words(service: FakeFlux, events: list[Any]) -> None:
    """Every word once, in order, at its own time on the caller's clock."""
    words = [word for turn in ended_turns(events) for word in turn.words]
    assert [int(word.word) for word in words] == service.words
    for word in words:
        assert word.start == pytest.approx(int(word.word) / 4, abs=0.002)


def check_turns(events: list[Any]) -> None:
    """Turn numbers are contiguous; each turn starts once and ends once, and time never runs backwards."""
    turns = [event for event in events if isinstance(event, TurnInfo)]
    assert [turn.turn_index for turn in ended_turns(events)] == list(range(len(ended_turns(events))))
    for index in range(len(ended_turns(events))):
        kinds = [turn.event for turn in turns if turn.turn_index == index]
        assert kinds.count("StartOfTurn") == 1
        assert kinds[-1] == "EndOfTurn"
    ends = [turn.audio_window_end for turn in turns]
    assert ends == sorted(ends)


async def test_plain_conversation() -> None:
    service = FakeFlux(TURNS)
    events = await converse(session_with(service), 9.0)
    check_words(service, events)
    check_turns(events)
    assert set(service.counts().values()) == {1}
    assert len(service.counts()) == 9000
    assert events[-1] == SessionEnded(complete=True, pushed_s=9.0, dropped_s=0.0, replayed_s=0.0)
    assert [text["type"] for text in service.heard[0].texts] == ["ForceEndTurn", "CloseStream"]


FAULTS: dict[str, Fault] = {
    "reset": reset,
    "1000": close(1000),
    "1005": close(1005),
    "1006": close(1006),
    "1011 NET-0000": close(1011, "NET-0000"),
    "1011 other": close(1011, "something else"),
    "1012 restart": close(1012, "service restart"),
    "silent": deaf,
    "stalled": stall,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("at_s", [0.5, 1.6, 2.4, 4.7])
async def test_nothing_is_lost_or_doubled(fault: Fault, at_s: float) -> None:
    service = FakeFlux(TURNS, {0: (at_s, fault)})
    events = await converse(session_with(service, drain_timeout_s=30.0), 12.0)
    check_words(service, events)
    check_turns(events)
    counts = service.counts()
    assert len(counts) == 12000, "a millisecond never arrived"
    assert len(service.heard) == 2
    assert sum(isinstance(event, Reconnecting) for event in events) == 1
    assert sum(isinstance(event, Reconnected) for event in events) == 1
    assert not any(isinstance(event, AudioDropped) for event in events)
    ended = events[-1]
    assert isinstance(ended, SessionEnded)
    assert ended.complete
    assert ended.dropped_s == 0
