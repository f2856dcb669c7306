"""Parts of the commands by themselves: names of files, formats, what a bar and a report show."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from tests.cli.conftest import Run

from speechwire.cli import doctor
from speechwire.cli._arguments import FILE, SECONDS, SPEED
from speechwire.cli._audio import AudioReader
from speechwire.cli._audio_out import output_format
from speechwire.cli._conversion import _Mix
from speechwire.cli._display import Bar, _cells
from speechwire.cli._failures import InputError
from speechwire.cli._files import (
    STANDARD,
    GrowingFile,
    _Stream,
    is_standard,
    output_file,
    read_standard_input,
    try_output,
)
from speechwire.cli._service import Service

Give = Callable[[bytes], None]


@pytest.fixture
def standard_input() -> Iterator[Give]:
    """Returns a function that puts these bytes into this process's standard input."""
    before = os.dup(0)

    def give(content: bytes) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.seek(0)
            os.dup2(file.fileno(), 0)

    yield give
    os.dup2(before, 0)
    os.close(before)


@pytest.mark.parametrize(
    ("content", "text"), [(b"hello\n", "hello\n"), (b"\xef\xbb\xbfzw\xc3\xb6lf", "zwölf"), (b"", "")]
)
def test_standard_input_is_text(standard_input: Give, content: bytes, text: str) -> None:
    standard_input(content)
    assert read_standard_input("the text") == text


def test_standard_input_that_is_no_text(standard_input: Give) -> None:
    standard_input(b"\xff")
    with pytest.raises(InputError, match="^the text from standard input: it is not UTF-8$"):
        read_standard_input("the text")
    os.dup2(os.open(".", os.O_RDONLY), 0)
    with pytest.raises(InputError, match="^the text from standard input: Is a directory$"):
        read_standard_input("the text")


@pytest.mark.parametrize("output", [True, False])
def test_names_of_standard_input_and_output(output: bool) -> None:
    ours, others = ("stdout", "1"), ("stdin", "0")
    for (name, number), known in ((ours, output), (others, not output)):
        paths = [Path(f"/dev/{name}"), Path(f"/dev/fd/{number}"), Path(f"/proc/self/fd/{number}")]
        assert [is_standard(path, output=output) for path in paths] == [known] * 3
    assert is_standard(Path("-"), output=output)
    assert not is_standard(Path("./a-"), output=output)


def test_what_was_written_can_be_changed_and_writing_goes_on() -> None:
    with output_file(Path("out")) as sink:
        assert sink.seekable
        sink.write(b"abc")
        sink.overwrite(0, b"X")
        sink.write(b"d")
    assert Path("out").read_bytes() == b"Xbcd"


def test_a_stream_cannot_be_changed() -> None:
    stream = _Stream(Path("x"), 1)
    assert not stream.seekable
    with pytest.raises(NotImplementedError):
        stream.overwrite(0, b"")


def test_trying_an_output_changes_nothing() -> None:
    Path("old").write_text("kept")
    os.mkfifo("pipe")
    for name in ("old", "new", "pipe", "-"):
        try_output(Path(name))
    assert sorted(path.name for path in Path().iterdir()) == ["old", "pipe"]
    assert Path("old").read_text() == "kept"
    Path("folder").mkdir()
    with pytest.raises(OSError, match="this is a folder; name a file to write"):
        try_output(Path("folder"))


def test_a_pipe_is_opened_before_there_is_anything_to_write() -> None:
    os.mkfifo("pipe")
    read: list[str] = []
    reading = threading.Thread(target=lambda: read.append(Path("pipe").read_text()))
    reading.start()
    file = GrowingFile(Path("pipe"))
    file.close()
    reading.join(20)
    assert read == [""]


@pytest.mark.parametrize(
    ("name", "given", "format"),
    [
        ("out.wav", None, "wav"),
        ("OUT.WAVE", None, "wav"),
        ("out.flac", None, "flac"),
        ("out.raw", None, "raw"),
        ("out.pcm", None, "raw"),
        ("out.flac", "flac", "flac"),
        ("out", "raw", "raw"),
        ("-", None, "wav"),
        ("/dev/stdout", "flac", "flac"),
        ("pipe.flac", None, "flac"),
        ("pipe.mp3", None, "wav"),
        ("pipe.wav", "raw", "raw"),
    ],
)
def test_the_format_of_an_output(name: str, given: str | None, format: str) -> None:
    if name.startswith("pipe"):
        os.mkfifo(name)
    assert output_format(Path(name), given) == format


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("out.wav", "flac", "out.wav: --format flac contradicts the extension .wav"),
        ("out.mp3", None, "out.mp3: cannot write .mp3 files; there are .wav, .flac and .raw"),
        ("out.mp3", "raw", "out.mp3: cannot write .mp3 files; there are .wav, .flac and .raw"),
        ("out", None, "out: no extension that names a format; there are .wav, .flac and .raw"),
        ("folder", None, "folder: this is a folder; name a file to write"),
    ],
)
def test_an_output_that_has_none(name: str, given: str | None, words: str) -> None:
    Path("folder").mkdir()
    with pytest.raises(click.UsageError) as raised:
        output_format(Path(name), given)
    assert raised.value.message == words


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (SPEED, "max", None),
        (SPEED, "1", 1.0),
        (SPEED, "1000", 1000.0),
        (SECONDS, "0.1", 0.1),
        (SECONDS, "600", 600.0),
        (FILE, "-", STANDARD),
        (FILE, Path("a"), Path("a")),
        (FILE, "a/b", Path("a/b")),
    ],
)
def test_an_argument_and_what_it_means(kind: Any, text: Any, value: object) -> None:
    assert kind.convert(text, None, None) == value


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (SPEED, "0.99", "'0.99' is not a number from 1 to 1000 or max"),
        (SPEED, "1000.1", "'1000.1' is not a number from 1 to 1000 or max"),
        (SECONDS, "0.09", "'0.09' is not a number from 0.1 to 600"),
        (SECONDS, "601", "'601' is not a number from 0.1 to 600"),
        (SECONDS, "max", "'max' is not a number from 0.1 to 600"),
        (FILE, "", "a file's name cannot be empty"),
    ],
)
def test_an_argument_that_means_nothing(kind: Any, text: str, words: str) -> None:
    with pytest.raises(click.BadParameter) as raised:
        kind.convert(text, None, None)
    assert raised.value.message == words


def test_a_file_that_is_called_a_dash_is_no_standard_stream() -> None:
    assert FILE.convert("./-", None, None) == Path.cwd() / "-"
    assert [SPEED.name, SECONDS.name, FILE.name] == ["NUMBER|max", "SECONDS", "file"]


def test_a_key_is_read_up_to_a_bound() -> None:
    Path("key").write_text("k" * 70_000)
    assert len(Service(False, None, Path("key")).api_key()) == 65_536


@pytest.mark.parametrize(
    ("frames", "read", "damaged", "told"),
    [
        (8000, 8000, 0, []),
        (None, 8000, 0, []),
        (8000, 0, 0, ["holds no audio"]),
        (8000, 6000, 0, ["ends 0.25 s early; what is there is used"]),
        (8000, 9000, 0, []),
        (8000, 7999, 0, ["ends 0.00 s early; what is there is used"]),
        (8000, 8000, 2, ["is damaged; 2 pieces that cannot be decoded were left out"]),
    ],
)
def test_what_is_missing_of_an_input(frames: int | None, read: int, damaged: int, told: list[str]) -> None:
    audio = AudioReader("a", "", 8000, 2, "s16le", frames, lambda _: iter(()), read, damaged)
    assert audio.shortcomings() == told
    assert (audio.duration_s, audio.read_s) == (frames and frames / 8000, read / 8000)
    assert audio.frame_bytes == 4


def test_many_channels_are_limited_before_their_mean_is_taken() -> None:
    loud = np.array([-3.0, 1.0, 3.0, -1.0, np.nan, 0.5], "<f4").tobytes()
    (mean,) = _Mix(2, "f32le").push(loud)
    assert np.frombuffer(mean, "<f4").tolist() == [0.0, 0.0, 0.25]
    assert (_Mix(2, "f32le").push(b""), _Mix(2, "f32le").flush()) == ([], [])


def test_a_bar_says_how_far_it_is() -> None:
    bar = Bar("a.wav", 10.0)
    assert [str(cell) for cell in _cells(bar, 12)[::2]] == ["a.wav", "0 of 10 s"]
    bar.reach(4.4)
    bar.caption("one\ntwo\x1b")
    name, line, clock, caption = _cells(bar, 12)
    assert (str(name), str(clock), str(caption)) == ("a.wav", "4 of 10 s", "one two\\x1b")
    assert (line.total, line.completed, line.width, line.pulse) == (10.0, 4.4, 20, False)
    bar.reach(5.0, "half")
    bar.caption("x" * 12 + "y")
    assert [str(cell) for cell in _cells(bar, 13)[2:]] == ["half", "x" * 12 + "y"]
    assert str(_cells(bar, 12)[3]) == "…" + "x" * 10 + "y"
    endless = Bar("pipe", None)
    endless.reach(4.4)
    _, line, clock, _ = _cells(endless, 12)
    assert (str(clock), line.pulse, line.total) == ("4 s", True, 1.0)


# Reports


def test_doctor_names_each_library_and_its_version(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: f"of {name}", raising=True)
    (line,) = [line for line in run("doctor").out.splitlines() if "libraries" in line]
    names = (
        "numpy",
        "aiohttp",
        "picows",
        "msgspec",
        "videosdk-agents",
        "pocketsphinx",
        "espeakng-loader",
        "av",
    )
    assert line == "ok    libraries     " + ", ".join(f"{name} of {name}" for name in names)
