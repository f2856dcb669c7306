"""The constructors: the original plugin's names, order and defaults, and errors that name what is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from videosdk.agents import STT, TTS
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2, DeepgramTTS

from .conftest import KEY

SEED: dict[type, dict[str, object]] = {
    DeepgramSTT: {
        "api_key": None,
        "model": "nova-2",
        "language": "en-US",
        "interim_results": True,
        "punctuate": True,
        "smart_format": True,
        "sample_rate": 48000,
        "endpointing": 50,
        "filler_words": True,
        "base_url": "wss://api.deepgram.com/v1/listen",
    },
    DeepgramSTTV2: {
        "api_key": None,
        "model": "flux-general-en",
        "input_sample_rate": 48000,
        "target_sample_rate": 16000,
        "eager_eot_threshold": 0.6,
        "eot_threshold": 0.8,
        "eot_timeout_ms": 7000,
        "base_url": "wss://api.deepgram.com/v2/listen",
        "enable_preemptive_generation": False,
    },
    DeepgramTTS: {
        "api_key": None,
        "model": "aura-2-thalia-en",
        "encoding": "linear16",
        "sample_rate": 24000,
        "base_url": "wss://api.deepgram.com/v1/speak",
    },
}
CLASSES = list(SEED)
# What release 1.0.30 of the plugin added.
LATER: dict[type, set[str]] = {
    DeepgramSTT: {
        "keywords",
        "keyterm",
        "profanity_filter",
        "numerals",
        "tag",
        "enable_diarization",
        "channels",
    },
    DeepgramSTTV2: {"keyterm", "language_hint", "tag", "input_channels", "interim_results"},
    DeepgramTTS: {"max_connection_age_sec"},
}


@pytest.mark.parametrize("plugin", CLASSES)
def test_the_seeds_arguments_stand_first_with_their_defaults(plugin: type) -> None:
    parameters = inspect.signature(plugin).parameters
    first = list(parameters.values())[: len(SEED[plugin])]
    assert {parameter.name: parameter.default for parameter in first} == SEED[plugin]
    assert [parameter.name for parameter in first] == list(SEED[plugin])
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in first)


@pytest.mark.parametrize("plugin", CLASSES)
def test_later_arguments_are_accepted_and_all_are_optional(plugin: type) -> None:
    parameters = inspect.signature(plugin).parameters
    assert set(parameters) >= LATER[plugin]
    named = [p for p in parameters.values() if p.kind is not p.VAR_KEYWORD]
    assert all(parameter.default is not parameter.empty for parameter in named)


@pytest.mark.parametrize("plugin", CLASSES)
def test_the_key_comes_from_the_environment(
    plugin: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPGRAM_API_KEY", KEY)
    component = plugin()
    assert component.api_key == KEY
    assert isinstance(component, STT | TTS)


@pytest.mark.parametrize("plugin", [DeepgramSTT, DeepgramSTTV2])
def test_the_key_may_be_asked_for(plugin: Callable[..., Any]) -> None:
    def token() -> str:
        raise AssertionError("asked for before there is a connection")

    assert plugin(api_key=token).api_key is token


@pytest.mark.parametrize("plugin", [DeepgramSTT, DeepgramSTTV2])
@pytest.mark.parametrize(("key", "error"), [(" \n", ValueError), ("ké", ValueError), (5, TypeError)])
def test_what_cannot_be_a_key_is_told(plugin: Callable[..., Any], key: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="api_key"):
        plugin(api_key=key)


@pytest.mark.parametrize("plugin", CLASSES)
def test_no_key_is_told(plugin: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match="DEEPGRAM_API_KEY"):
        plugin()


@pytest.mark.parametrize("plugin", CLASSES)
def test_the_seeds_arguments_can_be_read_back(plugin: Callable[..., Any]) -> None:
    component = plugin(api_key=KEY)
    expected = {name: value for name, value in SEED[plugin].items() if name != "api_key"}  # type: ignore[index]
    assert {name: getattr(component, name) for name in expected} == expected


@pytest.mark.parametrize("plugin", CLASSES)
def test_the_key_is_in_no_repr(plugin: Callable[..., Any]) -> None:
    assert KEY not in repr(plugin(api_key=KEY))


@pytest.mark.parametrize(
    ("plugin", "arguments", "error", "words"),
    [
        (DeepgramSTT, {"model": "nova-3", "keywords": ["a"]}, ValueError, "keywords"),
        (DeepgramSTT, {"model": "flux-general-en"}, ValueError, "Flux"),
        (DeepgramSTT, {"sample_rate": 100}, ValueError, "100"),
        (DeepgramSTT, {"channels": 0}, ValueError, "channels"),
        (DeepgramSTT, {"endpointing": "50"}, TypeError, "endpointing must be .*, got str"),
        (DeepgramSTT, {"endpointing": [50]}, TypeError, "endpointing must be .*, got list"),
        (DeepgramSTT, {"channels": 1 << 63}, ValueError, f"must be 1 to .*, got {1 << 64}"),
        (DeepgramSTT, {"utterance_end_ms": 10}, ValueError, "utterance_end_ms"),
        (DeepgramSTT, {"downmix": True, "multichannel": True}, ValueError, "multichannel"),
        (DeepgramSTT, {"base_url": "https://"}, ValueError, "base_url"),
        (DeepgramSTTV2, {"eot_threshold": 0.2}, ValueError, "eot_threshold must be .*0.5 .* 1"),
        (
            DeepgramSTTV2,
            {"eager_eot_threshold": 0.85, "enable_preemptive_generation": True},
            ValueError,
            "eager_eot_threshold",
        ),
        (DeepgramSTTV2, {"target_sample_rate": 12345}, ValueError, "12345"),
        (DeepgramSTTV2, {"target_sample_rate": "16000"}, TypeError, "target_sample_rate"),
        (DeepgramSTTV2, {"input_sample_rate": 1}, ValueError, "input_sample_rate"),
        (DeepgramSTTV2, {"input_channels": 33}, ValueError, "input_channels"),
        (DeepgramSTTV2, {"chunk_ms": 0}, ValueError, "chunk_ms"),
        (DeepgramSTTV2, {"quality": "superb"}, ValueError, "quality"),
        (DeepgramSTTV2, {"model": "nova-3"}, ValueError, "model"),
        (DeepgramTTS, {"encoding": "mp3"}, ValueError, "encoding"),
        (DeepgramTTS, {"sample_rate": 12345}, ValueError, "12345"),
        (DeepgramTTS, {"speed": 9.0}, ValueError, "speed"),
    ],
)
def test_a_bad_argument_is_told_at_once_with_its_value(
    plugin: Callable[..., Any], arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        plugin(api_key=KEY, **arguments)


def test_unknown_arguments_of_the_tts_are_ignored_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    DeepgramTTS(api_key=KEY, voice_colour="warm", accent="Scottish")
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("videosdk.plugins.deepgram", "WARNING")
    assert record.getMessage() == "DeepgramTTS ignores unknown arguments: accent, voice_colour"


@pytest.mark.parametrize("plugin", CLASSES)
def test_the_key_is_not_sent_unencrypted_to_another_machine_unless_it_may_be(
    plugin: Callable[..., Any],
) -> None:
    with pytest.raises(ValueError, match="base_url"):
        plugin(api_key=KEY, base_url="ws://example.com")
    assert plugin(api_key=KEY, base_url="ws://example.com", allow_insecure=True).allow_insecure
    assert not plugin(api_key=KEY, base_url="ws://127.0.0.1:8080").allow_insecure


LATER_DEFAULTS: dict[type, dict[str, object]] = {
    DeepgramSTT: {
        **dict.fromkeys(
            ("keywords", "keyterm", "tag", "channels", "utterance_end_ms", "multichannel", "redact")
        ),
        **dict.fromkeys(("replace", "search", "detect_entities", "diarize_model", "mip_opt_out", "version")),
        **dict.fromkeys(("dictation", "extra", "target_sample_rate", "chunk_ms")),
        **dict.fromkeys(
            ("profanity_filter", "numerals", "enable_diarization", "downmix", "allow_insecure"), False
        ),
        "quality": "balanced",
    },
    DeepgramSTTV2: {
        **dict.fromkeys(
            ("keyterm", "language_hint", "tag", "input_channels", "numerals", "profanity_filter")
        ),
        **dict.fromkeys(("interim_results", "force_end_turn_on_flush", "allow_insecure"), False),
        "mip_opt_out": None,
        "chunk_ms": 100,
        "quality": "balanced",
    },
    DeepgramTTS: {
        **dict.fromkeys(
            ("speed", "max_connection_age_sec", "expressivity", "mip_opt_out", "tag", "container")
        ),
        "extra": None,
        "allow_insecure": False,
    },
}


@pytest.mark.parametrize("plugin", CLASSES)
def test_what_the_other_arguments_are_unless_they_are_given(plugin: type) -> None:
    parameters = list(inspect.signature(plugin).parameters.values())[len(SEED[plugin]) :]
    named = {each.name: each.default for each in parameters if each.kind is not each.VAR_KEYWORD}
    assert named == LATER_DEFAULTS[plugin]
