"""The reference names whatever is public, and the configuration every environment variable."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import videosdk.plugins.deepgram

import speechwire

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [
    f"speechwire.{name}"
    for name in ("audio", "session", "protocol", "transport", "emulator", "server", "cluster", "errors")
]

# Said in words on the pages: types of unions, modules, constants, the base of events.
IN_WORDS = {
    "DEFAULT_BASE_URL",
    "EXCESSIVE_FLUSH",
    "SPEAK_CHARACTERS",
    "SessionEvent",
    "ABNORMAL",
    "NO_STATUS",
    "EndedBy",
    "Answer",
    "CallEvent",
    "ScriptedEngine",
    "listen_v1_events",
    "listen_v2_events",
    "speak_v1_events",
    "speak_v2_events",
}


def shown_on(page: Path) -> set[str]:
    """The last parts of the names that a page has from docstrings, members of whole modules included."""
    names = re.findall(r"^::: (\S+)", page.read_text(encoding="utf-8"), re.M)
    shown = {name.rpartition(".")[2] for name in names}
    for name in names:
        try:
            shown |= set(importlib.import_module(name).__all__)
        except ModuleNotFoundError:
            continue
    return shown


@pytest.mark.parametrize("package", [*PACKAGES, "videosdk.plugins.deepgram"])
def test_every_public_name_is_in_the_reference(package: str) -> None:
    page = "plugin" if package.startswith("videosdk") else package.rpartition(".")[2]
    public = set(importlib.import_module(package).__all__) - {"__version__"}
    assert public - shown_on(ROOT / "docs" / "api" / f"{page}.md") - IN_WORDS == set()


def test_every_environment_variable_is_in_the_configuration() -> None:
    folders = [Path(module.__path__[0]) for module in (speechwire, videosdk.plugins.deepgram)]
    sources = [path.read_text("utf-8") for folder in folders for path in folder.rglob("*.py")]
    named = re.compile(r"\"((?:SPEECHWIRE|DEEPGRAM)_[A-Z_]+)\"")
    variables = {name for source in sources for name in named.findall(source)}
    assert variables >= {"DEEPGRAM_API_KEY", "SPEECHWIRE_ENGINE"}
    configuration = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert {name for name in variables if f"| `{name}` |" not in configuration} == set()
