"""Commands the pages name exist: make's verbs, the command line's with their options, modules, extras."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from speechwire.cli import _application
from speechwire.emulator import cli as emulator_cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md"),
    *sorted((ROOT / "python").glob("**/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
TEXT = {page.relative_to(ROOT): page.read_text(encoding="utf-8") for page in PAGES}

COMMANDS = sorted(
    {
        line.removeprefix("$ ").strip()
        for text in TEXT.values()
        for console in re.findall(r"```console\n(.*?)```", text, re.S)
        for line in console.splitlines()
        if line.startswith("$ ")
    }
    | {found for text in TEXT.values() for found in re.findall(r"`((?:make|speechwire|python) [^`]+)`", text)}
)


def of(program: str) -> list[str]:
    return [command for command in COMMANDS if command.startswith(program + " ")]


def test_every_command_is_of_a_known_kind() -> None:
    checked = ("make ", "speechwire ", "pip install ", "python -m ", "python scripts/")
    known = (*checked, "cargo", "export ")
    assert [command for command in COMMANDS if not command.startswith(known)] == []
    assert len(of("make")) > 5
    assert len(of("speechwire")) > 5


@pytest.mark.parametrize("command", of("make"))
def test_make_knows_the_verb(command: str) -> None:
    verbs = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert command.split()[1] in verbs


@pytest.mark.parametrize("command", of("speechwire"))
def test_the_command_line_takes_the_arguments(command: str) -> None:
    subcommand, *arguments = shlex.split(command)[1:]
    group = _application._speechwire
    if subcommand in ("COMMAND", "--help"):
        return
    if subcommand == "emulator":
        emulator_cli._parser().parse_args(arguments)
        return
    found = group.get_command(click.Context(group), subcommand)
    assert found is not None
    found.make_context(subcommand, arguments, resilient_parsing=True).close()


@pytest.mark.parametrize("command", of("python -m"))
def test_the_module_exists(command: str) -> None:
    assert importlib.util.find_spec(command.split()[2]) is not None


@pytest.mark.parametrize("command", [command for command in of("python") if "scripts/" in command])
def test_the_script_exists(command: str) -> None:
    assert (ROOT / command.split()[1]).exists()


@pytest.mark.parametrize("command", of("pip install"))
def test_the_extras_exist(command: str) -> None:
    command = re.sub(r"(?<=[ \"])\.(?=[\[ \"]|$)", "speechwire", command)  # a clone
    folders = [ROOT, *(ROOT / "python").iterdir()]
    files = [path for folder in folders for path in folder.glob("pyproject.toml")]
    projects = [tomllib.loads(path.read_text(encoding="utf-8"))["project"] for path in files]
    assert any(re.search(rf"(?<![\w-]){each['name']}(?![\w-])", command) for each in projects)
    extras = {each["name"]: set(each.get("optional-dependencies", ())) for each in projects}
    for name, group in re.findall(r"([\w-]+)\[([\w,-]+)\]", command):
        assert set(group.split(",")) <= extras[name]
