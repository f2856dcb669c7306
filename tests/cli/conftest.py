"""Commands run inside this process by default, and as real processes where that is the point."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from speechwire.cli import main
from speechwire.emulator import Emulator, Phrase, Script
from speechwire.emulator.offline import Voice, synthesize

ROOT = Path(__file__).resolve().parents[2]
PHRASE = "i would like to book a table for two"
ESPEAK_RATE = 22_050
KEY = "a-secret-key-of-the-tests"


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]
Serve = Callable[..., Emulator]

SCRIPT = Script(
    Phrase(start_s=0.2, text="Two tickets to Oslo, please.", end_s=1.0),
    Phrase(start_s=2.5, text="By train.", end_s=3.0),
)


OUTCOMES: defaultdict[str, Counter[str]] = defaultdict(Counter)
"""How often a command had which outcome, by the command and how it was run."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--figures") or not OUTCOMES:
        return
    outcomes = sorted({outcome for counted in OUTCOMES.values() for outcome in counted})
    terminalreporter.section("odd inputs")
    terminalreporter.write_line(f"| command | {' | '.join(outcomes)} |\n|---|{'---|' * len(outcomes)}")
    for what, counted in sorted(OUTCOMES.items()):
        counts = " | ".join(str(counted[outcome]) for outcome in outcomes)
        terminalreporter.write_line(f"| {what} | {counts} |")


def riff(format: bytes, audio: bytes, *, before: bytes = b"", size: int | None = None) -> bytes:
    """A WAV file of a format chunk and audio, with any chunks before the audio."""
    declared = len(audio) if size is None else size
    chunks = b"fmt " + struct.pack("<I", len(format)) + format + before
    body = b"WAVE" + chunks + b"data" + struct.pack("<I", declared) + audio
    return b"RIFF" + struct.pack("<I", len(body) & 0xFFFFFFFF) + body


def header(coding: int, bits: int, channels: int = 1, rate: int = 16_000) -> bytes:
    frame = channels * bits // 8
    return struct.pack("<HHIIHH", coding, channels, rate, rate * frame, frame, bits)


@pytest.fixture(autouse=True)
def somewhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DEEPGRAM_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPGRAM_API_KEY", KEY)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Outcome(code, out, err)

    return run


def environment(**more: str) -> dict[str, str]:
    """This process's variables, with absolute paths: a command may run in another folder.

    And without the one that would leave nothing in a buffer at the end.
    """
    paths = [str(Path(path).resolve()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return kept | {"PYTHONPATH": os.pathsep.join(paths)} | more


def default_signals() -> None:
    """In a new process: have the signals of an interactive shell, whatever the tests run under."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "speechwire", *map(str, arguments)]


@pytest.fixture
def spawn() -> Run:
    """Run as a process of its own."""

    def spawn(*arguments: object, given: str | None = None) -> Outcome:
        done = subprocess.run(
            command(*arguments),
            capture_output=True,
            text=True,
            input=given,
            timeout=60,
            env=environment(),
            preexec_fn=default_signals,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return spawn


@pytest.fixture(scope="session")
def speech() -> bytes:
    """A WAV file of a caller's phrase."""
    pcm = synthesize(PHRASE, Voice("en-us+klatt3", 160))
    return riff(header(1, 16, rate=ESPEAK_RATE), pcm)


@pytest.fixture
def call(speech: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "call.wav"
    path.write_bytes(speech)
    return path


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Emulators in a thread: a command has an event loop of its own."""
    with emulators() as serve:
        yield serve


@contextmanager
def emulators() -> Iterator[Serve]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    opened: list[Emulator] = []

    def serve(**arguments: Any) -> Emulator:
        emulator = Emulator(**{"script": SCRIPT, **arguments})
        opened.append(emulator)
        asyncio.run_coroutine_threadsafe(emulator.start(), loop).result(10)
        return emulator

    try:
        yield serve
    finally:
        for emulator in opened:
            asyncio.run_coroutine_threadsafe(emulator.aclose(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
