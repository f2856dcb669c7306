"""Each parameter of the listening endpoints: what becomes of each value, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.emulator.parameters import (
    FLUX,
    LINEAR16,
    MULTI,
    NO_BOOLEAN,
    NO_INTEGER,
    NOVA,
    RAW,
    bad_query,
    bad_request,
    invalid,
    of,
    refusal,
)

from speechwire.emulator._audio_format import AudioFormat
from speechwire.emulator._parameters_listen import listen_v1, listen_v2
from speechwire.emulator._settings_v1 import ListenV1Settings
from speechwire.emulator._settings_v2 import ListenV2Settings

NOVA_3 = ListenV1Settings(model="nova-3")


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ("language=multi", {"language": "multi"}),
        ("interim_results=true", {"interim_results": True}),
        ("interim_results=false", {}),
        ("endpointing=300", {"endpointing_ms": 300}),
        ("endpointing=true", {"endpointing_ms": 10}),
        ("endpointing=false", {"endpointing_ms": None}),
        ("utterance_end_ms=1000&interim_results=true", {"utterance_end_ms": 1000, "interim_results": True}),
        ("vad_events=true", {"vad_events": True}),
        ("punctuate=true", {"formatted": True}),
        ("smart_format=true", {"formatted": True}),
        ("detect_entities=true", {"formatted": True}),
        ("punctuate=false&smart_format=true", {"formatted": True}),
        ("punctuate=false&smart_format=false", {}),
        ("diarize=true", {"diarize": True}),
        ("diarize=false", {}),
        ("diarize_model=latest", {"diarize": True}),
        ("diarize_model=v1", {"diarize": True}),
        ("multichannel=true", {"multichannel": True}),
        ("keyterm=a&keyterm=b+c", {"keyterms": ("a", "b c")}),
        ("replace=Two:2&replace=odd", {"replacements": (("two", "2"), ("odd", ""))}),
        ("interim_results=false&interim_results=true", {"interim_results": True}),
        *[
            (f"{name}={value}", {})
            for name in (
                "numerals",
                "dictation",
                "profanity_filter",
                "mip_opt_out",
                "filler_words",
                "no_delay",
            )
            for value in ("true", "false")
        ],
        *[(f"callback_method={method}", {}) for method in ("POST", "GET", "PUT", "DELETE")],
        ("summarize=false&sentiment=true&invented=1", {}),
    ],
)
def test_what_nova_is_told(query: str, changes: dict[str, Any]) -> None:
    assert of(listen_v1, f"{NOVA}&{query}") == (replace(NOVA_3, **changes), LINEAR16)


def test_keywords_are_favoured_without_their_intensifiers() -> None:
    settings, _ = of(listen_v1, "model=nova-2&keyterm=a&keywords=b:2&keywords=c&" + RAW)
    assert settings == ListenV1Settings(model="nova-2", keyterms=("a", "b", "c"))
    settings, _ = of(listen_v1, "model=nova-2" + "&keywords=x" * 100)
    assert len(settings.keyterms) == 100
    many = "model=nova-2" + "&keywords=x" * 101
    assert refusal(listen_v1, many) == bad_request("At most 100 keywords are supported.")


def test_keyterms_may_have_five_hundred_tokens() -> None:
    of(listen_v1, NOVA + "&keyterm=xy" * 500)
    text = "Bad Request: Keyterm limit exceeded. The maximum number of tokens across all keyterms is 500."
    assert refusal(listen_v1, NOVA + "&keyterm=xy" * 499 + "&keyterm=xyz") == bad_request(text)


NOVA_MODELS = (
    *(f"nova-3{kind}" for kind in ("", "-general", "-medical", "-pharma")),
    *(
        f"nova-2{kind}"
        for kind in ("", "-general", "-meeting", "-phonecall", "-finance", "-conversationalai", "-voicemail")
        + ("-video", "-medical", "-drivethru", "-automotive")
    ),
    *(f"nova{kind}" for kind in ("", "-general", "-phonecall", "-medical")),
    *(f"enhanced{kind}" for kind in ("", "-general", "-meeting", "-phonecall", "-finance")),
    *(
        "base",
        "general",
        "meeting",
        "phonecall",
        "finance",
        "conversationalai",
        "voicemail",
        "video",
        "custom",
    ),
    "40bd3654-e622-47c4-a111-63a61b23bfe8",
)


@pytest.mark.parametrize("model", NOVA_MODELS)
def test_the_models_of_nova(model: str) -> None:
    assert of(listen_v1, f"model={model}") == (ListenV1Settings(model=model), AudioFormat("", 0))


@pytest.mark.parametrize(
    "model", ["", "nova-4", "nova-3-", "nova-3-meeting", "xnova-3", "nova-2-pharma", "base-general"]
)
def test_a_misspelled_model_of_nova_is_one_of_somebody_else(model: str) -> None:
    text = "Project does not have access to the requested model."
    assert refusal(listen_v1, f"model={model}") == (403, "INSUFFICIENT_PERMISSIONS", text, "legacy")


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("interim_results=True", bad_query(f"interim_results: {NO_BOOLEAN}")),
        ("punctuate=1", bad_query(f"punctuate: {NO_BOOLEAN}")),
        ("multichannel=", bad_query(f"multichannel: {NO_BOOLEAN}")),
        ("endpointing=False", bad_query(f"endpointing: {NO_INTEGER}")),
        ("endpointing=1.5", bad_query(f"endpointing: {NO_INTEGER}")),
        ("channels=%2B1", bad_query(f"channels: {NO_INTEGER}")),
        ("channels=1234567890", bad_query(f"channels: {NO_INTEGER}")),
        ("channels=%C2%B2", bad_query(f"channels: {NO_INTEGER}")),
        (
            "diarize_model=v2",
            bad_query("diarize_model: unknown variant `v2`, expected one of `latest`, `v1`"),
        ),
        (
            "callback_method=PATCH",
            bad_query(
                "callback_method: unknown variant `PATCH`, expected one of `POST`, `GET`, `PUT`, `DELETE`"
            ),
        ),
        (
            "diarize=false&diarize_model=v1",
            bad_request("diarize_model cannot be used together with diarize or diarize_version."),
        ),
        ("utterance_end_ms=1000", bad_request("utterance_end_ms requires interim_results=true.")),
        (
            "utterance_end_ms=1000&interim_results=false",
            bad_request("utterance_end_ms requires interim_results=true."),
        ),
        ("keywords=x", bad_request("Keywords are not supported for Nova-3. Please use `keyterm` instead.")),
        ("summarize=true", bad_request("Summarization is not available for streaming.")),
        *[
            (
                f"{name}=false",
                (
                    403,
                    "UNAUTHORIZED_FEATURES_REQUESTED",
                    "Project does not have access to the requested features.",
                    "legacy",
                ),
            )
            for name in ("topics", "intents")
        ],
    ],
)
def test_what_nova_refuses(query: str, refused: tuple[int, str, str, str]) -> None:
    assert refusal(listen_v1, f"{NOVA}&{query}") == refused


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ("eot_threshold=0.5", {"eot_threshold": 0.5}),
        ("eot_threshold=1", {"eot_threshold": 1.0}),
        ("eager_eot_threshold=0.3", {"eager_eot_threshold": 0.3}),
        ("eager_eot_threshold=0.7", {"eager_eot_threshold": 0.7}),
        ("eager_eot_threshold=0.9&eot_threshold=0.9", {"eager_eot_threshold": 0.9, "eot_threshold": 0.9}),
        ("eot_timeout_ms=500", {"eot_timeout_ms": 500}),
        ("eot_timeout_ms=60000", {"eot_timeout_ms": 60000}),
        ("numerals=true", {"numerals": True}),
        ("keyterm=a&keyterm=b", {"keyterms": ("a", "b")}),
        ("keyterm=" + "x" * 100, {"keyterms": ("x" * 100,)}),
        ("profanity_filter=true&mip_opt_out=true&tag=a&tag=b&redact=numbers", {}),
        ("redact=aggressive_numbers", {}),
    ],
)
def test_what_flux_is_told(query: str, changes: dict[str, Any]) -> None:
    assert of(listen_v2, f"{FLUX}&{query}") == (ListenV2Settings(**changes), LINEAR16)


@pytest.mark.parametrize("hint", ["en", "es", "fr", "de", "hi", "ru", "pt", "ja", "it", "nl", "pt-BR", "EN"])
def test_languages_hinted_at(hint: str) -> None:
    settings, _ = of(listen_v2, f"{MULTI}&language_hint={hint}&language_hint=en")
    assert settings == ListenV2Settings(language_hints=(hint, "en"), multilingual=True)


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("eot_threshold=0.49", invalid("eot_threshold must be between 0.5 and 1.0")),
        ("eot_threshold=1.01", invalid("eot_threshold must be between 0.5 and 1.0")),
        ("eager_eot_threshold=0.29", invalid("eager_eot_threshold must be between 0.3 and 0.9")),
        (
            "eager_eot_threshold=0.91&eot_threshold=1",
            invalid("eager_eot_threshold must be between 0.3 and 0.9"),
        ),
        ("eager_eot_threshold=0.71", invalid("eager_eot_threshold must not exceed eot_threshold")),
        ("eot_timeout_ms=499", invalid("eot_timeout_ms must be between 500 and 60000")),
        ("eot_timeout_ms=60001", invalid("eot_timeout_ms must be between 500 and 60000")),
        (
            "keyterm=x" * 1 + "&keyterm=x" * 100,
            invalid("Received 101 keyterms, which is more than the limit of 100."),
        ),
        ("keyterm=", invalid("Each keyterm must have 1 to 100 characters.")),
        ("keyterm=" + "x" * 101, invalid("Each keyterm must have 1 to 100 characters.")),
        ("language_hint=en", invalid("language_hint is not supported for model flux-general-en")),
        ("eot_threshold=high", bad_query("eot_threshold: invalid float literal")),
        ("eot_threshold=1e0", bad_query("eot_threshold: invalid float literal")),
        ("eot_timeout_ms=1.5", bad_query(f"eot_timeout_ms: {NO_INTEGER}")),
        (
            "redact=pci",
            bad_query("redact: unknown variant `pci`, expected one of `numbers`, `aggressive_numbers`"),
        ),
        ("channels=1", bad_query("unknown field `channels`")),
        ("language=en", bad_query("unknown field `language`")),
    ],
)
def test_what_flux_refuses(query: str, refused: tuple[int, str, str, str]) -> None:
    assert refusal(listen_v2, f"{FLUX}&{query}") == refused


@pytest.mark.parametrize("hint", ["", "xx", "zh-CN"])
def test_languages_that_flux_does_not_know(hint: str) -> None:
    assert refusal(listen_v2, f"{MULTI}&language_hint={hint}") == invalid(
        f"language_hint `{hint}` is not supported"
    )
