"""What the artefacts say about themselves: what the pyproject.toml of their distribution says."""

from __future__ import annotations

import configparser
import re
from email.message import EmailMessage

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from scripts.distributions import CORE, PURE, Distribution
from tests.packaging.artefacts import VERSION, Archive

# How a backend lays out these is its own business; the one is optional, the other has its own test.
OWN_WAY = {"Description-Content-Type", "Requires-Dist", "Requires-Python", "Keywords"}

# Where no fresh wheel is at hand the first test waits for the compiler.
pytestmark = pytest.mark.timeout(600)


def requirements(metadata: EmailMessage) -> set[Requirement]:
    return {Requirement(line) for line in metadata.get_all("Requires-Dist", [])}


def of_extra(line: str, extra: str) -> Requirement:
    """Return the requirement as metadata states it: with the extra added to a marker it may have."""
    requirement, _, marker = line.partition(";")
    condition = f"({marker.strip()}) and extra == '{extra}'" if marker else f"extra == '{extra}'"
    return Requirement(f"{requirement.strip()} ; {condition}")


def test_it_is_this_project(archive: Archive) -> None:
    metadata, project = archive.metadata, archive.distribution.project()
    assert metadata["Name"] == project["name"] == archive.distribution.name
    assert metadata["Version"] == project["version"] == VERSION
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == project["license-files"]
    assert SpecifierSet(metadata["Requires-Python"]) == SpecifierSet(project["requires-python"])
    assert set(metadata.get_all("Classifier", [])) == set(project["classifiers"])
    assert str(metadata["Description-Content-Type"]).startswith("text/markdown")
    assert str(metadata.get_payload()).startswith(f"# {project['name']}\n")


def test_its_page_serves_who_has_nothing_but_the_package(archive: Archive) -> None:
    """On an index there is no folder to link into, and no Makefile."""
    page = str(archive.metadata.get_payload())
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert "$ make" not in page
    assert f"$ pip install {archive.distribution.name}" in page.replace("install -U ", "install ")


def test_it_requires_what_the_project_requires(archive: Archive) -> None:
    project = archive.distribution.project()
    extras = project["optional-dependencies"]
    wanted = {Requirement(line) for line in project["dependencies"]}
    for extra, lines in extras.items():
        wanted |= {of_extra(line, extra) for line in lines}
    assert requirements(archive.metadata) == wanted
    assert set(archive.metadata.get_all("Provides-Extra", [])) == set(extras)


def plain(distribution: Distribution) -> dict[str, str]:
    """What an install without extras requires: the names and the ranges."""
    wanted = [Requirement(line) for line in distribution.project()["dependencies"]]
    return {requirement.name: str(requirement.specifier) for requirement in wanted}


def test_speechwire_brings_no_framework_and_nothing_that_only_tests_need() -> None:
    assert set(plain(CORE)) == {"aiohttp", "msgspec", "numpy"}


def test_what_stands_beside_it_requires_it_in_the_same_minor_version(plugin_wheel: Archive) -> None:
    distribution = plugin_wheel.distribution
    (asked,) = [SpecifierSet(range_) for name, range_ in plain(distribution).items() if name == CORE.name]
    major, minor, *_ = (int(part) for part in VERSION.split("."))
    assert VERSION in asked
    assert f"{major}.{minor}.999" in asked
    assert f"{major}.{minor + 1}.0" not in asked
    assert f"{major}.{minor - 1}.0" not in asked or minor == 0
    assert f"{major + 1}.0.0" not in asked
    fast = [Requirement(line) for line in distribution.project()["optional-dependencies"]["fast"]]
    assert [(one.name, one.extras, one.specifier) for one in fast] == [(CORE.name, {"fast"}, asked)]


def test_the_plugin_for_videosdk_requires_the_framework_and_speechwire() -> None:
    (plugin,) = [one for one in PURE if one.name == "videosdk-plugins-deepgram"]
    assert set(plain(plugin)) == {"speechwire", "videosdk-agents"}
    assert SpecifierSet(plain(plugin)["videosdk-agents"]) == SpecifierSet(">=1.0.29,<2")


def test_both_wheels_say_the_same(native_wheel: Archive, pure_wheel: Archive) -> None:
    native, pure = native_wheel.metadata, pure_wheel.metadata
    assert set(native) == set(pure)
    for field in set(native) - OWN_WAY:
        assert sorted(native.get_all(field, [])) == sorted(pure.get_all(field, [])), field
    assert str(native.get_payload()).strip() == str(pure.get_payload()).strip()


def test_both_wheels_bring_the_command(core_wheel: Archive) -> None:
    points = configparser.ConfigParser()
    points.read_string(core_wheel.text(f"{core_wheel.info}/entry_points.txt"))
    assert dict(points["console_scripts"]) == CORE.project()["scripts"]
    assert points.sections() == ["console_scripts"]
