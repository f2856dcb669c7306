"""Reads query strings as the emulator does, and says what a refused one is answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from speechwire.emulator._audio_format import AudioFormat
from speechwire.emulator._refusal import Refusal

Read = Callable[[dict[str, list[str]]], Any]
RAW = "encoding=linear16&sample_rate=16000"
LINEAR16 = AudioFormat("linear16", 16000)
NOVA, FLUX, MULTI = f"model=nova-3&{RAW}", f"model=flux-general-en&{RAW}", f"model=flux-general-multi&{RAW}"
AURA, FLUX_TTS = "model=aura-2-thalia-en", "model=flux-alexis-en"


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


def unsupported(rates: str, encoding: str = "linear16") -> tuple[int, str, str, str]:
    text = f"Unsupported audio format: `sample_rate` must be [{rates}] when `encoding={encoding}`"
    return bad_request(text)


NO_MODEL = bad_request("Bad Request: No such model/language/tier combination found.")
NO_VOICE = bad_request("No such model/version combination found.")
NO_BOOLEAN = "provided string was not `true` or `false`"
NO_INTEGER = "invalid digit found in string"
