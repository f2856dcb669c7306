"""Bad arguments and missing engines: clear, and the same from both engines."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import pickle
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from speechwire.audio import PcmPipeline, _select, engine_name, make_chunker, make_ring
from speechwire.errors import EngineUnavailable, InvalidArgument, InvalidArgumentType

BAD_VALUES = [
    ({"in_rate": 3999}, "in_rate must be 4000 to 192000 Hz, got 3999"),
    ({"out_rate": 192_001}, "out_rate must be 4000 to 192000 Hz, got 192001"),
    ({"in_rate": 0}, "in_rate must be 4000 to 192000 Hz, got 0"),
    ({"channels": 0}, "channels must be 1 to 32, got 0"),
    ({"channels": 33}, "channels must be 1 to 32, got 33"),
    ({"chunk_ms": 0}, "chunk_ms must be 1 to 10000 ms, got 0"),
    ({"quality": "good"}, "quality must be one of 'fast', 'balanced', 'best', got 'good'"),
    ({"engine": "rust"}, "engine must be one of 'auto', 'native', 'numpy', got 'rust'"),
    ({"format": "s24le"}, "format must be one of 's16le', 'mulaw', 'alaw', 'f32le', got 's24le'"),
]
BAD_TYPES = [
    ({"in_rate": "48000"}, "in_rate must be an int, got str"),
    ({"out_rate": 16_000.0}, "out_rate must be an int, got float"),
    ({"channels": None}, "channels must be an int, got NoneType"),
    ({"channels": True}, "channels must be an int, got bool"),
    ({"quality": 1}, "quality must be a str, got int"),
    ({"engine": None}, "engine must be a str, got NoneType"),
    ({"format": b"s16le"}, "format must be a str, got bytes"),
]


@pytest.fixture(params=["numpy", "native"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "native" and engine_name() != "native":
        pytest.skip("the native engine is not installed")
    return str(request.param)


@pytest.mark.parametrize(("arguments", "message"), BAD_VALUES)
def test_values_out_of_range(engine: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        PcmPipeline(**{"engine": engine} | arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(("arguments", "message"), BAD_TYPES)
def test_wrong_types(engine: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentType) as caught:
        PcmPipeline(**{"engine": engine} | arguments)
    assert str(caught.value) == message


NOT_BYTES = [None, "pcm", 7, [1, 2], object(), memoryview(bytes(8))[::2], np.zeros((4, 4)).T]


@pytest.mark.parametrize("pcm", NOT_BYTES)
def test_push_refuses_what_is_not_bytes(engine: str, pcm: Any) -> None:
    pipeline = PcmPipeline(engine=engine)
    with pytest.raises(InvalidArgumentType) as caught:
        pipeline.push(pcm)
    assert str(caught.value) == f"pcm must be a C-contiguous bytes-like object, got {type(pcm).__name__}"
    assert pipeline.flush() == []


@pytest.mark.parametrize("arguments", [(), (b"", b"")])
def test_push_takes_one_argument(engine: str, arguments: tuple[bytes, ...]) -> None:
    with pytest.raises(TypeError):
        PcmPipeline(engine=engine).push(*arguments)


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy of a list": lambda pipeline: copy.deepcopy([pipeline]),
    "pickle": pickle.dumps,
    "pickle, oldest protocol": lambda pipeline: pickle.dumps(pipeline, 0),
}


@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
def test_a_stream_is_not_copied(engine: str, make_copy: Callable[[PcmPipeline], object]) -> None:
    pipeline, undisturbed = PcmPipeline(engine=engine), PcmPipeline(engine=engine)
    assert pipeline.push(bytes(range(250)) * 40) == undisturbed.push(bytes(range(250)) * 40)
    with pytest.raises(TypeError) as caught:
        make_copy(pipeline)
    assert str(caught.value) == (
        "a PcmPipeline cannot be copied or pickled, because it is in the middle of one stream: make another"
        " with the same arguments"
    )
    assert pipeline.flush() == undisturbed.flush() != []


def test_the_class_is_not_subclassed() -> None:
    with pytest.raises(TypeError) as caught:
        type("Recorder", (PcmPipeline,), {})
    assert str(caught.value) == (
        "Recorder cannot be a subclass of PcmPipeline, whose constructor returns an engine's own class: wrap"
        " an instance instead (a session takes any converter with its methods)"
    )


def test_the_class_itself_converts_nothing(engine: str) -> None:
    """Its methods are those of the engines: one called by the name of the class says so."""
    pipeline: Any = PcmPipeline(engine=engine)
    calls: dict[str, tuple[bytes, ...]] = {"push": (bytes(4),), "flush": (), "flush_whole": (), "reset": ()}
    for name, arguments in calls.items():
        with pytest.raises(NotImplementedError):
            getattr(PcmPipeline, name)(pipeline, *arguments)


def test_numpy_integers_are_integers(engine: str) -> None:
    assert PcmPipeline(in_rate=np.int32(8000), engine=engine).latency > 0  # type: ignore[arg-type]


def test_the_variable_says_what_auto_means(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECHWIRE_ENGINE", engine)
    assert engine_name() == engine == PcmPipeline().engine


@pytest.mark.parametrize("wanted", ["", "auto"])
def test_auto_is_the_native_engine_where_it_is_installed(
    engine: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEECHWIRE_ENGINE", wanted)
    if engine == "native":
        assert (engine_name(), engine_name("auto"), PcmPipeline().engine) == (engine,) * 3
    assert engine_name(engine) == engine


def test_the_argument_outranks_the_variable(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECHWIRE_ENGINE", "numpy")
    assert PcmPipeline(engine=engine).engine == engine


def test_what_is_made_is_of_the_engine_asked_for(engine: str) -> None:
    """Of both engines the answers are the same: only by this does one see which it is."""
    language = {"numpy": "python", "native": "native"}[engine]
    assert make_ring(1, 1, 1, 1, engine=engine).engine == language
    assert type(make_chunker(1, 1, engine)).__name__ == f"{language.title()}Chunker"
    pipeline = PcmPipeline(engine=engine)
    assert (pipeline.engine, pipeline.kernel == "numpy") == (engine, engine == "numpy")


def test_the_variable_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECHWIRE_ENGINE", "fast")
    with pytest.raises(
        InvalidArgument, match="^SPEECHWIRE_ENGINE must be one of 'auto', 'native', 'numpy', got 'fast'$"
    ):
        PcmPipeline()


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Exception], None]]:
    """Make the import of the extension fail."""
    monkeypatch.delenv("SPEECHWIRE_ENGINE", raising=False)

    def with_error(error: Exception) -> None:
        def refuse(name: str) -> ModuleType:
            raise error

        monkeypatch.setattr(importlib, "import_module", refuse)
        _select.load_native.cache_clear()

    yield with_error
    monkeypatch.undo()
    _select.load_native.cache_clear()


def test_auto_falls_back_where_there_is_no_extension(
    breaks: Callable[[Exception], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(ModuleNotFoundError("No module named 'speechwire._native'"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert engine_name() == "numpy" == PcmPipeline().engine
    with pytest.raises(
        EngineUnavailable,
        match="^the native audio engine is not installed: install a wheel for this platform, "
        'build one with a Rust toolchain, or use engine="numpy"$',
    ):
        PcmPipeline(engine="native")


def test_a_broken_extension_is_never_passed_over(
    breaks: Callable[[Exception], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(ImportError("undefined symbol: PyFoo"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    for engine in ("auto", "native"):
        with pytest.raises(
            EngineUnavailable,
            match=r"^the native audio engine is installed but cannot be loaded "
            r"\(undefined symbol: PyFoo\): reinstall it, or set SPEECHWIRE_ENGINE=numpy$",
        ):
            PcmPipeline(engine=engine)
        with pytest.raises(EngineUnavailable, match="installed but cannot be loaded"):
            engine_name(engine)
