"""Clean virtual environments with real pip in them, and what is shipped to install there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.packaging.artefacts import Archive

UV = str(Path(sys.executable).with_name("uv"))
NATIVE, PURE = "native", "pure"

# Tests that use these want a package index, which not every machine has.
wants_an_index = pytest.mark.skipif(
    "SPEECHWIRE_DIST" not in os.environ, reason="wants a package index: run `make test-alone`"
)


def kinds() -> list[str]:
    """The wheels of speechwire to try: both, or in a run of the suite the one that is tried there."""
    expected = os.environ.get("SPEECHWIRE_EXPECT_ENGINE")
    return [NATIVE, PURE] if expected is None else [NATIVE if expected == "native" else PURE]


@dataclass(frozen=True)
class Wheels:
    """One wheel of speechwire, and the plugin's."""

    core: Archive
    plugin: Archive
    engine: str


@dataclass(frozen=True)
class Environment:
    """A clean virtual environment with pip in it, and the folder of wheels that pip may take from."""

    folder: Path
    wheels: Path

    @classmethod
    def make(cls, folder: Path, *archives: Archive) -> Environment:
        """An empty one, whose pip finds these wheels beside those of the index."""
        made = cls(folder / "venv", folder / "wheels")
        made.wheels.mkdir()
        for archive in archives:
            (made.wheels / archive.path.name).write_bytes(archive.path.read_bytes())
        subprocess.run(
            [UV, "venv", "--quiet", "--seed", "--python", sys.executable, str(made.folder)], check=True
        )
        return made

    @property
    def python(self) -> str:
        return str(self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))

    @property
    def site(self) -> Path:
        code = "import sysconfig; print(sysconfig.get_path('platlib'))"
        return Path(self.run("-c", code).strip())

    @property
    def command(self) -> Path:
        return Path(self.python).with_name("speechwire.exe" if os.name == "nt" else "speechwire")

    def prepare(self, *requirements: str) -> None:
        """Install what is there before, quickly, with uv and from the index alone."""
        subprocess.run([UV, "pip", "install", "--quiet", "--python", self.python, *requirements], check=True)

    def pip(self, *arguments: str) -> str:
        return self.run("-m", "pip", "--disable-pip-version-check", *arguments)

    def install(self, *requirements: str) -> str:
        return self.pip("install", "--find-links", str(self.wheels), *requirements)

    def uninstall(self, name: str) -> None:
        self.pip("uninstall", "--quiet", "--yes", name)

    def versions(self) -> dict[str, str]:
        """What is installed, without pip and what comes with an empty environment."""
        listed = json.loads(self.pip("list", "--format", "json"))
        seeds = {"pip", "setuptools", "wheel", "packaging"}
        return {entry["name"]: entry["version"] for entry in listed if entry["name"] not in seeds}

    def run(self, *arguments: str) -> str:
        return self.outcome(self.python, *arguments)

    def outcome(self, *command: str) -> str:
        """What a command printed; it must end well."""
        ours = ("PYTHON", "SPEECHWIRE", "DEEPGRAM")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        finished = subprocess.run(
            command, cwd=self.folder, env=kept, capture_output=True, text=True, check=False, timeout=500
        )
        assert finished.returncode == 0, f"{command}\n{finished.stdout}{finished.stderr}"
        return finished.stdout
