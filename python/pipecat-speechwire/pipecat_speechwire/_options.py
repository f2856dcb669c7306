"""Pipecat's settings and arguments as the options of `speechwire`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from pipecat.services.settings import ServiceSettings
from pipecat.transcriptions.language import Language
from pipecat.utils.types import is_given

from speechwire.protocol import ListenV1Options, ListenV2Options, SpeakV1Options

__all__ = [
    "FLUX_RATES",
    "SPEAK_RATES",
    "language_hints",
    "language_of",
    "listed",
    "listen_v1_options",
    "listen_v2_options",
    "speak_v1_options",
    "websocket_url",
]

FLUX_RATES: Final = frozenset({8_000, 16_000, 24_000, 44_100, 48_000})
"""Hz that Flux takes."""

SPEAK_RATES: Final = {
    "linear16": frozenset({8_000, 16_000, 24_000, 32_000, 48_000}),
    "mulaw": frozenset({8_000, 16_000}),
    "alaw": frozenset({8_000, 16_000}),
}
"""Hz that Aura gives, by encoding."""

_MULTILINGUAL: Final = "flux-general-multi"
_LISTS: Final = frozenset({"keyterm", "keywords", "redact", "replace", "search", "tag", "extra_metadata"})
_OPTIONS_V1: Final = frozenset(field.name for field in msgspec.structs.fields(ListenV1Options))
_NUMBERS: Final = frozenset({"channels", "endpointing", "sample_rate", "utterance_end_ms"})
_FLAGS: Final = {"true": True, "false": False}


def listen_v1_options(
    settings: ServiceSettings, sample_rate: int, fixed: Mapping[str, Any]
) -> ListenV1Options:
    """Return Nova's options.

    Args:
        settings: Complete.
        sample_rate: Hz of the audio.
        fixed: What settings do not change. What no option is called is sent as it is.

    Raises:
        InvalidArgument: The service would refuse the connection.
        InvalidArgumentType: A value has the wrong type.
    """
    wanted = {name: value for name, value in settings.given_fields().items() if value is not None}
    wanted |= {name: value for name, value in fixed.items() if value is not None}
    if "extra" in wanted:
        wanted["extra_metadata"] = wanted.pop("extra")
    if "diarize_model" in wanted:
        wanted.pop("diarize", None)
    options = {name: _as_option(name, value) for name, value in wanted.items() if name in _OPTIONS_V1}
    extra = {name: value for name, value in wanted.items() if name not in _OPTIONS_V1}
    return ListenV1Options(**{"sample_rate": sample_rate} | options, extra=extra)


def listen_v2_options(settings: Any, sample_rate: int, **fixed: Any) -> ListenV2Options:
    """Return Flux's options; the language hints only where the model takes any.

    Raises:
        InvalidArgument: The service would refuse the connection.
        InvalidArgumentType: A value has the wrong type.
    """
    return ListenV2Options(
        model=settings.model,
        sample_rate=sample_rate,
        eot_threshold=settings.eot_threshold,
        eager_eot_threshold=settings.eager_eot_threshold,
        eot_timeout_ms=settings.eot_timeout_ms,
        keyterm=listed(settings.keyterm),
        language_hint=language_hints(settings),
        profanity_filter=settings.profanity_filter,
        numerals=settings.numerals,
        redact=settings.redact,
        extra=settings.extra,
        **fixed,
    )


def speak_v1_options(settings: Any, encoding: str, sample_rate: int, **fixed: Any) -> SpeakV1Options:
    """Return Aura's options, at a rate it has.

    Raises:
        InvalidArgument: The service would refuse the connection.
        InvalidArgumentType: A value has the wrong type.
    """
    rates = SPEAK_RATES[encoding]
    rate = sample_rate if sample_rate in rates else min(24_000, max(rates))
    return SpeakV1Options(
        model=settings.voice,
        encoding=encoding,
        sample_rate=rate,
        speed=settings.speed,
        extra=settings.extra,
        **fixed,
    )


def websocket_url(base_url: str) -> str:
    """Return the URL with a WebSocket's scheme: of ``http`` or ``https``, or ``wss`` where there is none."""
    scheme, found, rest = base_url.partition("://")
    if not found:
        return f"wss://{base_url}"
    return f"{ {'http': 'ws', 'https': 'wss'}.get(scheme, scheme) }://{rest}"


def listed(value: Any) -> tuple[Any, ...]:
    """Return one value, several or none as a tuple."""
    if value is None or not is_given(value):
        return ()
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)


def language_of(code: str) -> Language | None:
    """Return Pipecat's name of a language, if it has one."""
    try:
        return Language(code)
    except ValueError:
        return None


def language_hints(settings: Any) -> tuple[str, ...]:
    """Return the codes of the languages to expect, each once; none where the model takes none."""
    hints = listed(settings.language_hints) if settings.model == _MULTILINGUAL else ()
    return tuple(dict.fromkeys(_flux_language(hint) for hint in hints))


def _flux_language(language: str) -> str:
    """Return Flux's code of a language: it knows no regions."""
    return str(language).partition("-")[0]


def _as_option(name: str, value: Any) -> Any:
    """A value as the option has it: the SDK took texts for everything."""
    if name in _LISTS:
        return tuple("true" if item is True else str(item) for item in listed(value))
    if isinstance(value, str) and name in _NUMBERS and value.isdecimal():
        return int(value)
    if isinstance(value, str):
        value = _FLAGS.get(value.lower(), str(value))
    # Endpointing is on where nothing is said.
    return None if name == "endpointing" and value is True else value
