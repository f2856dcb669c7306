"""What holds a key hides it, and what is said of an error is free of it."""

from __future__ import annotations

import copy
import pickle

import pytest

from speechwire import errors
from speechwire.session._credential import Credential
from speechwire.transport import (
    AiohttpTransport,
    ConnectRequest,
    MemoryPeer,
    MemoryTransport,
    Secret,
    shared_transport,
)
from speechwire.transport._client import words
from speechwire.transport._secret import Redactor
from speechwire.transport.picows_ws import PicowsTransport

KEY = "0123456789abcdef-very-secret"


@pytest.mark.parametrize(
    ("secret", "text", "left"),
    [
        ("Token abcdefgh1", "abcdefgh1 and Token abcdefgh1", "(hidden) and Token (hidden)"),
        ("Bearer eyJ.eyJ.sig", "eyJ.eyJ.sig", "(hidden)"),
        ("Token short", "a short one", "a short one"),
        ("Token transcript", "a transcript", "a transcript"),
        ("Token averylongsinglewordkey", "averylongsinglewordkey", "(hidden)"),
        ("", "anything", "anything"),
    ],
)
def test_what_is_taken_out(secret: str, text: str, left: str) -> None:
    assert Redactor([Secret(secret)])(text) == left


def test_the_longer_secret_first() -> None:
    redact = Redactor([Secret("password1"), Secret("user:password1")])
    assert redact("user:password1 password1") == "(hidden) (hidden)"
    assert redact.optional(None) is None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionResetError(104, "reset by peer"), "ConnectionResetError: [Errno 104] reset by peer"),
        (OSError(), "OSError"),
        (ValueError("Authorization: Token abcdefgh1"), "ValueError"),
    ],
)
def test_only_the_words_of_the_network_are_shown(error: Exception, said: str) -> None:
    assert words(error, Redactor([])) == said


# Pickles and copies


def test_a_secret_hides_itself() -> None:
    secret = Secret(KEY)
    assert {f"{secret}", f"{secret!r}", str(secret), f"{secret!s:>8}", f"{[secret]}"[1:-1]} == {"(hidden)"}
    assert secret.reveal() == KEY
    assert secret == Secret(KEY) == KEY
    assert secret != Secret("other")
    assert len({secret, Secret(KEY)}) == 1
    assert not hasattr(secret, "__dict__")


async def test_what_holds_a_key_or_a_connection_is_neither_pickled_nor_copied() -> None:
    async def serve(peer: MemoryPeer) -> None:
        await peer.receive()

    memory = MemoryTransport(serve)
    request = ConnectRequest("wss://memory/", {"Authorization": KEY})
    connection = await memory.connect(request)
    lease = shared_transport()
    things = [
        Secret(KEY),
        Credential(KEY),
        request,
        AiohttpTransport(),
        PicowsTransport(),
        memory,
        connection,
    ]
    for thing in [*things, memory.peers[0], lease]:
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            if thing is request and attempt is copy.copy:
                continue  # a value: a second one shows no more than the first
            with pytest.raises(
                TypeError, match="cannot be pickled or copied: it may hold a key or a connection"
            ):
                attempt(thing)
    await lease.aclose()
    await memory.aclose()


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidArgument("rate", 1, "more"),
        errors.InvalidArgumentType("rate", "x", "an int"),
        errors.EngineUnavailable("no"),
        errors.LocalProtocolError("no"),
        errors.SessionClosed("no"),
        errors.ConnectFailed("wss://a", "no route", retryable=False),
        errors.HandshakeRefused(503, "busy", dg_error="x", request_id="r"),
        errors.ConnectionLost(1011, "NET-0001", request_id="r", retryable=False),
        errors.ServiceError("DATA-0000", "x", request_id="r", retryable=True),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_is_a_value(error: errors.SpeechwireError) -> None:
    """It may cross a process, as in a pool of workers."""
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))
        assert again.retryable is error.retryable
