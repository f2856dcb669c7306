"""Argument by argument: the services, Pipecat's own, and the table of ``docs/pipecat.md``."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService
from pipecat.services.deepgram.stt import DeepgramSTTService, LiveOptions
from pipecat.services.deepgram.tts import DeepgramTTSService

from pipecat_speechwire import SpeechwireFluxSTTService, SpeechwireSTTService, SpeechwireTTSService

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "pipecat.md").read_text(encoding="utf-8")
KEY = "not-a-real-key"
PAIRS = [
    (SpeechwireSTTService, DeepgramSTTService),
    (SpeechwireFluxSTTService, DeepgramFluxSTTService),
    (SpeechwireTTSService, DeepgramTTSService),
]
# Of the WebSocket that the sessions have in its place; its last one is deprecated.
WITHOUT = {"send_with_retry"}


def arguments(service: type[Any]) -> dict[str, str]:
    """Names and defaults, as the table has them."""
    parameters = list(inspect.signature(service.__init__).parameters.values())[1:]
    return {written(each): shown(each) for each in parameters}


def written(parameter: inspect.Parameter) -> str:
    return f"**{parameter.name}" if parameter.kind is parameter.VAR_KEYWORD else parameter.name


def shown(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.VAR_KEYWORD:
        return ""
    if parameter.default is parameter.empty:
        return "required"
    return f'"{parameter.default}"' if isinstance(parameter.default, str) else repr(parameter.default)


def table(service: type[Any]) -> dict[str, tuple[str, str]]:
    """Default and fate of each argument, from the page."""
    section = PAGE.partition(f"### {service.__name__}\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]*) \| (.+) \|$", section, re.MULTILINE)
    return {name: (default.strip().strip("`"), fate) for name, default, fate in rows}


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_every_argument_is_taken_with_its_default(ours: type[Any], theirs: type[Any]) -> None:
    mine = arguments(ours)
    assert {name: mine.get(name) for name in arguments(theirs)} == arguments(theirs)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_the_table_has_them_all(ours: type[Any], theirs: type[Any]) -> None:
    rows = table(ours)
    assert {name: default for name, (default, _) in rows.items()} == arguments(ours)
    new = {name for name, (_, fate) in rows.items() if fate.startswith("new")}
    assert new == arguments(ours).keys() - arguments(theirs).keys()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_settings_have_the_same_fields_and_defaults(ours: type[Any], theirs: type[Any]) -> None:
    names = [field.name for field in dataclasses.fields(theirs.Settings)]
    assert [field.name for field in dataclasses.fields(ours.Settings)] == names
    mine, other = ours(api_key=KEY).settings, theirs(api_key=KEY).settings
    differing = {name for name in names if getattr(mine, name) != getattr(other, name)}
    assert differing <= {"model"}  # of a voice: theirs has none until it is changed
    mine.validate_complete()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_whatever_is_public_there_is_here(ours: type[Any], theirs: type[Any]) -> None:
    public = {name for name in dir(theirs) if not name.startswith("_")}
    assert public - set(dir(ours)) - WITHOUT == set()


def test_an_update_made_of_their_settings_is_taken() -> None:
    service = SpeechwireSTTService(api_key=KEY)
    service.settings.apply_update(DeepgramSTTService.Settings(keyterm=["Oslo"]))
    assert service.settings.keyterm == ["Oslo"]


def test_their_settings_are_taken_with_what_they_have_as_extra() -> None:
    theirs = DeepgramSTTService.Settings(model="nova-3-medical", extra={"diarize": True, "no_delay": True})
    service: Any = SpeechwireSTTService(api_key=KEY, settings=theirs)
    assert (service.settings.model, service.settings.diarize) == ("nova-3-medical", True)
    query = service._options(16000).query()
    assert [value for name, value in query if name == "diarize"] == ["true"]
    assert ("no_delay", "true") in query


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [("utterance_end_ms", "1000", "1000"), ("endpointing", "300", "300"), ("endpointing", "false", "false")],
)
def test_texts_are_taken_for_numbers_and_flags_as_the_sdk_took_them(name: str, value: str, sent: str) -> None:
    settings = SpeechwireSTTService.Settings(**{name: value})
    service: Any = SpeechwireSTTService(api_key=KEY, settings=settings)
    assert dict(service._options(16000).query())[name] == sent


@pytest.mark.parametrize("on", [True, "true"])
def test_endpointing_that_is_on_has_the_services_own_length(on: object) -> None:
    service: Any = SpeechwireSTTService(api_key=KEY, settings=SpeechwireSTTService.Settings(endpointing=on))
    assert "endpointing" not in dict(service._options(16000).query())


def test_what_is_deprecated_is_taken_and_said() -> None:
    live = LiveOptions(model="nova-2", language="de", tag="calls", sample_rate=8000, utterance_end_ms=1000)
    with pytest.warns(DeprecationWarning, match="live_options"):
        nova: Any = SpeechwireSTTService(api_key=KEY, live_options=live)
    assert (nova.settings.model, nova.settings.language) == ("nova-2", "de")
    assert dict(nova._options(8000).query())["tag"] == "calls"
    params = SpeechwireFluxSTTService.InputParams(eot_threshold=0.9, keyterm=["Oslo"], tag=["calls"])
    with pytest.warns(DeprecationWarning, match="params"):
        flux: Any = SpeechwireFluxSTTService(api_key=KEY, params=params)
    assert (flux.settings.eot_threshold, flux._options(16000).tag) == (0.9, ("calls",))
    with pytest.warns(DeprecationWarning, match="voice"):
        voice: Any = SpeechwireTTSService(api_key=KEY, voice="aura-2-thalia-en")
    assert (voice.settings.voice, voice.settings.model) == ("aura-2-thalia-en", "aura-2-thalia-en")


def test_addons_and_extra_become_options_or_parameters() -> None:
    settings = SpeechwireSTTService.Settings(extra={"filler_words": True, "keyterm": ["Oslo"]})
    service: Any = SpeechwireSTTService(
        api_key=KEY, settings=settings, addons={"no_delay": "true", "unheard_of": 7}
    )
    query = service._options(16000).query()
    assert {("filler_words", "true"), ("keyterm", "Oslo"), ("no_delay", "true"), ("unheard_of", "7")} <= set(
        query
    )
    assert service.settings.keyterm == ["Oslo"]


def test_pronunciations_are_written_as_theirs() -> None:
    word = ("Metformin", "mɛtˈfɔɹmɪn")
    assert SpeechwireTTSService.format_pronunciation(*word) == DeepgramTTSService.format_pronunciation(*word)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("", "wss://api.deepgram.com"),
        ("deepgram.example", "wss://deepgram.example"),
        ("https://deepgram.example", "wss://deepgram.example"),
        ("http://127.0.0.1:9", "ws://127.0.0.1:9"),
        ("ws://127.0.0.1:9/v1/listen", "ws://127.0.0.1:9/v1/listen"),
    ],
)
def test_a_base_url_may_be_a_host(given: str, url: str) -> None:
    service: Any = SpeechwireSTTService(api_key=KEY, base_url=given)
    assert service._base_url == url
