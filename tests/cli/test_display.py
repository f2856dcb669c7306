"""What a terminal shows: every result, whatever the bars do around it, and nothing else when all is done."""

from __future__ import annotations

import io
import logging
import re
from pathlib import Path

import pytest
from rich.console import Console
from tests.cli.conftest import SCRIPT, Serve, command, environment, header, riff
from tests.cli.screen import Terminal, shown

from speechwire.cli._display import Bar, Display, Verbosity, console, is_coloured


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is drawn on a terminal of 10 lines of 60 characters."""
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, force_interactive=True, width=60, height=10)
    monkeypatch.setattr("speechwire.cli._display.console", lambda stream: console)
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


def test_ctrl_c_clears_the_bars_and_keeps_what_was_heard(serve: Serve) -> None:
    Path("in.wav").write_bytes(riff(header(1, 16, 1, 8000), bytes(2 * 8000 * 60)))
    arguments = ("transcribe", "in.wav", "-o", "out.txt", "--base-url", serve(script=SCRIPT).base_url)
    terminal = Terminal(command(*arguments), environment(DEEPGRAM_API_KEY="a-key-of-the-tests"))
    terminal.wait_for("By train.")
    terminal.type("\x03")
    first, *rest = shown(terminal.output().replace("^C", ""))
    assert re.fullmatch(
        r"speechwire transcribe: in\.wav: what was heard until \d+\.\d s is in out\.txt", first
    )
    assert rest == ["speechwire: interrupted"]
    assert Path("out.txt").read_text() == "Two tickets to Oslo, please.\nBy train.\n"
    assert terminal.process.returncode == 130


def test_bars_leave_nothing_behind(terminal: io.StringIO) -> None:
    with Display("bench") as display, display.bar("a.wav", 10.0) as first:
        first.reach(5.0)
        with display.bar("b.wav", None) as second:
            second.caption("x" * 100)
            display.note("a note")
    assert "a.wav" in terminal.getvalue()
    assert shown(terminal.getvalue()) == []


def test_when_the_last_bar_ends_the_screen_is_clear_at_once(terminal: io.StringIO) -> None:
    with Display("bench") as display:
        with display.bar("a.wav", 10.0):
            assert shown(terminal.getvalue()) != []
        assert shown(terminal.getvalue()) == []


def test_a_bar_that_nobody_ended_is_gone_when_the_display_is(terminal: io.StringIO) -> None:
    with Display("bench") as display:
        bar = display.bar("a.wav", 10.0)
        bar.__enter__()
        assert shown(terminal.getvalue()) != []
    assert shown(terminal.getvalue()) == []


@pytest.mark.parametrize(
    ("name", "room"), [("a.wav", 60 - 5 - 20 - 16), ("a" * 12, 12), ("a" * 13, 12), ("a" * 50, 12)]
)
def test_a_text_has_the_room_that_is_left_and_some_in_any_case(
    terminal: io.StringIO, name: str, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms: set[int] = set()

    def cells(bar: Bar, room: int) -> tuple[str, ...]:
        rooms.add(room)
        return ()

    monkeypatch.setattr("speechwire.cli._display._cells", cells)
    with Display("bench") as display, display.bar(name, 10.0):
        pass
    assert rooms == {room}


def test_a_long_text_shows_its_end(terminal: io.StringIO) -> None:
    with Display("bench") as display, display.bar("a.wav", 10.0) as bar:
        bar.caption("word " * 100 + "the end")
        display.note("a pause, and all is drawn again")
    assert "the end" in terminal.getvalue()
    assert max(len(line) for line in re.split(r"[\r\n]", terminal.getvalue()) if "\x1b" not in line) <= 60


def test_more_bars_than_lines_are_counted(terminal: io.StringIO) -> None:
    with Display("bench") as display:
        bars = [display.bar(f"{number}.wav", 1.0) for number in range(30)]
        for bar in bars:
            bar.__enter__()
        display.note("a pause, and all is drawn again")
        for bar in bars:
            bar.__exit__(None, None, None)
    assert "and 22 more" in terminal.getvalue()
    assert shown(terminal.getvalue()) == []


def test_without_a_terminal_there_are_no_bars(capfd: pytest.CaptureFixture[str]) -> None:
    with Display("bench") as display, display.bar("a.wav", 10.0) as bar:
        bar.reach(5.0)
        display.result("a result\n")
        display.note("a note")
    assert capfd.readouterr() == ("a result\n", "speechwire bench: a note\n")


@pytest.mark.parametrize(
    ("verbosity", "said"),
    [(Verbosity.QUIET, "e"), (Verbosity.NORMAL, "en"), (Verbosity.VERBOSE, "end")],
)
def test_how_much_is_said(verbosity: Verbosity, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    with Display("bench", verbosity) as display:
        display.error("e")
        display.note("n")
        display.detail("d")
    assert capfd.readouterr() == ("", "".join(f"speechwire bench: {letter}\n" for letter in said))


def test_verbose_tells_what_sessions_log(capfd: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("speechwire.session")
    with Display("bench", Verbosity.VERBOSE):
        logger.warning("trying again")
    logger.warning("nobody listens any more")
    assert capfd.readouterr() == ("", "speechwire bench: trying again\n")


def test_quiet_draws_no_bars(terminal: io.StringIO) -> None:
    with Display("bench", Verbosity.QUIET) as display, display.bar("a.wav", 10.0):
        pass
    assert terminal.getvalue() == ""


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_has_one_rule(
    environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    screen, pipe = Screen(), io.StringIO()
    console(screen).print("[red]word[/red]", end="")
    console(pipe).print("[red]word[/red]", end="")
    assert (is_coloured(screen), is_coloured(pipe)) == (coloured, False)
    assert ("\x1b[31m" in screen.getvalue(), pipe.getvalue()) == (coloured, "word")


def test_only_what_is_meant_to_be_is_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers, quotes and addresses in what was said are no marks of ours."""

    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Screen()
    said = "At 10:30 'he' paid 12.50 on http://example.com, None and True"
    console(screen).print(said, end="")
    assert screen.getvalue() == said


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"])
def test_nothing_makes_a_terminal_of_a_pipe(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    pipe = io.StringIO()
    console(pipe).print("[red]word[/red]", end="")
    assert (pipe.getvalue(), console(pipe).is_interactive) == ("word", False)


@pytest.mark.parametrize(("more", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_doctor_on_a_terminal(more: dict[str, str], coloured: bool) -> None:
    plain = {name: value for name, value in environment(**more).items() if more or name != "NO_COLOR"}
    terminal = Terminal(command("doctor"), plain)
    output = terminal.output()
    assert "FAIL" in output
    assert ("\x1b[31m" in output) == coloured
