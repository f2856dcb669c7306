"""The artefacts, each found or built once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.packaging import artefacts
from tests.packaging.artefacts import STEM, Archive


@pytest.fixture(scope="session")
def native_wheel(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    pattern = f"{STEM}-cp311-abi3-*.whl"
    found = artefacts.given(pattern) or artefacts.made_already(pattern)
    return artefacts.read_wheel(found or build(pattern, artefacts.build_native, tmp_path_factory))


@pytest.fixture(scope="session")
def pure_wheel(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    pattern = f"{STEM}-py3-none-any.whl"
    found = artefacts.given(pattern)
    return artefacts.read_wheel(found or build(pattern, artefacts.build_pure, tmp_path_factory))


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    pattern = f"{STEM}.tar.gz"
    found = artefacts.given(pattern)
    return artefacts.read_sdist(found or build(pattern, artefacts.build_sdist, tmp_path_factory))


@pytest.fixture(params=["native", "pure"])
def wheel(request: pytest.FixtureRequest) -> Archive:
    archive: Archive = request.getfixturevalue(f"{request.param}_wheel")
    return archive


def build(pattern: str, command: Callable[[Path], None], folders: pytest.TempPathFactory) -> Path:
    out = folders.mktemp("dist")
    command(out)
    return next(out.glob(pattern))
