"""The script that changes the code, tried on a package of a few lines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from scripts.mutants import __main__ as command
from scripts.mutants import running
from scripts.mutants.allowed import Allowed
from scripts.mutants.operators import mutants_of
from scripts.mutants.parts import PARTS
from scripts.mutants.running import Copy
from tests.scripts.tiny_tree import COUNTING, ROOT, TESTS, TINY, write


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project of one package and its tests, which do not ask for all that it does."""
    write(tmp_path / "python/tiny/__init__.py", "")
    write(tmp_path / "python/tiny/counting.py", COUNTING)
    write(tmp_path / "tests/tiny/test_counting.py", TESTS)
    return tmp_path


def test_all_that_no_test_noticed_is_listed_and_the_tree_stays_as_it_is(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in tree.rglob("*.py")}
    assert command.main(["--count", "99", "--seed", "7", "--jobs", "2"], tree, TINY) == 1
    said, errors = capsys.readouterr()
    first, *listed = said.splitlines()
    assert errors == ""
    assert first.startswith("tiny: 6 changes; its tests take ")
    assert listed == [
        "not noticed: python/tiny/counting.py:16 total",
        "    if number < 0:",
        "    if number <= 0:",
        "not noticed: python/tiny/counting.py:17 total",
        "    continue",
        "    break",
        "    No test reaches it.",
        "",
        "| part | seed | changes | noticed | by a bound | not noticed | without effect "
        "| of those with effect |",
        "|---|---|---|---|---|---|---|---|",
        "| tiny | 7 | 6 | 4 | 0 | 2 | 0 | 67 % |",
    ]
    assert {path: path.read_bytes() for path in tree.rglob("*.py")} == before


def test_the_tests_of_one_change_stop_after_these_seconds_and_it_says_so(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(
        tree / "tests/tiny/test_slow.py",
        """
        import time
        from tiny.counting import total
        def test_zeros():
            time.sleep(0.5)
            assert total([0, -1, 2]) == 2
        """,
    )
    assert command.main(["--count", "99", "--seed", "7", "--seconds", "0.25"], tree, TINY) == 1
    assert capsys.readouterr().out.splitlines()[1:8] == [
        "not noticed: python/tiny/counting.py:16 total",
        "    if number < 0:",
        "    if number <= 0:",
        "    Ran 1 of the 2 tests that reach it.",
        "",
        "| part | seed | changes | noticed | by a bound | not noticed | without effect "
        "| of those with effect |",
        "|---|---|---|---|---|---|---|---|",
    ]


def test_each_seed_has_its_row(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--count", "99", "--seed", "7", "--seed", "8"], tree, TINY) == 1
    *_, first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("| tiny | 7 | 6 | ")
    assert second.startswith("| tiny | 8 | 6 | ")


def test_the_same_seed_chooses_the_same_and_another_seed_others(tree: Path) -> None:
    every = [mutant for path in TINY["tiny"].files(tree) for mutant in mutants_of(path, tree)]

    def chosen(seed: str, count: int) -> list[str]:
        return [f"{m.number} {m.change}" for m in command._chosen(every, count, seed, tree)]

    assert chosen("1", 3) == chosen("1", 3)
    assert len({tuple(chosen(str(seed), 3)) for seed in range(10)}) > 5
    assert sorted({int(place.split()[0]) for place in chosen("1", 99)}) == [5, 10, 14, 16, 17, 18]


ENTRY: dict[str, str] = {
    "file": "python/tiny/counting.py",
    "function": "total",
    "line": "if number < 0:",
    "change": "if number <= 0:",
    "why": "Nothing is added where a zero is.",
}


def allow(tree: Path, **fields: str) -> Path:
    path = tree / "allowed.toml"
    lines = [f"{name} = '{value}'" for name, value in (ENTRY | fields).items() if value]
    write(path, "\n".join(["[[mutant]]", *lines]))
    return path


def test_what_has_no_effect_is_counted_and_not_tried(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    every = [mutant for path in TINY["tiny"].files(tree) for mutant in mutants_of(path, tree)]
    (allowed,) = [mutant for mutant in every if mutant.change == ENTRY["change"]]
    (noticed,) = [mutant for mutant in every if mutant.change == "return number <= LIMIT"]
    monkeypatch.setattr(command, "_chosen", lambda *_: [allowed, noticed])
    assert command.main(["--allowed", str(allow(tree))], tree, TINY) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "| tiny | 1 | 2 | 1 | 0 | 0 | 1 | 100 % |"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"line": "if number > 0:"},
            "without effect, and in no line of the code: ('python/tiny/counting.py'",
        ),
        ({"why": " "}, "allowed.toml: an entry has file, function, line, change and why"),
        ({"why": ""}, "allowed.toml: an entry has file, function, line, change and why"),
    ],
)
def test_an_entry_that_fits_nothing_or_gives_no_reason_is_an_error(
    tree: Path, fields: dict[str, str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--allowed", str(allow(tree, **fields))], tree, TINY) == 2
    assert capsys.readouterr().err.startswith(f"mutants: {words}")


def test_the_entries_of_this_project_fit_its_code() -> None:
    allowed = Allowed.read(ROOT / "scripts" / "mutants" / "without_effect.toml")
    every = [
        mutant for part in PARTS.values() for path in part.files(ROOT) for mutant in mutants_of(path, ROOT)
    ]
    assert allowed.stale(every) == []


def test_tests_that_fail_as_they_are_end_it(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree / "tests/tiny/test_other.py", "def test_no() -> None:\n    assert False")
    assert command.main([], tree, TINY) == 2
    assert capsys.readouterr().err.startswith("mutants: the tests do not pass as they are:\n")


def test_a_part_without_tests_ends_it(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "tests/tiny/test_counting.py").unlink()
    assert command.main([], tree, TINY) == 2
    assert capsys.readouterr().err == "mutants: there are no tests in tests/tiny\n"


def test_a_run_is_bounded_in_time_and_leaves_no_process_behind(tree: Path) -> None:
    """A test that hangs, and a process of its own session that outlives it."""
    told = tree / "pid"
    write(
        tree / "tests/tiny/test_hangs.py",
        f"""
        import subprocess, sys, time
        def test_hangs():
            hanging = [sys.executable, "-c", "import time; time.sleep(600)"]
            process = subprocess.Popen(hanging, start_new_session=True)
            open({str(told)!r}, "w").write(str(process.pid))
            while True:
                time.sleep(1)
        """,
    )
    outcome = Copy(tree, tree / "copy").run(["tests/tiny/test_hangs.py"], 20.0)
    assert (outcome.passed, outcome.in_time) == (False, False)
    assert not is_alive(int(told.read_text()))


def test_what_cannot_be_begun_is_not_taken_for_a_test_that_failed(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_run_pytest", divmod)
    with pytest.raises(RuntimeError, match="^the tests could not be begun$"):
        Copy(tree, tree / "copy").run(["tests/tiny"], 60.0)


def is_alive(pid: int) -> bool:
    """Whether it runs; one that has ended and that nobody has waited for does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_run_is_bounded_in_memory(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tree / "tests/tiny/test_eats.py", "def test_eats():\n    assert bytearray(3 << 30)")
    outcome = Copy(tree, tree / "copy").run(["tests/tiny/test_eats.py"], 60.0)
    assert (outcome.passed, outcome.in_time) == (False, True)
    assert "MemoryError" in outcome.output


def test_a_file_of_the_same_length_and_second_is_not_taken_for_the_old_one(tree: Path) -> None:
    copy = Copy(tree, tree / "copy")
    path = copy.path / "python/tiny/counting.py"
    times = path.stat()
    path.write_text(path.read_text().replace("number < LIMIT", "number > LIMIT"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not copy.run(["tests/tiny"], 60.0).passed


def test_only_the_tests_that_reach_a_line_are_run(tree: Path) -> None:
    copy = Copy(tree, tree / "copy")
    name = "python/tiny/counting.py"
    reach = running.reach_of(copy, [name], ["tests/tiny"], 60.0)
    small, total = (f"tests/tiny/test_counting.py::test_{name}" for name in ("small", "total"))
    assert reach.tests_of(name, 10, 10) == [small]
    assert reach.tests_of(name, 14, 18) == [total]
    assert sorted(reach.tests_of(name, 5, 5)) == [small, total], "every test reaches what runs at import"
    assert reach.tests_of(name, 17, 17) == []
    assert (copy.path / name).read_text() == (tree / name).read_text()


def test_a_line_that_only_another_process_reaches_has_its_test(tree: Path) -> None:
    write(
        tree / "tests/tiny/test_process.py",
        """
        import subprocess, sys
        def test_negative():
            code = "from tiny.counting import total; assert total([-1, 2]) == 2"
            subprocess.run([sys.executable, "-c", code], check=True)
        """,
    )
    reach = running.reach_of(Copy(tree, tree / "copy"), ["python/tiny/counting.py"], ["tests/tiny"], 60.0)
    assert reach.tests_of("python/tiny/counting.py", 17, 17) == ["tests/tiny/test_process.py::test_negative"]


def test_a_line_is_reached_all_the_same_where_no_file_may_grow(tree: Path) -> None:
    pytest.importorskip("resource")
    write(
        tree / "tests/tiny/test_full.py",
        """
        import resource
        from tiny.counting import total
        def test_negative():
            most, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
            try:
                assert total([-1, 2]) == 2
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
        """,
    )
    reach = running.reach_of(Copy(tree, tree / "copy"), ["python/tiny/counting.py"], ["tests/tiny"], 60.0)
    assert reach.tests_of("python/tiny/counting.py", 17, 17) == ["tests/tiny/test_full.py::test_negative"]


@pytest.mark.parametrize(
    "arguments", [["--count", "0"], ["--jobs", "0"], ["--seconds", "0"], ["--part", "nonsense"]]
)
def test_wrong_options_are_refused(arguments: list[str], tree: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments, tree, TINY)
    assert ended.value.code == 2
