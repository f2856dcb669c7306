"""Parameters by name: what each endpoint refuses, what no URL may hold, what has an argument of its own."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol import (
    ListenV1,
    ListenV1Options,
    ListenV2,
    ListenV2Options,
    SpeakV1,
    SpeakV1Options,
    SpeakV2,
    SpeakV2Options,
)

# The options, their endpoint, and what the service answers by refusing the connection.
REFUSED: list[tuple[type[Any], str, str]] = [
    (ListenV1Options, "/v1/listen", "intents summarize topics"),
    (
        ListenV2Options,
        "/v2/listen",
        "channels diarize endpointing interim_results language multichannel punctuate smart_format "
        "utterance_end_ms vad_events",
    ),
    (SpeakV1Options, "/v1/speak", "bit_rate callback callback_method"),
    (SpeakV2Options, "/v2/speak", "bit_rate callback callback_method container"),
]
CREDENTIALS = ("access_token", "api_key", "apikey", "authorization", "bearer", "key", "token")
EVERY = pytest.mark.parametrize("cls", [cls for cls, *_ in REFUSED])


@pytest.mark.parametrize(("cls", "path", "names"), REFUSED)
def test_what_the_service_would_refuse_is_refused_here(cls: type[Any], path: str, names: str) -> None:
    for name in names.split():
        with pytest.raises(InvalidArgument) as refused:
            cls(extra={name: "true"})
        assert str(refused.value) == f"extra must be parameters {path} does not refuse, got '{name}'"
        allowed = f"{name}_of_tomorrow"
        assert cls(extra={allowed: "true"}).query()[-1] == (allowed, "true")


@EVERY
@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize("write", [str.lower, str.upper, str.title])
def test_a_credential_is_refused_however_it_is_written(cls: type[Any], credential: str, write: Any) -> None:
    name = write(credential)
    words = f"must be free of credentials, which belong in a header, got '{name}'"
    with pytest.raises(InvalidArgument) as refused:
        cls(extra={name: "s3cret"})
    assert str(refused.value) == f"extra {words}"
    for query in (f"{name}=s3cret", f"{name}=", f"a=b&{name}"):
        with pytest.raises(InvalidArgument) as refused:
            cls().url(f"wss://gateway?{query}")
        assert str(refused.value) == f"base_url {words}"


@EVERY
def test_every_argument_goes_by_its_name_alone(cls: type[Any]) -> None:
    """So that one may be added between two others."""
    kinds = {parameter.kind for parameter in inspect.signature(cls).parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


@EVERY
def test_what_is_an_argument_is_no_extra(cls: type[Any]) -> None:
    names = {*inspect.signature(cls).parameters, *(["extra"] if cls is ListenV1Options else [])}
    for name in names - {"extra_metadata"} - (set() if cls is ListenV1Options else {"extra"}):
        with pytest.raises(InvalidArgument) as refused:
            cls(extra=[(name, "x")])
        said = "extra must be parameters without an argument of their own"
        assert str(refused.value) == f"{said}, got '{name}'"


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        (SpeakV1Options(), 24000),
        (SpeakV1Options(encoding="alaw"), 8000),
        (SpeakV1Options(encoding="mulaw", sample_rate=16000), 16000),
        (SpeakV2Options(), 24000),
        (SpeakV2Options(encoding="mulaw"), 8000),
        (SpeakV2Options(sample_rate=44100), 44100),
    ],
)
def test_the_rate_of_the_audio_that_will_come(options: Any, rate: int) -> None:
    assert options.output_rate == rate


@pytest.mark.parametrize("encoding", ["linear16", "linear32", "mulaw", "alaw", "opus"])
def test_audio_without_a_container_has_a_rate(encoding: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        ListenV2Options(encoding=encoding, sample_rate=None)
    assert str(refused.value) == f"sample_rate must be given with encoding='{encoding}', got None"


@pytest.mark.parametrize(
    ("cls", "name", "said"),
    [
        *((cls, "model", "a str") for cls, *_ in REFUSED),
        (ListenV1Options, "channels", "an int"),
        *(
            (cls, "encoding", "one of alaw, linear16, mulaw, as str")
            for cls in (SpeakV1Options, SpeakV2Options)
        ),
    ],
)
def test_what_there_must_be_is_not_none(cls: type[Any], name: str, said: str) -> None:
    with pytest.raises(InvalidArgumentType) as refused:
        cls(**{name: None})
    assert str(refused.value) == f"{name} must be {said}, got NoneType"


A_URL = "base_url must be a URL such as wss://api.deepgram.com"


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("api.deepgram.com", f"{A_URL}, got \"scheme '', host None\""),
        ("ftp://a", f"{A_URL}, got \"scheme 'ftp', host 'a'\""),
        ("wss://", f"{A_URL}, got \"scheme 'wss', host None\""),
        ("wss://a:99999", f"{A_URL}, got 'Port out of range 0-65535'"),
        ("wss://a b/", f"{A_URL}, got 'a host with a blank in it'"),
        (
            "wss://:s3cret@a",
            "base_url must be free of credentials, which belong in a header, got 'a user or password'",
        ),
        ("wss://a#x", "base_url must be free of a fragment, got 'a fragment'"),
        ("wss://a/v1/speak", "base_url must be without a path, or with /v2/listen, got '/v1/speak'"),
        (
            "wss://a?encoding=mulaw",
            "base_url must be free of encoding, which is an argument, got 'encoding=mulaw'",
        ),
    ],
)
def test_a_base_url_is_refused_in_these_words(base: str, words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        ListenV2Options().url(base)
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("protocol", "options"),
    [
        (ListenV1, ListenV1Options(channels=2)),
        (ListenV2, ListenV2Options(sample_rate=8000)),
        (SpeakV1, SpeakV1Options(encoding="mulaw")),
        (SpeakV2, SpeakV2Options(expressivity=1)),
    ],
)
def test_a_connection_has_the_options_it_was_given(protocol: type[Any], options: Any) -> None:
    assert protocol(options).options is options
    assert protocol().options == type(options)()
