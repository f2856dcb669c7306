"""Every behaviour is tested on every code path this machine has, through the fixture ``build``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest

from speechwire.audio import PcmPipeline, engine_name
from speechwire.audio._engines import make_pipeline
from speechwire.audio._select import load_native
from speechwire.audio._settings import Settings

Build = Callable[..., PcmPipeline]

DEFAULTS: dict[str, Any] = {
    "in_rate": 48_000,
    "out_rate": 16_000,
    "channels": 2,
    "chunk_ms": 100,
    "quality": "balanced",
    "format": "s16le",
}


def build_path(path: str, **settings: Any) -> PcmPipeline:
    engine, _, kernel = path.partition("-")
    return cast(PcmPipeline, make_pipeline(Settings.validated(**DEFAULTS | settings), engine, kernel or None))


def all_paths() -> list[str]:
    if engine_name() == "numpy":
        return ["numpy"]
    return ["numpy", *(f"native-{kernel}" for kernel in load_native().kernels())]


@pytest.fixture(scope="session")
def paths() -> list[str]:
    return all_paths()


@pytest.fixture(params=all_paths(), scope="session")
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def build(path: str) -> Build:
    """Make a pipeline on the code path under test."""
    return lambda **settings: build_path(path, **settings)


@pytest.fixture(scope="session")
def build_on() -> Callable[..., PcmPipeline]:
    """Make a pipeline on a code path by name."""
    return build_path


@pytest.fixture(scope="session")
def convert() -> Callable[[PcmPipeline, Iterable[bytes]], bytes]:
    """Push all pieces and flush."""
    return lambda pipeline, pieces: b"".join(
        [chunk for piece in pieces for chunk in pipeline.push(piece)] + pipeline.flush()
    )
