"""What a terminal shows: every result, whatever the bars do around it, and nothing else when all is done."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from tests.cli.conftest import SCRIPT, Serve, command, environment, header, riff
from tests.cli.screen import Terminal, shown

from speechwire.cli._display import Display


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is drawn on a terminal of 10 lines of 60 characters."""
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, force_interactive=True, width=60, height=10)
    monkeypatch.setattr("speechwire.cli._display.Console", lambda stderr: console)
    return drawn


def test_no_result_is_drawn_over(serve: Serve) -> None:
    files = [f"{number}.wav" for number in range(5)]
    for number, file in enumerate(files):
        Path(file).write_bytes(riff(header(1, 16, 1, 8000), bytes(2 * 8000 * 8 * (number + 1))))
    arguments = ("--base-url", serve(script=SCRIPT).base_url, "--speed", 20, "--concurrency", 3)
    terminal = Terminal(
        command("transcribe", *files, *arguments), environment(DEEPGRAM_API_KEY="a-key-of-the-tests")
    )
    output = terminal.output()
    assert "━" in output
    assert shown(output) == [
        f"{file}: {line}" for file in files for line in ("Two tickets to Oslo, please.", "By train.")
    ]
    assert terminal.process.returncode == 0


def test_ctrl_c_clears_the_bars_and_says_so(serve: Serve) -> None:
    Path("in.wav").write_bytes(riff(header(1, 16, 1, 8000), bytes(2 * 8000 * 60)))
    arguments = ("transcribe", "in.wav", "--base-url", serve(script=SCRIPT).base_url)
    terminal = Terminal(command(*arguments), environment(DEEPGRAM_API_KEY="a-key-of-the-tests"))
    terminal.wait_for("By train.")
    terminal.type("\x03")
    assert shown(terminal.output().replace("^C", "")) == ["speechwire: interrupted"]
    assert terminal.process.returncode == 130


def test_bars_leave_nothing_behind(terminal: io.StringIO) -> None:
    with Display() as display, display.bar("a.wav", 10.0) as first:
        first.reach(5.0)
        with display.bar("b.wav", None) as second:
            second.caption("x" * 100)
            display.note("a note")
    assert "a.wav" in terminal.getvalue()
    assert shown(terminal.getvalue()) == []


def test_a_long_text_shows_its_end(terminal: io.StringIO) -> None:
    with Display() as display, display.bar("a.wav", 10.0) as bar:
        bar.caption("word " * 100 + "the end")
        display.note("a pause, and all is drawn again")
    assert "the end" in terminal.getvalue()
    assert max(len(line) for line in re.split(r"[\r\n]", terminal.getvalue()) if "\x1b" not in line) <= 60


def test_more_bars_than_lines_are_counted(terminal: io.StringIO) -> None:
    with Display() as display:
        bars = [display.bar(f"{number}.wav", 1.0) for number in range(30)]
        for bar in bars:
            bar.__enter__()
        display.note("a pause, and all is drawn again")
        for bar in bars:
            bar.__exit__(None, None, None)
    assert "and 22 more" in terminal.getvalue()
    assert shown(terminal.getvalue()) == []


def test_without_a_terminal_there_are_no_bars(capfd: pytest.CaptureFixture[str]) -> None:
    with Display() as display, display.bar("a.wav", 10.0) as bar:
        bar.reach(5.0)
        display.result("a result\n")
        display.note("a note")
    assert capfd.readouterr() == ("a result\n", "a note\n")
