"""Whatever a service sends, `receive` neither raises nor leaves the protocol unusable."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speechwire.errors import InvalidArgumentType
from speechwire.protocol import Closed, EndKind, Endpoint, MalformedMessage, State

Documented = dict[str, dict[str, dict[str, Any]]]
Make = Callable[[str], Endpoint[Any]]

many = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

names = st.sampled_from(["ListenV1", "ListenV2", "SpeakV1", "SpeakV2"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([1e308, -1e308, 2**70, -1, "", "\x00", "EndOfTurn", "EXCESSIVE_FLUSH", "Configure"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
frames = st.text() | st.binary() | st.text(alphabet=st.characters(categories=["Cs"]))


@many
@given(name=names, junk=st.lists(frames, max_size=5))
def test_any_text_and_any_bytes(name: str, junk: list[str | bytes], make: Make) -> None:
    protocol = make(name)
    for frame in junk:
        protocol.receive(frame)
    assert protocol.state is State.OPEN


@many
@given(name=names, data=st.data())
def test_any_json_under_a_known_type(
    name: str, data: st.DataObject, make: Make, documented: Documented
) -> None:
    kind = data.draw(st.sampled_from(sorted(documented[name])))
    protocol = make(name)
    fields = data.draw(st.dictionaries(st.sampled_from(sorted(documented[name][kind])), values, max_size=6))
    protocol.receive(json.dumps({**fields, "type": kind}))


@many
@given(name=names, data=st.data())
def test_documented_messages_with_one_thing_replaced(
    name: str, data: st.DataObject, make: Make, documented: Documented
) -> None:
    protocol = make(name)
    for _ in range(data.draw(st.integers(1, 4))):
        message = documented[name][data.draw(st.sampled_from(sorted(documented[name])))]
        events = protocol.receive(json.dumps(_mutated(message, data)))
        assert events
    assert isinstance(protocol.receive_close(1006), Closed)


@many
@given(name=names, data=st.data())
def test_every_prefix_is_a_malformed_message(
    name: str, data: st.DataObject, make: Make, documented: Documented
) -> None:
    message = json.dumps(documented[name][data.draw(st.sampled_from(sorted(documented[name])))])
    cut = data.draw(st.integers(0, len(message) - 1))
    (event,) = make(name).receive(message[:cut])
    assert isinstance(event, MalformedMessage)


@many
@given(name=names, code=st.integers(0, 70000), reason=st.text())
def test_any_end(name: str, code: int, reason: str, make: Make) -> None:
    protocol = make(name)
    closed = protocol.receive_close(code, reason)
    # Nobody had asked for it, so it is no success.
    assert closed.kind is not EndKind.SUCCESS
    assert closed.error is not None
    assert closed.error.retryable is (closed.kind is not EndKind.PERMANENT)


@many
@given(name=names, later=st.lists(frames | st.just('{"type":"Error"}'), min_size=1, max_size=4))
def test_nothing_leads_out_of_closed(name: str, later: list[str | bytes], make: Make) -> None:
    protocol = make(name)
    closed = protocol.receive_close(1006)
    for frame in later:
        (event,) = protocol.receive(frame)
        assert isinstance(event, MalformedMessage)
        assert "after the end" in event.reason
        assert protocol.receive_close(1000) is closed
    assert protocol.state is State.CLOSED
    assert protocol.closed is closed


def test_frames_of_another_type_are_the_callers_fault(protocol: Endpoint[Any]) -> None:
    with pytest.raises(InvalidArgumentType, match="^frame must be a str or bytes, got NoneType$"):
        protocol.receive(None)  # type: ignore[arg-type]


def _mutated(value: Any, data: st.DataObject) -> Any:
    """A copy with one member replaced, dropped or added."""
    if isinstance(value, list):
        return [_mutated(value[0], data), *value[1:]] if value else data.draw(values)
    if not isinstance(value, dict) or not value:
        return data.draw(values)
    key = data.draw(st.sampled_from(sorted(value)))
    if key == "type":
        return {**value, data.draw(st.text()): data.draw(values)}
    if data.draw(st.booleans()):
        return {**value, key: _mutated(value[key], data)}
    return {name: item for name, item in value.items() if name != key}
