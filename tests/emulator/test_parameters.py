"""Each parameter by itself: what becomes of each value, and all that is said of one that is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from speechwire.emulator._audio_format import AudioFormat
from speechwire.emulator._parameters_listen import listen_v1, listen_v2
from speechwire.emulator._parameters_speak import speak_v1, speak_v2
from speechwire.emulator._refusal import Refusal
from speechwire.emulator._settings_v1 import NovaSettings
from speechwire.emulator._settings_v2 import FluxSettings
from speechwire.emulator.speak_v1 import SpeakV1Settings
from speechwire.emulator.speak_v2 import SpeakV2Settings

Read = Callable[[dict[str, list[str]]], Any]

RAW = "encoding=linear16&sample_rate=16000"
LINEAR16 = AudioFormat("linear16", 16000)
NOVA, FLUX, MULTI = f"model=nova-3&{RAW}", f"model=flux-general-en&{RAW}", f"model=flux-general-multi&{RAW}"
AURA, FLUX_TTS = "model=aura-2-thalia-en", "model=flux-alexis-en"
NOVA_3 = NovaSettings(model="nova-3")


def of(read: Read, query: str) -> Any:
    return read(parse_qs(query, keep_blank_values=True))


def refusal(read: Read, query: str) -> tuple[int, str, str, str]:
    with pytest.raises(Refusal) as refused:
        of(read, query)
    error = refused.value
    assert str(error) == error.text
    return error.status, error.code, error.text, error.shape


def bad_query(detail: str) -> tuple[int, str, str, str]:
    return 400, "INVALID_QUERY_PARAMETER", f"Failed to deserialize query parameters: {detail}", "modern"


def bad_request(text: str, code: str = "Bad Request") -> tuple[int, str, str, str]:
    return 400, code, text, "legacy"


def invalid(text: str, code: str = "INVALID_PARAMETER") -> tuple[int, str, str, str]:
    return 400, code, text, "flux"


NO_MODEL = bad_request("Bad Request: No such model/language/tier combination found.")
NO_VOICE = bad_request("No such model/version combination found.")
NO_BOOLEAN = "provided string was not `true` or `false`"
NO_INTEGER = "invalid digit found in string"


def test_what_holds_where_nothing_is_said() -> None:
    assert of(listen_v1, "") == (NovaSettings(), AudioFormat("", 0))
    assert of(listen_v2, "model=flux-general-en") == (FluxSettings(), AudioFormat("", 0))
    assert of(speak_v1, "") == (SpeakV1Settings("aura-asteria-en", speed=1.0), AudioFormat("linear16", 24000))
    assert of(speak_v2, FLUX_TTS) == (
        SpeakV2Settings("flux-alexis-en", 1.0, 48.0),
        AudioFormat("linear16", 24000),
    )


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
    assert settings == NovaSettings(model="nova-2", keyterms=("a", "b", "c"))
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
    assert of(listen_v1, f"model={model}") == (NovaSettings(model=model), AudioFormat("", 0))


@pytest.mark.parametrize(
    "model", ["", "nova-4", "nova-3-", "nova-3-meeting", "xnova-3", "nova-2-pharma", "base-general"]
)
def test_a_misspelled_model_of_nova_is_one_of_somebody_else(model: str) -> None:
    text = "Project does not have access to the requested model."
    assert refusal(listen_v1, f"model={model}") == (403, "INSUFFICIENT_PERMISSIONS", text, "legacy")


def test_models_of_other_endpoints() -> None:
    assert refusal(listen_v1, "model=flux-general-en") == NO_MODEL
    for model in ("", "nova-3", "flux-general", "aura-2-thalia-en"):
        assert refusal(listen_v2, f"model={model}") == NO_MODEL
    assert refusal(listen_v2, RAW) == NO_MODEL
    assert refusal(speak_v1, FLUX_TTS) == NO_VOICE
    assert refusal(speak_v2, AURA) == NO_VOICE
    assert refusal(speak_v2, "") == NO_VOICE


SAYS = (
    "expected one of `linear16`, `linear32`, `flac`, `alaw`, `mulaw`, `amr-nb`, `amr-wb`, `opus`, "
    "`ogg-opus`, `speex`, `g729`"
)


@pytest.mark.parametrize("encoding", ["linear16", "linear32", "mulaw", "alaw"])
def test_encodings_that_are_decoded(encoding: str) -> None:
    query = f"encoding={encoding}&sample_rate=8000"
    assert of(listen_v1, query + "&channels=2")[1] == AudioFormat(encoding, 8000, 2)
    assert of(listen_v2, "model=flux-general-en&" + query)[1] == AudioFormat(encoding, 8000)


@pytest.mark.parametrize(
    ("read", "model", "encoding"),
    [
        *[
            (listen_v1, "nova-3", name)
            for name in ("flac", "amr-nb", "amr-wb", "opus", "ogg-opus", "speex", "g729")
        ],
        *[(listen_v2, "flux-general-en", name) for name in ("opus", "ogg-opus")],
    ],
)
def test_encodings_that_the_service_decodes_and_this_does_not(read: Read, model: str, encoding: str) -> None:
    text = f"this emulator does not decode {encoding}; use linear16, linear32, mulaw, alaw or a WAV container"
    assert refusal(read, f"model={model}&encoding={encoding}&sample_rate=16000") == bad_request(text)


def test_encodings_that_nobody_decodes() -> None:
    unknown = "encoding: unknown variant `mp3`, "
    assert refusal(listen_v1, NOVA.replace("linear16", "mp3")) == bad_query(unknown + SAYS)
    flux = "expected one of `linear16`, `linear32`, `mulaw`, `alaw`, `opus`, `ogg-opus`"
    assert refusal(listen_v2, FLUX.replace("linear16", "mp3")) == bad_query(unknown + flux)
    spoken = "expected one of `linear16`, `mulaw`, `alaw`"
    assert refusal(speak_v1, f"{AURA}&encoding=mp3") == bad_query(unknown + spoken)
    assert refusal(speak_v2, f"{FLUX_TTS}&encoding=mp3") == bad_query(unknown + spoken)


@pytest.mark.parametrize("rate", [4000, 44101, 192000])
def test_any_rate_of_nova(rate: int) -> None:
    assert of(listen_v1, f"encoding=linear16&sample_rate={rate}")[1] == AudioFormat("linear16", rate)


def unsupported(rates: str, encoding: str = "linear16") -> tuple[int, str, str, str]:
    text = f"Unsupported audio format: `sample_rate` must be [{rates}] when `encoding={encoding}`"
    return bad_request(text)


def test_rates_that_do_not_go_with_the_encoding() -> None:
    for rate in (3999, 192001):
        query = f"encoding=mulaw&sample_rate={rate}"
        assert refusal(listen_v1, query) == unsupported("4000 to 192000", "mulaw")
    missing = bad_query("`sample_rate` is required with `encoding=linear16`")
    assert refusal(listen_v1, "encoding=linear16") == missing
    assert refusal(listen_v2, "model=flux-general-en&encoding=linear16") == missing
    flux = "8000, 16000, 24000, 44100, 48000"
    assert refusal(listen_v2, FLUX.replace("16000", "32000")) == unsupported(flux)
    aura = "8000, 16000, 24000, 32000, 48000"
    assert refusal(speak_v1, f"{AURA}&sample_rate=44100") == unsupported(aura)
    flux_tts = "8000, 16000, 24000, 32000, 44100, 48000"
    assert refusal(speak_v2, f"{FLUX_TTS}&sample_rate=22050") == unsupported(flux_tts)
    for read, model in ((speak_v1, AURA), (speak_v2, FLUX_TTS)):
        for encoding in ("mulaw", "alaw"):
            query = f"{model}&encoding={encoding}&sample_rate=24000"
            assert refusal(read, query) == unsupported("8000, 16000", encoding)


@pytest.mark.parametrize(
    ("read", "query", "rates"),
    [
        (listen_v2, "model=flux-general-en", [8000, 16000, 24000, 44100, 48000]),
        (speak_v1, AURA, [8000, 16000, 24000, 32000, 48000]),
        (speak_v2, FLUX_TTS, [8000, 16000, 24000, 32000, 44100, 48000]),
    ],
    ids=["v2/listen", "v1/speak", "v2/speak"],
)
def test_rates_that_do(read: Read, query: str, rates: list[int]) -> None:
    for rate in rates:
        assert of(read, f"{query}&encoding=linear16&sample_rate={rate}")[1] == AudioFormat("linear16", rate)


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
def test_companded_speech_is_telephone_speech(encoding: str) -> None:
    assert of(speak_v1, f"{AURA}&encoding={encoding}")[1] == AudioFormat(encoding, 8000)
    settings, audio = of(speak_v2, f"{FLUX_TTS}&encoding={encoding}&sample_rate=16000")
    assert audio == AudioFormat(encoding, 16000)
    assert settings.bytes_per_ms == 16.0


@pytest.mark.parametrize("channels", [1, 20])
def test_channels(channels: int) -> None:
    assert of(listen_v1, f"{NOVA}&channels={channels}")[1] == AudioFormat("linear16", 16000, channels)


@pytest.mark.parametrize("channels", [-1, 0, 21])
def test_channels_that_are_refused(channels: int) -> None:
    assert refusal(listen_v1, f"{NOVA}&channels={channels}") == bad_request("channels must be 1 to 20")


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
    assert of(listen_v2, f"{FLUX}&{query}") == (FluxSettings(**changes), LINEAR16)


@pytest.mark.parametrize("hint", ["en", "es", "fr", "de", "hi", "ru", "pt", "ja", "it", "nl", "pt-BR", "EN"])
def test_languages_hinted_at(hint: str) -> None:
    settings, _ = of(listen_v2, f"{MULTI}&language_hint={hint}&language_hint=en")
    assert settings == FluxSettings(language_hints=(hint, "en"), multilingual=True)


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


@pytest.mark.parametrize(
    "model", ["aura-asteria-en", *(f"aura-2-x-{code}" for code in ("en", "es", "de", "nl", "fr", "it", "ja"))]
)
def test_voices_of_aura(model: str) -> None:
    assert of(speak_v1, f"model={model}&mip_opt_out=true&container=none")[0] == SpeakV1Settings(
        model, speed=1.0
    )


@pytest.mark.parametrize(
    "model", ["", "aura", "aura-asteria-es", "aura-2-x-xx", "aura-2-X-en", "aura-2-perseo-it"]
)
def test_voices_that_aura_does_not_have(model: str) -> None:
    assert refusal(speak_v1, f"model={model}") == NO_VOICE


@pytest.mark.parametrize("model", ["aura-2-thalia-en", "aura-2-celeste-es"])
@pytest.mark.parametrize("speed", [0.7, 1.5])
def test_speeds_of_aura(model: str, speed: float) -> None:
    assert of(speak_v1, f"model={model}&speed={speed}")[0] == SpeakV1Settings(model, speed=speed)


SPEED = bad_request(
    "speed must be 0.7 to 1.5, with an Aura-2 voice in English or Spanish", "INVALID_PARAMETER"
)


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        (f"{AURA}&speed=0.69", SPEED),
        (f"{AURA}&speed=1.51", SPEED),
        ("model=aura-2-viktoria-de&speed=1.0", SPEED),
        ("model=aura-asteria-en&speed=1.0", SPEED),
        (f"{AURA}&speed=fast", bad_query("speed: invalid float literal")),
        (f"{AURA}&container=wav", bad_query("container: unknown variant `wav`, expected one of `none`")),
        (f"{AURA}&bit_rate=32000", bad_query("unknown field `bit_rate`")),
        (f"{AURA}&mip_opt_out=yes", bad_query(f"mip_opt_out: {NO_BOOLEAN}")),
    ],
)
def test_what_aura_refuses(query: str, refused: tuple[int, str, str, str]) -> None:
    assert refusal(speak_v1, query) == refused


@pytest.mark.parametrize(
    ("query", "speed"),
    [
        ("speed=0.5", 0.5),
        ("speed=1.5", 1.5),
        ("speed=1.05", 1.05),
        ("expressivity=-2", 1.0),
        ("expressivity=2", 1.0),
    ],
)
def test_what_flux_tts_is_told(query: str, speed: float) -> None:
    settings, audio = of(speak_v2, f"{FLUX_TTS}&{query}&tag=a&mip_opt_out=false")
    assert (settings, audio) == (
        SpeakV2Settings("flux-alexis-en", speed, 48.0),
        AudioFormat("linear16", 24000),
    )


RANGE = invalid("speed outside the allowed range", "SPEED_OUT_OF_RANGE")
STEP = invalid("speed must be a multiple of 0.05", "SPEED_INCREMENT_INVALID")


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("speed=0.45", RANGE),
        ("speed=1.55", RANGE),
        ("speed=1.02", STEP),
        ("expressivity=-3", invalid("expressivity must be -2 to 2", "EXPRESSIVITY_OUT_OF_RANGE")),
        ("expressivity=3", invalid("expressivity must be -2 to 2", "EXPRESSIVITY_OUT_OF_RANGE")),
        ("expressivity=1.5", invalid("expressivity must be an integer", "EXPRESSIVITY_INCREMENT_INVALID")),
        ("container=none", bad_query("unknown field `container`")),
    ],
)
def test_what_flux_tts_refuses(query: str, refused: tuple[int, str, str, str]) -> None:
    assert refusal(speak_v2, f"{FLUX_TTS}&{query}") == refused


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (401, "INVALID_AUTH", "Invalid credentials."),
        (
            402,
            "ASR_PAYMENT_REQUIRED",
            "Project does not have enough credits for an ASR request and does not have overages.",
        ),
        (403, "INSUFFICIENT_PERMISSIONS", "Project does not have access to the requested model."),
        (429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later"),
        (503, "Service Unavailable", "The service is temporarily unavailable."),
        (418, "Bad Request", "Bad Request"),
    ],
)
def test_what_the_service_says_of_each_status(status: int, code: str, text: str) -> None:
    assert Refusal(status).body("id") == {"err_code": code, "err_msg": text, "request_id": "id"}


def test_the_three_bodies() -> None:
    assert Refusal.bad_query("x").body("id") == {
        "category": "INVALID_QUERY_PARAMETER",
        "message": "Failed to deserialize query parameters: x",
        "details": "Check the request documentation",
        "request_id": "id",
    }
    assert Refusal(400, "A", "b", "flux").body("id") == {"code": "A", "description": "b"}
