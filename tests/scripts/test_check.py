"""Which tests ``make check`` runs, and that it ends in time."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts import check

ROOT = Path(__file__).resolve().parents[2]


def names(*paths: str, root: Path = ROOT) -> list[str]:
    tests = [test.relative_to(root).as_posix() for test in check.chosen(paths, root)]
    return [test for test in tests if not test.startswith("tests/meta/")]


def test_a_source_is_tried_by_the_tests_that_name_it() -> None:
    tests = names("python/speechwire/session/backoff.py")
    assert "tests/session/test_backoff.py" in tests
    assert len(tests) < len(list((ROOT / "tests/session").glob("test_*.py"))) / 2
    assert all("acko" in (ROOT / test).read_text(encoding="utf-8") for test in tests)


def test_what_no_test_names_is_tried_by_all_of_its_folder() -> None:
    everything = sorted((ROOT / "tests/audio").rglob("test_*.py"))
    assert names("rust/pcm/src/no_such_kernel.rs") == [
        test.relative_to(ROOT).as_posix() for test in everything
    ]


@pytest.mark.parametrize(
    ("path", "test"),
    [
        ("tests/audio/test_ring.py", "tests/audio/test_ring.py"),
        ("tests/audio/rings.py", "tests/audio/test_ring.py"),
        ("docs/recovery.md", "tests/docs/test_blocks.py"),
        ("README.md", "tests/docs/test_blocks.py"),
        ("scripts/check.py", "tests/scripts/test_check.py"),
        ("python/speechwire/server/own_socket/messages.py", "tests/server/own_socket/test_document.py"),
        (
            "python/videosdk-plugins-deepgram/videosdk/plugins/deepgram/_framework.py",
            "tests/plugin/test_private_parts.py",
        ),
    ],
)
def test_each_part_has_its_tests(path: str, test: str) -> None:
    assert test in names(path)


@pytest.mark.parametrize(
    "path", ["tests/audio/test_gone.py", "LICENSE", "python/pipecat-speechwire/pipecat_speechwire/tts.py"]
)
def test_what_has_no_tests_of_its_own_is_left_to_those_of_the_whole(path: str) -> None:
    assert names(path) == []
    assert {test.name for test in check.chosen([path])} == set(check.ALWAYS)


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True, timeout=60)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_committed_edited_and_new_files_have_changed_and_those_of_main_have_not(tmp_path: Path) -> None:
    git(tmp_path, "init", "-b", "main")
    for step, name in enumerate(["old.py", "edited.py", "committed.py"]):
        if step == 2:
            git(tmp_path, "checkout", "-b", "branch")
        (tmp_path / name).write_text("1", encoding="utf-8")
        git(tmp_path, "add", name)
        git(tmp_path, "commit", "-m", name)
    (tmp_path / "edited.py").write_text("2", encoding="utf-8")
    (tmp_path / "new.py").write_text("1", encoding="utf-8")
    assert check.changed(tmp_path) == ["committed.py", "edited.py", "new.py"]


def test_what_is_left_when_the_time_is_over_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [1000.0]
    monkeypatch.setattr(check, "_begins", [])
    monkeypatch.setattr(check, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    monkeypatch.setenv(check.BUDGET, "30.0")
    check.pytest_runtest_setup()  # however late: the time begins here
    now_s[0] += 29.0
    check.pytest_runtest_setup()
    now_s[0] += 2.0
    with pytest.raises(pytest.skip.Exception, match="make test"):
        check.pytest_runtest_setup()
