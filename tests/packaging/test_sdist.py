"""The sdist is the whole house: what builds, what tests, what documents."""

from __future__ import annotations

import re

import pytest
from scripts.distributions import PURE
from tests.packaging.artefacts import ROOT, Archive

WHOLE = ("python", "rust", "tests", "benches", "deploy", "examples", "docs", "scripts", "requirements")
COMPILED = re.compile(r"__pycache__|\.(pyc|so|pyd|dylib|whl|gz)$")


def test_it_holds_what_a_build_needs(sdist: Archive) -> None:
    assert {
        "PKG-INFO",
        "pyproject.toml",
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE",
        "THIRD_PARTY_LICENSES.txt",
        "rust/pcm/Cargo.toml",
        "rust/pcm/src/lib.rs",
        "rust/py/Cargo.toml",
        "rust/py/src/lib.rs",
        "scripts/build_pure.py",
    } <= sdist.names


def test_it_holds_what_the_tests_need(sdist: Archive) -> None:
    assert {
        "Makefile",
        "README.md",
        "requirements/dev.lock",
        "tests/conftest.py",
        "tests/golden/manifest.json",
        "examples/conversation/__main__.py",
    } <= sdist.names


def test_nothing_compiled_and_no_other_folder_came_along(sdist: Archive) -> None:
    assert [name for name in sdist.names if COMPILED.search(name)] == []
    assert {name.partition("/")[0] for name in sdist.names if "/" in name} == set(WHOLE)


@pytest.mark.skipif(not (ROOT / "rust").exists(), reason="the sources are not here")
def test_it_holds_every_source_and_every_test(sdist: Archive) -> None:
    wanted = {
        path.relative_to(ROOT).as_posix()
        for folder in ("python", "rust/pcm/src", "rust/py/src", "tests", "examples")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".pyi", ".rs", ".typed", ".json", ".pcm", ".i32"}
    }
    assert wanted - sdist.names == set()


def test_it_holds_the_other_distributions_whole(sdist: Archive) -> None:
    for distribution in PURE:
        names = {
            f"{distribution.path.as_posix()}/{name}" for name in ("pyproject.toml", "README.md", "LICENSE")
        }
        assert names <= sdist.names


def test_that_of_a_plugin_holds_its_package_and_no_more(plugin_sdist: Archive) -> None:
    package = f"{plugin_sdist.distribution.package}/"
    beside = {name for name in plugin_sdist.names if not name.startswith(package)}
    assert beside - {".gitignore"} == {"PKG-INFO", "pyproject.toml", "README.md", "LICENSE"}
    assert f"{package}__init__.py" in plugin_sdist.names
    assert [name for name in plugin_sdist.names if COMPILED.search(name)] == []


def test_the_build_backends_are_bounded(sdist: Archive, plugin_sdist: Archive) -> None:
    assert re.search(r'requires = \["\w+>=[\d.]+,<2"\]', plugin_sdist.text("pyproject.toml"))
    assert 'requires = ["maturin>=1.13,<2"]' in sdist.text("pyproject.toml")
