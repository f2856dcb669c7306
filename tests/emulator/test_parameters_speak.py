"""Each parameter of the speaking endpoints: what becomes of each value, and what is said of it."""

from __future__ import annotations

import pytest
from tests.emulator.parameters import (
    AURA,
    FLUX_TTS,
    NO_BOOLEAN,
    NO_VOICE,
    bad_query,
    bad_request,
    invalid,
    of,
    refusal,
)

from speechwire.emulator._audio_format import AudioFormat
from speechwire.emulator._parameters_speak import speak_v1, speak_v2
from speechwire.emulator.speak_v1 import SpeakV1Settings
from speechwire.emulator.speak_v2 import SpeakV2Settings


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
    ("encoding", "rate"), [("", 24000), ("&encoding=linear16", 24000), ("&encoding=mulaw", 8000)]
)
def test_rates_of_flux_unless_one_is_asked_for(encoding: str, rate: int) -> None:
    assert of(speak_v2, f"{FLUX_TTS}{encoding}")[1].sample_rate == rate
