"""What the artefacts say about themselves: the same in all three, and what pyproject.toml says."""

from __future__ import annotations

import configparser
from email.message import EmailMessage

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from tests.packaging.artefacts import DIST_INFO, PROJECT, Archive

# How a backend lays out these is its own business; the one is optional, the other has its own test.
OWN_WAY = {"Description-Content-Type", "Requires-Dist", "Requires-Python", "Keywords"}

# Where no fresh wheel is at hand the first test waits for the compiler.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(params=["native_wheel", "pure_wheel", "sdist"])
def metadata(request: pytest.FixtureRequest) -> EmailMessage:
    archive: Archive = request.getfixturevalue(request.param)
    return archive.metadata


def requirements(metadata: EmailMessage) -> set[Requirement]:
    return {Requirement(line) for line in metadata.get_all("Requires-Dist", [])}


def of_extra(line: str, extra: str) -> Requirement:
    """Return the requirement as metadata states it: with the extra added to a marker it may have."""
    requirement, _, marker = line.partition(";")
    condition = f"({marker.strip()}) and extra == '{extra}'" if marker else f"extra == '{extra}'"
    return Requirement(f"{requirement.strip()} ; {condition}")


def test_it_is_this_project(metadata: EmailMessage) -> None:
    assert metadata["Name"] == PROJECT["name"]
    assert metadata["Version"] == PROJECT["version"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == PROJECT["license-files"]
    assert SpecifierSet(metadata["Requires-Python"]) == SpecifierSet(PROJECT["requires-python"])
    assert set(metadata.get_all("Classifier", [])) == set(PROJECT["classifiers"])
    assert str(metadata["Description-Content-Type"]).startswith("text/markdown")
    assert str(metadata.get_payload()).startswith(f"# {PROJECT['name']}")


def test_it_requires_what_the_project_requires(metadata: EmailMessage) -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = {Requirement(line) for line in PROJECT["dependencies"]}
    for extra, lines in extras.items():
        wanted |= {of_extra(line, extra) for line in lines}
    assert requirements(metadata) == wanted
    assert set(metadata.get_all("Provides-Extra", [])) == set(extras)


def test_a_plain_install_brings_nothing_that_only_tests_or_the_demo_need(metadata: EmailMessage) -> None:
    plain = {entry.name for entry in requirements(metadata) if entry.marker is None}
    assert plain == {"aiohappyeyeballs", "aiohttp", "msgspec", "numpy", "videosdk-agents"}


def test_both_wheels_say_the_same(native_wheel: Archive, pure_wheel: Archive) -> None:
    native, pure = native_wheel.metadata, pure_wheel.metadata
    assert set(native) == set(pure)
    for field in set(native) - OWN_WAY:
        assert sorted(native.get_all(field, [])) == sorted(pure.get_all(field, [])), field
    assert str(native.get_payload()).strip() == str(pure.get_payload()).strip()


def test_both_wheels_bring_the_command(wheel: Archive) -> None:
    points = configparser.ConfigParser()
    points.read_string(wheel.text(f"{DIST_INFO}/entry_points.txt"))
    assert dict(points["console_scripts"]) == PROJECT["scripts"]
    assert points.sections() == ["console_scripts"]
