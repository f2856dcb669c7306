"""Fail unless every manifest, the tag and the changelog name one version, and a release is whole.

    python -m scripts.check_release                       # the manifests only
    python -m scripts.check_release v2.0.0                # the tag and the changelog too
    python -m scripts.check_release v2.0.0 --files dist   # and the files: all of each distribution, no other
    python -m scripts.check_release --set 2.1.0           # write a version to every place

The one place of the version is the root's ``pyproject.toml``.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.distributions import CORE, DISTRIBUTIONS, PURE, ROOT

_HEADING = re.compile(r"^## (\S+)[^\n]*\n", re.M)
_MANIFEST = r'^version = "([^"]+)"'
_MODULE = r'^__version__ = "([^"]+)"'
_REQUIRED = rf'"{CORE.name}(?:\[[\w,-]+\])?~=([^",;]+)'


def main() -> int:
    """Print what does not agree; return 1 if anything does not."""
    arguments = _parse()
    if arguments.set:
        write(arguments.set)
    problems = list(disagreements(arguments.tag))
    if arguments.files is not None:
        problems += incomplete(arguments.files)
    print("\n".join(problems) or f"{project_version()}: one version everywhere")
    return int(bool(problems))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tag", nargs="?", default="", help="the tag of a release; empty for none")
    parser.add_argument("--files", type=Path, help="the folder of what is to be published")
    parser.add_argument("--set", metavar="VERSION", help="write this version to every place first")
    return parser.parse_args()


def places() -> Iterator[tuple[Path, str]]:
    """Yield each file that states the version, and the expression whose group is the version."""
    yield ROOT / "Cargo.toml", _MANIFEST
    for distribution in DISTRIBUTIONS:
        yield ROOT / distribution.path / "pyproject.toml", _MANIFEST
        package = ROOT / distribution.sources / distribution.package
        for name in ("_version.py", "version.py"):
            if (package / name).exists():
                yield package / name, _MODULE
    for distribution in PURE:
        yield ROOT / distribution.path / "pyproject.toml", _REQUIRED


def disagreements(tag: str) -> Iterator[str]:
    """Yield a sentence for each place that names another version than the root's ``pyproject.toml``."""
    version = project_version()
    for path, pattern in places():
        name = path.relative_to(ROOT).as_posix()
        stated = re.findall(pattern, path.read_text(encoding="utf-8"), re.M)
        if not stated:
            yield f"{name} has no line like {pattern}"
        for other in sorted(set(stated) - {version}):
            yield f"{name} says {other}, pyproject.toml says {version}"
    if tag:
        yield from _of_tag(tag, version)


def _of_tag(tag: str, version: str) -> Iterator[str]:
    if tag != f"v{version}":
        yield f"the tag is {tag}, pyproject.toml says {version}"
    heading = _HEADING.search((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    if heading is None or heading[1] != version or "unreleased" in heading[0]:
        found = heading[0].strip() if heading else "no heading"
        yield f"CHANGELOG.md begins with '{found}': write '## {version} (the date)'"


def incomplete(folder: Path) -> Iterator[str]:
    """Yield a sentence for each file that a release lacks, and for each that it should not have."""
    version = project_version()
    strangers = {path.name for path in folder.iterdir()}
    for distribution in DISTRIBUTIONS:
        for pattern in distribution.files(version):
            found = {path.name for path in folder.glob(pattern)}
            strangers -= found
            if len(found) != 1:
                yield f"{distribution.name}: {pattern} is there {len(found)} times"
    for name in sorted(strangers):
        yield f"{name} belongs to no distribution of {version}"


def write(version: str) -> None:
    """Write a version to every place."""
    for path, pattern in places():
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(pattern, lambda found: _replaced(found, version), text, flags=re.M), "utf-8")


def _replaced(found: re.Match[str], version: str) -> str:
    return found[0][: found.start(1) - found.start()] + version + found[0][found.end(1) - found.start() :]


def project_version() -> str:
    """Return the version that the root's ``pyproject.toml`` states."""
    return str(CORE.project(ROOT)["version"])


if __name__ == "__main__":
    sys.exit(main())
