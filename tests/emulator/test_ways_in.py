"""The command line and the pytest plugin."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from speechwire.emulator import Emulator, Inject, Phrase, Script
from speechwire.emulator.cli import main
from speechwire.emulator.offline import _espeak

# As a module: importing the fixtures by name would let each test's argument shadow them.
pytest_plugins = ["speechwire.emulator.pytest_plugin"]


SCRIPT = {"steps": [{"start_s": 0.1, "text": "Hello.", "end_s": 0.5}], "period_s": 2}


# A test runner may have been told to ignore Ctrl-C, and its children with it: each test sets what it needs.
PROGRAM = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.{sigint})
runpy.run_module("speechwire.emulator", run_name="__main__", alter_sys=True)
"""


@contextmanager
def command_line(
    *arguments: str, sigint: str = "default_int_handler"
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The emulator in a process of its own, which is gone afterwards, whatever comes; and its first line."""
    program = [sys.executable, "-c", PROGRAM.format(sigint=sigint)]
    command = [*program, "--port", "0", "--engine", "scripted", *arguments]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        try:
            assert process.stdout
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def rest_of(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Its exit code, and what it still has to say on standard output and standard error."""
    assert process.stdout
    assert process.stderr
    output, errors = process.stdout.read(), process.stderr.read()
    return process.wait(30), output, errors


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [(signal.SIGINT, 130, "speechwire emulator: interrupted\n"), (signal.SIGTERM, 0, "")],
)
def test_command_line_serves_until_it_is_told_to_stop(
    tmp_path: Path, number: int, code: int, words: str
) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT))
    with command_line("--script", str(script)) as (process, url):
        with urlopen(url.replace("ws://", "http://") + "/_emulator") as response:
            assert json.load(response)["engine"] == "scripted"
        process.send_signal(number)
        ended, _, errors = rest_of(process)
    assert (ended, errors) == (code, words)


def test_a_process_in_the_background_leaves_ctrl_c_to_the_one_in_front() -> None:
    with command_line(sigint="SIG_IGN") as (process, _):
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(signal.SIGTERM)
        assert rest_of(process)[0] == 0


def test_command_line_says_what_it_serves() -> None:
    with command_line("--key", "secret-key") as (process, ws):
        process.send_signal(signal.SIGTERM)
        code, rest, errors = rest_of(process)
    http = ws.replace("ws://", "http://")
    assert (code, errors) == (0, "")
    assert rest.splitlines() == [
        "  engine   scripted: recognises what its script says, and speaks samples of one value",
        f"  streams  {ws}/v1/listen, /v2/listen, /v1/speak, /v2/speak",
        f"  tokens   POST {http}/v1/auth/grant",
        f"  status   {http}/_emulator",
        "  keys     those given with --key",
        f'  SDK      DeepgramClientEnvironment(base="{http}", production="{ws}", agent="{ws}", '
        f'agent_rest="{http}")',
        "  stop     Ctrl-C, or SIGTERM",
    ]


def test_a_signal_while_the_engine_starts_ends_that_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(self: Emulator) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    monkeypatch.setattr(Emulator, "start", never)
    assert main(["--engine", "scripted", "--port", "0"]) == 0


LOOPBACK = "a loopback address unless allow_remote is given"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "99999"], "argument --port: must be a port from 0 to 65535, got '99999'"),
        (["--port", "-1"], "argument --port: must be a port from 0 to 65535, got '-1'"),
        (["--port", "80.5"], "argument --port: must be a port from 0 to 65535, got '80.5'"),
        (["--port", "²"], "argument --port: must be a port from 0 to 65535, got '²'"),
        (["--port", "9" * 5000], f"argument --port: must be a port from 0 to 65535, got '{'9' * 5000}'"),
        (["--time-scale", "0"], "argument --time-scale: must be a number above 0, got '0'"),
        (["--time-scale", "nan"], "argument --time-scale: must be a number above 0, got 'nan'"),
        (["--time-scale", "inf"], "argument --time-scale: must be a number above 0, got 'inf'"),
        (["--time-scale", "fast"], "argument --time-scale: must be a number above 0, got 'fast'"),
        (["--key", ""], "argument --key: must not be empty"),
        (
            ["--engine", "magic"],
            "argument --engine: invalid choice: 'magic' (choose from 'offline', 'tagged', 'scripted')",
        ),
        (["--bogus"], "unrecognized arguments: --bogus"),
        (
            ["--host", "0.0.0.0"],
            f"argument --host: host must be {LOOPBACK}, got '0.0.0.0'",
        ),
        (
            ["--host", "example.com"],
            f"argument --host: host must be {LOOPBACK}, got 'example.com'",
        ),
        (["--script", "missing.json"], "argument --script: missing.json: No such file or directory"),
        (["--script", "."], "argument --script: .: Is a directory"),
        (["--journal", "no/such/folder"], "argument --journal: no/such/folder: No such file or directory"),
        (["--journal", "."], "argument --journal: .: Is a directory"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else None,
)
def test_wrong_arguments_are_one_line_and_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("--engine", "scripted", *arguments) == 2
    assert capsys.readouterr() == ("", f"speechwire emulator: {words}\n")


PHRASE = {"start_s": 0, "text": "a", "end_s": 1}
ONE = "a phrase with `start_s`, `text`, `end_s` and perhaps `confidence` and `end_of_turn`, or an injection"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b"{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b"\xff", "not UTF-8 text"),
        (b"[" * 100_000, "recursion limit exceeded"),
        (b"[]", "script must be an object with a list of `steps`, got []"),
        (b'{"steps": 1}', "script must be an object with a list of `steps`, got {'steps': 1}"),
        ({"steps": [], "stepps": 1}, "script must be `steps`, `period_s` and `step_s` alone, got ['stepps']"),
        ({"steps": [], "step_s": "1"}, "step_s must be a number, got '1'"),
        ({"steps": [], "step_s": 0}, "step_s must be above 0 and at most 0.25, got 0"),
        ({"steps": [], "period_s": True}, "period_s must be a number, got True"),
        ({"steps": [1]}, f"steps[0] must be {ONE} with `at_s` and `frame`, got 1"),
        ({"steps": [PHRASE, {"text": "a"}]}, f"steps[1] must be {ONE}"),
        ({"steps": [PHRASE | {"end": 1}]}, f"steps[0] must be {ONE}"),
        ({"steps": [PHRASE | {"text": 1}]}, f"steps[0] must be {ONE}"),
        ({"steps": [PHRASE | {"start_s": None}]}, f"steps[0] must be {ONE}"),
        ({"steps": [PHRASE | {"confidence": "high"}]}, f"steps[0] must be {ONE}"),
        ({"steps": [PHRASE | {"end_of_turn": "x"}]}, f"steps[0] must be {ONE}"),
        ({"steps": [{"at_s": "1", "frame": "x"}]}, f"steps[0] must be {ONE}"),
        ({"steps": [{"at_s": 1, "frame": 1}]}, f"steps[0] must be {ONE}"),
        ({"steps": [PHRASE, PHRASE]}, "phrase must be one that starts at or after 1 and lasts"),
    ],
    ids=lambda value: str(value)[:40] if not isinstance(value, str) else "",
)
def test_a_script_that_is_none_is_named_with_what_is_wrong(
    content: bytes | dict[str, Any], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "script.json"
    script.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    assert code_of("--engine", "scripted", "--script", str(script)) == 2
    output, errors = capsys.readouterr()
    assert (output, errors.count("\n")) == ("", 1)
    assert errors.startswith(f"speechwire emulator: argument --script: {script}: {words}")


def test_a_script_may_say_all_a_phrase_has(tmp_path: Path) -> None:
    phrase = PHRASE | {"confidence": 0.5, "end_of_turn": None}
    value = {"steps": [phrase, {"at_s": 2, "frame": {"type": "X"}}], "period_s": None, "step_s": 0.1}
    script = Script.from_json(value)
    assert script.phrases == (Phrase(0, "a", 1, confidence=0.5),)
    assert script.injections == (Inject(2, {"type": "X"}),)
    assert (script.period_s, script.step_s) == (None, 0.1)


def test_a_script_needs_its_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT))
    assert code_of("--script", str(script)) == 2
    assert capsys.readouterr().err == "speechwire emulator: argument --script: only with --engine scripted\n"


def test_a_port_in_use_is_one_line_and_1(
    deepgram_emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    port = deepgram_emulator.base_url.rpartition(":")[2]
    assert code_of("--engine", "scripted", "--port", port) == 1
    words = f"argument --port: {port} is in use on 127.0.0.1; 0 takes any free one"
    assert capsys.readouterr() == ("", f"speechwire emulator: {words}\n")


def test_an_address_that_is_not_ours_is_one_line_and_1(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--engine", "scripted", "--port", "1", "--host", "192.0.2.1", "--allow-remote")
    assert code_of(*given) == 1
    warning, error = capsys.readouterr().err.splitlines()
    assert warning == (
        "speechwire emulator: warning: the emulator listens on 192.0.2.1: unencrypted, and with the "
        "keys it was given to accept"
    )
    words = "arguments --host and --port: cannot listen on 192.0.2.1:1: Cannot assign requested address"
    assert error == f"speechwire emulator: {words}"


def test_an_engine_that_is_not_installed_is_one_line_and_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    _espeak._library.cache_clear()
    assert code_of("--port", "0") == 1
    words = "the offline engine needs espeakng_loader, which is not installed"
    assert capsys.readouterr() == (
        "",
        f'speechwire emulator: {words}: pip install "speechwire[emulator]"\n',
    )


def code_of(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code


def test_plugin_without_any_asyncio_in_the_test(deepgram_emulator: Emulator) -> None:
    with urlopen(deepgram_emulator.http_url + "/_emulator") as response:
        assert json.load(response)["total"] == 0


def test_plugin_makes_emulators_to_order(
    make_deepgram_emulator: Callable[..., Emulator],
) -> None:
    first, second = make_deepgram_emulator(), make_deepgram_emulator("scripted", keys={"k"})
    assert first.base_url != second.base_url
