"""The programs of the cookbook, each as a user starts it, against an emulator."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.server.callers import Twilio
from tests.server.serving import dial, serving, until

from examples.cookbook import phone_agent
from speechwire.emulator import Connection, EmulatedCall, KnownWords, Reset
from speechwire.emulator._audio_format import encode

pytest_plugins = ["speechwire.emulator.pytest_plugin"]

ROOT = Path(__file__).resolve().parents[2]
COOKBOOK = ROOT / "examples" / "cookbook"
PROGRAMS = sorted(path for path in COOKBOOK.glob("*.py") if path.name != "__init__.py")


def run(*command: object, cwd: Path, url: str = "") -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(ROOT), *(str(Path(path).resolve()) for path in sys.path if path)])
    environment = {"DEEPGRAM_API_KEY": "any", "DEEPGRAM_URL": url, "PYTHONPATH": paths}
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def recording(path: Path, call: EmulatedCall, text: str, *, rate: int = 16_000, channels: int = 1) -> Path:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        wav.writeframes(call.audio(text, rate=rate, channels=channels))
    return path


def test_there_are_eight_and_each_is_short() -> None:
    assert len(PROGRAMS) == 8
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in PROGRAMS}
    assert {name: length for name, length in lengths.items() if length > 60} == {}


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_each_is_on_the_page(path: Path) -> None:
    page = (ROOT / "docs" / "cookbook.md").read_text(encoding="utf-8")
    assert f"<!-- source: examples/cookbook/{path.name} -->" in page


def test_captions(deepgram_call: EmulatedCall, tmp_path: Path) -> None:
    recording(tmp_path / "talk.wav", deepgram_call, "Two tickets.", rate=48_000, channels=2)
    done = run("examples.cookbook.captions", "talk.wav", "talk.srt", cwd=tmp_path, url=deepgram_call.base_url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    number, times, text = (tmp_path / "talk.srt").read_text(encoding="utf-8").splitlines()
    assert (number, text) == ("1", "Two tickets.")
    assert times.startswith("00:00:00,")


def test_many_calls(make_deepgram_call: Callable[..., EmulatedCall], tmp_path: Path) -> None:
    call = make_deepgram_call()
    call.fails_with(Reset(at_s=0.5, connections=call.listening(1)))
    for name, rate in (("a", 8000), ("b", 44_100), ("c", 48_000)):
        recording(tmp_path / "calls" / f"{name}.wav", call, f"This is {name}.", rate=rate)
    done = run("examples.cookbook.many_calls", "calls", 2, cwd=tmp_path, url=call.base_url)
    assert done.returncode == 0
    assert done.stderr.startswith("Reconnecting(attempt=1, ")
    *turns, account = done.stdout.splitlines()
    assert sorted(turns) == ["a: This is a.", "b: This is b.", "c: This is c."]
    assert "0 bytes lost" in account


def test_a_call_that_fails_is_named(make_deepgram_call: Callable[..., EmulatedCall], tmp_path: Path) -> None:
    call = make_deepgram_call(keys=["another"])
    recording(tmp_path / "calls" / "a.wav", call, "Hello.")
    done = run("examples.cookbook.many_calls", "calls", 2, cwd=tmp_path, url=call.base_url)
    assert done.returncode == 1
    assert "the service refused the connection (HTTP 401)" in done.stderr


def test_barge_in(deepgram_call: EmulatedCall, tmp_path: Path) -> None:
    recording(tmp_path / "caller.wav", deepgram_call, "The garden room.")
    done = run("examples.cookbook.barge_in", "caller.wav", cwd=tmp_path, url=deepgram_call.base_url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("caller: The garden room.\nthe caller heard ")
    assert deepgram_call.interrupted_within(20.0)


def test_transcribe_folder(deepgram_call: EmulatedCall, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        recording(tmp_path / "calls" / f"{name}.wav", deepgram_call, f"Call {name}.")
    (tmp_path / "calls" / "bad.wav").write_text("no audio")
    done = run("examples.cookbook.transcribe_folder", "calls", 2, cwd=tmp_path, url=deepgram_call.base_url)
    assert (done.returncode, done.stderr) == (1, "")
    bad, *well = done.stdout.splitlines()
    assert bad.startswith("bad.wav: failed: ")
    assert well == ["one.wav: done", "three.wav: done", "two.wav: done"]
    assert (tmp_path / "calls" / "two.txt").read_text(encoding="utf-8") == "Call two.\n"


def test_reconnect_drill(tmp_path: Path) -> None:
    done = run("examples.cookbook.reconnect_drill", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line[:4] for line in done.stdout.splitlines()] == ["ok  "] * 6


def test_own_framework(tmp_path: Path) -> None:
    done = run("examples.cookbook.own_framework", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "the caller speaks\ncaller: Two tickets to Oslo.\n"


def test_my_agent(tmp_path: Path) -> None:
    done = run("pytest", COOKBOOK / "test_my_agent.py", "-q", "-c", ROOT / "pyproject.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


async def test_phone_agent() -> None:
    words, caller = KnownWords(), Twilio()
    async with serving(phone_agent.answer, engine=words) as where, dial(where, caller) as call:
        await until(lambda: caller.heard.speech)
        await until(lambda: not any(line.speaking for line in where.server.lines))
        await call.say(encode(words.say("Two tickets.", rate=8000) + bytes(9600), "mulaw"), pace=0.02)
        await until(lambda: any("You said" in text for text in spoken_texts(where.emulator.connections)))
        await call.send(caller.digit("0"))
        await call.ended()
    assert "One moment, please." in " ".join(spoken_texts(where.emulator.connections))


def spoken_texts(connections: list[Connection]) -> list[str]:
    return [
        message["text"]
        for connection in connections
        for message in connection.received
        if isinstance(message, dict) and message.get("type") == "Speak"
    ]
