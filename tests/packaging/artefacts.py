"""What is shipped, opened: the names, the bytes and the metadata of a wheel or an sdist.

In ``make test-wheels`` they are those in ``SPEECHWIRE_DIST``. Elsewhere the pure wheels and the sdists are
built, which takes seconds, and the native wheel is the one in ``dist`` if no source is newer, or else built.
"""

from __future__ import annotations

import email
import email.message
import email.policy
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from scripts.distributions import CORE, DISTRIBUTIONS, Distribution

ROOT = Path(__file__).resolve().parents[2]
VERSION = str(CORE.project()["version"])
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY_LICENSES.txt", "Cargo.toml", "Cargo.lock")


@dataclass(frozen=True)
class Archive:
    """A wheel or an sdist, read into memory. Names of an sdist go without its top folder."""

    path: Path
    files: dict[str, bytes]

    @property
    def names(self) -> set[str]:
        return set(self.files)

    def text(self, name: str) -> str:
        return self.files[name].decode("utf-8")

    @property
    def distribution(self) -> Distribution:
        name = self.path.name.partition("-")[0]
        return next(one for one in DISTRIBUTIONS if one.file_name == name)

    @property
    def info(self) -> str:
        """The folder of a wheel's metadata."""
        return f"{stem(self.distribution)}.dist-info"

    @property
    def metadata(self) -> email.message.EmailMessage:
        name = "PKG-INFO" if self.path.name.endswith(".tar.gz") else f"{self.info}/METADATA"
        message = email.message_from_string(self.text(name), policy=email.policy.default)
        assert isinstance(message, email.message.EmailMessage)
        return message


def stem(distribution: Distribution) -> str:
    return f"{distribution.file_name}-{VERSION}"


def read_wheel(path: Path) -> Archive:
    with zipfile.ZipFile(path) as archive:
        return Archive(path, {name: archive.read(name) for name in archive.namelist()})


def read_sdist(path: Path) -> Archive:
    files = {}
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            content = archive.extractfile(member)
            if content is not None:
                files[member.name.partition("/")[2]] = content.read()
    return Archive(path, files)


def given(pattern: str) -> Path | None:
    """Return the newest such file of ``SPEECHWIRE_DIST``; skip if that folder is given and has none."""
    folder = os.environ.get("SPEECHWIRE_DIST")
    found = newest(Path(folder).resolve(), pattern) if folder else None
    if folder and found is None:
        pytest.skip(f"{folder} was given, and has no {pattern}")
    return found


def made_already(pattern: str) -> Path | None:
    """Return the newest such file of ``dist``, if it is newer than all it was made from."""
    found = newest(ROOT / "dist", pattern)
    return found if found and found.stat().st_mtime >= last_change() else None


def newest(folder: Path, pattern: str) -> Path | None:
    return max(folder.glob(pattern), key=lambda path: path.stat().st_mtime, default=None)


def last_change() -> float:
    """Return when a file that goes into the native wheel was changed last, in seconds since the epoch."""
    trees = [path for tree in ("python/speechwire", "rust") for path in (ROOT / tree).rglob("*")]
    paths = [*trees, *(ROOT / name for name in SOURCES)]
    return max(
        path.stat().st_mtime for path in paths if path.suffix in {".py", ".pyi", ".rs", ".toml", ".txt"}
    )


def build_pure(out: Path, *arguments: str) -> None:
    need_modules("build", "hatchling")
    run(sys.executable, "-m", "scripts.build_pure", "--out", str(out), *arguments)


def build_native(out: Path) -> None:
    """Build as ``make wheel`` does, with no path of this machine in the extension."""
    need_cargo()
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    flags = f"--remap-path-prefix={home}/registry/src=crates --remap-path-prefix={ROOT}=."
    with one_process_at_a_time():
        run(maturin(), "build", "--release", "--locked", "--out", str(out), RUSTFLAGS=flags)


@contextmanager
def one_process_at_a_time() -> Iterator[None]:
    """Two builds of maturin at once take each other's files out of ``target``."""
    import fcntl  # noqa: PLC0415  # not on Windows

    (ROOT / "target").mkdir(exist_ok=True)
    with (ROOT / "target" / "maturin.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build_sdist(out: Path) -> None:
    """Build the sdist of speechwire."""
    need_cargo()
    run(maturin(), "sdist", "--out", str(out))


def need_cargo() -> None:
    if shutil.which("cargo") is None:
        pytest.skip("this artefact cannot be built here: there is no cargo")
    need_modules("maturin")


def need_modules(*names: str) -> None:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"this artefact cannot be built here: no {', '.join(missing)}; run `make test`")


def maturin() -> str:
    return str(Path(sys.executable).with_name("maturin"))


def run(*command: str, **variables: str) -> str:
    """Run a command at the project's root; return its output, fail with its errors."""
    finished = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )
    assert finished.returncode == 0, f"{' '.join(command)}\n{finished.stdout}{finished.stderr}"
    return finished.stdout
