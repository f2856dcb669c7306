"""The tables of docs/configuration.md, made from this tree: ``python scripts/docs_tables.py [--check]``.

Names and defaults come from the signatures, the meaning from the docstrings, and what an argument puts on the
wire from a connection to the emulator: each argument is given a value, and the query is compared with that of
the connection without it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import from_this_tree  # type: ignore[import-not-found]  # noqa: F401
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2, DeepgramTTS

from speechwire.emulator import Connection, Emulator
from speechwire.session import BackoffPolicy, ListenSettings, SpeakSettings

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "configuration.md"

_FRAME = bytes(3840)  # 20 ms of 48 kHz stereo
_NOVA_3 = {"model": "nova-3"}
_INTERIM = {"interim_results": True}
_PREEMPTIVE = {"enable_preemptive_generation": True}
_MULTILINGUAL = {"model": "flux-general-multi"}
_FLUX_VOICE = {"model": "flux-alexis-en"}

Arguments = Mapping[str, Any]

SAMPLES: Mapping[type, Mapping[str, Any]] = {
    DeepgramSTT: {
        "model": "nova-3",
        "language": "multi",
        "interim_results": False,
        "punctuate": False,
        "smart_format": False,
        "sample_rate": 16000,
        "endpointing": False,
        "filler_words": False,
        "keywords": ["Oslo:2"],
        "keyterm": "Oslo",
        "profanity_filter": True,
        "numerals": True,
        "tag": ["a", "b"],
        "enable_diarization": True,
        "channels": 1,
        "utterance_end_ms": 1000,
        "multichannel": True,
        "redact": ["pci", "ssn"],
        "replace": "ticket:fare",
        "search": "Oslo",
        "detect_entities": True,
        "diarize_model": "latest",
        "mip_opt_out": True,
        "version": "latest",
        "dictation": True,
        "extra": {"new_option": True},
        "target_sample_rate": 16000,
        "downmix": True,
    },
    DeepgramSTTV2: {
        "model": "flux-general-multi",
        "target_sample_rate": 24000,
        "eager_eot_threshold": 0.5,
        "eot_threshold": 0.9,
        "eot_timeout_ms": 5000,
        "enable_preemptive_generation": True,
        "keyterm": ["Oslo", "Bergen"],
        "language_hint": ["en", "es"],
        "tag": "kiosk",
        "numerals": True,
        "profanity_filter": True,
        "mip_opt_out": True,
    },
    DeepgramTTS: {
        "model": "aura-2-zeus-en",
        "encoding": "mulaw",
        "sample_rate": 48000,
        "speed": 1.2,
        "expressivity": 1,
        "mip_opt_out": True,
        "tag": ["a", "b"],
        "container": "none",
    },
}
"""A value for each argument that reaches the query; the rest is explained in `ELSEWHERE`."""

BESIDE: Mapping[tuple[type, str], Arguments] = {
    (DeepgramSTT, "keyterm"): _NOVA_3,
    (DeepgramSTT, "utterance_end_ms"): _INTERIM,
    (DeepgramSTTV2, "eager_eot_threshold"): _PREEMPTIVE,
    (DeepgramSTTV2, "language_hint"): _MULTILINGUAL,
    (DeepgramTTS, "expressivity"): _FLUX_VOICE,
}
"""What an argument needs beside it."""

ELSEWHERE = {
    "api_key": "header `Authorization: Token …`, or `Bearer …` for a JSON Web Token",
    "base_url": "where the connection goes",
    "allow_insecure": "nothing",
    "chunk_ms": "the size of the binary frames",
    "quality": "the audio itself",
    "input_sample_rate": "nothing: what is declared is the audio after conversion",
    "input_channels": "nothing: Flux takes one channel",
    "interim_results": "nothing: Flux always reports",
    "force_end_turn_on_flush": "message `ForceEndTurn`",
    "max_connection_age_sec": "nothing",
    "extra": "what it names",
    "kwargs": "nothing",
}


def main(arguments: list[str]) -> int:
    """Renew the page, or with ``--check`` say whether it is out of date."""
    old = PAGE.read_text(encoding="utf-8")
    try:
        new = renewed(old)
    except ValueError as error:
        print(f"docs_tables: {error}", file=sys.stderr)
        return 2
    if "--check" in arguments:
        return int(new != old)
    PAGE.write_text(new, encoding="utf-8")
    return 0


def renewed(page: str) -> str:
    """Return the page with every table made anew."""
    for name, make in TABLES.items():
        before, place, rest = page.partition(f"<!-- made: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->\n")
        if not place or not end:
            raise ValueError(f"docs/configuration.md has no place for the table of {name}")
        page = f"{before}{place}\n{make()}\n{end}{after}"
    return page


def plugin_table(plugin: type) -> str:
    """Every argument of a plugin: its default, its meaning, and what it puts on the wire."""
    meanings = documented(plugin)
    parameters = inspect.signature(plugin).parameters
    check_that_all_is_said(plugin.__name__, parameters, meanings, {*SAMPLES[plugin], *ELSEWHERE})
    wire = asyncio.run(on_the_wire(plugin))
    rows = [
        (f"`{name}`", default_of(parameter), meanings[name], wire[name])
        for name, parameter in parameters.items()
    ]
    return table(("argument", "default", "meaning", "on the wire"), rows)


def check_that_all_is_said(
    plugin: str, parameters: Iterable[str], meanings: Collection[str], shown: Collection[str]
) -> None:
    """Raises `ValueError` that names the argument and the place where something has to be said of it."""
    for name in parameters:
        if name not in meanings:
            raise ValueError(f"{plugin} has the argument {name}: describe it in the docstring, under Args")
        if name not in shown:
            raise ValueError(
                f"{plugin} has the argument {name}: give it a value that shows in SAMPLES of "
                "scripts/docs_tables.py, or, if it is no query parameter, say in ELSEWHERE what it does"
            )


def settings_table(settings: type) -> str:
    """Every field of a settings class."""
    meanings = documented(settings)
    rows = [
        (f"`{field.name}`", value_of(field), meanings[field.name]) for field in dataclasses.fields(settings)
    ]
    return table(("field", "default", "meaning"), rows)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def documented(thing: type) -> dict[str, str]:
    """The meanings in the section ``Args`` of a docstring, by argument."""
    section = re.search(r"^Args:\n(?P<lines>(?:    .*\n?|\n)+)", inspect.getdoc(thing) or "", re.M)
    assert section, f"{thing} documents no arguments"
    entries = re.findall(r"^    \**(\w+): ((?:.*\n?)(?:^ {8}.*\n?)*)", section["lines"], re.M)
    return {name: " ".join(words.split()).replace("``", "`") for name, words in entries}


def default_of(parameter: inspect.Parameter) -> str:
    """A parameter's default as code."""
    if parameter.default is parameter.empty:
        return ""
    if str(parameter.default).startswith("wss://"):  # in two parts, so that the column stays narrow
        host, slash, path = parameter.default.removeprefix("wss://").partition("/")
        return f"`wss://{host}` `{slash}{path}`"
    return f"`{parameter.default!r}`".replace("'", '"')


def value_of(field: dataclasses.Field[Any]) -> str:
    """A field's default as code."""
    if field.default is dataclasses.MISSING:
        return "see below"
    return f"`{field.default!r}`"


async def on_the_wire(plugin: type) -> dict[str, str]:
    """What each argument changes in the query, as Markdown."""
    gc.freeze()  # the framework collects garbage at each close, which takes a while with all of it loaded
    words = {}
    async with Emulator() as emulator:
        for name in inspect.signature(plugin).parameters:
            if name not in SAMPLES[plugin]:
                words[name] = ELSEWHERE[name]
                continue
            beside = BESIDE.get((plugin, name), {})
            value = SAMPLES[plugin][name]
            before = await query_of(plugin, emulator, beside)
            after = await query_of(plugin, emulator, {**beside, name: value})
            if not (changed := difference(before, after)):
                raise ValueError(f"{name}={value!r} of {plugin.__name__} changes nothing on the wire")
            words[name] = f"`{value!r}`: {changed}".replace("'", '"')
    return words


async def query_of(plugin: type, emulator: Emulator, arguments: Arguments) -> list[tuple[str, str]]:
    """Connect once; return the query the service saw."""
    path = inspect.signature(plugin).parameters["base_url"].default.removeprefix("wss://api.deepgram.com")
    component = plugin(api_key="key", base_url=emulator.base_url + path, **arguments)
    known = len(emulator.connections)
    await (component.prewarm() if isinstance(component, DeepgramTTS) else component.process_audio(_FRAME))
    while len(emulator.connections) == known:  # noqa: ASYNC110  # seen from outside, which sets no event
        await asyncio.sleep(0.001)
    await component.aclose()
    connection = emulator.connections[known]
    if connection.status != 101:
        raise ValueError(refused(plugin, arguments, connection))
    return connection.query


def refused(plugin: type, arguments: Arguments, connection: Connection) -> str:
    """Why there is no query to show."""
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return (
        f"the emulator refused {plugin.__name__}({given}) with {connection.status}: "
        "does emulator/_parameters_*.py know the parameter?"
    )


def difference(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> str:
    """What is new in the second query, and what is gone; empty for nothing."""
    names = {name for name, _ in after}
    new = [f"{name}={value}" for name, value in after if (name, value) not in before]
    gone = [f"no `{name}`" for name, _ in before if name not in names]
    return ", ".join(([f"`{'&'.join(new)}`"] if new else []) + gone)


TABLES: Mapping[str, Callable[[], str]] = {
    "DeepgramSTT": lambda: plugin_table(DeepgramSTT),
    "DeepgramSTTV2": lambda: plugin_table(DeepgramSTTV2),
    "DeepgramTTS": lambda: plugin_table(DeepgramTTS),
    "ListenSettings": lambda: settings_table(ListenSettings),
    "SpeakSettings": lambda: settings_table(SpeakSettings),
    "BackoffPolicy": lambda: settings_table(BackoffPolicy),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
