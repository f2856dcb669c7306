"""Flux ``Configure``: shape errors are fatal, value errors are refused ("Deepgram docs: flux/configure")."""

from __future__ import annotations

from typing import Any

from speechwire.emulator._messages import Message, unparsable
from speechwire.emulator._settings_v2 import ListenV2Settings

__all__ = ["ConfigureRefused", "apply_configure", "check_v2_values"]

_KEYS = {"type", "thresholds", "keyterms", "language_hints", "numerals"}
_THRESHOLDS = {"eot_threshold", "eager_eot_threshold", "eot_timeout_ms"}
_MAX_KEYTERMS = 100
_MAX_KEYTERM_CHARACTERS = 100


class ConfigureRefused(Exception):
    """A well-formed ``Configure`` with values that are not allowed; nothing changes."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code


def apply_configure(message: Message, settings: ListenV2Settings) -> dict[str, Any]:
    """The settings this message changes, all or none.

    Raises:
        Unparsable: Unknown keys or wrong types; the service closes the stream for these.
        ConfigureRefused: A value out of range.
    """
    changes = _changes(message)
    values = {name: changes.get(name, getattr(settings, name)) for name in (*_THRESHOLDS, "keyterms")}
    check_v2_values(**values)
    if changes.get("language_hints") and not settings.multilingual:
        raise ConfigureRefused(
            "INVALID_PARAMETER", "language_hint is not supported for model flux-general-en"
        )
    return changes


def check_v2_values(
    eot_threshold: float, eager_eot_threshold: float | None, eot_timeout_ms: int, keyterms: tuple[str, ...]
) -> None:
    """Check ranges, for the handshake and for ``Configure`` alike.

    Raises:
        ConfigureRefused: With Deepgram's code and a sentence naming the range.
    """
    if not 0.5 <= eot_threshold <= 1.0:
        raise _threshold("eot_threshold must be between 0.5 and 1.0")
    if eager_eot_threshold is not None and not 0.3 <= eager_eot_threshold <= 0.9:
        raise _threshold("eager_eot_threshold must be between 0.3 and 0.9")
    if eager_eot_threshold is not None and eager_eot_threshold > eot_threshold:
        raise _threshold("eager_eot_threshold must not exceed eot_threshold")
    if not 500 <= eot_timeout_ms <= 60000:
        raise _threshold("eot_timeout_ms must be between 500 and 60000")
    _check_keyterms(keyterms)


def _check_keyterms(keyterms: tuple[str, ...]) -> None:
    if len(keyterms) > _MAX_KEYTERMS:
        text = f"Received {len(keyterms)} keyterms, which is more than the limit of {_MAX_KEYTERMS}."
        raise ConfigureRefused("KEYTERM_LIMIT_EXCEEDED", text)
    if any(not 0 < len(term) <= _MAX_KEYTERM_CHARACTERS for term in keyterms):
        text = f"Each keyterm must have 1 to {_MAX_KEYTERM_CHARACTERS} characters."
        raise ConfigureRefused("INVALID_KEYTERM", text)


def _threshold(description: str) -> ConfigureRefused:
    return ConfigureRefused("INVALID_THRESHOLD", description)


def _changes(message: Message) -> dict[str, Any]:
    _only(message, _KEYS)
    changes = _thresholds(message.get("thresholds"))
    if (keyterms := message.get("keyterms")) is not None:
        changes["keyterms"] = _strings("keyterms", [keyterms] if isinstance(keyterms, str) else keyterms)
    if (hints := message.get("language_hints")) is not None:
        changes["language_hints"] = _strings("language_hints", hints)
    if (numerals := message.get("numerals")) is not None:
        changes["numerals"] = _typed("numerals", numerals, bool)
    return changes


def _thresholds(thresholds: object) -> dict[str, Any]:
    if thresholds is None:
        return {}
    if not isinstance(thresholds, dict):
        raise unparsable("`thresholds` must be an object")
    _only(thresholds, _THRESHOLDS)
    # Whether an explicit null switches eager mode off is not documented; here it leaves the value unchanged.
    given = {name: value for name, value in thresholds.items() if value is not None}
    for name, value in given.items():
        _typed(name, value, int if name == "eot_timeout_ms" else (int, float))
    return given


def _only(value: Message, names: set[str]) -> None:
    unknown = next((name for name in value if name not in names), None)
    if unknown is not None:
        raise unparsable(f"unknown field `{unknown}`, expected one of {', '.join(sorted(names - {'type'}))}")


def _strings(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise unparsable(f"`{name}` must be a list of strings")
    return tuple(value)


def _typed(name: str, value: object, expected: type | tuple[type, ...]) -> Any:
    # bool is an int in Python, but not in JSON.
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        raise unparsable(f"`{name}` has the wrong type")
    return value
