"""Installed over the plugin of the same name, ours replaces it; taken away, nothing stays behind.

Real pip in clean environments, so it wants a package index: ``make test-alone`` runs it, with both wheels of
speechwire; each environment is made once, and its tests go on in it one after the other.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.packaging.artefacts import VERSION, Archive
from tests.packaging.environments import Environment, Wheels, kinds, wants_an_index

PLUGIN = "videosdk-plugins-deepgram"
INCUMBENT = f"{PLUGIN}==1.0.30"
FRAMEWORK = "videosdk-agents"
IMPORTS = """
import importlib.metadata, json, videosdk.agents
from videosdk.plugins import deepgram
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2, DeepgramTTS
from speechwire.audio import engine_name
print(json.dumps([importlib.metadata.version("videosdk-plugins-deepgram"), deepgram.__file__, engine_name()]))
"""

pytestmark = [wants_an_index, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", params=kinds())
def wheels(request: pytest.FixtureRequest, videosdk_wheel: Archive) -> Wheels:
    core: Archive = request.getfixturevalue(f"{request.param}_wheel")
    return Wheels(core, videosdk_wheel, "native" if request.param == "native" else "numpy")


@pytest.fixture(scope="module")
def replaced(tmp_path_factory: pytest.TempPathFactory, wheels: Wheels) -> Environment:
    """With the framework and the incumbent, as an agent's author has them, and then ours over it."""
    made = Environment.make(tmp_path_factory.mktemp("replacing"), wheels.core, wheels.plugin)
    made.prepare(INCUMBENT, FRAMEWORK)
    assert made.versions()[PLUGIN] == "1.0.30"
    made.install("--upgrade", PLUGIN)
    return made


def plugin_files(environment: Environment) -> set[str]:
    folder = environment.site / "videosdk" / "plugins" / "deepgram"
    present = {path.relative_to(environment.site).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in present if "__pycache__" not in name}


def test_only_ours_remains(replaced: Environment, wheels: Wheels) -> None:
    assert replaced.versions()[PLUGIN] == replaced.versions()["speechwire"] == VERSION
    assert plugin_files(replaced) == {name for name in wheels.plugin.names if name.startswith("videosdk/")}


def test_the_imports_of_an_agent_find_ours(replaced: Environment, wheels: Wheels) -> None:
    version, where, engine = json.loads(replaced.run("-c", IMPORTS))
    assert version == VERSION
    assert Path(where).is_relative_to(replaced.site)
    assert engine == wheels.engine


def test_the_environment_is_consistent(replaced: Environment) -> None:
    assert "No broken requirements found" in replaced.pip("check")


def test_the_extra_of_the_framework_is_satisfied_by_ours(replaced: Environment) -> None:
    said = replaced.pip("install", "--dry-run", "--no-deps", f"{FRAMEWORK}[deepgram]")
    assert "Would install" not in said
    said = replaced.pip("install", "--dry-run", f"{FRAMEWORK}[deepgram]")
    assert f"Requirement already satisfied: {PLUGIN}" in said
    assert PLUGIN not in said.partition("Would install")[2]


def test_uninstalling_leaves_nothing_and_the_framework_as_it_was(replaced: Environment) -> None:
    packages = (replaced.site / "videosdk" / "plugins" / "deepgram", replaced.site / "speechwire")
    replaced.run("-m", "compileall", "-q", *map(str, packages))  # what imports leave behind must go as well
    replaced.uninstall(PLUGIN)
    assert not packages[0].exists()
    assert "1.0" in replaced.run("-c", "import numpy, speechwire.session; print(numpy.float64(1))")
    replaced.uninstall("speechwire")
    assert not packages[1].exists()
    left = [*replaced.site.glob("videosdk_plugins_deepgram*"), *replaced.site.glob("speechwire*")]
    assert left == []
    assert not replaced.command.exists()
    assert (replaced.site / "videosdk" / "agents" / "__init__.py").exists()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, wheels: Wheels) -> Environment:
    """The other order: speechwire is there, then the plugin comes, and the framework with it."""
    made = Environment.make(tmp_path_factory.mktemp("first"), wheels.core, wheels.plugin)
    made.install(str(wheels.core.path))
    made.install("--no-deps", str(wheels.plugin.path))
    # What the plugin requires, quickly; pip then has nothing left to bring.
    made.prepare(FRAMEWORK)
    return made


def test_the_framework_comes_after_and_asks_for_no_other_plugin(first: Environment) -> None:
    said = first.install(f"{FRAMEWORK}[deepgram]")
    assert f"Requirement already satisfied: {PLUGIN}" in said
    assert first.versions()[PLUGIN] == first.versions()["speechwire"] == VERSION
    assert json.loads(first.run("-c", IMPORTS))[0] == VERSION


def test_the_incumbent_can_come_back(first: Environment, wheels: Wheels) -> None:
    """pip takes ours away whole before, and ours again replaces it."""
    first.pip("install", "--quiet", INCUMBENT)
    assert first.versions()[PLUGIN] == "1.0.30"
    assert plugin_files(first) & wheels.plugin.names <= {
        f"videosdk/plugins/deepgram/{name}"
        for name in ("__init__.py", "stt.py", "stt_v2.py", "tts.py", "version.py")
    }
    first.install("--quiet", "--upgrade", PLUGIN)
    assert plugin_files(first) == {name for name in wheels.plugin.names if name.startswith("videosdk/")}


def test_what_it_stands_on_may_go_first(first: Environment) -> None:
    """pip asks nobody; the plugin is then broken, which pip says, and still goes away whole."""
    first.uninstall("speechwire")
    first.uninstall(PLUGIN)
    assert not (first.site / "videosdk" / "plugins" / "deepgram").exists()
    assert list(first.site.glob("speechwire*")) == []
    assert "No broken requirements found" in first.pip("check")
