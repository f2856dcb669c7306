"""Where the transcript of each input goes, and in which format; and how much a WAV file holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import click
import pytest

from speechwire.cli._failures import OutputError
from speechwire.cli._files import STANDARD
from speechwire.cli._wav import write_wav
from speechwire.cli.transcribe import _formats, _outputs, _spare_inputs


def refused(function: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(click.UsageError) as raised:
        function(*arguments)
    return raised.value.message


@pytest.mark.parametrize(
    ("given", "output", "formats"),
    [
        ((), None, ["text"]),
        ((), "out", ["text"]),
        ((), "out.odd", ["text"]),
        ((), "out.txt", ["text"]),
        ((), "OUT.JSON", ["json"]),
        ((), "out.srt", ["srt"]),
        ((), "out.vtt", ["vtt"]),
        (("srt",), "out.srt", ["srt"]),
        (("json",), "out", ["json"]),
        (("json", "srt", "json"), None, ["json", "srt"]),
    ],
)
def test_the_formats_that_are_written(given: tuple[str, ...], output: str | None, formats: list[str]) -> None:
    assert _formats(given, None if output is None else Path(output)) == formats


RECORDINGS = ("wav", "wave", "flac", "mp3", "m4a", "mp4", "aac", "ogg", "opus", "webm", "raw", "pcm")


@pytest.mark.parametrize("suffix", [*RECORDINGS, "WAV"])
def test_no_recording_is_a_transcript(suffix: str) -> None:
    words = f"out.{suffix}: .{suffix.lower()} is a recording's; transcripts are .txt, .json, .srt and .vtt"
    assert refused(_formats, (), Path(f"out.{suffix}")) == words


def test_a_format_that_is_not_the_extensions() -> None:
    assert refused(_formats, ("json",), Path("a.srt")) == "a.srt: --json contradicts the extension .srt"
    several = refused(_formats, ("json", "vtt"), Path("a.SRT"))
    assert several == "a.SRT: --json --vtt contradicts the extension .SRT"


ONE, TWO = [Path("dir/a.wav")], [Path("dir/a.wav"), Path("-")]


def test_one_output_for_all_or_a_folder_of_them() -> None:
    Path("pipe").write_bytes(b"")
    assert _outputs(ONE, ["text"], None, None) == [{"text": STANDARD}]
    assert _outputs(TWO, ["json"], None, None) == [{"json": STANDARD}] * 2
    assert _outputs(TWO, ["json"], STANDARD, None) == [{"json": STANDARD}] * 2
    assert _outputs(ONE, ["srt"], Path("/dev/stdout"), None) == [{"srt": STANDARD}]
    assert _outputs(ONE, ["vtt"], Path("out.vtt"), None) == [{"vtt": Path("out.vtt")}]
    assert not Path("out.vtt").exists()
    folder = Path("new/folder")
    assert _outputs(TWO, ["text", "srt"], None, folder) == [
        {"text": folder / "a.txt", "srt": folder / "a.srt"},
        {"text": folder / "stdin.txt", "srt": folder / "stdin.srt"},
    ]
    assert folder.is_dir()
    assert _outputs(TWO, ["text"], None, folder) == [
        {"text": folder / "a.txt"},
        {"text": folder / "stdin.txt"},
    ]


@pytest.mark.parametrize(
    ("files", "formats", "output", "folder", "words"),
    [
        (ONE, ["text"], "a.txt", "out", "-o and --output-dir contradict each other"),
        (ONE, ["text", "srt"], None, None, "--text and --srt together need --output-dir"),
        (TWO, ["text"], "a.txt", None, "-o is for one input; several need --output-dir"),
        (TWO, ["srt"], None, None, "--srt of several inputs needs --output-dir"),
        (TWO, ["vtt"], "-", None, "--vtt of several inputs needs --output-dir"),
        (ONE, ["text"], ".", None, ".: -o names a file; --output-dir names a folder"),
        (
            [Path("a/x.wav"), Path("b/x.flac")],
            ["srt"],
            None,
            "out",
            "2 inputs would be written to the same x.srt",
        ),
    ],
)
def test_outputs_that_cannot_be(
    files: list[Path], formats: list[str], output: str | None, folder: str | None, words: str
) -> None:
    paths = [None if name is None else Path(name) for name in (output, folder)]
    assert refused(_outputs, files, formats, *paths) == words


def test_a_recording_is_not_written_over() -> None:
    Path("a.wav").write_bytes(b"")
    Path("link").symlink_to("a.wav")
    Path("other").write_bytes(b"")
    _spare_inputs([Path("a.wav"), STANDARD], [STANDARD, Path("new"), Path("other")])
    words = "link: the transcript would replace the recording"
    assert refused(_spare_inputs, [STANDARD, Path("a.wav")], [Path("other"), Path("link")]) == words


class Sink:
    """Takes anything that has a length."""

    def __init__(self, *, seekable: bool) -> None:
        self.seekable = seekable

    def write(self, data: object) -> None: ...

    def overwrite(self, position: int, data: bytes) -> None:
        self.header = (position, data)


def test_a_wav_file_holds_four_gib_with_its_header() -> None:
    most = 0xFFFFFFFF - 36
    sink, endless = Sink(seekable=True), Sink(seekable=False)
    with write_wav("a.wav", cast(Any, sink), 8000) as append:
        append(cast(bytes, range(most - 1)))
        append(b"x")
    assert sink.header[1][40:44] == most.to_bytes(4, "little")
    words = "^a.wav: the audio is larger than the 4 GiB of a WAV file; write FLAC or raw$"
    with pytest.raises(OutputError, match=words), write_wav("a.wav", cast(Any, sink), 8000) as append:
        append(cast(bytes, range(most)))
        append(b"x")
    with write_wav("-", cast(Any, endless), 8000) as append:
        append(cast(bytes, range(most + 1)))
    assert not hasattr(endless, "header")
