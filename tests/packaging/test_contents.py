"""What is in the wheels, and what is not."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from pathlib import Path

import pytest
from tests.packaging.artefacts import DIST_INFO, ROOT, STEM, Archive, build_pure

EXTENSION = re.compile(r"speechwire/_native\.[^/]*(so|pyd)$")
# A home folder, cargo's registry: a panic message has no need to tell whose machine it was built on.
PLACES = re.compile(rb"(/(?:home|root|Users)/|[A-Z]:\\Users\\|\.cargo[/\\]registry)[\w./\\-]*")

# Where no fresh wheel is at hand the first test waits for the compiler.
pytestmark = pytest.mark.timeout(600)


def extension(wheel: Archive) -> list[str]:
    return [name for name in wheel.names if EXTENSION.match(name)]


def test_both_packages_are_typed_and_the_namespaces_are_left_alone(wheel: Archive) -> None:
    assert {
        "speechwire/__init__.py",
        "speechwire/py.typed",
        "speechwire/_native.pyi",
        "videosdk/plugins/deepgram/__init__.py",
        "videosdk/plugins/deepgram/py.typed",
    } <= wheel.names
    # One of these would hide every other plugin of the framework, and the framework itself.
    assert not wheel.names & {"videosdk/__init__.py", "videosdk/plugins/__init__.py"}


def test_there_is_nothing_but_the_two_packages(wheel: Archive) -> None:
    parts = {name.partition("/")[0] for name in wheel.names}
    assert parts == {"speechwire", "videosdk", DIST_INFO}
    assert {name for name in wheel.names if name.startswith("videosdk/")} == {
        name for name in wheel.names if name.startswith("videosdk/plugins/deepgram/")
    }


def test_there_are_no_tests_and_no_leavings(wheel: Archive) -> None:
    packaged = [name for name in wheel.names if not name.startswith(DIST_INFO)]
    allowed = (".py", ".pyi", "py.typed")
    strangers = [name for name in packaged if not name.endswith(allowed) and not EXTENSION.match(name)]
    assert strangers == []
    tests = [name for name in packaged if re.search(r"(^|/)(test_|conftest|tests/)|__pycache__", name)]
    assert tests == []


def test_the_native_wheel_holds_one_stable_abi_extension(native_wheel: Archive) -> None:
    (name,) = extension(native_wheel)
    assert re.search(r"\.(abi3\.so|pyd)$", name)
    assert re.fullmatch(rf"{re.escape(STEM)}-cp311-abi3-\w+(\.\w+)*\.whl", native_wheel.path.name)
    assert "Root-Is-Purelib: false" in native_wheel.text(f"{DIST_INFO}/WHEEL")


def test_the_pure_wheel_is_the_same_without_the_extension(native_wheel: Archive, pure_wheel: Archive) -> None:
    assert extension(pure_wheel) == []
    assert "Root-Is-Purelib: true" in pure_wheel.text(f"{DIST_INFO}/WHEEL")
    shared = {name for name in native_wheel.names if not name.startswith(DIST_INFO)} - {
        *extension(native_wheel)
    }
    assert shared == {name for name in pure_wheel.names if not name.startswith(DIST_INFO)}
    assert [name for name in shared if native_wheel.files[name] != pure_wheel.files[name]] == []


@pytest.mark.skipif(not (ROOT / "python").exists(), reason="the sources are not here")
def test_every_source_file_is_in(wheel: Archive) -> None:
    tree = ROOT / "python"
    sources = {
        path.relative_to(tree).as_posix()
        for path in tree.rglob("*")
        if path.suffix in {".py", ".pyi", ".typed"} and "-" not in path.relative_to(tree).parts[0]
    }
    assert sources - wheel.names == set()


def test_the_extension_names_no_place_on_the_machine_that_built_it(native_wheel: Archive) -> None:
    (name,) = extension(native_wheel)
    content = native_wheel.files[name]
    assert [match[0] for match in PLACES.finditer(content)] == []
    assert str(Path.home()).encode() + b"/" not in content
    assert str(ROOT).encode() not in content


def test_the_licences_are_in(wheel: Archive) -> None:
    assert "Apache License" in wheel.text(f"{DIST_INFO}/licenses/LICENSE")
    notices = wheel.text(f"{DIST_INFO}/licenses/THIRD_PARTY_LICENSES.txt")
    assert "The Rust standard library" in notices
    assert "PyO3" in notices


def test_the_bill_of_materials_names_what_is_linked_in(native_wheel: Archive) -> None:
    (name,) = [name for name in native_wheel.names if name.startswith(f"{DIST_INFO}/sboms/")]
    bill = json.loads(native_wheel.files[name])
    assert bill["bomFormat"] == "CycloneDX"
    components = {component["name"]: component for component in bill["components"]}
    assert {"pyo3", "speechwire-pcm"} <= set(components)
    notices = native_wheel.text(f"{DIST_INFO}/licenses/THIRD_PARTY_LICENSES.txt")
    for crate, version in re.findall(r"^={80}\n([\w-]+) (\d\S*),", notices, re.M):
        # What another platform links in is in the notices, and not in this platform's bill.
        assert components.get(crate, {"version": version})["version"] == version


def test_the_record_is_true(wheel: Archive) -> None:
    rows = list(csv.reader(wheel.text(f"{DIST_INFO}/RECORD").splitlines()))
    assert {row[0] for row in rows} == wheel.names
    for name, digest, size in rows:
        if digest:
            computed = base64.urlsafe_b64encode(hashlib.sha256(wheel.files[name]).digest()).rstrip(b"=")
            assert (digest, int(size)) == (f"sha256={computed.decode()}", len(wheel.files[name]))


@pytest.mark.skipif(not (ROOT / "python").exists(), reason="the sources are not here")
def test_the_pure_wheel_is_the_same_each_time_it_is_built(tmp_path: Path) -> None:
    for name in ("one", "other"):
        build_pure(tmp_path / name)
    one, other = (path.read_bytes() for path in sorted(tmp_path.glob("*/*.whl")))
    assert one == other
