"""The artefacts, each found or built once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from scripts.distributions import CORE, PURE, Distribution
from tests.packaging import artefacts
from tests.packaging.artefacts import Archive, stem

NAMES = [distribution.name for distribution in PURE]


@pytest.fixture(scope="session")
def native_wheel(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    pattern = f"{stem(CORE)}-cp311-abi3-*.whl"
    found = artefacts.given(pattern) or artefacts.made_already(pattern)
    return artefacts.read_wheel(found or build(pattern, artefacts.build_native, tmp_path_factory))


@pytest.fixture(scope="session")
def pure_wheel(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return pure(CORE, tmp_path_factory)


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    pattern = f"{stem(CORE)}.tar.gz"
    found = artefacts.given(pattern)
    return artefacts.read_sdist(found or build(pattern, artefacts.build_sdist, tmp_path_factory))


@pytest.fixture(scope="session", params=PURE, ids=NAMES)
def plugin_wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """The wheel of each pure distribution that stands beside speechwire."""
    return pure(request.param, tmp_path_factory)


@pytest.fixture(scope="session")
def videosdk_wheel(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    (plugin,) = [distribution for distribution in PURE if distribution.name == "videosdk-plugins-deepgram"]
    return pure(plugin, tmp_path_factory)


@pytest.fixture(scope="session", params=PURE, ids=NAMES)
def plugin_sdist(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return pure_sdist(request.param, tmp_path_factory)


@pytest.fixture(params=["native", "pure", *NAMES])
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Each wheel that is shipped."""
    if request.param in NAMES:
        return pure(PURE[NAMES.index(request.param)], tmp_path_factory)
    archive: Archive = request.getfixturevalue(f"{request.param}_wheel")
    return archive


@pytest.fixture(params=["native_wheel", "pure_wheel", "sdist", *(f"{name} sdist" for name in NAMES), *NAMES])
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Each kind of file that is shipped."""
    name = request.param.partition(" ")[0]
    if name in NAMES:
        made = pure if name == request.param else pure_sdist
        return made(PURE[NAMES.index(name)], tmp_path_factory)
    found: Archive = request.getfixturevalue(name)
    return found


@pytest.fixture(params=["native_wheel", "pure_wheel"])
def core_wheel(request: pytest.FixtureRequest) -> Archive:
    """Both wheels of speechwire."""
    archive: Archive = request.getfixturevalue(request.param)
    return archive


def pure(distribution: Distribution, folders: pytest.TempPathFactory) -> Archive:
    pattern = f"{stem(distribution)}-py3-none-any.whl"
    found = artefacts.given(pattern)

    def command(out: Path) -> None:
        artefacts.build_pure(out, distribution.name)

    return artefacts.read_wheel(found or build(pattern, command, folders))


def pure_sdist(distribution: Distribution, folders: pytest.TempPathFactory) -> Archive:
    pattern = f"{stem(distribution)}.tar.gz"
    found = artefacts.given(pattern)

    def command(out: Path) -> None:
        artefacts.build_pure(out, "--sdist", distribution.name)

    return artefacts.read_sdist(found or build(pattern, command, folders))


BUILT: dict[str, Path] = {}


def build(pattern: str, command: Callable[[Path], None], folders: pytest.TempPathFactory) -> Path:
    if pattern not in BUILT:
        out = folders.mktemp("dist")
        command(out)
        BUILT[pattern] = next(out.glob(pattern))
    return BUILT[pattern]
