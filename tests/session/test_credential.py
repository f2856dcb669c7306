from __future__ import annotations

import asyncio
import traceback
from typing import Any

import pytest

from speechwire.errors import ConnectFailed, InvalidArgument, InvalidArgumentType, SpeechwireError
from speechwire.session._credential import ApiKey, Credential, check_secrecy

URL = "wss://api.deepgram.com/v1/listen?keyterm=private"
JWT = "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl"


async def later() -> str:
    return "k2"


@pytest.mark.parametrize(
    ("key", "header"),
    [
        ("abc", "Token abc"),
        (" abc\n", "Token abc"),
        (JWT, f"Bearer {JWT}"),
        ("Bearer abc", "Bearer abc"),
        (f"Token {JWT}", f"Token {JWT}"),
        (lambda: "k1", "Token k1"),
        (lambda: JWT, f"Bearer {JWT}"),
        (later, "Token k2"),
    ],
)
async def test_schemes(key: ApiKey, header: str) -> None:
    assert await Credential(key).headers(URL) == {"Authorization": header}


@pytest.mark.parametrize("key", ["", "  ", "a\nb", "ключ", "a\0b"])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        Credential(key)
    assert raised.value.argument == "api_key"
    assert raised.value.allowed == "a non-empty string of printable ASCII characters"
    assert "hidden" in str(raised.value)
    if key.strip():
        assert key not in str(raised.value)


def test_a_key_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidArgumentType, match="must be a str or a callable that returns one, got"):
        Credential(None)  # type: ignore[arg-type]


async def test_it_is_asked_for_each_time() -> None:
    keys = iter(["one", "two"])
    credential = Credential(lambda: next(keys))
    assert await credential.headers(URL) == {"Authorization": "Token one"}
    assert await credential.headers(URL) == {"Authorization": "Token two"}


async def test_a_failing_provider_can_be_retried_and_its_words_stay_private() -> None:
    def fail() -> str:
        raise RuntimeError("the secret is hunter2")

    with pytest.raises(ConnectFailed) as raised:
        await Credential(fail).headers(URL)
    assert raised.value.retryable
    assert "hunter2" not in repr(raised.value)
    assert "private" not in str(raised.value)
    assert raised.value.__context__ is None


async def cancelled() -> str:
    waiting = asyncio.get_running_loop().create_future()
    waiting.cancel()
    await waiting
    return "key"


def cancelled_at_once() -> str:
    raise asyncio.CancelledError


@pytest.mark.parametrize("provider", [cancelled, cancelled_at_once])
async def test_what_the_provider_waited_for_was_cancelled_and_we_were_not(provider: ApiKey) -> None:
    with pytest.raises(ConnectFailed, match="what provides it was cancelled") as raised:
        await Credential(provider).headers(URL)
    assert raised.value.retryable
    assert raised.value.__context__ is None


async def never() -> str:
    await asyncio.get_running_loop().create_future()
    return "key"


async def test_we_were_cancelled_while_the_provider_was_asked() -> None:
    asking = asyncio.create_task(Credential(never).headers(URL))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await Credential(never).headers(URL)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (StopIteration("s3cret"), "RuntimeError"),  # a coroutine cannot raise it
        (ValueError("s3cret"), "ValueError"),
        (OSError(5, "s3cret"), "OSError"),
    ],
)
async def test_any_fault_of_the_provider_can_be_retried(fault: Exception, name: str) -> None:
    def fail() -> str:
        raise fault

    with pytest.raises(ConnectFailed) as raised:
        await Credential(fail).headers(URL)
    cause = f"the credential could not be obtained ({name})"
    assert (raised.value.cause, raised.value.url) == (cause, "wss://api.deepgram.com/v1/listen")
    assert raised.value.retryable


@pytest.mark.parametrize(
    ("given", "kind"),
    [(b"secret-key-1", InvalidArgumentType), (None, InvalidArgumentType), ("", InvalidArgument)],
)
async def test_a_provider_that_returns_no_key(given: Any, kind: type[SpeechwireError]) -> None:
    with pytest.raises(kind) as raised:
        await Credential(lambda: given).headers(URL)
    assert not raised.value.retryable
    assert "secret-key-1" not in f"{raised.value} {vars(raised.value)}"


async def test_no_variable_of_ours_shows_a_key_that_is_refused() -> None:
    keys: list[Any] = ["secret-key-1\0", b"secret-key-1"]
    for key in keys:
        with pytest.raises(SpeechwireError) as raised:
            Credential(key)
        frames = traceback.walk_tb(raised.tb.tb_next)
        shown = [repr(frame.f_locals) for frame, _ in frames]
        assert shown
        assert [text for text in shown if "secret-key-1" in text] == []


async def test_it_does_not_show_itself() -> None:
    credential = Credential("secret-key-1")
    assert (
        "secret-key" not in f"{credential} {credential!r} {vars(credential)} {await credential.headers(URL)}"
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "[::1]"])
def test_loopback_may_be_plain(host: str) -> None:
    check_secrecy(f"ws://{host}:8080/v1/listen", allow_insecure=False)


@pytest.mark.parametrize("host", ["api.deepgram.com", "10.0.0.1", "localhost.evil.com", "0.0.0.0", "[::]"])
def test_any_other_host_may_not(host: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_secrecy(f"ws://{host}/v1/listen?a=b", allow_insecure=False)
    assert (refused.value.argument, refused.value.value) == ("base_url", f"ws://{host}/v1/listen")
    assert refused.value.allowed == (
        "wss:// unless the host is loopback: the key would travel in the clear (see allow_insecure)"
    )
    check_secrecy(f"ws://{host}/v1/listen", allow_insecure=True)
    check_secrecy(f"wss://{host}/v1/listen", allow_insecure=False)


@pytest.mark.parametrize("url", ["ftp://x/", "api.deepgram.com", ""])
def test_other_schemes(url: str) -> None:
    with pytest.raises(InvalidArgument, match="^base_url must be a ws:// or wss:// URL, got"):
        check_secrecy(url, allow_insecure=True)
