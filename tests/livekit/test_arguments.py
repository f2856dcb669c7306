"""Argument by argument beside the framework's own plugin: the signatures, the wire, and the page's table."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from livekit.agents import tokenize
from livekit.plugins import deepgram, speechwire
from tests.livekit.conftest import Start
from tests.livekit.parties import KEY, Told, listen, speak, speech_to_text, text_to_speech
from tests.livekit.spoken import AUDIO, SCRIPT

from speechwire.emulator import ScriptedEngine
from speechwire.errors import InvalidArgument

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "livekit.md").read_text(encoding="utf-8")
CLASSES = ("STT", "STTv2", "TTS", "TTSv2")
OURS_ALONE = {"transport", "settings", "allow_insecure"}


def parameters(function: Callable[..., Any]) -> dict[str, Any]:
    given = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in given if each.name != "self"}


def theirs_and_ours(name: str, method: str) -> tuple[dict[str, Any], dict[str, Any]]:
    theirs, ours = (parameters(getattr(getattr(module, name), method)) for module in (deepgram, speechwire))
    return theirs, ours


@pytest.mark.parametrize("name", CLASSES)
def test_the_constructor_has_every_argument_with_the_same_default(name: str) -> None:
    theirs, ours = theirs_and_ours(name, "__init__")
    missing = {each: default for each, default in theirs.items() if ours.get(each, "absent") != default}
    assert missing == {}
    # An older framework's plugin may lack an argument that a later one has brought.
    assert set(ours) - set(theirs) - OURS_ALONE <= {"audio_chunk_duration_ms", "speed"}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("method", ["update_options", "stream"])
def test_methods_have_every_argument(name: str, method: str) -> None:
    theirs, ours = theirs_and_ours(name, method)
    assert {each: ours.get(each, "absent") for each in theirs} == theirs
    assert set(ours) - set(theirs) <= {"speed"}


def test_every_name_of_theirs_can_be_imported() -> None:
    assert set(deepgram.__all__) - set(speechwire.__all__) == set()


@pytest.mark.parametrize("name", CLASSES)
def test_the_page_says_what_became_of_each_argument(name: str) -> None:
    section = PAGE[PAGE.index(f"### `{name}`") :]
    section = section[: section.index("\n##", 3)]
    rows = re.findall(r"^\| `([a-z_]+)`(?:, `([a-z_]+)`)* \|", section, re.MULTILINE)
    named = set(
        re.findall(
            r"`([a-z_]+)`",
            " ".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `")),
        )
    )
    assert rows
    expected = set(parameters(getattr(speechwire, name).__init__))
    updated = set(parameters(getattr(speechwire, name).update_options))
    assert named == expected | updated


NOVA: list[dict[str, Any]] = [
    {},
    {"model": "nova-2-general", "keywords": [("Oslo", 2.0), ("Bergen", 1.5)]},
    {"model": "nova-2-meeting", "language": "de"},
    {"language": "multi", "smart_format": True, "punctuate": False, "no_delay": False},
    {"interim_results": False, "endpointing_ms": 0, "filler_words": False},
    {"keyterm": "Oslo"},
    {"keyterm": ["Oslo S", "Bergen"], "tags": ["a", "b"], "redact": "pci", "numerals": True},
    {"keyterms": ["Oslo"], "profanity_filter": True, "mip_opt_out": True, "vad_events": False},
    {"redact": ["pci", "ssn"], "enable_diarization": True, "utterance_end_ms": 1000, "sample_rate": 8000},
    {"dictation": True, "replace": {"one": "1", "two": "2"}, "search": ["Oslo", "train"]},
]
FLUX: list[dict[str, Any]] = [
    {},
    {"eager_eot_threshold": 0.4, "eot_threshold": 0.8, "eot_timeout_ms": 2000},
    {"keyterm": ["Oslo", "Bergen"], "tags": ["a"], "mip_opt_out": True, "numerals": True},
    {"model": "flux-general-multi", "language_hint": ["en", "de"], "profanity_filter": True},
    {"redact": "numbers", "sample_rate": 24000, "keyterms": ["Oslo"]},
]


async def queries(start: Start, endpoint: str, arguments: dict[str, Any]) -> list[dict[str, list[str]]]:
    """The query of each plugin, ours first; the order of different names means nothing."""
    emulator = await start(ScriptedEngine())
    for name in ("speechwire", "deepgram"):
        async with speech_to_text(name, emulator.http_url, endpoint, **arguments) as stt:
            await listen(stt, AUDIO[:32_000], rate=16_000)
    return [_grouped(connection.query) for connection in emulator.connections]


def _grouped(query: list[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in query:
        grouped.setdefault(name, []).append(_number(value))
    return grouped


def _number(value: str) -> str:
    """``2`` and ``2.0`` are the same to the service."""
    return re.sub(r"\b(\d+)\.0\b", r"\1", value)


@pytest.mark.parametrize("arguments", NOVA, ids=str)
async def test_nova_is_asked_for_the_same(start: Start, arguments: dict[str, Any]) -> None:
    ours, theirs = await queries(start, "/v1/listen", arguments)
    assert ours == theirs


@pytest.mark.parametrize("arguments", FLUX, ids=str)
async def test_flux_is_asked_for_the_same(start: Start, arguments: dict[str, Any]) -> None:
    ours, theirs = await queries(start, "/v2/listen", arguments)
    assert ours == theirs


@pytest.mark.parametrize("endpoint", ["/v1/speak", "/v2/speak"])
@pytest.mark.parametrize(
    "arguments", [{}, {"sample_rate": 16000, "mip_opt_out": True, "speed": 1.1}], ids=str
)
async def test_speech_is_asked_for_the_same(start: Start, endpoint: str, arguments: dict[str, Any]) -> None:
    _, known = theirs_and_ours("TTS", "__init__")
    emulator = await start(ScriptedEngine())
    theirs, _ = theirs_and_ours("TTS", "__init__")
    arguments = {name: value for name, value in arguments.items() if name in theirs}
    for name in ("speechwire", "deepgram"):
        async with text_to_speech(name, emulator.http_url, endpoint, **arguments) as tts:
            await speak(tts, "Two tickets.")
    ours, other = (_grouped(connection.query) for connection in emulator.connections)
    assert ours == other


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("STT", {"sample_rate": 1}, "sample_rate"),
    ("STT", {"keyterm": "Oslo", "model": "nova-2"}, "keyterm"),
    ("STT", {"keywords": [("Oslo", 1.0)]}, "keywords"),
    ("STT", {"tags": ["x" * 129]}, "tags"),
    ("STT", {"endpointing_ms": -1}, "endpointing_ms"),
    ("STTv2", {"eager_eot_threshold": 0.9, "eot_threshold": 0.6}, "eager_eot_threshold"),
    ("STTv2", {"audio_chunk_duration_ms": 0}, "audio_chunk_duration_ms"),
    ("STTv2", {"eot_timeout_ms": 1}, "eot_timeout_ms"),
    ("TTS", {"speed": 3.0}, "speed"),
    ("TTS", {"bit_rate": 48000}, "bit_rate"),
    ("TTS", {"encoding": "mp3"}, "encoding"),
    ("TTSv2", {"speed": 0.51}, "speed"),
]


@pytest.mark.parametrize(("name", "arguments", "named"), BAD)
def test_a_bad_argument_is_told_by_its_name_and_at_once(
    name: str, arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named) as told:
        getattr(speechwire, name)(api_key=KEY, **arguments)
    assert isinstance(told.value, InvalidArgument)


@pytest.mark.parametrize("name", CLASSES)
def test_no_key_is_a_value_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPGRAM_API_KEY", raising=False)
    with pytest.raises(ValueError, match="API key"):
        getattr(speechwire, name)()


@pytest.mark.parametrize("name", CLASSES)
def test_the_key_may_be_in_the_environment_and_shows_nowhere(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPGRAM_API_KEY", KEY)
    component = getattr(speechwire, name)()
    assert KEY not in repr(component) + repr(getattr(component, "_access", ""))
    assert (component.provider, component.label.rpartition(".")[2]) == ("Deepgram", name)


@pytest.mark.parametrize("name", CLASSES)
def test_a_key_goes_nowhere_in_the_clear(name: str) -> None:
    url = "http://deepgram.example/v1/listen".replace(
        "v1/listen", {"STT": "v1/listen", "STTv2": "v2/listen", "TTS": "v1/speak", "TTSv2": "v2/speak"}[name]
    )
    with pytest.raises(ValueError, match="allow_insecure|ws://|clear"):
        getattr(speechwire, name)(api_key=KEY, base_url=url)


@pytest.mark.parametrize("name", CLASSES)
def test_a_given_http_session_is_not_used_and_that_is_said(name: str, complaints: list[str]) -> None:
    getattr(speechwire, name)(api_key=KEY, http_session=object())
    assert ["http_session is not used" in text for text in complaints] == [True]


async def test_a_given_tokenizer_is_used(start: Start) -> None:
    """As the framework's own plugin does: word by word, a blank behind each."""
    emulator = await start(ScriptedEngine())
    arguments = {"word_tokenizer": tokenize.basic.WordTokenizer(ignore_punctuation=False)}
    for name in ("speechwire", "deepgram"):
        async with text_to_speech(name, emulator.http_url, "/v1/speak", **arguments) as tts:
            await speak(tts, "Two tick", "ets to", " Oslo, please.")
    said = [
        "".join(message["text"] for message in connection.received if message["type"] == "Speak")
        for connection in emulator.connections
    ]
    assert said[0] == said[1] == "Two tickets to Oslo, please. "


async def test_without_a_tokenizer_the_text_goes_out_as_it_was_written(start: Start) -> None:
    emulator = await start(ScriptedEngine())
    async with text_to_speech("speechwire", emulator.http_url, "/v1/speak") as tts:
        await speak(tts, "Twen", "ty-one (2", "1) € — ", "「東京」", "…")
    [connection] = emulator.connections
    said = "".join(message["text"] for message in connection.received if message["type"] == "Speak")
    assert said == "Twenty-one (21) € — 「東京」…"


async def test_a_key_may_be_asked_for_at_each_connect(start: Start) -> None:
    asked: list[int] = []

    async def key() -> str:
        asked.append(1)
        return KEY

    emulator = await start(ScriptedEngine(SCRIPT), keys={KEY})
    async with speech_to_text("speechwire", emulator.http_url, "/v2/listen", Told(), api_key=key) as stt:
        await listen(stt, AUDIO)
    assert len(asked) == 1
