"""What the adapter rests on in the framework: it fails when that changes."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIError, stt, tts
from livekit.agents import __version__ as framework_version
from livekit.plugins import speechwire
from livekit.plugins.speechwire import _framework
from packaging.requirements import Requirement
from tests.livekit.parties import frame

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "python" / "livekit-plugins-speechwire"
PAGE = (ROOT / "docs" / "private-parts.md").read_text(encoding="utf-8")
SOURCES = sorted((PLUGIN / "livekit").rglob("*.py"))

# By class of the framework: the private names that `_framework` uses.
USED = {
    stt.RecognizeStream: (
        "_check_input_not_ended",
        "_check_not_closed",
        "_event_ch",
        "_input_ch",
        "_report_connection_acquired",
    ),
    tts.SynthesizeStream: ("_FlushSentinel", "_input_ch", "_mark_started"),
    tts.ChunkedStream: ("_acquire_time", "_connection_reused"),
    tts.TTS: ("_sample_rate",),
}


class _Recogniser(stt.STT):
    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))

    async def _recognize_impl(self, *_: Any, **__: Any) -> Any: ...


class _Stream(stt.RecognizeStream):
    """The framework's base class, with nothing of ours."""

    error: Exception | None = None

    async def _run(self) -> None:
        if self.error is not None:
            raise self.error
        async for _ in self._input_ch:
            pass


class _Synthesiser(tts.TTS):
    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=True), sample_rate=16_000, num_channels=1)

    def synthesize(self, *_: Any, **__: Any) -> Any: ...


class _Spoken(tts.SynthesizeStream):
    async def _run(self, output_emitter: Any) -> None: ...


class _Chunked(tts.ChunkedStream):
    async def _run(self, output_emitter: Any) -> None:
        output_emitter.initialize(
            request_id="x", sample_rate=16_000, num_channels=1, mime_type="audio/pcm", stream=False
        )


OPTIONS = APIConnectOptions(max_retry=0)


async def bare() -> dict[type, Any]:
    """Instances of the framework's classes without anything of ours."""
    recogniser, synthesiser = _Recogniser(), _Synthesiser()
    return {
        stt.STT: recogniser,
        stt.RecognizeStream: _Stream(stt=recogniser, conn_options=OPTIONS),
        tts.TTS: synthesiser,
        tts.SynthesizeStream: _Spoken(tts=synthesiser, conn_options=OPTIONS),
        tts.ChunkedStream: _Chunked(tts=synthesiser, input_text="", conn_options=OPTIONS),
    }


async def close(instances: dict[type, Any]) -> None:
    for instance in instances.values():
        await instance.aclose()


async def test_every_private_name_is_there() -> None:
    instances = await bare()
    for kind, names in USED.items():
        assert [name for name in names if not hasattr(instances[kind], name)] == [], kind
    for kind, names in _framework.OVERRIDDEN.items():
        assert [name for name in names if not callable(getattr(kind, name))] == [], kind
    await close(instances)


def test_nowhere_else_is_a_private_name_of_the_framework_used() -> None:
    private = {name for names in USED.values() for name in names}
    elsewhere = [
        (path.name, node.attr)
        for path in SOURCES
        if path.name != "_framework.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in private
    ]
    assert elsewhere == []


def test_every_private_name_stands_on_the_page() -> None:
    used = {name for names in (*USED.values(), *_framework.OVERRIDDEN.values()) for name in names}
    section = PAGE.partition("## LiveKit Agents\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(_\w+)` ", section, re.M)) == used


async def test_no_attribute_of_ours_hides_one_of_the_framework() -> None:
    instances = await bare()
    theirs = {kind: set(vars(instance)) | set(dir(kind)) for kind, instance in instances.items()}
    await close(instances)
    for kind, names in theirs.items():
        hidden = names & _assigned_in_subclasses_of(kind)
        allowed = {"_abc_impl", *_framework.OVERRIDDEN.get(kind, ())}
        public = {name for name in hidden if not name.startswith("_")}
        assert hidden - allowed - public == set(), kind


def _assigned_in_subclasses_of(kind: type) -> set[str]:
    """Attributes that our classes set on themselves, and methods they define."""
    classes = [
        each for each in _all_subclasses(kind) if each.__module__.startswith("livekit.plugins.speechwire")
    ]
    names = {name for each in classes for name in vars(each)}
    for each in classes:
        for node in ast.walk(ast.parse(inspect.getsource(each))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and isinstance(node.value, ast.Name)
                and node.value.id == "self"
            ):
                names.add(node.attr)
    return names - {name for name in names if name.startswith("__")}


def _all_subclasses(kind: type) -> set[type]:
    children: list[type] = kind.__subclasses__()
    return {*children, *(each for child in children for each in _all_subclasses(child))}


@pytest.mark.parametrize("retryable", [True, False])
async def test_without_retries_an_error_is_said_once_and_ends_the_stream(retryable: bool) -> None:
    """The adapter's sessions try again themselves, and rely on this."""
    recogniser = _Recogniser()
    said: list[Any] = []
    recogniser.on("error", said.append)
    stream = _Stream(stt=recogniser, conn_options=_framework.without_retry(APIConnectOptions(max_retry=3)))
    stream.error = APIError("gone", retryable=retryable)
    with pytest.raises(APIError) as raised:
        await anext(stream)
    assert raised.value is stream.error
    assert [error.recoverable for error in said] == [False]
    await stream.aclose()


async def test_the_end_of_the_input_is_the_end_of_the_channel() -> None:
    stream = _Stream(stt=_Recogniser(), conn_options=OPTIONS)
    ended = asyncio.create_task(_framework.input_ended(stream))
    await asyncio.sleep(0)
    stream.end_input()
    await asyncio.wait_for(ended, 5.0)
    with pytest.raises(RuntimeError):
        stream.push_frame(frame(bytes(640)))
    await stream.aclose()


def test_the_framework_is_of_the_stated_range() -> None:
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [stated] = [Requirement(each) for each in project["dependencies"] if each.startswith("livekit-agents")]
    assert stated.specifier.contains(framework_version)
    assert speechwire.__version__ == project["version"]
