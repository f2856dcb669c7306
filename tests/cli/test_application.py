"""The group: help and its examples, exit codes, one-line errors, interruption, the missing extra."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cli.conftest import ROOT, Outcome, Run, command, default_signals, environment, header, riff

from speechwire import __version__
from speechwire.cli._failures import EXIT_CODES, InputError, OutputError, exit_code, named, one_line
from speechwire.errors import (
    ConnectFailed,
    ConnectionLost,
    HandshakeRefused,
    InvalidArgument,
    ServiceError,
    SessionClosed,
    SpeechwireError,
)

COMMANDS = ["transcribe", "speak", "convert", "emulator", "bench", "doctor"]


def examples(text: str) -> list[str]:
    return re.findall(r"^\s+(speechwire .*)$", text.partition("Example")[2], re.MULTILINE)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_the_front_page_names_every_command(run: Run, arguments: tuple[str, ...]) -> None:
    outcome = run(*arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert all(f"\n  {name} " in outcome.out for name in COMMANDS)


@pytest.mark.parametrize("name", ["", *COMMANDS, "serve", "load"])
def test_no_line_of_the_help_is_wider_than_a_terminal(run: Run, name: str) -> None:
    lines = run(*filter(None, [name]), "--help").out.splitlines()
    assert [line for line in lines if len(line) > 80] == []


def test_the_version(run: Run) -> None:
    assert run("--version").out == f"speechwire {__version__}\n"


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_the_examples_of_the_help_work(run: Run, spawn: Run, call: Path, name: str) -> None:
    shutil.copy(call, "in.wav")
    shutil.copy(call, "other.wav")
    given = examples(run(*filter(None, [name]), "--help").out)
    assert given
    for example in given:
        arguments = shlex.split(example)[1:]
        if arguments[0] == "emulator":
            assert serve_and_interrupt(arguments) == 130
            continue
        outcome = spawn(*arguments)
        assert outcome.code == 0, outcome
        assert "Traceback" not in outcome.err


def serve_and_interrupt(arguments: list[str]) -> int:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command(*arguments), stdout=pipe, text=True, env=environment(), preexec_fn=default_signals
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ws://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        return process.wait(30)


@pytest.mark.parametrize(
    ("arguments", "command_path", "words"),
    [
        (
            ["transcribe", "--speed", "0.9", "x.wav"],
            "speechwire transcribe",
            "Invalid value for '--speed': '0.9' is not a number from 1 to 1000 or max",
        ),
        (
            ["transcribe", "--speed", "nan", "x.wav"],
            "speechwire transcribe",
            "Invalid value for '--speed': 'nan' is not a number from 1 to 1000 or max",
        ),
        (
            ["bench", "--seconds", "x"],
            "speechwire bench",
            "Invalid value for '--seconds': 'x' is not a number from 0.1 to 600",
        ),
        (
            ["convert", "in.wav", "out.wav", "--rate", "fast"],
            "speechwire convert",
            "Invalid value for '--rate': 'fast' is not a whole number.",
        ),
        (
            ["load", "http://127.0.0.1:1", "--seconds", "long"],
            "speechwire load",
            "Invalid value for '--seconds': 'long' is not a number.",
        ),
        (
            ["load", "127.0.0.1:8080"],
            "speechwire load",
            "127.0.0.1:8080 is no URL; give the server's, such as http://127.0.0.1:8080",
        ),
        (
            ["load", "http://example.com"],
            "speechwire load",
            "http://example.com is not on this machine: --allow-remote permits it",
        ),
        (["bench", "-q", "-v"], "speechwire bench", "-q and -v contradict each other"),
        (
            ["convert", "", "x.wav"],
            "speechwire convert",
            "Invalid value for 'SOURCE': a file's name cannot be empty",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_2(run: Run, arguments: list[str], command_path: str, words: str) -> None:
    assert run(*arguments) == Outcome(2, "", f"{command_path}: {words}\n")


@pytest.mark.parametrize(
    ("arguments", "command_path", "begin"),
    [
        (["bogus"], "speechwire", "No such command 'bogus'; there are transcribe, speak, "),
        (["conver"], "speechwire", "No such command 'conver'; did you mean convert?"),
        (["--bogus"], "speechwire", "No such option"),
        (["speak"], "speechwire speak", "Missing argument"),
    ],
)
def test_what_click_refuses_is_one_line_and_2_too(
    run: Run, arguments: list[str], command_path: str, begin: str
) -> None:
    outcome = run(*arguments)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert outcome.err.startswith(f"{command_path}: {begin}")


@pytest.mark.parametrize("arguments", [["--bogus"], ["--port", "x"]])
def test_wrong_usage_of_the_emulator_is_2(run: Run, arguments: list[str]) -> None:
    assert run("emulator", *arguments).code == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectFailed("wss://host", "no such host"), 3),
        (HandshakeRefused(401), 3),
        (ConnectionLost(1011), 3),
        (ServiceError("DATA-0000", "undecodable"), 1),
        (InvalidArgument("speed", 9, "0.7 to 1.5"), 2),
        (InputError("a.wav: it is empty"), 2),
        (OutputError("a.wav: larger than 4 GiB"), 1),
        (FileNotFoundError(2, "No such file", "a.wav"), 1),
    ],
)
def test_exit_codes(error: Exception, code: int) -> None:
    assert exit_code(error) == code
    closed = SessionClosed("the session has failed")
    closed.__cause__ = error
    assert exit_code(closed) == (code if isinstance(error, SpeechwireError) else 1)


def test_a_message_of_many_lines_becomes_one() -> None:
    assert one_line(ServiceError("", "first\nsecond\r\n  third")).endswith("first second third")


def test_an_output_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command("--help"), stdout=full, stderr=subprocess.PIPE, env=environment())
    assert (done.returncode, done.stderr) == (1, b"speechwire: No space left on device\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["rich", "speechwire.cli._application", "speechwire.cli.doctor"])
def test_a_signal_while_modules_are_imported_shows_no_traceback(module: str, number: signal.Signals) -> None:
    script = f"""
import os, signal, sys
import speechwire.cli
class SendsIt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number.value})
sys.meta_path.insert(0, SendsIt())
sys.exit(speechwire.cli.main(["doctor"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment(),
        preexec_fn=default_signals,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-number, "", "")


def test_a_reader_that_leaves_is_no_fault_of_ours() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command("--help"), stdout=write, stderr=subprocess.PIPE, env=environment())
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_one_line_tells_what_to_install(missing: str) -> None:
    script = (
        f"import sys; sys.modules[{missing!r}] = None\nfrom speechwire.cli import main; sys.exit(main([]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"needs {missing}" in done.stderr
    assert 'pip install "speechwire[cli]"' in done.stderr


@pytest.mark.parametrize("verbose", [False, True])
def test_a_defect_is_one_line_too_and_verbose_shows_where(
    run: Run, monkeypatch: pytest.MonkeyPatch, verbose: bool
) -> None:
    def broken() -> None:
        raise RuntimeError("a\ndefect")

    monkeypatch.setattr("speechwire.cli.doctor._installation", broken)
    outcome = run("doctor", "--emulator", *["-v"] * verbose)
    *trace, line = outcome.err.splitlines()
    assert (outcome.code, outcome.out) == (1, "")
    assert line == "speechwire: a defect of speechwire, -v shows where: RuntimeError: a defect"
    assert ("test_application.py" in "".join(trace)) == verbose
    assert bool(trace) == verbose


def test_the_exit_codes_are_on_the_front_page_and_in_the_documents(run: Run) -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    front = run("--help").out
    for code, words in EXIT_CODES.items():
        assert re.search(rf"^ +{code} +{re.escape(words)}$", front, re.MULTILINE)
        assert f"| {code} | {words} |" in page


@pytest.mark.parametrize(
    ("argument", "typed"),
    [
        ("api_key", "the API key"),
        ("base_url", "--base-url"),
        ("extra", "--extra"),
        ("keyterm", "--keyterm"),
        ("language", "--language"),
        ("model", "--model"),
        ("out_rate", "--rate"),
        ("redact", "--redact"),
        ("sample_rate", "--rate"),
        ("speed", "--speed"),
        ("something_else", "something_else"),
    ],
)
def test_every_option_is_named_as_it_is_typed(argument: str, typed: str) -> None:
    assert one_line(InvalidArgument(argument, 5, "less")) == f"{typed} must be less, got 5"


def test_options_are_named_as_they_are_typed() -> None:
    assert one_line(InvalidArgument("sample_rate", 5, "one of 8000, 16000")) == (
        "--rate must be one of 8000, 16000, got 5"
    )
    assert one_line(InvalidArgument("base_url", "ws://x", "wss:// (see allow_insecure)")) == (
        "--base-url must be wss://, got 'ws://x'"
    )


def test_a_file_is_named_once_and_what_a_terminal_would_obey_is_not_passed_on() -> None:
    assert named("a  b.wav", InputError("a  b.wav: it is empty")) == "a  b.wav: it is empty"
    assert named("a.wav", ServiceError("", "no\x1b[2J")) == (
        "a.wav: the service reported an error: no\\x1b[2J"
    )


@pytest.mark.parametrize(
    ("number", "ignored", "code", "words"),
    [
        (signal.SIGINT, (), 130, "interrupted"),
        (signal.SIGTERM, (), 143, "terminated"),
        (signal.SIGTERM, (signal.SIGINT,), 143, "terminated"),
        (signal.SIGHUP, (), 129, "hung up"),
    ],
    ids=["Ctrl-C", "SIGTERM", "SIGTERM under nohup", "SIGHUP"],
)
def test_a_signal_leaves_no_half_written_file(
    number: signal.Signals, ignored: tuple[signal.Signals, ...], code: int, words: str
) -> None:
    def signals() -> None:
        default_signals()
        for other in ignored:
            signal.signal(other, signal.SIG_IGN)

    os.mkfifo("in.wav")
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(
            command("convert", "in.wav", "out.wav"),
            stderr=pipe,
            text=True,
            env=environment(),
            preexec_fn=signals,
        ) as process,
        Path("in.wav").open("wb") as source,
    ):
        source.write(riff(header(1, 16), bytes(64_000), size=10**6))
        source.flush()
        while not list(Path().glob(".speechwire-*.part")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, f"speechwire: {words}\n")
    assert [path.name for path in Path().iterdir()] == ["in.wav"]


def test_convert_does_not_wait_for_an_http_client() -> None:
    script = (
        "import sys; from speechwire.cli import main; main(['convert', '--help']);"
        "sys.exit('aiohttp' in sys.modules)"
    )
    quiet = subprocess.DEVNULL
    assert subprocess.run([sys.executable, "-c", script], env=environment(), stdout=quiet).returncode == 0
