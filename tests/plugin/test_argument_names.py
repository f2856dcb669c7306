"""A bad argument is refused by the name that the user wrote, whatever the core calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2, DeepgramTTS

from speechwire.errors import InvalidArgumentType

Make = Callable[..., object]

LISTS: list[tuple[Make, str, dict[str, Any]]] = [
    *((DeepgramSTT, name, {}) for name in ("keywords", "tag", "redact", "replace", "search")),
    (DeepgramSTT, "keyterm", {"model": "nova-3"}),
    *((DeepgramSTTV2, name, {"model": "flux-general-multi"}) for name in ("keyterm", "language_hint", "tag")),
    (DeepgramTTS, "tag", {}),
]

FLAGS: list[tuple[Make, str]] = [
    (DeepgramSTT, "downmix"),
    (DeepgramSTT, "allow_insecure"),
    (DeepgramSTT, "enable_diarization"),
    (DeepgramSTTV2, "enable_preemptive_generation"),
    (DeepgramSTTV2, "interim_results"),
    (DeepgramSTTV2, "force_end_turn_on_flush"),
    (DeepgramSTTV2, "allow_insecure"),
    (DeepgramTTS, "allow_insecure"),
]


@pytest.mark.parametrize(("make", "name", "more"), LISTS)
@pytest.mark.parametrize("value", [7, 0.5, True, object()], ids=["int", "float", "bool", "object"])
def test_what_is_no_list_of_texts(make: Make, name: str, more: dict[str, Any], value: object) -> None:
    with pytest.raises(InvalidArgumentType, match=f"^{name} must be "):
        make(api_key="key", **more, **{name: value})


@pytest.mark.parametrize(("make", "name"), FLAGS)
@pytest.mark.parametrize("value", ["false", "no", 0, 1, []], ids=repr)
def test_what_is_neither_true_nor_false(make: Make, name: str, value: object) -> None:
    kind = type(value).__name__
    with pytest.raises(InvalidArgumentType, match=f"^{name} must be a bool, got {kind}$"):
        make(api_key="key", **{name: value})


def test_a_key_does_not_travel_in_the_clear_for_the_word_false() -> None:
    with pytest.raises(InvalidArgumentType, match="^allow_insecure must be a bool, got str$"):
        DeepgramTTS(api_key="key", base_url="ws://gateway.test", allow_insecure="false")  # type: ignore[arg-type]


def test_the_age_of_a_connection() -> None:
    with pytest.raises(InvalidArgumentType, match="^max_connection_age_sec must be a number, got str$"):
        DeepgramTTS(api_key="key", max_connection_age_sec="300")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="^max_connection_age_sec must be "):
        DeepgramTTS(api_key="key", max_connection_age_sec=-1)
