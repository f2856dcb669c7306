"""The distributions of this repository: what each is called, where it lies, which files it is published as.

To add one, add a line to ``PURE`` and the folder that it names, with a ``pyproject.toml``, a ``README.md``
and the ``LICENSE``. What builds, tries, checks and publishes reads this list; the Makefile finds the folders.

    python -m scripts.distributions names       # of those beside speechwire
    python -m scripts.distributions packages    # their import packages
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CORE", "DISTRIBUTIONS", "PLATFORMS", "PURE", "ROOT", "Distribution"]

ROOT = Path(__file__).resolve().parent.parent

# The ends of the names of the native wheels that a release has: one for each platform of the workflow.
PLATFORMS = (
    "manylinux_2_17_*x86_64",
    "manylinux_2_17_*aarch64",
    "musllinux_1_2_x86_64",
    "musllinux_1_2_aarch64",
    "macosx*_x86_64",
    "macosx*_arm64",
    "win_amd64",
    "win_arm64",
)


@dataclass(frozen=True, slots=True)
class Distribution:
    """One distribution.

    Args:
        name: As a package index has it.
        package: Its import package, as a path below its folder.
        folder: Where its ``pyproject.toml`` lies, below the root. Default: ``python/`` and the name.
    """

    name: str
    package: str
    folder: str = ""

    @property
    def path(self) -> Path:
        """Where it lies below the root."""
        return Path(self.folder or f"python/{self.name}")

    @property
    def sources(self) -> Path:
        """The folder below the root from which its package is imported."""
        return Path("python") if self is CORE else self.path

    @property
    def module(self) -> str:
        """The dotted name of its package."""
        return self.package.replace("/", ".")

    @property
    def file_name(self) -> str:
        """How the names of its files begin, before the version."""
        return self.name.replace("-", "_")

    def project(self, root: Path = ROOT) -> dict[str, Any]:
        """The table ``project`` of its ``pyproject.toml``."""
        text = (root / self.path / "pyproject.toml").read_text(encoding="utf-8")
        project: dict[str, Any] = tomllib.loads(text)["project"]
        return project

    def files(self, version: str) -> list[str]:
        """Patterns of the files it is published as; each is of exactly one file."""
        stem = f"{self.file_name}-{version}"
        native = [f"{stem}-cp311-abi3-{platform}.whl" for platform in PLATFORMS if self is CORE]
        return [*native, f"{stem}-py3-none-any.whl", f"{stem}.tar.gz"]


# Built by maturin, and as a pure wheel too.
CORE = Distribution("speechwire", package="speechwire", folder=".")

# Built by the backend that their pyproject.toml names.
PURE = (
    Distribution("livekit-plugins-speechwire", package="livekit/plugins/speechwire"),
    Distribution("pipecat-speechwire", package="pipecat_speechwire"),
    Distribution("videosdk-plugins-deepgram", package="videosdk/plugins/deepgram"),
)

DISTRIBUTIONS = (CORE, *PURE)


def main(arguments: list[str]) -> int:
    """Print what is asked for on one line; return the exit status."""
    answers = {"names": [one.name for one in PURE], "packages": [one.module for one in PURE]}
    if len(arguments) != 1 or arguments[0] not in answers:
        print(f"usage: python -m scripts.distributions {'|'.join(answers)}", file=sys.stderr)
        return 2
    print(*answers[arguments[0]])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
