"""Parameters of ``/v1/speak`` and ``/v2/speak``.

Names, values and defaults as in "Deepgram reference: speak-streaming" and "Deepgram docs:
tts-media-output-settings, tts-speed, flux-tts"; refusals as in "Deepgram docs: errors".
"""

from __future__ import annotations

import re

from speechwire.emulator._audio_format import AudioFormat
from speechwire.emulator._query import (
    Query,
    Reader,
    boolean,
    choice,
    integer,
    number,
    read,
    unsupported_format,
)
from speechwire.emulator._refusal import Refusal
from speechwire.emulator.speak_v1 import SpeakV1Settings
from speechwire.emulator.speak_v2 import SpeakV2Settings, speed_refusal

__all__ = ["speak_v1", "speak_v2"]

_NO_VOICE = "No such model/version combination found."
_AURA = re.compile(r"aura-[a-z]+-en|aura-2-[a-z]+-(en|es|de|nl|fr|it|ja)")
_AURA_WITH_SPEED = re.compile(r"aura-2-[a-z]+-(en|es)")
# Listed once; the service refuses it.
_RETIRED = "aura-2-perseo-it"
_COMPANDED_RATES = (8000, 16000)
_LINEAR_RATES = (8000, 16000, 24000, 32000, 48000)

_FLUX = re.compile(r"flux-[a-z]+-[a-z]{2}")
_FLUX_LINEAR_RATES = (8000, 16000, 24000, 32000, 44100, 48000)

_SPEAK_V1: dict[str, Reader] = {
    "model": str,
    "encoding": choice("linear16", "mulaw", "alaw"),
    "sample_rate": integer,
    "speed": number,
    "mip_opt_out": boolean,
    "tag": str,
    "container": choice("none"),
}
_SPEAK_V2: dict[str, Reader] = {
    "model": str,
    "encoding": choice("linear16", "mulaw", "alaw"),
    "sample_rate": integer,
    "speed": number,
    "expressivity": str,
    "mip_opt_out": boolean,
    "tag": str,
}


def speak_v1(query: Query) -> tuple[SpeakV1Settings, AudioFormat]:
    """Check a ``/v1/speak`` query; returns settings and output format.

    Raises:
        Refusal: As the service would.
    """
    values = read(query, _SPEAK_V1)
    model = values.get("model", "aura-asteria-en")
    if not _AURA.fullmatch(model) or model == _RETIRED:
        raise Refusal(400, "Bad Request", _NO_VOICE)
    speed = values.get("speed", 1.0)
    if "speed" in values and not (0.7 <= speed <= 1.5 and _AURA_WITH_SPEED.fullmatch(model)):
        text = "speed must be 0.7 to 1.5, with an Aura-2 voice in English or Spanish"
        raise Refusal(400, "INVALID_PARAMETER", text)
    encoding = values.get("encoding", "linear16")
    rate = values.get("sample_rate", 24000 if encoding == "linear16" else 8000)
    return SpeakV1Settings(model, speed=speed), _speak_format(encoding, rate, _LINEAR_RATES)


def speak_v2(query: Query) -> tuple[SpeakV2Settings, AudioFormat]:
    """Check a ``/v2/speak`` query; unknown names, batch-only ones among them, are refused.

    Raises:
        Refusal: As the service would.
    """
    values = read(query, _SPEAK_V2)
    model = values.get("model", "")
    if not _FLUX.fullmatch(model):
        raise Refusal(400, "Bad Request", _NO_VOICE)
    _check_expressivity(values.get("expressivity", "0"))
    speed = values.get("speed", 1.0)
    if refused := speed_refusal(speed):
        raise Refusal(400, *refused, shape="flux")
    encoding = values.get("encoding", "linear16")
    rate = values.get("sample_rate", 24000 if encoding == "linear16" else 8000)
    audio = _speak_format(encoding, rate, _FLUX_LINEAR_RATES)
    sample_bytes = 2 if encoding == "linear16" else 1
    return SpeakV2Settings(model, speed, rate * sample_bytes / 1000), audio


def _check_expressivity(text: str) -> None:
    if not re.fullmatch(r"-?[0-9]+", text):
        raise Refusal(400, "EXPRESSIVITY_INCREMENT_INVALID", "expressivity must be an integer", shape="flux")
    if not -2 <= int(text) <= 2:
        raise Refusal(400, "EXPRESSIVITY_OUT_OF_RANGE", "expressivity must be -2 to 2", shape="flux")


def _speak_format(encoding: str, rate: int, linear_rates: tuple[int, ...]) -> AudioFormat:
    rates = linear_rates if encoding == "linear16" else _COMPANDED_RATES
    if rate not in rates:
        raise unsupported_format(encoding, rates)
    return AudioFormat(encoding, rate)
