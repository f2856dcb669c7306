"""``transcribe``: what is heard, of which input, and how long it takes."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import Sequence
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
    environment,
    header,
    riff,
)
from tests.cli.service import silence, started

from speechwire.cli._playing import Playing
from speechwire.emulator import CloseWith, Phrase, Script
from speechwire.emulator.engine import Heard, Recognizer, StreamInfo
from speechwire.emulator.scripted import ScriptedEngine
from speechwire.errors import ConnectionLost


def test_speech_comes_back_as_its_words(spawn: Run, call: Path) -> None:
    outcome = spawn("transcribe", call, "--emulator")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.strip(" .\n").lower() == PHRASE


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
def test_what_was_heard_is_utf_8_whatever_the_environment_says(serve: Serve) -> None:
    url = serve(script=Script(Phrase(0.2, "Zum Gänsemarkt", 1.0))).base_url
    done = subprocess.run(
        command("transcribe", silence("in.wav"), "--base-url", url, "--speed", 50),
        capture_output=True,
        env=environment(PYTHONIOENCODING="ascii", PYTHONUTF8="0"),
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "Zum Gänsemarkt\n".encode(),
        b"",
    )


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
def test_a_long_recording_says_how_long_it_will_take(serve: Serve) -> None:
    arguments = ("transcribe", silence("in.wav", 3600.0), "--base-url", serve().base_url)
    pipe = subprocess.PIPE
    with started(*arguments, stdout=pipe, stderr=pipe) as process:
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
def test_a_lost_connection_loses_no_word(run: Run, serve: Serve) -> None:
    # What a connection hears begins where the results of the one before ended: at about 1.1 s.
    scripts = iter([SCRIPT, Script(Phrase(start_s=1.4, text="By train.", end_s=1.9))])
    emulator = serve(script=lambda stream: next(scripts), faults=[CloseWith(1011, at_s=1.5, connections={0})])
    outcome = run("transcribe", silence("in.wav"), "--base-url", emulator.base_url, "--speed", 20)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == "Two tickets to Oslo, please.\nBy train.\n"
    assert len(emulator.connections) == 2
