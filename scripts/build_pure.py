"""Build what needs no compiler: the ``py3-none-any`` wheels, and the sdists of the pure distributions.

    python -m scripts.build_pure --out dist                              # every pure wheel
    python -m scripts.build_pure --out dist videosdk-plugins-deepgram    # this one alone
    python -m scripts.build_pure --out dist --sdist videosdk-plugins-deepgram

maturin always builds its crate, so platforms without our wheels and without Rust would get nothing. For
``speechwire`` this hands the very same ``[project]`` table and the same Python tree to hatchling instead.
That wheel runs on the numpy engine, which is equal to the native one to the byte.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from scripts.distributions import CORE, DISTRIBUTIONS, ROOT, Distribution

# The metadata version is the one maturin writes, so that both wheels of a version say the same.
_HATCH_TABLE = """
[tool.hatch.build.targets.wheel]
core-metadata-version = "2.4"
packages = ["python/speechwire"]
exclude = ["*.so", "*.pyd", "*.dylib"]
"""
_IGNORED = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.dylib")


def main() -> int:
    """Build into the folder that ``--out`` names; return the exit status."""
    arguments = _parse()
    kind = "--sdist" if arguments.sdist else "--wheel"
    wanted = [one for one in DISTRIBUTIONS if one.name in arguments.names or not arguments.names]
    return max(build(distribution, kind, arguments.out.resolve()) for distribution in wanted)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="distributions (default: every one)")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the files go (default: dist)")
    parser.add_argument("--sdist", action="store_true", help="sdists instead of wheels")
    arguments = parser.parse_args()
    known = [distribution.name for distribution in DISTRIBUTIONS]
    if unknown := set(arguments.names) - set(known):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if arguments.sdist and (CORE.name in arguments.names or not arguments.names):
        parser.error(f"--sdist wants names, and not {CORE.name}, whose sdist maturin builds")
    return arguments


def build(distribution: Distribution, kind: str, out: Path) -> int:
    """Build one file from a copy of the sources, say its name, return the exit status."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / distribution.name
        (_copy_core if distribution is CORE else _copy)(distribution, tree)
        command = [sys.executable, "-m", "build", kind, "--no-isolation", "--outdir", str(out), str(tree)]
        finished = subprocess.run(command, check=False, capture_output=True, text=True)
    said = finished.stderr + finished.stdout if finished.returncode else finished.stdout.strip()
    print(said if finished.returncode else said.splitlines()[-1])
    return finished.returncode


def _copy(distribution: Distribution, tree: Path) -> None:
    shutil.copytree(ROOT / distribution.path, tree, ignore=_IGNORED)


def _copy_core(distribution: Distribution, tree: Path) -> None:
    shutil.copytree(
        ROOT / "python" / distribution.package, tree / "python" / distribution.package, ignore=_IGNORED
    )
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    for name in (project["readme"], *project["license-files"]):
        shutil.copy(ROOT / name, tree / name)
    (tree / "pyproject.toml").write_text(pure_pyproject(text), encoding="utf-8")


def pure_pyproject(text: str) -> str:
    """Return the root's ``pyproject.toml`` with hatchling to build it, and without its ``[tool]`` tables."""
    kept, _, _ = text.partition("\n[tool.")
    backend = '[build-system]\nrequires = ["hatchling>=1.27,<2"]\nbuild-backend = "hatchling.build"\n'
    exchanged, count = re.subn(r"\[build-system\]\n(?:[^\[\n].*\n)+", backend, kept)
    if count != 1:
        raise SystemExit("pyproject.toml: expected exactly one [build-system] table")
    return exchanged + _HATCH_TABLE


if __name__ == "__main__":
    sys.exit(main())
