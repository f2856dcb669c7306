"""TLS: what a client offers, and which reports of a failed handshake reach the event loop's handler."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from speechwire.transport._client import default_tls
from speechwire.transport._hush import hushed


def test_a_client_offers_http_1_alone_and_verifies() -> None:
    context = default_tls()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="api.deepgram.com")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = outgoing.read()
    assert b"\x00\x09\x08http/1.1" in hello, "the list of protocols, and nothing else in it"
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


Heard = list[dict[str, Any]]


@pytest.fixture
async def heard() -> Heard:
    """What the event loop's handler is told."""
    contexts: Heard = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))
    return contexts


SECOND_REPORT = {"message": "a handshake failed", "exception": ConnectionResetError}
ANOTHER = {"message": "a callback failed", "exception": ValueError()}


def tell(*contexts: dict[str, Any]) -> None:
    for context in contexts:
        asyncio.get_running_loop().call_exception_handler(context)


async def test_during_a_handshake_its_second_report_is_kept_away(heard: Heard) -> None:
    before = asyncio.get_running_loop().get_exception_handler()
    for _ in range(2):
        with hushed(True):
            with hushed(True):
                tell(SECOND_REPORT, ANOTHER)
            tell(SECOND_REPORT, ANOTHER)
        assert asyncio.get_running_loop().get_exception_handler() is before
    assert heard == [ANOTHER] * 4
    tell(SECOND_REPORT)
    assert heard[-1] is SECOND_REPORT


async def test_without_tls_every_report_is_passed_on(heard: Heard) -> None:
    with hushed(False):
        tell(SECOND_REPORT)
    assert heard == [SECOND_REPORT]


async def test_a_handler_that_is_set_meanwhile_stays(heard: Heard) -> None:
    loop = asyncio.get_running_loop()
    other: Callable[[Any, dict[str, Any]], None] = lambda _, context: None  # noqa: E731
    with hushed(True):
        loop.set_exception_handler(other)
    assert loop.get_exception_handler() is other


async def test_where_no_handler_was_set_the_default_one_speaks(caplog: pytest.LogCaptureFixture) -> None:
    with hushed(True):
        tell(SECOND_REPORT, ANOTHER)
    assert [record.message.splitlines()[0] for record in caplog.records] == ["a callback failed"]
    assert asyncio.get_running_loop().get_exception_handler() is None
