from __future__ import annotations

import pytest

from speechwire.errors import ConnectFailed, InvalidArgument, InvalidArgumentType
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
    assert "hidden" in str(raised.value)
    if key.strip():
        assert key not in str(raised.value)


def test_a_key_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidArgumentType):
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


def test_it_does_not_show_itself() -> None:
    assert "secret-key" not in repr(Credential("secret-key"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "[::1]"])
def test_loopback_may_be_plain(host: str) -> None:
    check_secrecy(f"ws://{host}:8080/v1/listen", allow_insecure=False)


@pytest.mark.parametrize("host", ["api.deepgram.com", "10.0.0.1", "localhost.evil.com", "0.0.0.0", "[::]"])
def test_any_other_host_may_not(host: str) -> None:
    with pytest.raises(InvalidArgument, match="wss"):
        check_secrecy(f"ws://{host}/v1/listen", allow_insecure=False)
    check_secrecy(f"ws://{host}/v1/listen", allow_insecure=True)
    check_secrecy(f"wss://{host}/v1/listen", allow_insecure=False)


@pytest.mark.parametrize("url", ["ftp://x/", "api.deepgram.com", ""])
def test_other_schemes(url: str) -> None:
    with pytest.raises(InvalidArgument):
        check_secrecy(url, allow_insecure=True)
