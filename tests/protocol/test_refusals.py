"""Each refusal names the argument, the value and what is allowed: the sentences, whole."""

from __future__ import annotations

from typing import Any

import pytest

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol import ListenV1Options, ListenV2Options, SpeakV1Options, SpeakV2Options

CLASSES: dict[str, type[Any]] = {
    "v1": ListenV1Options,
    "v2": ListenV2Options,
    "aura": SpeakV1Options,
    "flux": SpeakV2Options,
}

ENCODINGS = "one of alaw, amr-nb, amr-wb, flac, g729, linear16, linear32, mulaw, ogg-opus, opus, speex"
# Models of the first generation, which go by their use alone.
FIRST = ("conversationalai", "finance", "general", "meeting", "phonecall", "video", "voicemail")
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("v1", {"model": ""}, "model must be a non-empty string, got ''"),
    (
        "v1",
        {"model": "flux-general-en"},
        "model must be a model of /v1/listen (Flux is on /v2/listen, Aura on /v1/speak), "
        "got 'flux-general-en'",
    ),
    ("v1", {"version": ""}, "version must be a non-empty string, got ''"),
    ("v1", {"language": ""}, "language must be a non-empty string, got ''"),
    (
        "v1",
        {"language": "multi", "language_hint": ["en", ""]},
        "language_hint must be a non-empty string, got ''",
    ),
    (
        "v1",
        {"language": "en", "language_hint": ["en"]},
        "language_hint must be empty unless language is 'multi', got ('en',)",
    ),
    (
        "v1",
        {"encoding": "mp3"},
        f"encoding must be {ENCODINGS}, got 'mp3'",
    ),
    (
        "v1",
        {"encoding": "amr-nb", "sample_rate": 16000},
        "sample_rate must be 8000 with encoding='amr-nb', got 16000",
    ),
    (
        "v1",
        {"encoding": "amr-nb", "sample_rate": None},
        "sample_rate must be given with encoding='amr-nb', got None",
    ),
    (
        "v1",
        {"encoding": "amr-wb", "sample_rate": 8000},
        "sample_rate must be 16000 with encoding='amr-wb', got 8000",
    ),
    (
        "v1",
        {"encoding": "amr-wb", "sample_rate": None},
        "sample_rate must be given with encoding='amr-wb', got None",
    ),
    ("v1", {"sample_rate": 3999}, "sample_rate must be from 4000 to 192000, got 3999"),
    ("v1", {"sample_rate": None}, "sample_rate must be given with encoding='linear16', got None"),
    ("v1", {"channels": 0}, "channels must be 1 or more, got 0"),
    ("v1", {"multichannel": True, "channels": 21}, "channels must be at most 20 with multichannel, got 21"),
    ("v1", {"endpointing": -1}, "endpointing must be 0 ms or more, or False, got -1"),
    (
        "v1",
        {"interim_results": True, "utterance_end_ms": 999},
        "utterance_end_ms must be from 1000 to 5000, got 999",
    ),
    (
        "v1",
        {"utterance_end_ms": 1000},
        "utterance_end_ms must be None unless interim_results is true, got 1000",
    ),
    ("v1", {"replace": ["a"]}, "replace must be of the form first:second, got 'a'"),
    ("v1", {"extra_metadata": ["a"]}, "extra_metadata must be of the form first:second, got 'a'"),
    ("v1", {"keyterm": [""]}, "keyterm must be a non-empty string, got ''"),
    (
        "v1",
        {"model": "nova-2", "keyterm": ["Kvaerner"]},
        "keyterm must be empty unless the model is Nova-3; use keywords, got '1 terms'",
    ),
    (
        "v1",
        {"model": "nova-2", "keywords": ["a:b"]},
        "keywords must be word or word:intensifier, the intensifier a number, got 'a:b'",
    ),
    ("v1", {"model": "nova-2", "keywords": [""]}, "keywords must be a non-empty string, got ''"),
    (
        "v1",
        {"keywords": ["snuffy"]},
        "keywords must be empty when the model is Nova-3; use keyterm, got '1 words'",
    ),
    ("v1", {"diarize_model": "v2"}, "diarize_model must be one of latest, v1, got 'v2'"),
    (
        "v1",
        {"diarize": True, "diarize_model": "latest"},
        "diarize_model must be None when diarize is given, got 'latest'",
    ),
    ("v1", {"callback": "ftp://a"}, "callback must be an http, https, ws or wss URL, got \"scheme 'ftp'\""),
    (
        "v1",
        {"callback": "https://a:8081"},
        "callback must be a URL with port 80, 443, 8080 or 8443, got 'port 8081'",
    ),
    ("v1", {"callback": "https://a:99999"}, "callback must be a URL, got 'Port out of range 0-65535'"),
    (
        "v1",
        {"callback": "https://a.example", "callback_method": "PATCH"},
        "callback_method must be one of DELETE, GET, POST, PUT, got 'PATCH'",
    ),
    ("v1", {"callback_method": "POST"}, "callback_method must be None unless callback is given, got 'POST'"),
    ("v1", {"redact": [""]}, "redact must be a non-empty string, got ''"),
    (
        "v1",
        {"extra": {"summarize": "v2"}},
        "extra must be parameters /v1/listen does not refuse, got 'summarize'",
    ),
    (
        "v1",
        {"extra": {"extra": "a:b"}},
        "extra must be parameters without an argument of their own, got 'extra'",
    ),
    *[
        (
            "v2",
            {"model": model},
            f"model must be a Flux model (Nova is on /v1/listen, Aura on /v1/speak), got '{model}'",
        )
        for model in ("nova-3", "nova", "enhanced-general", "base-meeting", "whisper-large", *FIRST)
    ],
    (
        "v2",
        {"encoding": "flac"},
        "encoding must be one of alaw, linear16, linear32, mulaw, ogg-opus, opus, got 'flac'",
    ),
    ("v2", {"sample_rate": 22050}, "sample_rate must be one of 8000, 16000, 24000, 44100, 48000, got 22050"),
    ("v2", {"eot_threshold": 0.49}, "eot_threshold must be from 0.5 to 1, got 0.49"),
    ("v2", {"eager_eot_threshold": 0.29}, "eager_eot_threshold must be from 0.3 to 0.9, got 0.29"),
    (
        "v2",
        {"eager_eot_threshold": 0.71},
        "eager_eot_threshold must be at most eot_threshold (0.7), got 0.71",
    ),
    (
        "v2",
        {"eot_threshold": 0.9, "eager_eot_threshold": 0.91},
        "eager_eot_threshold must be from 0.3 to 0.9, got 0.91",
    ),
    (
        "v2",
        {"eot_threshold": 0.5, "eager_eot_threshold": 0.51},
        "eager_eot_threshold must be at most eot_threshold (0.5), got 0.51",
    ),
    ("v2", {"eot_timeout_ms": 499}, "eot_timeout_ms must be from 500 to 60000, got 499"),
    (
        "v2",
        {"language_hint": ["en"]},
        "language_hint must be empty for the one-language model flux-general-en, got ('en',)",
    ),
    ("v2", {"redact": "pci"}, "redact must be one of aggressive_numbers, numbers, got 'pci'"),
    (
        "v2",
        {"extra": {"language": "en"}},
        "extra must be parameters /v2/listen does not refuse, got 'language'",
    ),
    (
        "v2",
        {"extra": {"keyterm": "a"}},
        "extra must be parameters without an argument of their own, got 'keyterm'",
    ),
    (
        "aura",
        {"model": "flux-alexis-en"},
        "model must be an Aura voice (Flux voices are on /v2/speak), got 'flux-alexis-en'",
    ),
    ("aura", {"encoding": "mp3"}, "encoding must be one of alaw, linear16, mulaw, got 'mp3'"),
    (
        "aura",
        {"sample_rate": 44100},
        "sample_rate must be one of 8000, 16000, 24000, 32000, 48000, got 44100",
    ),
    (
        "aura",
        {"encoding": "mulaw", "sample_rate": 24000},
        "sample_rate must be one of 8000, 16000 with encoding='mulaw', got 24000",
    ),
    ("aura", {"speed": 0.69}, "speed must be from 0.7 to 1.5, got 0.69"),
    (
        "aura",
        {"model": "aura-2-viktoria-de", "speed": 1.1},
        "speed must be None unless the voice is Aura-2, English or Spanish, got 1.1",
    ),
    ("aura", {"container": "wav"}, "container must be one of none, got 'wav'"),
    (
        "aura",
        {"extra": {"bit_rate": 1}},
        "extra must be parameters /v1/speak does not refuse, got 'bit_rate'",
    ),
    (
        "flux",
        {"model": "aura-2-thalia-en"},
        "model must be a Flux voice (Aura voices are on /v1/speak), got 'aura-2-thalia-en'",
    ),
    (
        "flux",
        {"sample_rate": 22050},
        "sample_rate must be one of 8000, 16000, 24000, 32000, 44100, 48000, got 22050",
    ),
    (
        "flux",
        {"encoding": "alaw", "sample_rate": 44100},
        "sample_rate must be one of 8000, 16000 with encoding='alaw', got 44100",
    ),
    ("flux", {"speed": 0.45}, "speed must be from 0.5 to 1.5 in steps of 0.05, got 0.45"),
    ("flux", {"expressivity": -3}, "expressivity must be from -2 to 2, got -3"),
    (
        "flux",
        {"extra": {"container": "none"}},
        "extra must be parameters /v2/speak does not refuse, got 'container'",
    ),
    ("v1", {"model": None}, "model must be a str, got NoneType"),
    ("v1", {"model": 3}, "model must be a str, got int"),
    ("v1", {"channels": None}, "channels must be an int, got NoneType"),
    ("v1", {"channels": True}, "channels must be an int, got bool"),
    ("v1", {"sample_rate": 16000.0}, "sample_rate must be an int, got float"),
    ("v1", {"endpointing": True}, "endpointing must be an int of milliseconds, or False, got bool"),
    ("v1", {"endpointing": "10"}, "endpointing must be an int of milliseconds, or False, got str"),
    ("v1", {"keyterm": "Kvaerner"}, "keyterm must be a sequence of str, got str"),
    ("v1", {"keyterm": 3}, "keyterm must be a sequence of str, got int"),
    ("v1", {"keyterm": [3]}, "keyterm must be a str, got int"),
    (
        "v1",
        {"encoding": ["linear16"]},
        f"encoding must be {ENCODINGS}, as str, got list",
    ),
    ("v1", {"extra": "a=b"}, "extra must be a mapping or a sequence of pairs, got str"),
    ("v1", {"extra": 3}, "extra must be a mapping or a sequence of pairs, got int"),
    (
        "v1",
        {"extra": {"a": {}}},
        "extra must be values of str, int, float, bool or a list of them, got dict",
    ),
    ("v1", {"extra": [("a",)]}, "extra must be pairs of a parameter's name and value, got tuple"),
    ("v2", {"eot_threshold": "0.7"}, "eot_threshold must be a number, got str"),
    ("v2", {"eot_threshold": True}, "eot_threshold must be a number, got bool"),
    ("v2", {"eot_timeout_ms": 5000.0}, "eot_timeout_ms must be an int, got float"),
    (
        "v2",
        {"sample_rate": 16000.0},
        "sample_rate must be one of 8000, 16000, 24000, 44100, 48000, as int, got float",
    ),
    ("aura", {"encoding": None}, "encoding must be one of alaw, linear16, mulaw, as str, got NoneType"),
    ("flux", {"expressivity": 1.0}, "expressivity must be an int, got float"),
    ("v1", {"interim_results": 1}, "interim_results must be a bool, got int"),
    (
        "v1",
        {"language": "a\ud800"},
        "language must be text that UTF-8 can encode (no lone surrogates), got '\\ud800'",
    ),
    (
        "v1",
        {"extra": {"token": "x"}},
        "extra must be free of credentials, which belong in a header, got 'token'",
    ),
    (
        "v1",
        {"extra": {"api_key": "x"}},
        "extra must be free of credentials, which belong in a header, got 'api_key'",
    ),
]


@pytest.mark.parametrize(("which", "arguments", "words"), REFUSED)
def test_an_argument_is_refused_in_these_words(which: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises((InvalidArgument, InvalidArgumentType)) as refused:
        CLASSES[which](**arguments)
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("which", "terms", "words"),
    [
        ("v1", ["a"] * 501, "keyterm must be at most 500 tokens in all, got 'at least 501 tokens'"),
        ("v2", ["k"] * 101, "keyterm must be at most 100 items, got 101"),
        ("v2", ["k" * 101], "keyterm must be items of at most 100 characters, got '101 characters'"),
    ],
)
def test_many_terms_are_refused_without_them(which: str, terms: list[str], words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        CLASSES[which](keyterm=terms)
    assert str(refused.value) == words
