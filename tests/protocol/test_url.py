"""Where to connect: any base URL a user may write, and none that carries a credential."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

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
        ("wss://api.eu.deepgram.com{path}/", "wss://api.eu.deepgram.com{path}/"),
        (" wss://api.deepgram.com\n", "wss://api.deepgram.com{path}"),
        ("WSS://API.deepgram.com//", "wss://API.deepgram.com{path}"),
        ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080{path}"),
        ("ws://[::1]:8080", "ws://[::1]:8080{path}"),
        ("http://localhost:8080", "ws://localhost:8080{path}"),
        ("wss://gw/deepgram-stt", "wss://gw/deepgram-stt"),
        ("https://proxy/v1", "wss://proxy/v1"),
        ("wss://gateway/XX/", "wss://gateway/XX/"),
        ("https://proxy/v1/", "wss://proxy/v1/"),
        ("https://gateway/a%2Fb;c/{path}", "wss://gateway/a%2Fb;c/{path}"),
        ("wss://gateway?tenant=a+b&x=", "wss://gateway{path}?tenant=a+b&x="),
        ("wss://gateway/?tenant=%7e%2B&r", "wss://gateway{path}?tenant=%7e%2B&r"),
        ("wss://gateway/own?tenant=1", "wss://gateway/own?tenant=1"),
        ("wss://gateway/own?", "wss://gateway/own"),
        ("wss://bücher.test/größe 1?q=ü 2", "wss://xn--bcher-kva.test/gr%C3%B6%C3%9Fe%201?q=%C3%BC%202"),
        ("wss://bücher.test:8443", "wss://xn--bcher-kva.test:8443{path}"),
    ],
)
def test_the_url(which: str, base: str, url: str) -> None:
    path = PATHS[which]
    options = CLASSES[which]()
    made = options.url(base.format(path=path))
    expected = url.format(path=path)
    assert made == f"{expected}{'&' if '?' in expected else '?'}{urlencode(options.query())}"


@pytest.mark.parametrize("which", CLASSES)
def test_a_parameter_in_the_url_takes_the_place_of_ours(which: str) -> None:
    options = CLASSES[which]()
    ours = [pair for pair in options.query() if pair[0] != "model"]
    for query in ("model=my%20own&x=1&model=two", "model=", "x=1&model"):
        assert options.url(f"wss://gw/stt?{query}") == f"wss://gw/stt?{query}&{urlencode(ours)}"


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("encoding=mulaw", "encoding=mulaw"),
        ("sample_rate=8000", "sample_rate=8000"),
        ("channels=2", "channels=2"),
        ("encoding=linear16&encoding=mulaw", "encoding=linear16"),
        ("encoding=linear16&sample_rate=16000&channels=1", None),
    ],
)
def test_what_a_url_says_about_the_audio_has_to_be_true(query: str, refused: str | None) -> None:
    if refused is None:
        made = ListenV1Options().url(f"wss://gw?{query}")
        assert parse_qsl(urlsplit(made).query) == [*parse_qsl(query), ("model", "nova-3")]
        return
    with pytest.raises(InvalidArgument) as caught:
        ListenV1Options().url(f"wss://gw?{query}")
    assert (caught.value.argument, caught.value.value) == ("base_url", refused)


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("api.deepgram.com", "scheme ''"),
        ("ftp://api.deepgram.com", "scheme 'ftp'"),
        ("wss://", "host None"),
        ("wss://a:port", "Port could not be cast"),
        ("wss://[::1", "Invalid IPv6 URL"),
        ("wss://a b/", "a host with a blank in it"),
        (f"wss://{'a' * 64}.test/", "label"),
        (
            "wss://user:s3cret@a",
            "must be free of credentials, which belong in a header, got 'a user or password'",
        ),
        ("wss://a#s3cret", "must be free of a fragment, got 'a fragment'"),
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
    with pytest.raises(InvalidArgumentType, match="^base_url must be a str, got NoneType$"):
        ListenV2Options().url(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "apikey", "Authorization", "bearer"])
def test_no_credential_gets_into_a_url(name: str) -> None:
    with pytest.raises(InvalidArgument, match="free of credentials") as caught:
        ListenV1Options(extra={name: "s3cret"})
    assert "s3cret" not in str(caught.value)
