"""Build the ``py3-none-any`` wheel: the same tree without the Rust extension.

maturin always builds its crate, so platforms without our wheels and without Rust would get nothing. This
hands the very same ``[project]`` table and the same Python trees to hatchling instead. The wheel runs on the
numpy engine, which is equal to the native one to the byte.

    python scripts/build_pure_wheel.py --out dist
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

ROOT = Path(__file__).resolve().parent.parent

# The metadata version is the one maturin writes, so that both wheels of a version say the same.
_HATCH_TABLE = """
[tool.hatch.build.targets.wheel]
core-metadata-version = "2.4"
packages = ["python/speechwire", "python/videosdk"]
exclude = ["*.so", "*.pyd", "*.dylib"]
"""


def main() -> int:
    """Build the wheel into the folder that ``--out`` names; return the exit status."""
    parser = argparse.ArgumentParser(description="build the pure Python wheel")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "dist", help="where the wheel goes (default: dist)"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        tree = _copy_tree(Path(scratch))
        return _build(tree, arguments.out.resolve())


def _copy_tree(scratch: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.dylib")
    shutil.copytree(ROOT / "python", scratch / "python", ignore=ignore)
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    for name in (project["readme"], *project["license-files"]):
        shutil.copy(ROOT / name, scratch / name)
    (scratch / "pyproject.toml").write_text(pure_pyproject(text), encoding="utf-8")
    return scratch


def pure_pyproject(text: str) -> str:
    """Return ``pyproject.toml`` with the build system exchanged and every ``[tool]`` table left out."""
    kept, _, _ = text.partition("\n[tool.")
    backend = '[build-system]\nrequires = ["hatchling>=1.27"]\nbuild-backend = "hatchling.build"\n'
    exchanged, count = re.subn(r"\[build-system\]\n(?:[^\[\n].*\n)+", backend, kept)
    if count != 1:
        raise SystemExit("pyproject.toml: expected exactly one [build-system] table")
    return exchanged + _HATCH_TABLE


def _build(tree: Path, out: Path) -> int:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(tree)]
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    print(finished.stdout.strip().splitlines()[-1] if finished.returncode == 0 else finished.stderr)
    return finished.returncode


if __name__ == "__main__":
    sys.exit(main())
