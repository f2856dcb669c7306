"""When another session may follow one that failed, and what is said of audio that none was there for."""

from __future__ import annotations

import asyncio
import logging

import pytest
from videosdk.plugins.deepgram._failures import Failures

from speechwire.errors import (
    ConnectFailed,
    ConnectionLost,
    HandshakeRefused,
    LocalProtocolError,
    ServiceError,
    SessionClosed,
)

HERE = {"model": "a"}
AGAIN = ConnectFailed("wss://x", "no route")


async def test_each_time_audio_is_ignored_that_is_said_once_with_the_sum(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures = Failures("Name")
    failures.stop_ignoring()
    failures.failed(AGAIN, HERE, worked=False)
    for _ in range(2):
        failures.ignore(1.25)
        failures.ignore(0.5)
        failures.stop_ignoring()
        failures.stop_ignoring()
    begun = f"Name ignores the audio until another session begins, because: {AGAIN}"
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, begun),
        (logging.WARNING, "Name has ignored 1.8 s of audio so far"),
        (logging.ERROR, begun),
        (logging.WARNING, "Name has ignored 3.5 s of audio so far"),
    ]
    assert failures.ignored_s == 3.5


async def test_the_first_follows_at_once_and_the_others_by_growing_delays() -> None:
    failures, waits = Failures("Name"), []
    assert failures.wait_s() == 0.0
    for _ in range(8):
        failures.failed(AGAIN, HERE, worked=False)
        waits.append(failures.wait_s())
        assert not failures.refuses(HERE)
    assert waits == pytest.approx([0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0])
    await asyncio.sleep(3.0)
    assert failures.wait_s() == pytest.approx(5.0)
    await asyncio.sleep(6.0)
    assert failures.wait_s() == 0.0


@pytest.mark.parametrize("how", ["worked before it failed", "has worked", "is forgotten"])
async def test_what_worked_is_followed_at_once(how: str) -> None:
    failures = Failures("Name")
    for _ in range(3):
        failures.failed(AGAIN, HERE, worked=False)
    if how == "is forgotten":
        failures.forget()
        assert failures.wait_s() == 0.0
    elif how == "has worked":
        failures.worked()
    failures.failed(AGAIN, HERE, worked=how == "worked before it failed")
    assert failures.wait_s() == 0.0
    failures.failed(AGAIN, HERE, worked=False)
    assert failures.wait_s() == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("error", "worked", "final"),
    [
        (HandshakeRefused(401), False, True),
        (HandshakeRefused(403), True, True),
        (HandshakeRefused(400), False, True),
        (HandshakeRefused(503), False, False),
        (AGAIN, False, False),
        (SessionClosed("closed"), False, False),
        (LocalProtocolError("another loop"), False, False),
        (ServiceError("NO", "no", retryable=False), False, True),
        (ServiceError("NO", "no", retryable=False), True, False),
        (ServiceError("NO", "no", retryable=True), False, False),
        (ConnectionLost(1008, "DATA-0000", retryable=False), False, True),
        (ConnectionLost(1008, "DATA-0000", retryable=False), True, False),
        (ConnectionLost(1006, "gone"), False, False),
        (ValueError("ours"), False, True),
    ],
)
async def test_what_fails_for_good_is_refused_until_something_else_is_wanted(
    error: Exception, worked: bool, final: bool
) -> None:
    failures = Failures("Name")
    failures.failed(error, HERE, worked=worked)
    assert failures.error is error
    assert failures.refuses(HERE) is final
    assert failures.refuses({"model": "a"}) is final, "an equal one is the same"
    assert not failures.refuses({"model": "b"})
    assert not failures.refuses(HERE), "forgotten"


@pytest.mark.parametrize("status", [401, 403])
async def test_another_key_may_be_accepted(status: int) -> None:
    failures = Failures("Name")
    failures.failed(HandshakeRefused(status), HERE, worked=False, renewable_key=True)
    assert not failures.refuses(HERE)
    failures.failed(HandshakeRefused(400), HERE, worked=False, renewable_key=True)
    assert failures.refuses(HERE)


async def test_what_is_ignored_for_good_names_what_would_help(caplog: pytest.LogCaptureFixture) -> None:
    failures = Failures("Name")
    failures.failed(HandshakeRefused(401), HERE, worked=False)
    failures.ignore(1.0)
    assert caplog.messages == [
        f"Name ignores the audio until its key or an option is changed, because: {HandshakeRefused(401)}"
    ]
