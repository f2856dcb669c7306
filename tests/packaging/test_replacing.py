"""Installed over the plugin of the same name, ours replaces it; taken away, nothing stays behind.

Real pip in clean environments, so it wants a package index: ``make test-wheels`` runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.packaging.artefacts import PROJECT, Archive

INCUMBENT = "videosdk-plugins-deepgram==1.0.30"
UV = str(Path(sys.executable).with_name("uv"))
FRAMEWORK = "videosdk-agents"
IMPORTS = """
import importlib.metadata, json, videosdk.agents
from videosdk.plugins import deepgram
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2, DeepgramTTS
from speechwire.audio import engine_name
print(json.dumps([importlib.metadata.version("videosdk-plugins-deepgram"), deepgram.__file__, engine_name()]))
"""

pytestmark = [
    pytest.mark.skipif(
        "SPEECHWIRE_DIST" not in os.environ, reason="wants a package index: run `make test-wheels`"
    ),
    pytest.mark.timeout(600),
]


@dataclass(frozen=True)
class Environment:
    """A clean virtual environment with pip in it."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))

    @property
    def plugins(self) -> Path:
        return self.site / "videosdk" / "plugins"

    @property
    def site(self) -> Path:
        code = "import sysconfig; print(sysconfig.get_path('platlib'))"
        return Path(self.run("-c", code).strip())

    def pip(self, *arguments: str) -> str:
        return self.run("-m", "pip", "--disable-pip-version-check", *arguments)

    def run(self, *arguments: str) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SPEECHWIRE")}
        finished = subprocess.run(
            [self.python, *arguments],
            cwd=self.folder,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )
        assert finished.returncode == 0, f"{arguments}\n{finished.stdout}{finished.stderr}"
        return finished.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """With the framework and the incumbent, as an agent's author has them before."""
    folder = tmp_path_factory.mktemp("replacing") / "venv"
    subprocess.run([UV, "venv", "--quiet", "--seed", "--python", sys.executable, str(folder)], check=True)
    made = Environment(folder)
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--python", made.python, INCUMBENT, FRAMEWORK], check=True
    )
    assert "1.0.30" in made.pip("show", "videosdk-plugins-deepgram")
    yield made


@pytest.fixture(scope="module")
def replaced(environment: Environment, request: pytest.FixtureRequest) -> Environment:
    """The same after the native wheel, or where there is none the pure one, was installed over it."""
    environment.pip("install", "--quiet", str(shipped(request).path))
    return environment


def shipped(request: pytest.FixtureRequest) -> Archive:
    name = "native_wheel" if os.environ.get("SPEECHWIRE_EXPECT_ENGINE") == "native" else "pure_wheel"
    archive: Archive = request.getfixturevalue(name)
    return archive


def test_only_ours_remains(replaced: Environment, request: pytest.FixtureRequest) -> None:
    listed = json.loads(replaced.pip("list", "--format", "json"))
    versions = [entry["version"] for entry in listed if entry["name"] == "videosdk-plugins-deepgram"]
    assert versions == [PROJECT["version"]]
    prefix = "videosdk/plugins/deepgram/"
    ours = {name.removeprefix(prefix) for name in shipped(request).names if name.startswith(prefix)}
    folder = replaced.plugins / "deepgram"
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {name for name in present if "__pycache__" not in name} == ours


def test_the_imports_of_an_agent_find_ours(replaced: Environment) -> None:
    version, where, engine = json.loads(replaced.run("-c", IMPORTS))
    assert version == PROJECT["version"]
    assert Path(where).is_relative_to(replaced.site)
    assert engine == os.environ.get("SPEECHWIRE_EXPECT_ENGINE", engine)


def test_the_environment_is_consistent(replaced: Environment) -> None:
    assert "No broken requirements found" in replaced.pip("check")


def test_the_extra_of_the_framework_is_satisfied_by_ours(replaced: Environment) -> None:
    said = replaced.pip("install", "--dry-run", "--no-deps", f"{FRAMEWORK}[deepgram]")
    assert "Would install" not in said
    said = replaced.pip("install", "--dry-run", f"{FRAMEWORK}[deepgram]")
    assert "Requirement already satisfied: videosdk-plugins-deepgram" in said
    assert "videosdk-plugins-deepgram" not in said.partition("Would install")[2]


def test_uninstalling_leaves_nothing(replaced: Environment) -> None:
    packages = (replaced.plugins / "deepgram", replaced.site / "speechwire")
    replaced.run("-m", "compileall", "-q", *map(str, packages))  # what imports leave behind must go as well
    replaced.pip("uninstall", "--yes", "videosdk-plugins-deepgram")
    assert [package for package in packages if package.exists()] == []
    assert list(replaced.site.glob("videosdk_plugins_deepgram*")) == []
    assert not (Path(replaced.python).parent / "speechwire").exists()
    assert (replaced.site / "videosdk" / "agents" / "__init__.py").exists()
