"""How the group ends, within this process: what is said, and which code is returned."""

from __future__ import annotations

import logging
import signal
import sys
from typing import Any

import click
import pytest
from tests.cli.conftest import Outcome, Run

from speechwire.cli import _application
from speechwire.cli._application import _COMMANDS, _Commands, _speechwire
from speechwire.cli._failures import InputError
from speechwire.cli._interrupt import Termination


@pytest.fixture
def ends_with(monkeypatch: pytest.MonkeyPatch, run: Run) -> Any:
    """Returns the outcome of a command that raises something, or returns it."""

    def ends_with(result: object, *arguments: str) -> Outcome:
        @click.command
        @click.option("-v", "--verbose", is_flag=True)
        @click.option("-q", is_flag=True)
        def odd(verbose: bool, q: bool) -> object:
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(_Commands, "get_command", lambda self, ctx, name: odd)
        return run("bench", *arguments)

    return ends_with


@pytest.mark.parametrize(
    ("came", "code", "word"),
    [(None, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "hung up")],
)
@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), click.Abort()])
def test_an_interruption_is_told_by_its_name(
    ends_with: Any,
    interruption: BaseException,
    came: signal.Signals | None,
    code: int,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def enter(termination: Termination) -> Termination:
        termination.came = came
        return termination

    monkeypatch.setattr(Termination, "__enter__", enter)
    assert ends_with(interruption) == Outcome(code, "", f"speechwire: {word}\n")


def test_on_a_terminal_it_is_told_on_a_line_of_its_own(
    ends_with: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert ends_with(KeyboardInterrupt()) == Outcome(130, "", "\nspeechwire: interrupted\n")


@pytest.mark.parametrize(
    ("result", "code", "said"),
    [
        (None, 0, ""),
        (0, 0, ""),
        (2, 2, ""),
        ("text", 0, ""),
        (InputError("a.wav: it is empty"), 2, "speechwire bench: a.wav: it is empty\n"),
        (FileNotFoundError(2, "No such file", "a.wav"), 1, "speechwire bench: a.wav: No such file\n"),
        (ValueError("odd"), 1, "speechwire: a defect of speechwire, -v shows where: ValueError: odd\n"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_a_command_ends_with(ends_with: Any, result: object, code: int, said: str) -> None:
    assert ends_with(result) == Outcome(code, "", said)


@pytest.mark.parametrize("flag", ["-v", "--verbose", "-q"])
def test_where_a_defect_is_is_shown_on_request(ends_with: Any, flag: str) -> None:
    lines = ends_with(ValueError("odd"), flag).err.splitlines()
    assert (lines[0] == "Traceback (most recent call last):") == (flag != "-q")
    assert lines[-1] == "speechwire: a defect of speechwire, -v shows where: ValueError: odd"


def test_each_command_is_found_by_its_name_and_no_other_is() -> None:
    group = _speechwire
    assert isinstance(group, _Commands)
    context = click.Context(group)
    assert group.list_commands(context) == list(_COMMANDS)
    for name in _COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.get_short_help_str(200).endswith(".")
    assert group.get_command(context, "bogus") is None


def test_a_mistyped_name_is_told_what_there_is(run: Run) -> None:
    commands = "transcribe, speak, convert, serve, load, emulator, bench, doctor"
    assert run("bogus") == Outcome(2, "", f"speechwire: No such command 'bogus'; there are {commands}\n")
    assert run("conver") == Outcome(2, "", "speechwire: No such command 'conver'; did you mean convert?\n")


def test_the_front_page_says_what_this_is_and_how_it_ends(run: Run) -> None:
    shown = " ".join(run("-h").out.split())
    for words in (
        "Real-time speech with Deepgram: transcribe, speak, convert, and a Deepgram of your own.",
        "The API key comes from DEEPGRAM_API_KEY or from a --key-file, never from an argument.",
        "Examples: speechwire speak 'Please book a table for two.' -o call.wav --emulator"
        " speechwire transcribe call.wav --emulator Exit codes: 0 done 1 failed on the way: ",
    ):
        assert words in shown
    assert shown.endswith("130 interrupted with Ctrl-C 143 ended by SIGTERM")


def test_what_sessions_log_is_not_shown_by_itself(ends_with: Any) -> None:
    logger = logging.getLogger("speechwire")
    before = list(logger.handlers)
    try:
        ends_with(None)
        added = [handler for handler in logger.handlers if handler not in before]
        assert [type(handler) for handler in added] == [logging.NullHandler]
    finally:
        logger.handlers[:] = before


def test_without_arguments_those_of_the_process_are_taken(
    run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["speechwire", "--version"])
    assert _application.run() == 0
    assert capfd.readouterr().out == run("--version").out
