"""Parameters of ``/v1/listen`` and ``/v2/listen``: ranges, and the combinations that are refused.

Names, values and defaults as in "Deepgram reference: listen-streaming, listen-flux"; refusals as in
"Deepgram docs: errors, keyterm, keywords, diarization, flux/configuration, flux/nova-3-migration".
"""

from __future__ import annotations

import re
from typing import Any

from speechwire.emulator._audio_format import AudioFormat
from speechwire.emulator._configure_v2 import ConfigureRefused, check_v2_values
from speechwire.emulator._query import Query, Reader, audio_format, boolean, choice, integer, number, read
from speechwire.emulator._refusal import Refusal
from speechwire.emulator._settings_v1 import ListenV1Settings, keyterm_tokens
from speechwire.emulator._settings_v2 import ListenV2Settings

__all__ = ["MAX_KEYTERM_TOKENS", "listen_v1", "listen_v2"]

_NO_MODEL = "Bad Request: No such model/language/tier combination found."
_MAX_CHANNELS = 20
_MAX_KEYWORDS = 100
MAX_KEYTERM_TOKENS = 500

_FLUX_MODELS = ("flux-general-en", "flux-general-multi")
_FLUX_RATES = (8000, 16000, 24000, 44100, 48000)
_FLUX_LANGUAGES = frozenset(("en", "es", "fr", "de", "hi", "ru", "pt", "ja", "it", "nl"))
_FLUX: dict[str, Reader] = {
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

_NOVA_MODEL = re.compile(
    r"nova-3(-(general|medical|pharma))?"
    r"|nova-2(-(general|meeting|phonecall|finance|conversationalai|voicemail))?"
    r"|nova-2-(video|medical|drivethru|automotive)"
    r"|nova(-(general|phonecall|medical))?|enhanced(-(general|meeting|phonecall|finance))?"
    r"|base|general|meeting|phonecall|finance|conversationalai|voicemail|video|custom"
    r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_ENCODINGS = [
    "linear16",
    "linear32",
    "flac",
    "alaw",
    "mulaw",
    "amr-nb",
    "amr-wb",
    "opus",
    "ogg-opus",
    "speex",
    "g729",
]


def _endpointing(text: str) -> int | None:
    if text in ("true", "false"):
        return 10 if text == "true" else None
    return integer(text)


_NOVA: dict[str, Reader] = {
    "model": str,
    "language": str,
    "encoding": choice(*_ENCODINGS),
    "sample_rate": integer,
    "channels": integer,
    "endpointing": _endpointing,
    "utterance_end_ms": integer,
    "diarize_model": choice("latest", "v1"),
    "callback_method": choice("POST", "GET", "PUT", "DELETE"),
}
_NOVA |= dict.fromkeys(
    ("multichannel", "interim_results", "vad_events", "punctuate", "smart_format", "numerals", "dictation")
    + ("profanity_filter", "detect_entities", "diarize", "mip_opt_out", "filler_words", "no_delay"),
    boolean,
)


def listen_v1(query: Query) -> tuple[ListenV1Settings, AudioFormat]:
    """Check a ``/v1/listen`` query; names the service does not know are ignored.

    Raises:
        Refusal: As the service would, or because this emulator lacks the decoder.
    """
    values = read(query, _NOVA, strict=False)
    model = values.get("model", "base")
    _check_batch_only(query)
    _check_v1_model(model)
    _check_terms(query, model)
    if "diarize_model" in values and "diarize" in values:
        text = "diarize_model cannot be used together with diarize or diarize_version."
        raise Refusal(400, "Bad Request", text)
    if "utterance_end_ms" in values and not values.get("interim_results"):
        raise Refusal(400, "Bad Request", "utterance_end_ms requires interim_results=true.")
    channels = values.get("channels", 1)
    if not 1 <= channels <= _MAX_CHANNELS:
        raise Refusal(400, "Bad Request", f"channels must be 1 to {_MAX_CHANNELS}")
    return _v1_settings(values, query, model), audio_format(values, None, channels)


def _v1_settings(values: dict[str, Any], query: Query, model: str) -> ListenV1Settings:
    pairs = (text.partition(":") for text in query.get("replace", ()))
    # A keyword's intensifier makes no difference: a keyword is favoured or it is not.
    keywords = (text.partition(":")[0] for text in query.get("keywords", ()))
    return ListenV1Settings(
        model=model,
        language=values.get("language", "en"),
        interim_results=values.get("interim_results", False),
        endpointing_ms=values.get("endpointing", 10),
        utterance_end_ms=values.get("utterance_end_ms"),
        vad_events=values.get("vad_events", False),
        formatted=any(values.get(name) for name in ("punctuate", "smart_format", "detect_entities")),
        diarize=bool(values.get("diarize") or values.get("diarize_model")),
        multichannel=values.get("multichannel", False),
        keyterms=(*query.get("keyterm", ()), *keywords),
        replacements=tuple((find.lower(), replacement) for find, _, replacement in pairs),
    )


def _check_batch_only(query: Query) -> None:
    if query.get("summarize", ["false"])[-1] != "false":
        raise Refusal(400, "Bad Request", "Summarization is not available for streaming.")
    if "topics" in query or "intents" in query:
        text = "Project does not have access to the requested features."
        raise Refusal(403, "UNAUTHORIZED_FEATURES_REQUESTED", text)


def _check_v1_model(model: str) -> None:
    if model.startswith("flux"):
        raise Refusal(400, "Bad Request", _NO_MODEL)
    if not _NOVA_MODEL.fullmatch(model):
        raise Refusal(403)


def _check_terms(query: Query, model: str) -> None:
    if "keywords" in query and model.startswith("nova-3"):
        text = "Keywords are not supported for Nova-3. Please use `keyterm` instead."
        raise Refusal(400, "Bad Request", text)
    if len(query.get("keywords", ())) > _MAX_KEYWORDS:
        raise Refusal(400, "Bad Request", f"At most {_MAX_KEYWORDS} keywords are supported.")
    if keyterm_tokens(query.get("keyterm", ())) > MAX_KEYTERM_TOKENS:
        text = "Keyterm limit exceeded. The maximum number of tokens across all keyterms is 500."
        raise Refusal(400, "Bad Request", f"Bad Request: {text}")


def listen_v2(query: Query) -> tuple[ListenV2Settings, AudioFormat]:
    """Check a ``/v2/listen`` query; unknown names are refused.

    Raises:
        Refusal: As the service would, or because this emulator lacks the decoder.
    """
    values = read(query, _FLUX)
    model = values.get("model")
    if model not in _FLUX_MODELS:
        raise Refusal(400, "Bad Request", _NO_MODEL)
    hints = tuple(query.get("language_hint", ()))
    _check_hints(hints, model)
    given = ("eot_threshold", "eager_eot_threshold", "eot_timeout_ms", "numerals")
    settings = ListenV2Settings(
        **{name: values[name] for name in given if name in values},
        keyterms=tuple(query.get("keyterm", ())),
        language_hints=hints,
        multilingual=model == "flux-general-multi",
    )
    _check_v2_values(settings)
    return settings, audio_format(values, _FLUX_RATES)


def _check_v2_values(settings: ListenV2Settings) -> None:
    eager, timeout = settings.eager_eot_threshold, settings.eot_timeout_ms
    try:
        check_v2_values(settings.eot_threshold, eager, timeout, settings.keyterms)
    except ConfigureRefused as error:
        raise Refusal(400, "INVALID_PARAMETER", str(error), shape="flux") from None


def _check_hints(hints: tuple[str, ...], model: str) -> None:
    if hints and model != "flux-general-multi":
        text = f"language_hint is not supported for model {model}"
        raise Refusal(400, "INVALID_PARAMETER", text, shape="flux")
    for hint in hints:
        if hint.split("-")[0].lower() not in _FLUX_LANGUAGES:
            raise Refusal(400, "INVALID_PARAMETER", f"language_hint `{hint}` is not supported", shape="flux")
