"""Fail unless the tag, the manifests and the changelog name one and the same version.

python scripts/check_release.py v2.0.0
python scripts/check_release.py ""        # no tag: the manifests only
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_HEADING = re.compile(r"^## (\S+)[^\n]*\n", re.M)


def main() -> int:
    """Print what does not agree; return 1 if anything does not."""
    tag = sys.argv[1] if len(sys.argv) > 1 else ""
    problems = list(disagreements(tag))
    print("\n".join(problems) or f"{project_version()}: tag, manifests and changelog agree")
    return int(bool(problems))


def disagreements(tag: str) -> Iterator[str]:
    """Yield a sentence for each thing that names another version than ``pyproject.toml``."""
    version = project_version()
    crate = _toml("Cargo.toml")["workspace"]["package"]["version"]
    if crate != version:
        yield f"Cargo.toml says {crate}, pyproject.toml says {version}"
    if not tag:
        return
    if tag != f"v{version}":
        yield f"the tag is {tag}, pyproject.toml says {version}"
    heading = _HEADING.search((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    if heading is None or heading[1] != version or "unreleased" in heading[0]:
        found = heading[0].strip() if heading else "no heading"
        yield f"CHANGELOG.md begins with '{found}': write '## {version} (the date)'"


def project_version() -> str:
    """Return the version that ``pyproject.toml`` states."""
    return str(_toml("pyproject.toml")["project"]["version"])


def _toml(name: str) -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
