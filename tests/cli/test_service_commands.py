"""``transcribe``, ``speak`` and ``doctor``: against the offline emulator, and against services that fail."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import shlex
import signal
import subprocess
import time
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.conftest import (
    PHRASE,
    SCRIPT,
    Outcome,
    Run,
    Serve,
    command,
    default_signals,
    environment,
    header,
    riff,
)
from tests.cli.screen import Terminal, shown

from speechwire.cli._playing import Playing
from speechwire.cli._speaking import Allowance
from speechwire.emulator import CloseWith, Phrase, RefuseUpgrade, Script, Stall
from speechwire.emulator.engine import Heard, Recognizer, StreamInfo
from speechwire.emulator.scripted import ScriptedEngine
from speechwire.errors import ConnectionLost
from speechwire.session import ListenSettings

KEY = "a-secret-key-of-the-tests"
NOWHERE = "ws://127.0.0.1:1"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPGRAM_API_KEY", KEY)


def silence(name: str, seconds: float = 4.0) -> Path:
    path = Path(name)
    path.write_bytes(riff(header(1, 16, 1, 8000), bytes(int(seconds * 8000) * 2)))
    return path


def test_speech_comes_back_as_its_words(spawn: Run, call: Path) -> None:
    outcome = spawn("transcribe", call, "--emulator")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.strip(" .\n").lower() == PHRASE


def test_what_was_spoken_can_be_transcribed(spawn: Run) -> None:
    outcome = spawn("speak", "-", "-o", "out.wav", "--rate", 16000, "--emulator", given="hello\n")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    with wave.open("out.wav") as wav:
        assert wav.getparams()[:3] == (1, 2, 16000)
        assert any(wav.readframes(wav.getnframes()))


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("endpoint", [(), ("--flux",)], ids=["nova", "flux"])
def test_every_format_tells_the_same(run: Run, serve: Serve, endpoint: tuple[str, ...]) -> None:
    common = (silence("in.wav"), "--base-url", serve().base_url, "--speed", 50, *endpoint)
    text = run("transcribe", *common).out
    assert text == "Two tickets to Oslo, please.\nBy train.\n"
    value = json.loads(run("transcribe", *common, "--json").out)
    assert value["transcript"] == " ".join(text.splitlines())
    assert (value["file"], value["duration_s"], value["complete"], value["lost_s"]) == ("in.wav", 4, True, 0)
    first = value["segments"][0]
    assert (first["words"][0]["text"], first["start_s"]) == ("Two", pytest.approx(0.2, abs=0.05))
    srt, vtt = run("transcribe", *common, "--srt").out, run("transcribe", *common, "--vtt").out
    assert re.findall(r"^[A-Z].*", srt, re.MULTILINE) == text.splitlines()
    assert vtt.startswith("WEBVTT\n\n00:00:00.2")
    assert re.search(r"^1\n00:00:00,2\d\d --> 00:00:0[01],\d\d\d\n", srt)


@pytest.mark.usefixtures("key")
def test_the_service_is_told_what_was_asked_for(run: Run, serve: Serve) -> None:
    emulator = serve(keep_audio=True)
    arguments = ("--base-url", emulator.base_url, "--language", "en-GB", "--keyterm", "Oslo", "--speed", 50)
    assert run("transcribe", silence("in.wav"), *arguments).code == 0
    (connection,) = emulator.connections
    query = dict(connection.query)
    assert (query["model"], query["language"], query["keyterm"]) == ("nova-3", "en-GB", "Oslo")
    assert (query["sample_rate"], query["channels"], query["encoding"]) == ("16000", "1", "linear16")
    assert connection.audio_bytes == 4 * 32_000


@pytest.mark.usefixtures("key")
def test_many_files_keep_their_order_and_their_number_at_once(
    run: Run, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, numbers, play = 0, [], Playing.run

    async def counted(playing: Playing) -> None:
        nonlocal at_once
        at_once += 1
        numbers.append(at_once)
        try:
            await play(playing)
        finally:
            at_once -= 1

    monkeypatch.setattr(Playing, "run", counted)
    files = [silence(f"{number}.wav", 5.0 - number) for number in range(4)]
    outcome = run("transcribe", *files, "--concurrency", 2, "--speed", 50, "--base-url", serve().base_url)
    assert (outcome.code, max(numbers)) == (0, 2)
    names = [line.partition(":")[0] for line in outcome.out.splitlines()]
    assert names == sorted(names)
    assert set(names) == {file.name for file in files}


@pytest.mark.usefixtures("key")
def test_a_file_longer_than_the_sessions_buffer_arrives_whole(run: Run, serve: Serve) -> None:
    emulator = serve()
    arguments = ("--speed", 100, "--base-url", emulator.base_url)
    outcome = run("transcribe", silence("in.wav", 60.0), *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert emulator.connections[0].audio_bytes == 60 * 32_000


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    ("lost_s", "complete", "words"),
    [
        (1.5, False, "1.50 s of the audio did not reach the service"),
        (0.0, False, "the service did not finish its results in time; the last words may be missing"),
    ],
)
def test_what_is_missing_is_told(
    run: Run, serve: Serve, monkeypatch: pytest.MonkeyPatch, lost_s: float, complete: bool, words: str
) -> None:
    play = Playing.run

    async def lossy(playing: Playing) -> None:
        await play(playing)
        playing.transcript.lost_s, playing.transcript.complete = lost_s, complete

    monkeypatch.setattr(Playing, "run", lossy)
    outcome = run("transcribe", silence("in.wav"), "--base-url", serve().base_url, "--speed", 50, "-q")
    assert (outcome.code, outcome.err) == (1, f"speechwire transcribe: in.wav: {words}\n")


@pytest.mark.usefixtures("key")
def test_silence_is_told_for_each_file(run: Run, serve: Serve) -> None:
    empty = Path("empty.wav")
    empty.write_bytes(riff(header(1, 16), b""))
    files, script = (silence("a.wav"), empty, silence("b.wav")), Script()
    arguments = ("--base-url", serve(script=script).base_url, "--speed", 50)
    outcome = run("transcribe", *files, *arguments)
    assert outcome == Outcome(
        0,
        "",
        "speechwire transcribe: a.wav: no speech was heard\n"
        "speechwire transcribe: empty.wav: holds no audio\n"
        "speechwire transcribe: b.wav: no speech was heard\n",
    )
    assert run("transcribe", *files, *arguments, "--output-dir", "out", "-q") == Outcome(0, "", "")
    assert {path.name: path.read_text() for path in Path("out").iterdir()} == {
        "a.txt": "",
        "empty.txt": "",
        "b.txt": "",
    }


@pytest.mark.usefixtures("key")
def test_finals_are_printed_and_written_as_they_come(serve: Serve) -> None:
    emulator = serve(faults=[Stall(3.6)])  # after both phrases; the file never ends
    os.mkfifo("in.wav")
    pipe = subprocess.PIPE
    arguments = ("transcribe", "in.wav", "--base-url", emulator.base_url, "--speed", "max")
    for target in ((), ("-o", "out.txt")):
        with subprocess.Popen(
            command(*arguments, *target),
            stdout=pipe,
            stderr=pipe,
            env=environment(),
            preexec_fn=default_signals,
        ) as process:
            assert process.stdout is not None
            with Path("in.wav").open("wb") as source:
                source.write(riff(header(1, 16), bytes(4 * 32_000), size=10**6))
                source.flush()
                if target:
                    wait_until(lambda: written("out.txt") == "Two tickets to Oslo, please.\nBy train.\n")
                else:
                    assert process.stdout.readline() == b"Two tickets to Oslo, please.\n"
                    assert process.stdout.readline() == b"By train.\n"
                process.send_signal(signal.SIGINT)
                process.wait(30)
            assert process.returncode == 130


def written(name: str) -> str:
    path = Path(name)
    return path.read_text() if path.exists() else ""


def wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not done():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("format", ["text", "json", "srt", "vtt"])
def test_after_ctrl_c_what_was_heard_is_kept_and_named(serve: Serve, format: str) -> None:
    emulator = serve(faults=[Stall(3.6)])  # no last results: nobody may wait for them
    arguments = ("transcribe", silence("in.wav", 60.0), "--output-dir", "out", f"--{format}", "--text")
    ending = {"text": "txt"}.get(format, format)
    with subprocess.Popen(
        command(*arguments, "--base-url", emulator.base_url, "--speed", "max"),
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=default_signals,
    ) as process:
        wait_until(lambda: "By train." in written("out/in.txt"))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    names = "out/in.txt" if format == "text" else f"out/in.{format}, out/in.txt"
    kept, last = err.splitlines()
    assert re.fullmatch(
        rf"speechwire transcribe: in\.wav: what was heard until \d+\.\d s is in {re.escape(names)}", kept
    )
    assert (process.returncode, last) == (130, "speechwire: interrupted")
    content = Path(f"out/in.{ending}").read_text()
    assert "Two tickets to Oslo, please." in content
    assert "By train." in content
    if format == "json":
        value = json.loads(content)
        assert value["complete"] is False
        assert value["transcript"] == "Two tickets to Oslo, please. By train."
    assert {path.name for path in Path("out").iterdir()} == {"in.txt", f"in.{ending}"}


@pytest.mark.usefixtures("key")
def test_what_was_heard_before_a_connection_was_lost_for_good_is_kept(run: Run, serve: Serve) -> None:
    emulator = serve(faults=[CloseWith(1008, "DATA-0000", at_s=2.0)])
    arguments = ("--base-url", emulator.base_url, "--speed", 2, "-o", "out.srt")
    outcome = run("transcribe", silence("in.wav", 30.0), *arguments)
    assert outcome.code == 3
    assert re.fullmatch(
        r"speechwire transcribe: in\.wav: the connection was lost \(close code 1008\) DATA-0000.*;"
        r" what was heard until \d+\.\d s is in out\.srt\n",
        outcome.err,
    )
    assert "Two tickets to Oslo, please." in Path("out.srt").read_text()


@pytest.mark.usefixtures("key")
def test_a_file_that_was_there_stays_if_nothing_was_heard(run: Run, serve: Serve) -> None:
    Path("out.txt").write_text("of yesterday")
    url = serve(keys=["another-key"]).base_url
    assert run("transcribe", silence("in.wav"), "-o", "out.txt", "--base-url", url).code == 3
    assert Path("out.txt").read_text() == "of yesterday"


@pytest.mark.usefixtures("key")
def test_an_output_that_cannot_be_written_is_told_before_an_hour_is_heard(run: Run, serve: Serve) -> None:
    emulator = serve()
    Path("folder").mkdir()
    common = (silence("in.wav"), "--base-url", emulator.base_url)
    assert run("transcribe", *common, "-o", "nowhere/out.txt") == Outcome(
        1, "", "speechwire transcribe: nowhere/out.txt: No such file or directory\n"
    )
    assert run("transcribe", *common, "-o", "folder") == Outcome(
        2, "", "speechwire transcribe: folder: -o names a file; --output-dir names a folder\n"
    )
    assert len(emulator.connections) == 0


@pytest.mark.usefixtures("key")
def test_several_formats_are_written_at_once(run: Run, serve: Serve) -> None:
    arguments = (silence("in.wav"), "--base-url", serve().base_url, "--speed", 50)
    assert run("transcribe", *arguments, "--json", "--srt", "--output-dir", "out") == Outcome(0, "", "")
    assert sorted(path.name for path in Path("out").iterdir()) == ["in.json", "in.srt"]
    assert json.loads(Path("out/in.json").read_text())["complete"] is True
    assert Path("out/in.srt").read_text().startswith("1\n00:00:00,2")


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    ("name", "begins"), [("a.srt", "1\n"), ("a.vtt", "WEBVTT"), ("a.json", "{"), ("a", "Two")]
)
def test_the_extension_decides_the_format(run: Run, serve: Serve, name: str, begins: str) -> None:
    arguments = (silence("in.wav"), "--base-url", serve().base_url, "--speed", 50)
    assert run("transcribe", *arguments, "-o", name) == Outcome(0, "", "")
    assert Path(name).read_text().startswith(begins)


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/proc/self/fd/0"])
def test_standard_input_is_transcribed(serve: Serve, name: str) -> None:
    audio = riff(header(1, 16, 1, 8000), bytes(64_000), size=0xFFFFFFFF)
    arguments = ("transcribe", name, "--base-url", serve().base_url, "--speed", 50, "--json")
    done = subprocess.run(
        command(*arguments), input=audio, capture_output=True, env=environment(), timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    value = json.loads(done.stdout)
    assert (value["file"], value["duration_s"], value["complete"]) == (name, 4.0, True)
    assert value["transcript"] == "Two tickets to Oslo, please. By train."


@pytest.mark.usefixtures("key")
def test_each_channel_is_heard_for_itself_and_named(run: Run, serve: Serve) -> None:
    def script(stream: StreamInfo) -> Script:
        texts = ("Two tickets.", "To where?")
        return Script(Phrase(0.2 + stream.channel, texts[stream.channel], 1.0 + stream.channel))

    emulator = serve(script=script, keep_audio=True)
    left, right = np.arange(0, 16_000, dtype="<i2"), np.arange(0, -16_000, -1, dtype="<i2")
    Path("in.wav").write_bytes(
        riff(header(1, 16, 2), np.stack([left, right], axis=1).tobytes() + bytes(96_000))
    )
    arguments = ("in.wav", "--multichannel", "--base-url", emulator.base_url, "--speed", 50)
    assert run("transcribe", *arguments) == Outcome(
        0, "[channel 0] Two tickets.\n[channel 1] To where?\n", ""
    )
    (connection,) = emulator.connections
    assert {"channels": "2", "multichannel": "true"}.items() <= dict(connection.query).items()
    sent = np.frombuffer(connection.audio, "<i2").reshape(-1, 2)[:16_000]
    assert (sent[:, 0] == left).all()
    assert (sent[:, 1] == right).all()
    value = json.loads(run("transcribe", *arguments, "--json").out)
    assert [(part["text"], part["channel"]) for part in value["segments"]] == [
        ("Two tickets.", 0),
        ("To where?", 1),
    ]


@pytest.mark.usefixtures("key")
def test_too_many_channels_are_told_with_the_file(run: Run, serve: Serve) -> None:
    Path("in.wav").write_bytes(riff(header(1, 16, 21), bytes(4200)))
    assert run("transcribe", "in.wav", "--multichannel", "--base-url", serve().base_url) == Outcome(
        2, "", "speechwire transcribe: in.wav: it has 21 channels; --multichannel takes at most 20\n"
    )


@pytest.mark.usefixtures("key")
def test_what_else_the_service_is_asked_for(run: Run, serve: Serve) -> None:
    emulator = serve()
    arguments = (
        *("--diarize", "--redact", "pci", "--redact", "ssn"),
        *("--extra", "numerals=true", "--extra", "endpointing=300", "--extra", "tag=a", "--extra", "tag=b"),
        *("--extra", "smart_format=false", "--extra", "novelty=1"),
    )
    outcome = run("transcribe", silence("in.wav"), *arguments, "--base-url", emulator.base_url, "--speed", 50)
    assert outcome == Outcome(0, "[speaker 0] two tickets to oslo please\n[speaker 0] by train\n", "")
    query = list(emulator.connections[0].query)
    asked = ("diarize", "redact", "numerals", "endpointing", "tag", "smart_format", "novelty")
    assert sorted(pair for pair in query if pair[0] in asked) == [
        ("diarize", "true"),
        ("endpointing", "300"),
        ("novelty", "1"),
        ("numerals", "true"),
        ("redact", "pci"),
        ("redact", "ssn"),
        ("smart_format", "false"),
        ("tag", "a"),
        ("tag", "b"),
    ]


@pytest.mark.usefixtures("key")
def test_a_flux_model_is_heard_by_flux(run: Run, serve: Serve) -> None:
    emulator = serve()
    arguments = ("--model", "flux-general-en", "--redact", "numbers", "--extra", "eot_threshold=0.8")
    assert (
        run("transcribe", silence("in.wav"), *arguments, "--base-url", emulator.base_url, "--speed", 50).code
        == 0
    )
    (connection,) = emulator.connections
    assert connection.endpoint == "/v2/listen"
    query = dict(connection.query)
    assert (query["redact"], query["eot_threshold"]) == ("numbers", "0.8")


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
    with subprocess.Popen(
        command(*arguments), stdin=pipe, stderr=pipe, env=environment(), preexec_fn=default_signals
    ) as process:
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


@pytest.mark.usefixtures("key")
def test_a_long_recording_says_how_long_it_will_take(serve: Serve) -> None:
    arguments = ("transcribe", silence("in.wav", 3600.0), "--base-url", serve().base_url)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command(*arguments), stdout=pipe, stderr=pipe, env=environment(), preexec_fn=default_signals
    ) as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert told == (
        b"speechwire transcribe: in.wav: 60 minutes at 1.25 times real time: 48 minutes to wait (--speed)\n"
    )


class SlowEngine:
    """Hears at a third of real time, as a busy machine's does."""

    def __init__(self, script: Script) -> None:
        self._inner = ScriptedEngine(script)

    async def recognizer(self, stream: StreamInfo) -> Recognizer:
        return Slow(await self._inner.recognizer(stream))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Slow:
    def __init__(self, inner: Recognizer) -> None:
        self._inner = inner

    async def feed(self, pcm: bytes) -> Sequence[Heard]:
        await asyncio.sleep(3 * len(pcm) / 32_000)
        return await self._inner.feed(pcm)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


NEEDS_PATIENT_CLOSE = pytest.mark.skipif(
    not hasattr(ListenSettings, "wait_out_outages"), reason="sessions give up 2 s after CloseStream"
)


@NEEDS_PATIENT_CLOSE
@pytest.mark.usefixtures("key")
def test_a_recogniser_slower_than_the_audio_hears_all_of_it(run: Run, serve: Serve) -> None:
    url = serve(script=None, engine=SlowEngine(SCRIPT)).base_url
    outcome = run("transcribe", silence("in.wav", 4.0), "--speed", "max", "--base-url", url)
    assert outcome == Outcome(0, "Two tickets to Oslo, please.\nBy train.\n", "")


@pytest.mark.usefixtures("key")
def test_a_recogniser_that_cannot_keep_up_is_told(
    run: Run, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stalled(playing: Playing) -> None:
        raise ConnectionLost(1006, "no progress for 60.0 s with 20.0 s of audio unanswered")

    monkeypatch.setattr(Playing, "run", stalled)
    outcome = run("transcribe", silence("in.wav"), "--base-url", serve().base_url)
    assert outcome == Outcome(
        3, "", "speechwire transcribe: in.wav: the recogniser cannot keep up; lower --concurrency\n"
    )


@pytest.mark.usefixtures("key")
def test_a_bad_file_does_not_stop_the_others(run: Run, serve: Serve) -> None:
    Path("bad.wav").write_text("no audio")
    files = ("bad.wav", "missing.wav", silence("good.wav"))
    outcome = run(
        "transcribe", *files, "--base-url", serve().base_url, "--speed", 50, "--output-dir", "out", "--vtt"
    )
    assert (outcome.code, outcome.out) == (2, "")
    assert [path.name for path in Path("out").iterdir()] == ["good.vtt"]
    assert [line.split(": ")[1] for line in outcome.err.splitlines()] == ["bad.wav", "missing.wav"]


@pytest.mark.usefixtures("key")
def test_a_connection_that_cannot_be_kept_costs_one_file(run: Run, serve: Serve) -> None:
    emulator = serve(faults=[CloseWith(1008, "DATA-0000", connections={0})])
    arguments = ("--concurrency", 1, "--base-url", emulator.base_url, "--speed", 50)
    outcome = run("transcribe", silence("a.wav"), silence("b.wav"), *arguments)
    assert outcome.code == 3
    assert outcome.err.startswith("speechwire transcribe: a.wav: the connection was lost (close code 1008)")
    assert outcome.err.count("\n") == 1
    assert outcome.out == "b.wav: Two tickets to Oslo, please.\nb.wav: By train.\n"


@pytest.mark.usefixtures("key")
def test_a_name_that_is_no_text_is_a_file_all_the_same(run: Run, serve: Serve) -> None:
    name = os.fsdecode(b"\xff.wav")
    arguments = (silence(name), "--base-url", serve().base_url, "--speed", 50)
    two = run("transcribe", *arguments, silence("b.wav"))
    assert (two.code, two.out.splitlines()[0]) == (0, "\ufffd.wav: Two tickets to Oslo, please.")
    assert json.loads(run("transcribe", *arguments, "--json").out)["file"] == "\ufffd.wav"
    assert run("transcribe", *arguments, "--output-dir", "out").code == 0
    assert [entry.name for entry in Path("out").iterdir()] == [os.fsdecode(b"\xff.txt")]


@pytest.mark.usefixtures("key")
def test_a_reader_that_leaves_ends_it_without_a_word(serve: Serve) -> None:
    read, write = os.pipe()
    os.close(read)
    files = (silence("a.wav"), silence("b.wav"), "--base-url", serve().base_url, "--speed", 50)
    done = subprocess.run(
        command("transcribe", *files), stdout=write, stderr=subprocess.PIPE, env=environment(), timeout=60
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.usefixtures("key")
def test_a_full_disk_is_told_with_the_name_that_was_given(
    run: Run, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("speechwire.cli._files._write_all", full)
    arguments = ("--base-url", serve().base_url, "--speed", 50)
    outcome = run("transcribe", silence("in.wav"), "--output-dir", "out", *arguments)
    assert (outcome.code, outcome.err) == (
        1,
        "speechwire transcribe: in.wav: out/in.txt: No space left on device\n",
    )


@pytest.mark.usefixtures("key")
def test_a_lost_connection_loses_no_word(run: Run, serve: Serve) -> None:
    # What a connection hears begins where the results of the one before ended: at about 1.1 s.
    scripts = iter([SCRIPT, Script(Phrase(start_s=1.4, text="By train.", end_s=1.9))])
    emulator = serve(script=lambda stream: next(scripts), faults=[CloseWith(1011, at_s=1.5, connections={0})])
    outcome = run("transcribe", silence("in.wav"), "--base-url", emulator.base_url, "--speed", 20)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == "Two tickets to Oslo, please.\nBy train.\n"
    assert len(emulator.connections) == 2


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    "arguments",
    [
        ("transcribe", "in.wav", "in.wav", "--json"),
        ("transcribe", "in.wav", "--flux"),
        ("speak", "hello", "-o", "out.wav"),
    ],
)
def test_a_refusal_is_one_line_and_3(run: Run, serve: Serve, arguments: tuple[str, ...]) -> None:
    silence("in.wav")
    url = serve(keys=["another-key"]).base_url
    outcome = run(*arguments, "--base-url", url)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (3, "", 1)
    assert outcome.err.startswith(f"speechwire {arguments[0]}: ")
    assert "HTTP 401" in outcome.err
    assert KEY not in outcome.err
    assert not Path("out.wav").exists()


@pytest.mark.usefixtures("key")
def test_a_service_that_is_not_there_is_3(spawn: Run) -> None:
    outcome = spawn("speak", "hello", "-o", "out.wav", "--base-url", NOWHERE)
    assert (outcome.code, outcome.err.count("\n")) == (3, 1)
    assert "could not connect" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("transcribe", "in.wav"), "no API key: set DEEPGRAM_API_KEY"),
        (("transcribe", "in.wav", "--key-file", KEY), "the file named by --key-file cannot be read"),
        (("transcribe", "in.wav", "--api-key=" + KEY), "No such option"),
        (("transcribe", "in.wav", "--emulator", "--base-url", NOWHERE), "leave out --base-url"),
        (("transcribe", "in.wav", "--flux", "--language", "de"), "--language is for Nova"),
        (("transcribe", "a.wav", "b.wav", "--srt"), "needs --output-dir"),
        (("transcribe", "a.wav", "b.wav", "-o", "x"), "-o is for one input; several need --output-dir"),
        (("transcribe", "in.wav", "--json", "--srt"), "--json and --srt together need --output-dir"),
        (("transcribe", "in.wav", "--srt", "-o", "x.json"), "x.json: --srt contradicts the extension .json"),
        (("transcribe", "in.wav", "-o", "x", "--output-dir", "y"), "-o and --output-dir contradict"),
        (("transcribe", "-", "-"), "standard input can be read only once"),
        (("transcribe", "-", "--key-file", "-"), "standard input can be read only once"),
        (("transcribe", "in.wav", "--extra", "numerals"), "--extra numerals: it must be KEY=VALUE"),
        (("transcribe", "in.wav", "--extra", "model=x"), "the command sets model"),
        (("transcribe", "in.wav", "--extra", "numerals=maybe"), "numerals must be a bool"),
        (("transcribe", "in.wav", "--extra", "token=" + KEY), "--extra must be free of credentials"),
        (("transcribe", "in.wav", "--flux", "--diarize"), "--diarize is for Nova"),
        (("transcribe", "in.wav", "--flux", "--multichannel"), "--multichannel is for Nova"),
        (
            ("transcribe", "a/x.wav", "b/x.wav", "--output-dir", "out"),
            "2 inputs would be written to the same x.txt",
        ),
        (
            ("transcribe", "in.wav", "--base-url", "ws://10.0.0.1", "--key-file", "key"),
            "--base-url must be wss",
        ),
        (("transcribe", "in.wav", "--model", "aura-2-thalia-en"), "--model must be"),
        (("speak", "...", "-o", "out.wav"), "no words to speak"),
        (("speak", "hi", "-o", "out.wav", "--speed", "9"), "--speed must be from 0.7 to 1.5, got 9.0"),
        (("speak", "hi", "-o", "out.wav", "--rate", "5"), "--rate must be one of 8000,"),
        (("speak", "hi", "-o", "out.wav", "--model", "nova-3"), "--model must be an Aura voice"),
        (("speak", "hi", "-o", "out.wav"), "no API key"),
        (("speak", "hi", "-o", "out.mp3"), "out.mp3: cannot write .mp3 files"),
        (("speak", "\udc97", "-o", "out.wav"), "TEXT is not UTF-8"),
    ],
)
def test_wrong_usage_is_one_line_and_2(run: Run, arguments: tuple[str, ...], words: str) -> None:
    silence("in.wav")
    Path("key").write_text("key")
    outcome = run(*arguments)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert words in outcome.err
    assert KEY not in outcome.err
    assert sorted(path.name for path in Path().iterdir() if path.name != "out") == ["in.wav", "key"]


def test_the_key_can_come_from_a_file(run: Run, serve: Serve) -> None:
    Path("key").write_text(KEY + "\n")
    url = serve(keys=[KEY]).base_url
    assert run("doctor", "--base-url", url, "--key-file", "key").code == 0


@pytest.mark.parametrize(("content", "why"), [(b" \n", "is empty"), (b"\xff\xfe", "not plain text")])
def test_a_useless_key_file(run: Run, content: bytes, why: str) -> None:
    Path("key").write_bytes(content)
    outcome = run("speak", "hi", "-o", "out.wav", "--key-file", "key")
    assert outcome.code == 2
    assert why in outcome.err


@pytest.mark.usefixtures("key")
def test_doctor_reports_what_is_there_and_what_answers(run: Run, serve: Serve) -> None:
    outcome = run("doctor", "--base-url", serve().base_url)
    assert (outcome.code, outcome.err) == (0, "")
    assert [line.split()[1] for line in outcome.out.splitlines()] == [
        *("speechwire", "audio", "transport", "recordings", "libraries", "API", "Nova", "Flux", "Aura"),
    ]
    assert "DEEPGRAM_API_KEY" in outcome.out
    assert KEY not in outcome.out


@pytest.mark.usefixtures("key")
def test_doctor_tells_which_service_refuses(run: Run, serve: Serve) -> None:
    outcome = run("doctor", "--base-url", serve(faults=[RefuseUpgrade(403, connections={1})]).base_url)
    assert outcome.code == 3
    verdicts = [line.split()[:2] for line in outcome.out.splitlines()[6:]]
    assert verdicts == [["ok", "Nova"], ["FAIL", "Flux"], ["ok", "Aura"]]


def test_doctor_without_a_key_says_so_and_checks_the_rest(run: Run) -> None:
    outcome = run("doctor")
    assert outcome.code == 2
    assert [line.split()[0] for line in outcome.out.splitlines()] == ["ok"] * 5 + ["FAIL"]
    quiet = run("doctor", "-q")
    assert (quiet.code, quiet.out) == (2, outcome.out.splitlines(keepends=True)[-1])


def test_bench_measures_every_preset_and_compares(run: Run) -> None:
    outcome = run("bench", "--seconds", 0.1)
    assert outcome.code == 0
    for preset in ("fast", "balanced", "best"):
        assert re.search(rf"{preset} +│ numpy ", outcome.out)


def test_bench_fails_when_the_engines_differ(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speechwire.cli.bench._agree", lambda rows: False)
    assert run("bench", "--seconds", 0.1).code == 1
