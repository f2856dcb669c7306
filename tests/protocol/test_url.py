"""Where to connect: any base URL a user may write, and none that carries a credential."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol import ListenV1Options, ListenV2Options, SpeakV1Options, SpeakV2Options

CLASSES: dict[str, type[Any]] = {
    "v1": ListenV1Options,
    "v2": ListenV2Options,
    "aura": SpeakV1Options,
    "flux": SpeakV2Options,
}
PATHS = {"v1": "/v1/listen", "v2": "/v2/listen", "aura": "/v1/speak", "flux": "/v2/speak"}


@pytest.mark.parametrize("which", CLASSES)
@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("wss://api.deepgram.com", "wss://api.deepgram.com{path}"),
        ("wss://api.deepgram.com/", "wss://api.deepgram.com{path}"),
        ("wss://api.deepgram.com{path}", "wss://api.deepgram.com{path}"),
        ("wss://api.eu.deepgram.com{path}/", "wss://api.eu.deepgram.com{path}"),
        ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080{path}"),
        ("ws://[::1]:8080", "ws://[::1]:8080{path}"),
        ("http://localhost:8080", "ws://localhost:8080{path}"),
        ("https://gateway/deepgram", "wss://gateway/deepgram{path}"),
        ("wss://gateway?tenant=a+b&x=", "wss://gateway{path}?tenant=a+b&x="),
    ],
)
def test_the_url(which: str, base: str, url: str) -> None:
    path = PATHS[which]
    options = CLASSES[which]()
    made = options.url(base.format(path=path))
    expected, _, before = url.format(path=path).partition("?")
    assert made.partition("?")[0] == expected
    assert parse_qsl(urlsplit(made).query, keep_blank_values=True) == [
        *parse_qsl(before, keep_blank_values=True),
        *options.query(),
    ]


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("api.deepgram.com", "scheme ''"),
        ("ftp://api.deepgram.com", "scheme 'ftp'"),
        ("wss://", "host None"),
        ("wss://a:port", "Port could not be cast"),
        ("wss://[::1", "Invalid IPv6 URL"),
        ("wss://user:s3cret@a", "a user or password"),
        ("wss://a#s3cret", "a fragment"),
        ("wss://a?token=s3cret", "token"),
        ("wss://a/v1/speak", "/v1/speak"),
        ("wss://a/proxy/v2/speak/", "/v2/speak"),
    ],
)
def test_what_is_no_base_url(base: str, said: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        ListenV2Options().url(base)
    assert caught.value.argument == "base_url"
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_base_url_is_a_str() -> None:
    with pytest.raises(InvalidArgumentType, match="base_url must be a str, got NoneType"):
        ListenV2Options().url(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "Authorization"])
def test_no_credential_gets_into_a_url(name: str) -> None:
    with pytest.raises(InvalidArgument, match="free of credentials") as caught:
        ListenV1Options(extra={name: "s3cret"})
    assert "s3cret" not in str(caught.value)
