"""Odd outputs, odd texts and odd keys, on a terminal and in a pipe, as real processes."""

from __future__ import annotations

import os
import re
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import OUTCOMES, emulators, header, riff
from tests.cli.processes import Done, Zygote, zygotes

from speechwire.cli._files import _whole_file

AUDIO = bytes(8_000)
LONG = "x" * 300 + ".wav"
NO_FORMAT = "there are .wav, .flac and .raw"


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with zygotes() as zygote:
        yield zygote


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with emulators() as serve:
        yield serve().base_url


def count(command: str, done: Done, *, terminal: bool) -> None:
    outcome = "written" if not done.code else "refused" if done.code == 2 else "failed"
    OUTCOMES[f"{command}, {'terminal' if terminal else 'piped'}"][outcome] += 1


@pytest.fixture(params=[False, True], ids=["piped", "terminal"])
def terminal(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=["convert", "speak"])
def writing(request: pytest.FixtureRequest, base_url: str) -> list[str]:
    """A command without the name of its output."""
    if request.param == "convert":
        Path("in.wav").write_bytes(riff(header(1, 16), AUDIO))
        return ["convert", "in.wav"]
    return ["speak", "Hello there.", "--base-url", base_url, "-o"]


@pytest.mark.parametrize(
    ("name", "code", "why"),
    [
        ("out.mp3", 2, f"out.mp3: cannot write .mp3 files; {NO_FORMAT}"),
        ("out.wav.txt", 2, f"out.wav.txt: cannot write .txt files; {NO_FORMAT}"),
        ("out", 2, f"out: no extension that names a format; {NO_FORMAT}"),
        (".wav", 2, f".wav: no extension that names a format; {NO_FORMAT}"),
        ("folder.wav", 1, "folder.wav: this is a folder; name a file to write"),
        ("folder", 2, "folder: this is a folder; name a file to write"),
        ("nowhere/out.wav", 1, "nowhere/out.wav: there is no folder nowhere"),
        ("plain/out.wav", 1, "plain/out.wav: Not a directory"),
        ("loop.wav", 1, "loop.wav: Too many levels of symbolic links"),
        ("/dev/full", 1, "/dev/full: No space left on device"),
        (LONG, 1, f"{LONG}: File name too long"),
    ],
)
def test_an_output_that_cannot_be(
    zygote: Zygote, writing: list[str], name: str, code: int, why: str, terminal: bool
) -> None:
    Path("folder.wav").mkdir()
    Path("folder").mkdir()
    Path("plain").write_text("a file")
    Path("loop.wav").symlink_to("loop.wav")
    before = sorted(os.listdir())
    done = zygote.run([*writing, name], "/dev/null", terminal=terminal)
    assert done == Done(code, [], [f"speechwire {writing[0]}: {why}"])
    assert sorted(os.listdir()) == before
    count(f"{writing[0]} to odd outputs", done, terminal=terminal)


@pytest.mark.parametrize(
    "name",
    ["out.wav", "OUT.WAV", "out.wave", "my  out.wav", "G\u00e4nge \u4f1a\u8a71.wav", "./-.wav", "link.wav"],
)
def test_an_output_that_can_be(zygote: Zygote, writing: list[str], name: str, terminal: bool) -> None:
    Path("target.wav").write_text("of yesterday")
    Path("link.wav").symlink_to("target.wav")
    before = {*os.listdir()}
    done = zygote.run([*writing, name], "/dev/null", terminal=terminal)
    assert done == Done(0, [], [])
    assert {*os.listdir()} == before | {Path(name).name}
    with wave.open(name) as wav:
        assert wav.getnframes() > 1_000
        assert Path(name).stat().st_size == 44 + 2 * wav.getnframes()
    assert Path("link.wav").is_symlink()
    count(f"{writing[0]} to odd outputs", done, terminal=terminal)


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output(zygote: Zygote, writing: list[str], name: str, terminal: bool) -> None:
    if terminal:
        done = zygote.run([*writing, name], "/dev/null", terminal=True)
        why = "standard output is a terminal; redirect it, or name a file"
        assert done == Done(2, [], [f"speechwire {writing[0]}: {why}"])
    else:
        before = {*os.listdir()}
        code = zygote.into_files([*writing, name], "/dev/null", "data", "said")
        assert (code, Path("said").read_bytes()) == (0, b"")
        assert Path("data").read_bytes().startswith(b"RIFF\xff\xff\xff\xffWAVE")
        assert {*os.listdir()} == before | {"data", "said"}
        done = Done(code, [], [])
    count(f"{writing[0]} to odd outputs", done, terminal=terminal)


@pytest.mark.parametrize("name", ["pipe", "pipe.wav", "pipe.raw"])
def test_a_named_pipe(zygote: Zygote, writing: list[str], name: str, terminal: bool) -> None:
    os.mkfifo(name)
    with subprocess.Popen(["cat", name], stdout=subprocess.PIPE) as reader:
        done = zygote.run([*writing, name], "/dev/null", terminal=terminal)
        read, _ = reader.communicate(timeout=30)
    assert done == Done(0, [], [])
    assert read.startswith(b"RIFF") == (name != "pipe.raw")
    assert len(read) > 2_000
    count(f"{writing[0]} to odd outputs", done, terminal=terminal)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "TEXT has no words to speak"),
        (b" \n\t", "TEXT has no words to speak"),
        (b"... !?", "TEXT has no words to speak"),
        ("\U0001f3a7".encode(), "TEXT has no words to speak"),
        (b"\xff\xfe", "the text from standard input: it is not UTF-8"),
        ("caf\u00e9".encode("latin-1"), "the text from standard input: it is not UTF-8"),
        ("\ufeffWith a mark.".encode(), ""),
        ("\u4f1a\u8a71".encode(), ""),
        (b"One line\r\nand another.\r\n", ""),
        (b"No end of line", ""),
        (b"word" * 400, ""),
    ],
)
def test_odd_texts(zygote: Zygote, base_url: str, text: bytes, why: str, terminal: bool) -> None:
    Path("text").write_bytes(text)
    arguments = ["speak", "-", "-o", "out.wav", "--base-url", base_url]
    done = zygote.run(arguments, str(Path("text").resolve()), terminal=terminal)
    assert done == Done(2 if why else 0, [], [f"speechwire speak: {why}"] if why else [])
    assert {*os.listdir()} == ({"text"} if why else {"text", "out.wav"})
    count("speak of odd texts", done, terminal=terminal)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "the file named by --key-file cannot be read: No such file or directory"),
        (b"", "the file named by --key-file is empty"),
        (b"\n\n", "the file named by --key-file is empty"),
        (b"\xff\xfe", "the file named by --key-file cannot be read: it is not plain text"),
        (b"secret one\nsecret two\n", "the file named by --key-file holds more than a key"),
        (b"a-key-of-the-tests\r\n", ""),
    ],
)
def test_odd_keys(zygote: Zygote, base_url: str, content: bytes | None, why: str, terminal: bool) -> None:
    if content is not None:
        Path("key").write_bytes(content)
    before = {*os.listdir()}
    arguments = ["speak", "Hello.", "-o", "out.wav", "--base-url", base_url, "--key-file", "key"]
    done = zygote.run(arguments, "/dev/null", terminal=terminal)
    assert done == Done(2 if why else 0, [], [f"speechwire speak: {why}"] if why else [])
    assert {*os.listdir()} == (before if why else before | {"out.wav"})
    count("speak with odd keys", done, terminal=terminal)


def test_a_disk_that_is_full_at_the_end_is_told_by_the_name_that_was_asked_for(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "asked-for.wav"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OSError, match=re.escape(str(path))), _whole_file(path) as file:
            file.write(b"waits in the buffer")
            resource.setrlimit(resource.RLIMIT_FSIZE, (4, before[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
