"""A caller may have closed standard streams: what a command does not need, it does not miss."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from tests.cli.conftest import command, environment, header, riff

BAD = "Bad file descriptor"


@pytest.fixture(autouse=True)
def recording() -> None:
    Path("in.wav").write_bytes(riff(header(1, 16), bytes(3_200)))
    Path("text.wav").write_text("no audio", encoding="utf-8")


def closed(redirections: str, *arguments: object) -> tuple[int, bytes, str]:
    """The exit code, standard output and standard error of a command that a shell starts."""
    line = f"{shlex.join(command(*arguments))} {redirections}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, timeout=60, env=environment())
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.parametrize("redirections", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_file_is_written_without_them(redirections: str) -> None:
    assert closed(redirections, "convert", "in.wav", "out.wav") == (0, b"", "")
    assert Path("out.wav").stat().st_size == 3_244
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "out.wav", "text.wav"]


@pytest.mark.parametrize("redirections", ["2>&-", "<&- >&- 2>&-"])
def test_a_failure_keeps_its_exit_code_where_nobody_is_told(redirections: str) -> None:
    assert closed(redirections, "convert", "text.wav", "out.wav") == (2, b"", "")


def test_standard_output_is_written_while_the_errors_are_closed() -> None:
    code, out, err = closed("2>&-", "convert", "in.wav", "-")
    assert (code, len(out), err) == (0, 3_244, "")


@pytest.mark.parametrize(
    ("redirections", "arguments", "code", "err"),
    [
        (">&-", ["convert", "in.wav", "-"], 1, f"speechwire convert: -: {BAD}\n"),
        (">&-", ["convert", "--help"], 1, f"speechwire convert: {BAD}\n"),
        (">&-", ["--version"], 1, f"speechwire: {BAD}\n"),
        ("<&-", ["convert", "-", "out.wav"], 2, f"speechwire convert: -: {BAD}\n"),
        (">/dev/full", ["convert", "--help"], 1, "speechwire convert: No space left on device\n"),
    ],
    ids=["output", "help", "version", "input", "full"],
)
def test_a_stream_that_is_needed_is_told_to_be_closed(
    redirections: str, arguments: list[str], code: int, err: str
) -> None:
    assert closed(redirections, *arguments) == (code, b"", err)
