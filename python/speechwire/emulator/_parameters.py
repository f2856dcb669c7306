"""Query parameters: names, types, ranges and the combinations that are refused, endpoint by endpoint.

Names, values and defaults follow "Deepgram reference: listen-streaming, listen-flux, speak-streaming" and
the pages named beside the rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from speechwire.emulator._audio_format import DECODABLE, AudioFormat
from speechwire.emulator._configure_v2 import ConfigureRefused, check_flux_values
from speechwire.emulator._refusal import Refusal
from speechwire.emulator.listen_v2 import FluxSettings
from speechwire.emulator.speak_v1 import SpeakV1Settings

__all__ = ["Query", "listen_v2", "speak_v1"]

Query = Mapping[str, list[str]]
_Reader = Callable[[str], Any]

_NO_MODEL = "Bad Request: No such model/language/tier combination found."
_NO_VOICE = "No such model/version combination found."
_FLUX_LANGUAGES = frozenset(("en", "es", "fr", "de", "hi", "ru", "pt", "ja", "it", "nl"))
_FLUX_MODELS = ("flux-general-en", "flux-general-multi")
_FLUX_RATES = (8000, 16000, 24000, 44100, 48000)
_VOICE_V1 = re.compile(r"aura-[a-z]+-en|aura-2-[a-z]+-(en|es|de|nl|fr|it|ja)")


def boolean(text: str) -> bool:
    """``true`` or ``false``, lower case."""
    if text not in ("true", "false"):
        raise ValueError("provided string was not `true` or `false`")
    return text == "true"


def integer(text: str) -> int:
    """A non-negative decimal number."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("invalid digit found in string")
    return int(text)


def number(text: str) -> float:
    """A decimal number."""
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]*)?", text):
        raise ValueError("invalid float literal")
    return float(text)


def choice(*values: str) -> _Reader:
    """One of these."""

    def read(text: str) -> str:
        if text not in values:
            raise ValueError(
                f"unknown variant `{text}`, expected one of {', '.join(f'`{v}`' for v in values)}"
            )
        return text

    return read


_FLUX: dict[str, _Reader] = {
    "model": str,
    "encoding": choice("linear16", "linear32", "mulaw", "alaw", "opus", "ogg-opus"),
    "sample_rate": integer,
    "eot_threshold": number,
    "eager_eot_threshold": number,
    "eot_timeout_ms": integer,
    "profanity_filter": boolean,
    "numerals": boolean,
    "redact": choice("numbers", "aggressive_numbers"),
    "mip_opt_out": boolean,
    "keyterm": str,
    "language_hint": str,
    "tag": str,
}
_SPEAK_V1: dict[str, _Reader] = {
    "model": str,
    "encoding": choice("linear16", "mulaw", "alaw"),
    "sample_rate": integer,
    "speed": number,
    "mip_opt_out": boolean,
    "container": choice("none"),
}


def read(query: Query, readers: Mapping[str, _Reader], *, strict: bool = True) -> dict[str, Any]:
    """Read each known parameter; of a repeated one the last counts.

    Raises:
        Refusal: A value of the wrong type, or an unknown name if ``strict``.
    """
    values: dict[str, Any] = {}
    for name, texts in query.items():
        if name not in readers:
            if strict:
                raise Refusal.bad_query(f"unknown field `{name}`")
            continue
        try:
            values[name] = readers[name](texts[-1])
        except ValueError as error:
            raise Refusal.bad_query(f"{name}: {error}") from None
    return values


def listen_v2(query: Query) -> tuple[FluxSettings, AudioFormat]:
    """Check a ``/v2/listen`` query.

    Raises:
        Refusal: As the service would, or because this emulator lacks the decoder.
    """
    values = read(query, _FLUX)
    model = values.get("model")
    if model not in _FLUX_MODELS:
        raise Refusal(400, "Bad Request", _NO_MODEL)
    hints = tuple(query.get("language_hint", ()))
    _check_hints(hints, model)
    settings = FluxSettings(
        **{name: values[name] for name in ("eot_threshold", "eot_timeout_ms", "numerals") if name in values},
        eager_eot_threshold=values.get("eager_eot_threshold"),
        keyterms=tuple(query.get("keyterm", ())),
        language_hints=hints,
        multilingual=model == "flux-general-multi",
    )
    _check_values(settings)
    return settings, audio_format(values, _FLUX_RATES)


def _check_values(settings: FluxSettings) -> None:
    eager, timeout = settings.eager_eot_threshold, settings.eot_timeout_ms
    try:
        check_flux_values(settings.eot_threshold, eager, timeout, settings.keyterms)
    except ConfigureRefused as error:
        raise Refusal(400, "INVALID_PARAMETER", str(error), shape="flux") from None


def _check_hints(hints: tuple[str, ...], model: str) -> None:
    if hints and model != "flux-general-multi":
        text = f"language_hint is not supported for model {model}"
        raise Refusal(400, "INVALID_PARAMETER", text, shape="flux")
    for hint in hints:
        if hint.split("-")[0].lower() not in _FLUX_LANGUAGES:
            raise Refusal(400, "INVALID_PARAMETER", f"language_hint `{hint}` is not supported", shape="flux")


def audio_format(values: Mapping[str, Any], rates: tuple[int, ...] | None, channels: int = 1) -> AudioFormat:
    """What the declared bytes are.

    Raises:
        Refusal: ``encoding`` without ``sample_rate``, a rate out of range, or an encoding not decoded here.
    """
    encoding, rate = values.get("encoding", ""), values.get("sample_rate")
    if not encoding:
        return AudioFormat("", 0)
    if encoding not in DECODABLE:
        usable = "linear16, linear32, mulaw, alaw or a WAV container"
        text = f"this emulator does not decode {encoding}; use {usable}"
        raise Refusal(400, "Bad Request", text)
    if rate is None:
        raise Refusal.bad_query(f"`sample_rate` is required with `encoding={encoding}`")
    if rate not in rates if rates else not 4000 <= rate <= 192_000:
        raise Refusal(400, "Bad Request", _format_text(encoding, rates or ("4000 to 192000",)))
    return AudioFormat(encoding, rate, channels)


def speak_v1(query: Query) -> tuple[SpeakV1Settings, AudioFormat, float]:
    """Check a ``/v1/speak`` query; returns settings, output format and speed.

    Raises:
        Refusal: As the service would.
    """
    values = read(query, _SPEAK_V1)
    model = values.get("model", "aura-asteria-en")
    if not _VOICE_V1.fullmatch(model) or model == "aura-2-perseo-it":
        raise Refusal(400, "Bad Request", _NO_VOICE)
    speed = values.get("speed", 1.0)
    if "speed" in values and (not 0.7 <= speed <= 1.5 or not re.fullmatch(r"aura-2-.*-(en|es)", model)):
        raise Refusal(400, "INVALID_PARAMETER", "speed must be 0.7 to 1.5, with an Aura-2 voice in en or es")
    encoding = values.get("encoding", "linear16")
    linear = encoding == "linear16"
    rates = (8000, 16000, 24000, 32000, 48000) if linear else (8000, 16000)
    rate = values.get("sample_rate", 24000 if linear else 8000)
    return SpeakV1Settings(model), speak_format(encoding, rate, rates), speed


def speak_format(encoding: str, rate: int, rates: tuple[int, ...]) -> AudioFormat:
    """The format to speak in.

    Raises:
        Refusal: The rate does not go with the encoding.
    """
    if rate not in rates:
        raise Refusal(400, "Bad Request", _format_text(encoding, rates))
    return AudioFormat(encoding, rate)


def _format_text(encoding: str, rates: tuple[object, ...]) -> str:
    allowed = ", ".join(str(rate) for rate in rates)
    return f"Unsupported audio format: `sample_rate` must be [{allowed}] when `encoding={encoding}`"
