"""Write ``THIRD_PARTY_LICENSES.txt``: what is linked into the extension, and under which terms.

    python scripts/third_party_licences.py            # write it
    python scripts/third_party_licences.py --check    # fail if it does not fit Cargo.lock any more

Procedural macros run at build time and leave no code of theirs behind, so they are not in the list. Where a
crate lets the reader choose, its MIT text is the one that is given.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "THIRD_PARTY_LICENSES.txt"
RULE = "=" * 80

_HEAD = """\
The extension module speechwire/_native, which is in the wheels for one platform and not in the py3-none-any
wheel, is linked with the Rust crates below and with the Rust standard library. Made by
scripts/third_party_licences.py.
"""
_STANDARD_LIBRARY = """\
The Rust standard library, MIT OR Apache-2.0
https://github.com/rust-lang/rust

It is built from further crates, nearly all under the same choice of terms; COPYRIGHT-library.html, which
comes with every Rust release, lists them with their notices. Its Unicode tables are under the Unicode
License v3, the text of which follows the MIT licence below.
"""
_PLACEHOLDER = "Copyright (c) <year> <copyright holders>"
_RUST_AUTHORS = "Copyright (c) The Rust Project Contributors"


def main() -> int:
    """Write the file, or check it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    crates = linked_crates()
    if parser.parse_args().check:
        return _check([title(crate) for crate in crates])
    FILE.write_text("\n".join([_HEAD, *map(section, crates), _standard_library()]), encoding="utf-8")
    print(f"{FILE.name}: {len(crates)} crates and the standard library")
    return 0


def _check(wanted: list[str]) -> int:
    listed = re.findall(rf"^{RULE}\n(?!The Rust standard)(.+)$", FILE.read_text(encoding="utf-8"), re.M)
    if listed == wanted:
        return 0
    changed = sorted(set(listed) ^ set(wanted))
    print(f"{FILE.name} does not fit Cargo.lock ({', '.join(changed)}): run {Path(__file__).name}")
    return 1


def linked_crates() -> list[dict[str, Any]]:
    """Return ``cargo metadata`` of every foreign crate that ends up in the extension, on any platform."""
    metadata = json.loads(_cargo("metadata", "--locked", "--format-version", "1"))
    tree = _cargo(
        *("tree", "--locked", "--package", "speechwire-py", "--edges", "normal,no-proc-macro"),
        *("--target", "all", "--prefix", "none", "--format", "{p}"),
    )
    linked = {tuple(line.split()[:2]) for line in tree.splitlines()}
    packages = (package for package in metadata["packages"] if package["source"] is not None)
    return sorted(
        (package for package in packages if (package["name"], f"v{package['version']}") in linked),
        key=lambda package: str(package["name"]),
    )


def title(crate: dict[str, Any]) -> str:
    """Return the line that names a crate, its version and its licence."""
    return f"{crate['name']} {crate['version']}, {crate['license']}"


def section(crate: dict[str, Any]) -> str:
    """Return a crate's part of the file: its name, its address, its licence."""
    folder = Path(crate["manifest_path"]).parent
    texts = sorted(folder.glob("LICENSE-MIT*")) or sorted(folder.glob("LICEN[SC]E*"))
    if not texts:
        raise SystemExit(f"{crate['name']}: no licence file in {folder.name}; state its text by hand")
    text = texts[0].read_text(encoding="utf-8").strip()
    return f"{RULE}\n{title(crate)}\n{crate['repository']}\n\n{text}\n"


def _standard_library() -> str:
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True)
    licences = Path(sysroot.stdout.strip()) / "share" / "doc" / "rust" / "licenses"
    mit, unicode = ((licences / name).read_text(encoding="utf-8") for name in ("MIT.txt", "Unicode-3.0.txt"))
    texts = [f"{RULE}\n{_STANDARD_LIBRARY}", mit.replace(_PLACEHOLDER, _RUST_AUTHORS), unicode]
    return "\n\n".join(text.strip() for text in texts) + "\n"


def _cargo(*arguments: str) -> str:
    finished = subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return finished.stdout


if __name__ == "__main__":
    sys.exit(main())
