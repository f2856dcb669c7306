"""``transcribe``: where what was heard is written, also when the work does not come to its end."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from tests.cli.conftest import (
    Outcome,
    Run,
    Serve,
    command,
    environment,
    header,
    riff,
)
from tests.cli.service import silence, started, wait_until, written

from speechwire.emulator import CloseWith, Stall


@pytest.mark.usefixtures("key")
def test_finals_are_printed_and_written_as_they_come(serve: Serve) -> None:
    emulator = serve(faults=[Stall(3.6)])  # after both phrases; the file never ends
    os.mkfifo("in.wav")
    pipe = subprocess.PIPE
    arguments = ("transcribe", "in.wav", "--base-url", emulator.base_url, "--speed", "max")
    for target in ((), ("-o", "out.txt")):
        with started(*arguments, *target, stdout=pipe, stderr=pipe) as process:
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


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("format", ["text", "json", "srt", "vtt"])
def test_after_ctrl_c_what_was_heard_is_kept_and_named(serve: Serve, format: str) -> None:
    emulator = serve(faults=[Stall(3.6)])  # no last results: nobody may wait for them
    arguments = ("transcribe", silence("in.wav", 60.0), "--output-dir", "out", f"--{format}", "--text")
    ending = {"text": "txt"}.get(format, format)
    common = ("--base-url", emulator.base_url, "--speed", "max")
    with started(*arguments, *common, stderr=subprocess.PIPE) as process:
        wait_until(lambda: "By train." in written("out/in.txt"))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    names = "out/in.txt" if format == "text" else f"out/in.{format}, out/in.txt"
    kept, last = err.decode().splitlines()
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
        1, "", "speechwire transcribe: nowhere/out.txt: there is no folder nowhere\n"
    )
    assert run("transcribe", *common, "-o", "folder") == Outcome(
        2, "", "speechwire transcribe: folder: -o names a file; --output-dir names a folder\n"
    )
    assert len(emulator.connections) == 0


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    ("source", "target", "why"),
    [
        ("in.wav", "in.wav", ".wav is a recording's; transcripts are .txt, .json, .srt and .vtt"),
        ("in.wav", "other.MP3", ".mp3 is a recording's; transcripts are .txt, .json, .srt and .vtt"),
        ("in", "in", "the transcript would replace the recording"),
        ("in", "./link", "the transcript would replace the recording"),
    ],
)
def test_no_recording_is_written_over(run: Run, serve: Serve, source: str, target: str, why: str) -> None:
    emulator = serve()
    silence(source)
    Path("link").symlink_to("in")
    Path("other.MP3").write_text("a recording")
    before = Path(source).read_bytes()
    outcome = run("transcribe", source, "-o", target, "--base-url", emulator.base_url)
    assert outcome == Outcome(2, "", f"speechwire transcribe: {Path(target)}: {why}\n")
    assert Path(source).read_bytes() == before and Path("other.MP3").read_text() == "a recording"
    assert len(emulator.connections) == 0


@pytest.mark.usefixtures("key")
def test_no_recording_in_the_folder_is_written_over(run: Run, serve: Serve) -> None:
    before = Path(silence("in.txt")).read_bytes()
    outcome = run("transcribe", "in.txt", "--output-dir", ".", "--base-url", serve().base_url)
    assert (outcome.code, outcome.out) == (2, "")
    assert Path("in.txt").read_bytes() == before


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
