"""What is in the wheels, and what is not."""

from __future__ import annotations

import base64
import csv
import hashlib
import re
from pathlib import Path

import pytest
from scripts.distributions import CORE, DISTRIBUTIONS, PURE
from tests.packaging.artefacts import ROOT, Archive, build_pure, stem

EXTENSION = re.compile(r"speechwire/_native\.[^/]*(so|pyd)$")
# A home folder, cargo's registry: a panic message has no need to tell whose machine it was built on.
PLACES = re.compile(rb"(/(?:home|root|Users)/|[A-Z]:\\Users\\|\.cargo[/\\]registry)[\w./\\-]*")

# Where no fresh wheel is at hand the first test waits for the compiler.
pytestmark = pytest.mark.timeout(600)


def extension(wheel: Archive) -> list[str]:
    return [name for name in wheel.names if EXTENSION.match(name)]


def in_the_tree(package: str) -> set[str]:
    """The files of a package as a wheel names them."""
    (sources,) = [ROOT / one.sources for one in DISTRIBUTIONS if one.package == package]
    return {
        path.relative_to(sources).as_posix()
        for path in (sources / package).rglob("*")
        if path.suffix in {".py", ".pyi", ".typed"}
    }


def served() -> set[str]:
    """What the server reads: the page, and the document of its socket."""
    page = ROOT / "python" / "speechwire" / "server" / "page"
    files = {path.name for path in page.iterdir() if path.suffix != ".py" and path.is_file()}
    assert {"index.html", "app.js"} <= files
    document = "speechwire/server/own_socket/asyncapi.yaml"
    return {document, *(f"speechwire/server/page/{name}" for name in files)}


def test_the_package_is_typed_and_the_namespaces_above_it_are_left_alone(wheel: Archive) -> None:
    package = wheel.distribution.package
    assert {f"{package}/__init__.py", f"{package}/py.typed"} <= wheel.names
    # One __init__.py above it would hide every other plugin of the framework, and the framework itself.
    above = {f"{parent.as_posix()}/__init__.py" for parent in Path(package).parents}
    assert wheel.names & above == set()


def test_there_is_nothing_but_the_package(wheel: Archive) -> None:
    allowed = (f"{wheel.distribution.package}/", f"{wheel.info}/")
    assert {name for name in wheel.names if not name.startswith(allowed)} == set()


def test_no_two_distributions_have_a_file_in_common(
    pure_wheel: Archive, plugin_wheel: Archive, native_wheel: Archive
) -> None:
    assert plugin_wheel.names & (native_wheel.names | pure_wheel.names) == set()


@pytest.mark.skipif(not (ROOT / "rust").exists(), reason="the sources are not here")
def test_there_are_no_tests_and_no_leavings(wheel: Archive) -> None:
    packaged = [name for name in wheel.names if not name.startswith(wheel.info)]
    allowed = (".py", ".pyi", "py.typed")
    strangers = {name for name in packaged if not name.endswith(allowed) and not EXTENSION.match(name)}
    assert strangers == (served() if wheel.distribution is CORE else set())
    tests = [name for name in packaged if re.search(r"(^|/)(test_|conftest|tests/)|__pycache__", name)]
    assert tests == []


def test_the_native_wheel_holds_one_stable_abi_extension(native_wheel: Archive) -> None:
    (name,) = extension(native_wheel)
    assert re.search(r"\.(abi3\.so|pyd)$", name)
    assert re.fullmatch(rf"{re.escape(stem(CORE))}-cp311-abi3-\w+(\.\w+)*\.whl", native_wheel.path.name)
    assert "Root-Is-Purelib: false" in native_wheel.text(f"{native_wheel.info}/WHEEL")


def test_the_pure_wheel_is_the_same_without_the_extension(native_wheel: Archive, pure_wheel: Archive) -> None:
    assert extension(pure_wheel) == []
    assert "Root-Is-Purelib: true" in pure_wheel.text(f"{pure_wheel.info}/WHEEL")
    info = f"{pure_wheel.info}/"
    shared = {name for name in native_wheel.names if not name.startswith(info)} - {*extension(native_wheel)}
    assert shared == {name for name in pure_wheel.names if not name.startswith(info)}
    assert [name for name in shared if native_wheel.files[name] != pure_wheel.files[name]] == []


def test_what_stands_beside_speechwire_needs_no_compiler(plugin_wheel: Archive) -> None:
    assert extension(plugin_wheel) == []
    assert "Root-Is-Purelib: true" in plugin_wheel.text(f"{plugin_wheel.info}/WHEEL")
    assert plugin_wheel.path.name.endswith("-py3-none-any.whl")


@pytest.mark.skipif(not (ROOT / "rust").exists(), reason="the sources are not here")
def test_every_source_file_is_in(wheel: Archive) -> None:
    sources = in_the_tree(wheel.distribution.package)
    assert len(sources) > 3
    assert sources - wheel.names == set()


def test_the_extension_names_no_place_on_the_machine_that_built_it(native_wheel: Archive) -> None:
    (name,) = extension(native_wheel)
    content = native_wheel.files[name]
    assert [match[0] for match in PLACES.finditer(content)] == []
    assert str(Path.home()).encode() + b"/" not in content
    assert str(ROOT).encode() not in content


def test_the_licence_is_in(wheel: Archive) -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert wheel.text(f"{wheel.info}/licenses/LICENSE") == text


def test_so_are_the_notices_of_what_is_linked_in(core_wheel: Archive) -> None:
    notices = core_wheel.text(f"{core_wheel.info}/licenses/THIRD_PARTY_LICENSES.txt")
    assert "The Rust standard library" in notices
    assert "PyO3" in notices


def test_no_file_names_the_place_where_it_was_built(wheel: Archive) -> None:
    places = (str(ROOT).encode(), str(Path.home()).encode() + b"/", b"path+file://")
    assert [name for name, content in wheel.files.items() if any(place in content for place in places)] == []


def test_the_record_is_true(wheel: Archive) -> None:
    rows = list(csv.reader(wheel.text(f"{wheel.info}/RECORD").splitlines()))
    assert {row[0] for row in rows} == wheel.names
    for name, digest, size in rows:
        if digest:
            computed = base64.urlsafe_b64encode(hashlib.sha256(wheel.files[name]).digest()).rstrip(b"=")
            assert (digest, int(size)) == (f"sha256={computed.decode()}", len(wheel.files[name]))


@pytest.mark.skipif(not (ROOT / "rust").exists(), reason="the sources are not here")
def test_the_pure_files_are_the_same_each_time_they_are_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    for folder in (tmp_path / "one", tmp_path / "other"):
        build_pure(folder)
        build_pure(folder, "--sdist", *(distribution.name for distribution in PURE))
    ones, others = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "other")
    )
    assert len(ones) == len(DISTRIBUTIONS) + len(PURE)
    assert ones == others
