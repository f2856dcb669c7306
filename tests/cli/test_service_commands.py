"""``transcribe``, ``speak`` and ``doctor``: against the offline emulator, and against services that fail."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import time
import wave
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import PHRASE, SCRIPT, Run, Serve, command, environment, header, riff

from speechwire.cli._display import Display
from speechwire.cli._playing import transcript_of
from speechwire.cli._transcript import Transcript
from speechwire.cli.transcribe import _check_whole
from speechwire.emulator import CloseWith, Phrase, RefuseUpgrade, Script, Stall

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
    at_once, numbers = 0, []

    async def counted(*arguments: Any) -> Transcript:
        nonlocal at_once
        at_once += 1
        numbers.append(at_once)
        try:
            return await transcript_of(*arguments)
        finally:
            at_once -= 1

    monkeypatch.setattr("speechwire.cli.transcribe.transcript_of", counted)
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


@pytest.mark.parametrize(
    ("lost_s", "complete", "words"),
    [(1.5, False, "1.50 s of the audio did not reach"), (0.0, False, "did not finish its results")],
)
def test_what_is_missing_is_told(
    lost_s: float, complete: bool, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    transcript = Transcript(Path("in.wav"), 4.0, (), lost_s, complete)
    assert _check_whole(transcript, Display()) == 1
    assert words in capfd.readouterr().err


@pytest.mark.usefixtures("key")
def test_a_bad_file_does_not_stop_the_others(run: Run, serve: Serve) -> None:
    Path("bad.wav").write_text("no audio")
    files = ("bad.wav", "missing.wav", silence("good.wav"))
    outcome = run("transcribe", *files, "--base-url", serve().base_url, "--speed", 50, "-o", "out", "--vtt")
    assert (outcome.code, outcome.out) == (1, "")
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
    assert run("transcribe", *arguments, "-o", "out").code == 0
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
def test_a_transcript_is_written_whole_or_not_at_all(
    run: Run, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "out/in.txt")

    monkeypatch.setattr(os, "replace", full)
    outcome = run("transcribe", silence("in.wav"), "-o", "out", "--base-url", serve().base_url, "--speed", 50)
    assert (outcome.code, outcome.err) == (1, "speechwire transcribe: out/in.txt: No space left on device\n")
    assert list(Path("out").iterdir()) == []


@pytest.mark.usefixtures("key")
def test_ctrl_c_leaves_at_once_with_130_and_no_partial_file(serve: Serve) -> None:
    emulator = serve(faults=[Stall(0.5)])  # no last results: nobody may wait for them
    arguments = ("transcribe", silence("in.wav", 60.0), "-o", "out", "--base-url", emulator.base_url)
    pipe = subprocess.PIPE
    with subprocess.Popen(command(*arguments), stderr=pipe, text=True, env=environment()) as process:
        while not any(connection.audio_bytes for connection in emulator.connections):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err.strip()) == (130, "speechwire: interrupted")
    assert list(Path("out").iterdir()) == []


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
        (("transcribe", "a/x.wav", "b/x.wav", "-o", "out"), "2 inputs would be written to the same x.txt"),
        (("transcribe", "in.wav", "--model", "aura-2-thalia-en"), "model must be"),
        (("speak", "...", "-o", "out.wav"), "no words to speak"),
        (("speak", "hi", "-o", "out.wav", "--speed", "9"), "speed must be"),
        (("speak", "hi", "-o", "out.wav"), "no API key"),
        (("speak", "hi", "-o", "-", "--emulator"), "-o needs a file"),
    ],
)
def test_wrong_usage_is_one_line_and_2(run: Run, arguments: tuple[str, ...], words: str) -> None:
    outcome = run(*arguments)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert words in outcome.err
    assert KEY not in outcome.err


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
        *("speechwire", "audio", "transport", "libraries", "API", "Nova", "Flux", "Aura"),
    ]
    assert "DEEPGRAM_API_KEY" in outcome.out
    assert KEY not in outcome.out


@pytest.mark.usefixtures("key")
def test_doctor_tells_which_service_refuses(run: Run, serve: Serve) -> None:
    outcome = run("doctor", "--base-url", serve(faults=[RefuseUpgrade(403, connections={1})]).base_url)
    assert outcome.code == 3
    verdicts = [line.split()[:2] for line in outcome.out.splitlines()[5:]]
    assert verdicts == [["ok", "Nova"], ["FAIL", "Flux"], ["ok", "Aura"]]


def test_doctor_without_a_key_says_so_and_checks_the_rest(run: Run) -> None:
    outcome = run("doctor")
    assert outcome.code == 2
    assert [line.split()[0] for line in outcome.out.splitlines()] == ["ok", "ok", "ok", "ok", "FAIL"]


def test_bench_measures_every_preset_and_compares(run: Run) -> None:
    outcome = run("bench", "--seconds", 0.1)
    assert outcome.code == 0
    for preset in ("fast", "balanced", "best"):
        assert re.search(rf"{preset} +│ numpy ", outcome.out)


def test_bench_fails_when_the_engines_differ(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speechwire.cli.bench._agree", lambda rows: False)
    assert run("bench", "--seconds", 0.1).code == 1
