"""What CONTRIBUTING says of adding an option works as written, step by step, in a copy of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = Path("python/videosdk-plugins-deepgram/videosdk/plugins/deepgram/stt_v2.py")
NAME, MEANING = "whispered", "Expect speech in a whisper."


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the steps touch and what they are tried with."""
    ignored = shutil.ignore_patterns("__pycache__", ".hypothesis", "*.pcm")
    for folder in ("python", "scripts", "docs", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def add(path: Path, like: str, line: str, *, after: str = "") -> None:
    """Put a line below the first one that is like it, from the text ``after`` on."""
    text = path.read_text(encoding="utf-8")
    start = text.index(after)
    found = re.compile(like + r"\n").search(text, start)
    assert found, f"{path} has no line like {like}"
    path.write_text(f"{text[: found.end()]}{line}\n{text[found.end() :]}", encoding="utf-8")


def run(tree: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the tree, which nothing but the script itself points to."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=tree,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def options(tree: Path) -> None:
    path = tree / "python/speechwire/protocol/options_listen_v2.py"
    add(path, r"        numerals: .*", f"        {NAME}: {MEANING}")
    add(path, r"    numerals: bool \| None = None", f"    {NAME}: bool | None = None")
    add(path, r'        "numerals": flag,', f'        "{NAME}": flag,', after="_rules")


def emulator(tree: Path) -> None:
    path = tree / "python/speechwire/emulator/_parameters_listen.py"
    add(path, r'    "numerals": boolean,', f'    "{NAME}": boolean,', after="_FLUX: ")


def plugin(tree: Path) -> None:
    path = tree / PLUGIN
    add(path, r"        numerals: bool \| None = None,", f"        {NAME}: bool | None = None,")
    add(path, r"        self.numerals = numerals", f"        self.{NAME} = {NAME}")
    add(path, r"            numerals=self.numerals,", f"            {NAME}=self.{NAME},")


def docstring(tree: Path) -> None:
    add(tree / PLUGIN, r"        numerals: Numbers in digits\.", f"        {NAME}: {MEANING}")


def sample(tree: Path) -> None:
    path = tree / "scripts/docs_tables.py"
    add(path, r'        "numerals": True,', f'        "{NAME}": True,', after="DeepgramSTTV2: {")


def rows(tree: Path) -> None:
    path = tree / "tests/protocol/test_options.py"
    text = path.read_text(encoding="utf-8")
    assert text.count('"v2": "profanity_filter ') == 1
    path.write_text(
        text.replace('"v2": "profanity_filter ', f'"v2": "{NAME} profanity_filter '), encoding="utf-8"
    )
    row = f'        (DeepgramSTTV2, {{"{NAME}": "yes"}}, TypeError, "{NAME}"),'
    add(tree / "tests/plugin/test_arguments.py", r"        \(DeepgramSTTV2, .*\),", row)


def test_adding_an_option_works_as_contributing_says(tree: Path) -> None:
    page = tree / "docs" / "configuration.md"
    before = page.read_text(encoding="utf-8")
    for step in (options, emulator, plugin, docstring, sample, rows):
        step(tree)
    renewed = run(tree, "scripts/docs_tables.py")
    assert (renewed.returncode, renewed.stderr) == (0, "")
    added = [
        line for line in page.read_text(encoding="utf-8").splitlines() if line not in before.splitlines()
    ]
    assert added == [f"| `{NAME}` | `None` | {MEANING} | `True`: `{NAME}=true` |"]
    tests = ("tests/protocol/test_options.py", "tests/plugin/test_arguments.py")
    command = ("-m", "pytest", "-p", "from_this_tree", "-q", "-k", NAME, *tests)
    tried = run(tree, *command, PYTHONPATH=str(tree / "scripts"))
    assert tried.returncode == 0, tried.stdout
    assert re.search(r"^2 passed", tried.stdout, re.M), tried.stdout
