"""The scripts that build, audit and release tell good from bad, and unknown from good."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from scripts.audit import Outcome, Verdict
from scripts.distributions import CORE, DISTRIBUTIONS, PURE
from tests.packaging.artefacts import ROOT, VERSION

from scripts import audit, build_pure, check_release, third_party_licences, wheel_matrix


def answering(output: str, errors: str = "", status: int = 0) -> object:
    """A stand-in for running a tool."""
    return lambda *command: subprocess.CompletedProcess(command, status, output, errors)


def said(*dependencies: dict[str, object]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


@pytest.mark.parametrize(
    ("output", "errors", "verdict"),
    [
        (said({"name": "a", "vulns": []}, {"name": "b", "vulns": []}), "", Verdict.PASSED),
        (said({"name": "a", "vulns": [{"id": "CVE-1"}]}, {"name": "b", "vulns": []}), "", Verdict.FAILED),
        # What it reports, with exit status 0, where its service is out of reach.
        (
            said({"name": "a", "skip_reason": "not found"}),
            "No known vulnerabilities found",
            Verdict.NOT_CHECKED,
        ),
        (said({"name": "a", "vulns": []}, {"name": "b", "skip_reason": "?"}), "", Verdict.NOT_CHECKED),
        ("", "ConnectionError: no such host", Verdict.NOT_CHECKED),
    ],
)
def test_silence_of_the_service_is_not_a_clean_bill(
    monkeypatch: pytest.MonkeyPatch, output: str, errors: str, verdict: Verdict
) -> None:
    monkeypatch.setattr(audit, "_run", answering(output, errors))
    assert audit.python_vulnerabilities().verdict is verdict


@pytest.mark.parametrize(
    ("errors", "status", "verdict"),
    [
        ("advisories ok", 0, Verdict.PASSED),
        ("error[vulnerability]: RUSTSEC-1", 1, Verdict.FAILED),
        ("[ERROR] failed to fetch advisory database https://...", 1, Verdict.NOT_CHECKED),
    ],
)
def test_a_missing_database_is_not_a_clean_bill(
    monkeypatch: pytest.MonkeyPatch, errors: str, status: int, verdict: Verdict
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(audit, "_run", answering("", errors, status))
    assert audit.deny_advisories().verdict is verdict


@pytest.mark.parametrize(
    ("verdict", "strict", "status"),
    [
        (Verdict.PASSED, True, 0),
        (Verdict.NOT_CHECKED, False, 0),
        (Verdict.NOT_CHECKED, True, 1),
        (Verdict.FAILED, False, 1),
    ],
)
def test_only_a_strict_audit_fails_on_what_it_could_not_check(
    monkeypatch: pytest.MonkeyPatch, verdict: Verdict, strict: bool, status: int
) -> None:
    for part in ("deny_offline", "deny_advisories", "notices", "python_vulnerabilities"):
        monkeypatch.setattr(audit, part, lambda: Outcome(verdict, "because"))
    monkeypatch.setattr(sys, "argv", ["audit.py", *(["--strict"] if strict else [])])
    assert audit.main() == status


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of every file that states the version."""
    for path, _ in check_release.places():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(check_release, "ROOT", tmp_path)
    return tmp_path


def test_a_release_needs_one_version_and_a_date(tree: Path) -> None:
    changes = tree / "CHANGELOG.md"
    changes.write_text(f"# Changelog\n\n## {VERSION} (2026-12-01)\n", encoding="utf-8")
    assert list(check_release.disagreements(f"v{VERSION}")) == []
    assert "the tag is v9.9.9" in next(check_release.disagreements("v9.9.9"))
    changes.write_text(f"# Changelog\n\n## {VERSION} (unreleased)\n", encoding="utf-8")
    assert "unreleased" in next(check_release.disagreements(f"v{VERSION}"))


def test_another_version_in_any_one_place_is_named_with_the_place(tree: Path) -> None:
    assert list(check_release.disagreements("")) == []
    others = {path for path, _ in check_release.places()} - {tree / "pyproject.toml"}
    assert len(others) >= 1 + len(PURE)
    for path in others:
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(VERSION, "0.0.1"), encoding="utf-8")
        (said,) = set(check_release.disagreements(""))
        assert said == f"{path.relative_to(tree).as_posix()} says 0.0.1, pyproject.toml says {VERSION}"
        path.write_text(text, encoding="utf-8")


def test_a_plugin_that_requires_another_speechwire_is_named(tree: Path) -> None:
    for distribution in PURE:
        path = tree / distribution.path / "pyproject.toml"
        text = path.read_text(encoding="utf-8")
        for requirement in ("speechwire", "speechwire[fast]"):
            asked = f'"{requirement}~={VERSION}"'
            assert asked in text
            path.write_text(text.replace(asked, f'"{requirement}~=1.9.0"'), encoding="utf-8")
            assert "says 1.9.0" in next(check_release.disagreements(""))
        path.write_text(text, encoding="utf-8")


def test_a_version_is_written_to_every_place_at_once(tree: Path) -> None:
    check_release.write("3.1.4")
    assert list(check_release.disagreements("")) == []
    assert check_release.project_version() == "3.1.4"
    for path, _ in check_release.places():
        assert VERSION not in path.read_text(encoding="utf-8")


def test_a_release_is_whole_or_it_is_none(tmp_path: Path) -> None:
    """Each file of each distribution in turn is left out; then there is one too many."""
    names = [
        pattern.replace("2_17_*", "2_17_").replace("*", "_11_0")
        for distribution in DISTRIBUTIONS
        for pattern in distribution.files(VERSION)
    ]
    assert len(names) == 10 + 2 * len(PURE)
    for name in names:
        (tmp_path / name).touch()
    assert list(check_release.incomplete(tmp_path)) == []
    for name in names:
        (tmp_path / name).unlink()
        (said,) = check_release.incomplete(tmp_path)
        assert said.endswith("is there 0 times")
        (tmp_path / name).touch()
    for stranger in (f"speechwire-{VERSION}-cp311-abi3-linux_x86_64.whl", "speechwire-1.0.0.tar.gz"):
        (tmp_path / stranger).touch()
        assert list(check_release.incomplete(tmp_path)) == [
            f"{stranger} belongs to no distribution of {VERSION}"
        ]
        (tmp_path / stranger).unlink()


def test_what_maturin_builds_is_not_built_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["--sdist"], ["--sdist", "speechwire"], ["nonsense"]):
        monkeypatch.setattr(sys, "argv", ["build_pure", *arguments])
        with pytest.raises(SystemExit):
            build_pure.main()
    assert "unknown: nonsense" in capsys.readouterr().err


def test_notices_of_another_version_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notices = tmp_path / "THIRD_PARTY_LICENSES.txt"
    text = third_party_licences.FILE.read_text(encoding="utf-8")
    titles = [line for line in text.splitlines() if line.startswith(("pyo3 ", "libc "))]
    assert len(titles) == 2
    notices.write_text(
        "\n".join(f"{third_party_licences.RULE}\n{title}" for title in titles), encoding="utf-8"
    )
    monkeypatch.setattr(third_party_licences, "FILE", notices)
    assert third_party_licences._check(titles) == 0
    assert third_party_licences._check(["pyo3 99.0.0, MIT", titles[1]]) == 1
    assert third_party_licences._check(titles[:1]) == 1


def test_the_pure_wheel_is_described_by_the_same_table() -> None:
    pure = build_pure.pure_pyproject((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parsed = tomllib.loads(pure)
    assert parsed["project"] == CORE.project()
    assert parsed["build-system"]["build-backend"] == "hatchling.build"
    with pytest.raises(SystemExit, match="build-system"):
        build_pure.pure_pyproject("[project]\nname = 'x'\n")


@pytest.mark.parametrize(
    ("output", "counts"),
    [
        ("....\n2559 passed, 3 skipped in 591.00s", {"passed": 2559, "skipped": 3}),
        (
            "1 failed, 2371 passed, 32 skipped in 448.82s (0:07:28)",
            {"failed": 1, "passed": 2371, "skipped": 32},
        ),
        ("2 errors in 1.00s", {"error": 2}),
        ("no tests ran in 0.01s", {}),
        ("", {}),
    ],
)
def test_counts_are_read_off_pytests_last_line(output: str, counts: dict[str, int]) -> None:
    assert wheel_matrix.counts(output) == counts


def test_nothing_of_the_callers_leads_a_run_back_to_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "python")
    monkeypatch.setenv("SPEECHWIRE_ENGINE", "native")
    seen = wheel_matrix.environment(wheel_matrix.ARTEFACTS["pure"], Path("dist"))
    assert "PYTHONPATH" not in seen
    assert "SPEECHWIRE_ENGINE" not in seen
    assert seen["SPEECHWIRE_EXPECT_ENGINE"] == "numpy"
    forced = wheel_matrix.environment(wheel_matrix.ARTEFACTS["numpy"], Path("dist"))
    assert (forced["SPEECHWIRE_ENGINE"], forced["SPEECHWIRE_EXPECT_ENGINE"]) == ("numpy", "native")


def test_a_suite_that_hangs_is_stopped_and_its_output_kept(tmp_path: Path) -> None:
    code = "import time; print('so far', flush=True); time.sleep(60)"
    output, status = wheel_matrix.suite(
        [sys.executable, "-c", code], tmp_path, dict(os.environ), timeout_s=3.0
    )
    assert (output.strip(), status) == ("so far", 124)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        # Of two Pythons: three engines each, and once the sdist and either wheel alone.
        ([], {"full": 6, "quick": 1, "alone": 2}),
        (["--quick"], {"full": 3, "quick": 4, "alone": 2}),
        (["--scope", "core"], {"core": 7}),
        (["--python", "3.13", "--artefact", "pure"], {"full": 1, "alone": 1}),
    ],
)
def test_each_python_meets_each_artefact(
    monkeypatch: pytest.MonkeyPatch, flags: list[str], expected: dict[str, int]
) -> None:
    monkeypatch.setattr(wheel_matrix, "find_python", lambda version: version if version != "3.12" else None)
    monkeypatch.setattr(sys, "argv", ["wheel_matrix.py", *flags])
    combinations = list(wheel_matrix.combinations(wheel_matrix._parse()))
    assert Counter(scope for _, _, scope in combinations) == expected
    assert len(set(combinations)) == len(combinations)
    assert "3.12" not in {python for python, _, _ in combinations}
