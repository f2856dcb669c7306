"""``speak``: what is spoken, into which output, and what it waits for."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import wave
from pathlib import Path

import pytest
from tests.cli.conftest import (
    Outcome,
    Run,
    Serve,
    command,
    environment,
)
from tests.cli.screen import Terminal, shown
from tests.cli.service import started

from speechwire.cli._speaking import Allowance


def test_what_was_spoken_can_be_transcribed(spawn: Run) -> None:
    outcome = spawn("speak", "-", "-o", "out.wav", "--rate", 16000, "--emulator", given="hello\n")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    with wave.open("out.wav") as wav:
        assert wav.getparams()[:3] == (1, 2, 16000)
        assert any(wav.readframes(wav.getnframes()))


@pytest.mark.usefixtures("key")
def test_a_flux_voice_speaks(run: Run, serve: Serve) -> None:
    emulator = serve()
    arguments = (
        "-o",
        "out.wav",
        "--model",
        "flux-alexis-en",
        "--speed",
        0.5,
        "--base-url",
        emulator.base_url,
    )
    assert run("speak", "Hello there.", *arguments) == Outcome(0, "", "")
    (connection,) = emulator.connections
    assert connection.endpoint == "/v2/speak"
    query = dict(connection.query)
    assert (query["model"], query["speed"]) == ("flux-alexis-en", "0.5")
    with wave.open("out.wav") as wav:
        assert wav.getparams()[:3] == (1, 2, 24_000)
        assert any(wav.readframes(wav.getnframes()))


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "out.pipe"])
def test_speech_goes_into_a_pipe(serve: Serve, name: str) -> None:
    url = serve().base_url
    if name == "out.pipe":
        os.mkfifo(name)
        reading = subprocess.Popen(["cat", name], stdout=subprocess.PIPE)
    done = subprocess.run(
        command("speak", "-", "-o", name, "--base-url", url),
        input="Hello there.".encode("utf-8-sig"),
        capture_output=True,
        env=environment(),
        timeout=60,
    )
    out = reading.communicate(timeout=30)[0] if name == "out.pipe" else done.stdout
    assert (done.returncode, done.stderr) == (0, b"")
    assert (out[:4], out[4:8], out[40:44]) == (b"RIFF", b"\xff" * 4, b"\xff" * 4)
    assert len(out) > 1000


def test_a_long_text_is_told_what_it_waits_for() -> None:
    allowance = Allowance("word " * 1200)  # three pieces of 2,000 characters
    assert allowance.wait_s(10.0, 0) == 0
    assert allowance.wait_s(17.0, 2000) == pytest.approx(60.0)
    assert allowance.wait_s(34.0, 2000) == pytest.approx(43.0)
    assert allowance.wait_s(77.0, 4000) == pytest.approx(60.0)
    assert allowance.wait_s(137.0, 6000) == 0


@pytest.mark.usefixtures("key")
def test_the_wait_is_told_once_without_a_terminal(serve: Serve) -> None:
    arguments = ("speak", "-", "-o", "out.wav", "--base-url", serve().base_url)
    pipe = subprocess.PIPE
    with started(*arguments, stdin=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"word " * 1200)
        process.stdin.close()
        told = process.stderr.readline().decode()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        process.wait(30)
    assert re.fullmatch(r"speechwire speak: waiting (59|60) s: 2,400 characters a minute\n", told)
    assert (process.returncode, rest) == (130, b"speechwire: interrupted\n")
    assert list(Path().iterdir()) == []


@pytest.mark.usefixtures("key")
def test_on_a_terminal_the_bar_is_against_the_whole_text(serve: Serve) -> None:
    Path("text").write_text("word " * 1200)
    line = shlex.join(command("speak", "-", "-o", "out.wav", "--base-url", serve().base_url))
    terminal = Terminal(["sh", "-c", f"exec {line} < text"], environment())
    terminal.wait_for("2,000 of 6,000")
    terminal.wait_for("2,400 characters a minute")
    terminal.type("\x03")
    assert shown(terminal.output().replace("^C", "")) == ["speechwire: interrupted"]
