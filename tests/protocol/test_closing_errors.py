"""Errors that explain an end, and what comes after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.protocol.closing import ask_to_end

from speechwire.errors import ConnectionLost, LocalProtocolError, ServiceError
from speechwire.protocol import (
    Closed,
    Endpoint,
    State,
)
from speechwire.protocol._paths import Path
from speechwire.protocol.closing import kind_of

Make = Callable[[str], Endpoint[Any]]


ERRORS = [
    ("ListenV2", "INTERNAL_SERVER_ERROR", "transient"),
    ("ListenV2", "UNPARSABLE_CLIENT_MESSAGE", "permanent"),
    ("ListenV2", "INACTIVE_CLIENT", "idle"),
    ("ListenV2", "NEWLY_INVENTED", "transient"),
    ("ListenV2", "", "transient"),
    ("SpeakV2", "NET-0004", "idle"),
    ("SpeakV2", "NET-0003", "rotation"),
    ("SpeakV2", "NET-0000", "transient"),
    ("SpeakV2", "DATA-0000", "permanent"),
    ("SpeakV2", "DATA-0002", "permanent"),
    ("SpeakV2", "BIG-0000", "permanent"),
    ("SpeakV2", "MESSAGE-0000", "permanent"),
]


@pytest.mark.parametrize(("name", "code", "kind"), ERRORS)
@pytest.mark.parametrize("asked", [False, True])
def test_a_fatal_error_explains_the_end(name: str, code: str, kind: str, asked: bool, make: Make) -> None:
    protocol = make(name)
    protocol.receive('{"type":"Connected","request_id":"abc","sequence_id":0}')
    if asked:
        ask_to_end(protocol)
    protocol.receive(f'{{"type":"Error","sequence_id":1,"code":"{code}","description":"so it is"}}')
    closed = protocol.receive_close(1005)
    assert closed.kind == kind
    assert isinstance(closed.error, ServiceError)
    assert (closed.error.code, closed.error.description) == (code, "so it is")
    assert closed.error.request_id == "abc"
    assert closed.error.retryable is (kind != "permanent")


# The kind on the listen endpoints, and on the speak endpoints.
BY_CODE = [
    ("BIG-0000", "permanent", "permanent"),
    ("BIG-0001", "permanent", "permanent"),
    ("DATA-0000", "permanent", "permanent"),
    ("DATA-0001", "permanent", "throttle"),
    ("DATA-0002", "permanent", "permanent"),
    ("MESSAGE-0000", "permanent", "permanent"),
    ("NET-0000", "transient", "transient"),
    ("NET-0001", "idle", "transient"),
    ("NET-0002", "transient", "transient"),
    ("NET-0003", "rotation", "rotation"),
    ("NET-0004", "idle", "idle"),
    ("INACTIVE_CLIENT", "idle", "idle"),
    ("INTERNAL_SERVER_ERROR", "transient", "transient"),
    ("UNPARSABLE_CLIENT_MESSAGE", "permanent", "permanent"),
]


@pytest.mark.parametrize(("code", "on_listen", "on_speak"), BY_CODE)
@pytest.mark.parametrize("close_code", [1000, 1003, 1006, 1007, 1008, 1009, 1010, 1011])
def test_deepgrams_code_outranks_the_close_code(
    code: str, on_listen: str, on_speak: str, close_code: int
) -> None:
    kinds = [kind_of(path, code, close_code).value for path in Path]
    assert kinds == [on_listen, on_listen, on_speak, on_speak]


@pytest.mark.parametrize("code", [None, "", "NET-9999", "internal_server_error"])
def test_a_code_that_is_not_known_leaves_it_to_the_close_code(code: str | None) -> None:
    for path in Path:
        permanent = [number for number in range(999, 5000) if kind_of(path, code, number) == "permanent"]
        assert permanent == [1003, 1007, 1008, 1009, 1010]
        assert kind_of(path, code) == "transient"


def test_an_error_of_the_first_generation_is_not_the_end(make: Make) -> None:
    for name in ("ListenV1", "SpeakV1"):
        protocol = make(name)
        protocol.receive('{"type":"Error","variant":"SchemaError","description":"no"}')
        assert isinstance(protocol.receive_close(1006).error, ConnectionLost)


def test_the_first_end_counts(protocol: Endpoint[Any]) -> None:
    first = protocol.receive_close(1011, "NET-0000")
    assert protocol.receive_close(1000) is first
    assert isinstance(first, Closed)


def test_the_states_go_by_these_names() -> None:
    assert [state.value for state in State] == ["open", "closing", "closed"]


def test_after_the_close_message_nothing_may_be_sent(make: Make) -> None:
    calls: dict[str, list[tuple[str, Callable[[Any], object]]]] = {
        "ListenV1": [
            ("audio", lambda p: p.send_audio(b"12")),
            ("KeepAlive", lambda p: p.keep_alive()),
            ("Finalize", lambda p: p.finalize()),
            ("Configure", lambda p: p.configure(keyterms=[])),
            ("CloseStream", lambda p: p.close_stream()),
        ],
        "ListenV2": [
            ("audio", lambda p: p.send_audio(b"12")),
            ("ForceEndTurn", lambda p: p.force_end_turn()),
            ("Configure", lambda p: p.configure(numerals=True)),
            ("CloseStream", lambda p: p.close_stream()),
        ],
        "SpeakV1": [
            ("Speak", lambda p: p.speak("a")),
            ("Flush", lambda p: p.flush()),
            ("Clear", lambda p: p.clear()),
            ("Close", lambda p: p.close()),
        ],
        "SpeakV2": [
            ("Speak", lambda p: p.speak("a")),
            ("Flush", lambda p: p.flush()),
            ("Interrupt", lambda p: p.interrupt(5)),
            ("Configure", lambda p: p.configure(speed=1.0)),
            ("Close", lambda p: p.close()),
        ],
    }
    for name, attempts in calls.items():
        for what, attempt in attempts:
            protocol = make(name)
            ask_to_end(protocol)
            refused = f"^cannot send {what}: the connection is {{}}, it must be open$"
            with pytest.raises(LocalProtocolError, match=refused.format("closing")):
                attempt(protocol)
            protocol.receive_close(1000)
            with pytest.raises(LocalProtocolError, match=refused.format("closed")):
                attempt(protocol)
            assert protocol.state is State.CLOSED
