"""Flux: turns, the count of messages, and configuration."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol import ListenV2, ListenV2Options, SequenceGap


def _turn(event: str, turn_index: int = 0, end_s: float = 0.0, **fields: Any) -> str:
    window = {"audio_window_start": 0.0, "audio_window_end": end_s, "transcript": "a"}
    return json.dumps({"type": "TurnInfo", "event": event, "turn_index": turn_index, **window, **fields})


def test_frames() -> None:
    protocol = ListenV2(ListenV2Options(model="flux-general-multi"))
    assert protocol.force_end_turn() == '{"type":"ForceEndTurn"}'
    assert protocol.configure(
        eot_threshold=0.8,
        eager_eot_threshold=0.4,
        eot_timeout_ms=3000,
        keyterms=["Oslo"],
        language_hints=["en", "es"],
        numerals=True,
    ) == (
        '{"type":"Configure","thresholds":{"eager_eot_threshold":0.4,"eot_threshold":0.8,"eot_timeout_ms":3000},'
        '"keyterms":["Oslo"],"language_hints":["en","es"],"numerals":true}'
    )


@pytest.mark.parametrize(
    ("arguments", "frame"),
    [
        ({"eot_threshold": 1}, '{"thresholds":{"eot_threshold":1}}'),
        ({"eot_timeout_ms": 500}, '{"thresholds":{"eot_timeout_ms":500}}'),
        ({"keyterms": []}, '{"keyterms":[]}'),
        ({"language_hints": []}, '{"language_hints":[]}'),
        ({"numerals": False}, '{"numerals":false}'),
    ],
)
def test_only_what_is_to_change_is_sent(arguments: dict[str, Any], frame: str) -> None:
    assert ListenV2().configure(**arguments) == '{"type":"Configure",' + frame[1:]


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"eot_threshold": 0.4}, "eot_threshold"),
        ({"eager_eot_threshold": 0.95}, "eager_eot_threshold"),
        ({"eager_eot_threshold": 0.75}, "eager_eot_threshold"),
        ({"eager_eot_threshold": 0.6, "eot_threshold": 0.5}, "eager_eot_threshold"),
        ({"eot_timeout_ms": 60001}, "eot_timeout_ms"),
        ({"keyterms": ["k" * 101]}, "keyterms"),
        ({"keyterms": ["k"] * 101}, "keyterms"),
        ({"language_hints": ["en"]}, "language_hints"),
    ],
)
def test_what_the_service_would_refuse(arguments: dict[str, Any], argument: str) -> None:
    protocol = ListenV2()
    with pytest.raises(InvalidArgument) as caught:
        protocol.configure(**arguments)
    assert caught.value.argument == argument
    assert protocol.configure(eot_threshold=0.7)  # nothing waits for an answer


def test_a_wrong_shape_would_be_fatal() -> None:
    with pytest.raises(InvalidArgumentType, match="^numerals must be a bool, got str$"):
        ListenV2().configure(numerals="true")  # type: ignore[arg-type]


def test_thresholds_are_checked_against_those_in_force() -> None:
    protocol = ListenV2(ListenV2Options(eager_eot_threshold=0.6))
    with pytest.raises(
        InvalidArgument, match=r"^eager_eot_threshold must be at most eot_threshold \(0\.5\), got 0\.6$"
    ):
        protocol.configure(eot_threshold=0.5)
    protocol.configure(eot_threshold=0.9)
    protocol.receive(
        '{"type":"ConfigureSuccess","thresholds":{"eot_threshold":0.9,"eager_eot_threshold":0.6}}'
    )
    assert protocol.configure(eager_eot_threshold=0.85)
    protocol.receive('{"type":"ConfigureFailure"}')
    assert protocol.configure(keyterms=["a"])


def test_the_life_of_a_turn() -> None:
    protocol = ListenV2()
    protocol.receive('{"type":"Connected","request_id":"abc","sequence_id":0}')
    assert protocol.request_id == "abc"
    steps = [
        ("Update", 0, 0),
        ("StartOfTurn", 0, 0),
        ("Update", 0, 0),
        ("EagerEndOfTurn", 0, 0),
        ("Update", 0, 0),
        ("TurnResumed", 0, 0),
        ("EagerEndOfTurn", 0, 0),
        ("EndOfTurn", 0, 1),
        ("Update", 1, 1),
        ("StartOfTurn", 1, 1),
        ("EndOfTurn", 1, 2),
        ("SomethingNew", 2, 2),
    ]
    for sequence_id, (event, turn_index, next_index) in enumerate(steps, 1):
        events = protocol.receive(_turn(event, turn_index, sequence_id=sequence_id))
        assert len(events) == 1
        assert protocol.turn_index == next_index


# The documented state table: what the service may do in a state, and the state it then is in.
STATES: dict[str, list[tuple[str, str]]] = {
    "initial": [("Update", "initial"), ("StartOfTurn", "ongoing")],
    "ongoing": [("Update", "ongoing"), ("EagerEndOfTurn", "awaiting"), ("EndOfTurn", "initial")],
    "awaiting": [("Update", "awaiting"), ("TurnResumed", "ongoing"), ("EndOfTurn", "initial")],
}
BETWEEN = ["ConfigureSuccess", "ConfigureFailure", "Warning", "Unheard"]


@given(data=st.data())
def test_every_order_the_state_table_allows(data: st.DataObject) -> None:
    protocol = ListenV2()
    protocol.send_audio(bytes(32000 * 100))
    protocol.receive('{"type":"Connected","sequence_id":0}')
    state, turn_index, end_s, final_s = "initial", 0, 0.0, 0.0
    for sequence_id in range(1, data.draw(st.integers(1, 25))):
        if data.draw(st.integers(0, 4)) == 0:
            kind = data.draw(st.sampled_from(BETWEEN))
            assert len(protocol.receive(json.dumps({"type": kind, "sequence_id": sequence_id}))) == 1
            continue
        event, state = data.draw(st.sampled_from(STATES[state]))
        end_s += 0.25
        (turn,) = protocol.receive(_turn(event, turn_index, end_s, sequence_id=sequence_id))
        if event == "EndOfTurn":
            turn_index, final_s = turn_index + 1, end_s
        assert turn.event == event  # type: ignore[union-attr]
        assert protocol.turn_index == turn_index
        assert (protocol.final_s, protocol.progress_s) == (final_s, end_s)


def _gaps(protocol: ListenV2, frame: str) -> list[tuple[int, int]]:
    events = protocol.receive(frame)
    return [(event.expected, event.received) for event in events if isinstance(event, SequenceGap)]


@given(numbers=st.lists(st.integers(0, 30)))
def test_every_gap_is_reported_and_every_message_delivered(numbers: list[int]) -> None:
    protocol = ListenV2()
    expected = 0
    for number in numbers:
        events = protocol.receive(_turn("Update", sequence_id=number))
        gap = [] if number == expected else [SequenceGap(expected=expected, received=number)]
        assert events[:-1] == gap
        assert type(events[-1]).__name__ == "TurnInfo"
        expected = number + 1


def test_every_type_counts() -> None:
    protocol = ListenV2()
    for number, kind in enumerate(["Connected", "ConfigureSuccess", "ConfigureFailure", "Warning", "Error"]):
        assert _gaps(protocol, json.dumps({"type": kind, "sequence_id": number})) == []
    assert _gaps(protocol, _turn("Update", sequence_id=6)) == [(5, 6)]


@pytest.mark.parametrize("frame", ["junk", '{"type":"News","sequence_id":1}', _turn("Update"), b"junk"])
def test_after_a_message_without_a_readable_number_the_count_is_taken_up_again(frame: str | bytes) -> None:
    protocol = ListenV2()
    protocol.receive(_turn("Update", sequence_id=0))
    protocol.receive(frame)
    if isinstance(frame, str):
        assert _gaps(protocol, _turn("Update", sequence_id=2)) == []
        assert _gaps(protocol, _turn("Update", sequence_id=4)) == [(3, 4)]
    else:
        # A binary frame is no message and has no number.
        assert _gaps(protocol, _turn("Update", sequence_id=1)) == []


def test_only_the_end_of_a_turn_is_final() -> None:
    protocol = ListenV2()
    protocol.send_audio(bytes(32000 * 10))
    for event in ("Update", "StartOfTurn", "EagerEndOfTurn", "TurnResumed"):
        protocol.receive(_turn(event, end_s=4.0))
        assert (protocol.final_s, protocol.progress_s) == (0.0, 4.0)
    protocol.receive(_turn("EndOfTurn", end_s=5.0, trigger="manual"))
    assert (protocol.final_s, protocol.progress_s) == (5.0, 5.0)
