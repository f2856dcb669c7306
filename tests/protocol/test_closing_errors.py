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


def test_an_error_of_the_first_generation_is_not_the_end(make: Make) -> None:
    for name in ("ListenV1", "SpeakV1"):
        protocol = make(name)
        protocol.receive('{"type":"Error","variant":"SchemaError","description":"no"}')
        assert isinstance(protocol.receive_close(1006).error, ConnectionLost)


def test_the_first_end_counts(protocol: Endpoint[Any]) -> None:
    first = protocol.receive_close(1011, "NET-0000")
    assert protocol.receive_close(1000) is first
    assert isinstance(first, Closed)


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
