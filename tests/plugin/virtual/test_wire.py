"""Every argument of the speech-to-text plugins reaches the wire, as it is documented."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.plugin.conftest import KEY, Listener
from tests.plugin.virtual.driving import Plugin, Service
from tests.virtual_time import VirtualTimeLoop
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2

from speechwire.transport import MemoryPeer

Query = list[tuple[str, str]]

# What is sent for 48 kHz stereo with no argument given, in this order.
NOVA: Query = [
    ("model", "nova-2"),
    ("language", "en-US"),
    ("encoding", "linear16"),
    ("sample_rate", "48000"),
    ("channels", "2"),
    ("interim_results", "true"),
    ("endpointing", "50"),
    ("vad_events", "true"),
    ("punctuate", "true"),
    ("smart_format", "true"),
    ("numerals", "false"),
    ("profanity_filter", "false"),
    ("diarize", "false"),
    ("filler_words", "true"),
    ("no_delay", "true"),
]
FLUX: Query = [
    ("model", "flux-general-en"),
    ("encoding", "linear16"),
    ("sample_rate", "16000"),
    ("eot_threshold", "0.8"),
    ("eot_timeout_ms", "7000"),
]

# By argument: a value, what it needs beside it, and what of the query is then different: the values of each
# parameter, none where it is gone.
Row = tuple[Any, Mapping[str, Any], Mapping[str, list[str]]]
OF_NOVA: dict[str, list[Row]] = {
    "model": [("nova-3", {}, {"model": ["nova-3"]}), ("my-model", {}, {"model": ["my-model"]})],
    "language": [("multi", {}, {"language": ["multi"]})],
    "interim_results": [(False, {}, {"interim_results": ["false"]})],
    "punctuate": [(False, {}, {"punctuate": ["false"]})],
    "smart_format": [(False, {}, {"smart_format": ["false"]})],
    "sample_rate": [(16_000, {}, {"sample_rate": ["16000"]}), (None, {}, {})],
    "endpointing": [
        (300, {}, {"endpointing": ["300"]}),
        (0, {}, {"endpointing": ["0"]}),
        (-1, {}, {"endpointing": ["false"]}),
        (False, {}, {"endpointing": ["false"]}),
    ],
    "filler_words": [(False, {}, {"filler_words": ["false"]})],
    "keywords": [
        ("Oslo", {}, {"keywords": ["Oslo"]}),
        (["Oslo:2", "Bergen"], {}, {"keywords": ["Oslo:2", "Bergen"]}),
    ],
    "keyterm": [
        ("North Sea", {"model": "nova-3"}, {"keyterm": ["North Sea"], "model": ["nova-3"]}),
        (("a", "b"), {"model": "nova-3"}, {"keyterm": ["a", "b"], "model": ["nova-3"]}),
    ],
    "profanity_filter": [(True, {}, {"profanity_filter": ["true"]})],
    "numerals": [(True, {}, {"numerals": ["true"]})],
    "tag": [("a", {}, {"tag": ["a"]}), (["a", "b & c"], {}, {"tag": ["a", "b & c"]})],
    "enable_diarization": [(True, {}, {"diarize": ["true"]})],
    "channels": [(1, {}, {"channels": ["1"]})],
    "utterance_end_ms": [(1000, {}, {"utterance_end_ms": ["1000"]})],
    "multichannel": [(True, {}, {"multichannel": ["true"]}), (False, {}, {"multichannel": ["false"]})],
    "redact": [(["pci", "ssn"], {}, {"redact": ["pci", "ssn"]})],
    "replace": [("ticket:fare", {}, {"replace": ["ticket:fare"]})],
    "search": [(["Oslo"], {}, {"search": ["Oslo"]})],
    "detect_entities": [(True, {}, {"detect_entities": ["true"]})],
    "diarize_model": [
        ("latest", {}, {"diarize_model": ["latest"], "diarize": []}),
        ("v1", {"enable_diarization": True}, {"diarize_model": ["v1"], "diarize": []}),
    ],
    "mip_opt_out": [(True, {}, {"mip_opt_out": ["true"]}), (False, {}, {"mip_opt_out": ["false"]})],
    "version": [("latest", {}, {"version": ["latest"]})],
    "dictation": [(True, {}, {"dictation": ["true"]})],
    "extra": [({"new_option": True, "more": ["1", "2"]}, {}, {"new_option": ["true"], "more": ["1", "2"]})],
    "target_sample_rate": [(16_000, {}, {"sample_rate": ["16000"], "channels": ["1"]})],
    "downmix": [(True, {}, {"channels": ["1"]})],
}
MULTILINGUAL = {"model": "flux-general-multi"}
PREEMPTIVE = {"enable_preemptive_generation": True}
OF_FLUX: dict[str, list[Row]] = {
    "model": [("flux-general-multi", {}, {"model": ["flux-general-multi"]})],
    "target_sample_rate": [(24_000, {}, {"sample_rate": ["24000"]}), (None, {}, {})],
    "eager_eot_threshold": [(0.5, PREEMPTIVE, {"eager_eot_threshold": ["0.5"]})],
    "eot_threshold": [(0.9, {}, {"eot_threshold": ["0.9"]})],
    "eot_timeout_ms": [(500, {}, {"eot_timeout_ms": ["500"]})],
    "enable_preemptive_generation": [(True, {}, {"eager_eot_threshold": ["0.6"]})],
    "keyterm": [(["Oslo", "Bergen"], {}, {"keyterm": ["Oslo", "Bergen"]})],
    "language_hint": [
        (["en", "es"], MULTILINGUAL, {"language_hint": ["en", "es"], "model": ["flux-general-multi"]}),
    ],
    "tag": [("kiosk", {}, {"tag": ["kiosk"]})],
    "numerals": [(True, {}, {"numerals": ["true"]}), (False, {}, {"numerals": ["false"]})],
    "profanity_filter": [(True, {}, {"profanity_filter": ["true"]})],
    "mip_opt_out": [(True, {}, {"mip_opt_out": ["true"]}), (False, {}, {"mip_opt_out": ["false"]})],
}
# What does not stand in the query; each has a test below or beside.
ELSEWHERE = {
    DeepgramSTT: {"api_key", "base_url", "chunk_ms", "quality", "allow_insecure"},
    DeepgramSTTV2: {
        "api_key",
        "base_url",
        "chunk_ms",
        "quality",
        "allow_insecure",
        "input_sample_rate",
        "input_channels",
        "interim_results",
        "force_end_turn_on_flush",
    },
}
CLASSES: list[tuple[type[Plugin], Query, dict[str, list[Row]]]] = [
    (DeepgramSTT, NOVA, OF_NOVA),
    (DeepgramSTTV2, FLUX, OF_FLUX),
]


class Wire:
    """What one connection was asked for and sent."""

    def __init__(self) -> None:
        self.requests: list[MemoryPeer] = []
        self.sizes: list[int] = []

    async def __call__(self, peer: MemoryPeer) -> None:
        self.requests.append(peer)
        peer.send('{"type": "Connected", "request_id": "r", "sequence_id": 0}')
        async for frame in peer:
            if isinstance(frame, bytes) and peer.number == 0:  # it says nothing, and so hears all of it again
                self.sizes.append(len(frame))
            elif isinstance(frame, str) and "CloseStream" in frame:
                peer.close(1000)
                return

    @property
    def url(self) -> str:
        return self.requests[0].request.url

    @property
    def query(self) -> Query:
        return parse_qsl(urlsplit(self.url).query, keep_blank_values=True)


def wire(plugin: type[Plugin], *, after: Mapping[str, Any] | None = None, **arguments: Any) -> Wire:
    """Push 0.4 s of 48 kHz stereo; ``after`` sets attributes between the constructor and the first audio."""
    seen = Wire()

    async def main() -> None:
        stt = plugin(**{"api_key": KEY, **arguments})
        Listener(stt)
        for name, value in (after or {}).items():
            setattr(stt, name, value)
        for _ in range(20):
            await stt.process_audio(bytes(3840))
            await asyncio.sleep(0.02)
        await stt.aclose()

    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        Service("either", seen, patch)
        runner.run(main())
    return seen


def changed(query: Query, changes: Mapping[str, list[str]]) -> list[tuple[str, str]]:
    """A query with other values for some parameters, in no order."""
    kept = [(name, value) for name, value in query if name not in changes]
    return sorted([*kept, *((name, value) for name, values in changes.items() for value in values)])


@pytest.mark.parametrize(("plugin", "query", "rows"), CLASSES)
def test_every_argument_is_in_the_tables(plugin: type, query: Query, rows: dict[str, list[Row]]) -> None:
    assert set(rows) | ELSEWHERE[plugin] == set(inspect.signature(plugin).parameters)
    assert not set(rows) & ELSEWHERE[plugin]


@pytest.mark.parametrize(("plugin", "query", "rows"), CLASSES)
def test_without_arguments_the_query_is_this(
    plugin: type[Plugin], query: Query, rows: dict[str, list[Row]]
) -> None:
    assert wire(plugin).query == query


@pytest.mark.parametrize(
    ("plugin", "query", "name", "row"),
    [(plugin, query, name, row) for plugin, query, rows in CLASSES for name in rows for row in rows[name]],
)
def test_an_argument_is_sent(plugin: type[Plugin], query: Query, name: str, row: Row) -> None:
    """The whole query is compared: what was asked for is there, and nothing else has changed."""
    value, beside, changes = row
    assert sorted(wire(plugin, **beside, **{name: value}).query) == changed(query, changes)


@pytest.mark.parametrize(
    ("plugin", "query", "name", "row"),
    [(plugin, query, name, row) for plugin, query, rows in CLASSES for name in rows for row in rows[name]],
)
def test_an_attribute_is_sent(plugin: type[Plugin], query: Query, name: str, row: Row) -> None:
    """Arguments can be set as attributes too, but for what is found out about the input."""
    if plugin is DeepgramSTT and name in ("sample_rate", "channels"):
        return
    value, beside, changes = row
    if name == "target_sample_rate" and value is None:
        return
    assert sorted(wire(plugin, after={**beside, name: value}).query) == changed(query, changes)


def test_conversion_can_be_chosen_by_attributes() -> None:
    seen = wire(DeepgramSTT, after={"downmix": True, "target_sample_rate": 8000, "chunk_ms": 200})
    assert sorted(seen.query) == changed(NOVA, {"sample_rate": ["8000"], "channels": ["1"]})
    assert seen.sizes == [3200, 3200]


@pytest.mark.parametrize(("plugin", "query", "rows"), CLASSES)
def test_the_key_is_in_the_header_and_nowhere_else(
    plugin: type[Plugin], query: Query, rows: dict[str, list[Row]]
) -> None:
    seen = wire(plugin)
    assert seen.requests[0].request.headers["Authorization"] == f"Token {KEY}"
    assert KEY not in seen.url
    asked = wire(plugin, api_key=lambda: "another")
    assert asked.requests[0].request.headers["Authorization"] == "Token another"


@pytest.mark.parametrize(("plugin", "path"), [(DeepgramSTT, "/v1/listen"), (DeepgramSTTV2, "/v2/listen")])
def test_the_address_is_the_one_given(plugin: type[Plugin], path: str) -> None:
    assert wire(plugin).url.startswith(f"wss://api.deepgram.com{path}?model=")
    assert wire(plugin, base_url="ws://127.0.0.1:8080").url.startswith(f"ws://127.0.0.1:8080{path}?model=")
    far = wire(plugin, base_url="ws://10.0.0.1", allow_insecure=True)
    assert far.url.startswith(f"ws://10.0.0.1{path}?model=")


@pytest.mark.parametrize(
    ("plugin", "arguments"),
    [(DeepgramSTTV2, {}), (DeepgramSTT, {"downmix": True, "target_sample_rate": 16_000})],
)
@pytest.mark.parametrize("chunk_ms", [40, 80, 200])
def test_the_chunks_are_as_long_as_asked_for(
    plugin: type[Plugin], arguments: dict[str, Any], chunk_ms: int
) -> None:
    assert set(wire(plugin, chunk_ms=chunk_ms, **arguments).sizes) == {chunk_ms * 32}


@pytest.mark.parametrize("chunk_ms", [None, 20, 60, 100])
def test_audio_that_is_not_converted_comes_as_it_is_or_in_chunks(chunk_ms: int | None) -> None:
    sizes = wire(DeepgramSTT, chunk_ms=chunk_ms).sizes
    assert sum(sizes) == 20 * 3840
    assert set(sizes[:-1]) == {192 * (chunk_ms or 20)}


def test_a_pinned_input_of_flux_is_what_is_converted() -> None:
    seen = wire(DeepgramSTTV2, input_sample_rate=24_000, input_channels=1)
    assert sum(seen.sizes) == 20 * 3840 * 16_000 // 24_000
    assert sorted(seen.query) == sorted(FLUX)
