"""Parameters of all endpoints: models, encodings, rates; what is said of one that is refused."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from tests.emulator.parameters import (
    AURA,
    FLUX,
    FLUX_TTS,
    NO_MODEL,
    NO_VOICE,
    NOVA,
    RAW,
    Read,
    bad_query,
    bad_request,
    of,
    refusal,
    unsupported,
)

from speechwire.emulator._audio_format import AudioFormat
from speechwire.emulator._parameters_listen import listen_v1, listen_v2
from speechwire.emulator._parameters_speak import speak_v1, speak_v2
from speechwire.emulator._refusal import Refusal
from speechwire.emulator._settings_v1 import ListenV1Settings
from speechwire.emulator._settings_v2 import ListenV2Settings
from speechwire.emulator.speak_v1 import SpeakV1Settings
from speechwire.emulator.speak_v2 import SpeakV2Settings


def test_what_the_service_documents_as_its_defaults() -> None:
    assert asdict(ListenV1Settings()) == {
        "model": "base",
        "language": "en",
        "interim_results": False,
        "endpointing_ms": 10,
        "utterance_end_ms": None,
        "vad_events": False,
        "formatted": False,
        "diarize": False,
        "multichannel": False,
        "keyterms": (),
        "replacements": (),
    }
    assert asdict(ListenV2Settings()) == {
        "eot_threshold": 0.7,
        "eager_eot_threshold": None,
        "eot_timeout_ms": 5000,
        "keyterms": (),
        "language_hints": (),
        "numerals": False,
        "multilingual": False,
    }


def test_what_holds_where_nothing_is_said() -> None:
    assert of(listen_v1, "") == (ListenV1Settings(), AudioFormat("", 0))
    assert of(listen_v2, "model=flux-general-en") == (ListenV2Settings(), AudioFormat("", 0))
    assert of(speak_v1, "") == (SpeakV1Settings("aura-asteria-en", speed=1.0), AudioFormat("linear16", 24000))
    assert of(speak_v2, FLUX_TTS) == (
        SpeakV2Settings("flux-alexis-en", 1.0, 48.0),
        AudioFormat("linear16", 24000),
    )


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
