"""What an error carries, and its sentence, whole; the same after a copy and from another process."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from speechwire.errors import (
    ConnectFailed,
    ConnectionLost,
    EngineUnavailable,
    HandshakeRefused,
    InternalError,
    InvalidArgument,
    InvalidArgumentType,
    LocalProtocolError,
    ServiceError,
    SessionClosed,
    SpeechwireError,
)

# The error, its sentence, whether it may be tried again, what else it carries.
ERRORS: list[tuple[SpeechwireError, str, bool, dict[str, Any]]] = [
    (SpeechwireError("words"), "words", False, {}),
    (EngineUnavailable("no native module"), "no native module", False, {}),
    (LocalProtocolError("audio after CloseStream"), "audio after CloseStream", False, {}),
    (SessionClosed("closed"), "closed", False, {}),
    (
        InvalidArgument("rate", 3, "4000 to 192000 Hz"),
        "rate must be 4000 to 192000 Hz, got 3",
        False,
        {"argument": "rate", "value": 3, "allowed": "4000 to 192000 Hz"},
    ),
    (
        InvalidArgumentType("rate", "3", "an int"),
        "rate must be an int, got str",
        False,
        {"argument": "rate", "value": "3", "expected": "an int"},
    ),
    (
        ConnectFailed("wss://a.example/v1/listen", "no route"),
        "could not connect to wss://a.example/v1/listen: no route",
        True,
        {"url": "wss://a.example/v1/listen", "cause": "no route"},
    ),
    (
        ConnectFailed("wss://a.example", "no trust", retryable=False),
        "could not connect to wss://a.example: no trust",
        False,
        {"url": "wss://a.example", "cause": "no trust"},
    ),
    (
        HandshakeRefused(401),
        "the service refused the connection (HTTP 401): no reason given",
        False,
        {"status": 401, "body": "", "dg_error": None, "request_id": None},
    ),
    (
        HandshakeRefused(503, "busy", request_id="r1"),
        "the service refused the connection (HTTP 503): busy [request r1]",
        True,
        {"status": 503, "body": "busy", "dg_error": None, "request_id": "r1"},
    ),
    (
        HandshakeRefused(400, "page", dg_error="Bad model."),
        "the service refused the connection (HTTP 400): Bad model.",
        False,
        {"status": 400, "body": "page", "dg_error": "Bad model.", "request_id": None},
    ),
    (
        ConnectionLost(1006),
        "the connection was lost (close code 1006)",
        True,
        {"code": 1006, "reason": "", "request_id": None},
    ),
    (
        ConnectionLost(1008, "DATA-0000", request_id="r1", retryable=False),
        "the connection was lost (close code 1008) DATA-0000 [request r1]",
        False,
        {"code": 1008, "reason": "DATA-0000", "request_id": "r1"},
    ),
    (
        ServiceError(""),
        "the service reported an error: unknown error",
        False,
        {"code": "", "description": "", "request_id": None},
    ),
    (
        ServiceError("NET-0001", "No audio.", request_id="r1", retryable=True),
        "the service reported an error: NET-0001 No audio. [request r1]",
        True,
        {"code": "NET-0001", "description": "No audio.", "request_id": "r1"},
    ),
    (
        InternalError(KeyError("secret")),
        "speechwire itself failed (KeyError); please report it",
        True,
        {},
    ),
]


@pytest.mark.parametrize("again", [lambda error: error, copy.copy, copy.deepcopy, "pickled"])
@pytest.mark.parametrize(("error", "words", "retryable", "carried"), ERRORS)
def test_what_an_error_says(
    again: Callable[[Any], Any] | str,
    error: SpeechwireError,
    words: str,
    retryable: bool,
    carried: dict[str, Any],
) -> None:
    same = again(error) if callable(again) else pickle.loads(pickle.dumps(error))
    assert (type(same), str(same), same.args) == (type(error), words, (words,))
    assert same.retryable is retryable
    assert {name: value for name, value in vars(same).items() if name != "retryable"} == carried


@pytest.mark.parametrize("status", range(400, 600))
def test_which_refusals_may_be_tried_again(status: int) -> None:
    assert HandshakeRefused(status).retryable is (status in (200, 204, 408, 425, 429) or status >= 500)


def test_each_is_what_its_callers_catch() -> None:
    errors: set[type[BaseException]] = {type(error) for error, *_ in ERRORS}
    assert all(issubclass(error, SpeechwireError) for error in errors)
    for builtin, kind in ((ValueError, InvalidArgument), (TypeError, InvalidArgumentType)):
        assert {error for error in errors if issubclass(error, builtin)} == {kind}
    assert issubclass(EngineUnavailable, ImportError)


def test_an_internal_error_keeps_what_was_raised() -> None:
    fault = KeyError("secret")
    assert InternalError(fault).__cause__ is fault
