"""Recordings that are no WAV files: through PyAV, through ffmpeg, and where there is neither."""

from __future__ import annotations

import importlib
import io
import math
import os
import random
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.cli.conftest import Outcome, Run, header, riff
from tests.cli.odd_inputs import coded, recorder

from speechwire.cli import _pyav
from speechwire.cli._audio import AudioReader
from speechwire.cli._audio_in import INSTALL_MEDIA, ffmpeg_command, open_audio
from speechwire.cli._audio_out import audio_writer
from speechwire.cli._failures import InputError
from speechwire.cli._ffmpeg import _feed

pytest.importorskip("av")

STAND_IN = Path(__file__).with_name("stand_in_ffmpeg.py")
SAMPLES = np.frombuffer(coded("s16"), "<i2").astype(np.int64)


@pytest.fixture
def no_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pyav, "imported", lambda: None)


@pytest.fixture
def ffmpeg(no_pyav: None, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The real one where there is one; else one that does the same through PyAV."""
    if shutil.which("ffmpeg"):
        return
    folder = tmp_path_factory.mktemp("bin")
    (folder / "ffmpeg").write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
    (folder / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(params=["PyAV", "ffmpeg"])
def way(request: pytest.FixtureRequest) -> str:
    if request.param == "ffmpeg":
        request.getfixturevalue("ffmpeg")
    return str(request.param)


def read(path: Path) -> NDArray[np.int64]:
    """The samples of a mono input, at 16 bits."""
    with open_audio(path) as audio:
        data = b"".join(audio.blocks(0.01))
        assert (audio.rate, audio.channels) == (16_000, 1)
        if audio.format == "s16le":
            return np.frombuffer(data, "<i2").astype(np.int64)
        whole: NDArray[np.int64] = np.rint(np.frombuffer(data, "<f4") * 32_768).astype(np.int64)
        return whole


def pipe_of(path: Path) -> Path:
    """A named pipe that a file is written into."""
    pipe = path.with_name("pipe")
    os.mkfifo(pipe)

    def write() -> None:
        with suppress(BrokenPipeError), pipe.open("wb") as out:
            out.write(path.read_bytes())

    threading.Thread(target=write, daemon=True).start()
    return pipe


@pytest.mark.parametrize("through_pipe", [False, True])
def test_flac_is_read_to_the_bit(way: str, through_pipe: bool) -> None:
    path = Path("in.flac")
    recorder("flac", "flac")(path)
    assert (read(pipe_of(path) if through_pipe else path) == SAMPLES).all()


@pytest.mark.parametrize(
    ("name", "container", "codec"), [("a.mp3", "mp3", "libmp3lame"), ("a.m4a", "ipod", "aac")]
)
def test_what_is_lost_in_coding_sounds_the_same(way: str, name: str, container: str, codec: str) -> None:
    recorder(container, codec)(Path(name))
    got = read(Path(name))
    best = max(np.corrcoef(got[shift : shift + 2_000], SAMPLES[:2_000])[0, 1] for shift in range(0, 2_000, 4))
    assert best > 0.99


@pytest.mark.parametrize("sink", ["file", "pipe"])
def test_flac_is_written_to_the_bit(way: str, sink: str) -> None:
    path = Path("out.flac")
    copied = Path("copied.flac")
    if sink == "pipe":
        os.mkfifo(path)
        reading = threading.Thread(target=lambda: copied.write_bytes(path.read_bytes()))
        reading.start()
    with audio_writer(path, "flac", 16_000) as append:
        for place in range(0, SAMPLES.size, 333):
            append(SAMPLES[place : place + 333].astype("<i2").tobytes())
    if sink == "pipe":
        reading.join(30)
    assert (read(copied if sink == "pipe" else path) == SAMPLES).all()
    assert not list(Path().glob(".speechwire-*"))


def test_flac_that_cannot_be_written_names_the_file(way: str) -> None:
    with pytest.raises(OSError) as told, audio_writer(Path("/dev/full"), "flac", 16_000) as append:
        for _ in range(200):
            append(bytes(64_000))
    assert (told.value.errno, told.value.filename) == (28, "/dev/full")


def test_two_channels_are_read(way: str, run: Run) -> None:
    left, right = np.full(4_000, 1_000, "<i2"), np.full(4_000, 3_000, "<i2")
    Path("in.wav").write_bytes(riff(header(1, 16, 2), np.stack([left, right], axis=1).tobytes()))
    av: Any = importlib.import_module("av")
    with av.open("in.wav") as source, av.open("in.flac", "w") as out:
        stream = out.add_stream("flac", rate=16_000, layout="stereo")
        for frame in [*source.decode(audio=0), None]:
            out.mux(stream.encode(frame))
    assert run("convert", "in.flac", "out.raw").code == 0
    assert set(np.frombuffer(Path("out.raw").read_bytes(), "<i2")) == {2_000}


def test_what_is_no_recording_is_refused(way: str) -> None:
    Path("in.mp3").write_text("no recording, but text that is long enough to be looked at\n" * 50)
    with (
        pytest.raises(InputError, match=r"^in\.mp3: (it is no recording|ffmpeg cannot read it: )"),
        open_audio(Path("in.mp3")),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nother.mp3\n#EXT-X-ENDLIST\n"),
        ("in.wav", "ffconcat version 1.0\nfile other.mp3\n"),
    ],
)
def test_a_list_of_files_opens_no_other_file(way: str, name: str, content: str) -> None:
    recorder("mp3", "libmp3lame")(Path("other.mp3"))
    Path(name).write_text(content)
    with pytest.raises(InputError), open_audio(Path(name)):
        pass


def test_a_truncated_recording_is_told(run: Run) -> None:
    with audio_writer(Path("in.flac"), "flac", 16_000) as append:
        append(random.Random(0).randbytes(2 * 16_000 * 4))
    content = Path("in.flac").read_bytes()
    Path("in.flac").write_bytes(content[: len(content) // 2])
    outcome = run("convert", "in.flac", "out.raw")
    assert outcome.code == 0
    got_s = Path("out.raw").stat().st_size / 32_000
    assert 1.5 < got_s < 2.5
    assert (
        f"speechwire convert: in.flac: ends {4 - got_s:.2f} s early; what is there is used\n" in outcome.err
    )


def test_without_either_a_line_tells_what_works(
    run: Run, no_pyav: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    recorder("mp3", "libmp3lame")(Path("call.mp3"))
    Path("in.wav").write_bytes(riff(header(1, 16), bytes(64)))
    assert run("convert", "call.mp3", "out.wav") == Outcome(
        2,
        "",
        "speechwire convert: call.mp3: it is not a WAV file; other recordings need ffmpeg, or this:"
        f" {INSTALL_MEDIA}\n",
    )
    assert run("convert", "in.wav", "out.flac") == Outcome(
        1, "", f"speechwire convert: out.flac: FLAC needs ffmpeg, or this: {INSTALL_MEDIA}\n"
    )
    assert run("convert", "in.wav", "out.wav") == Outcome(0, "", "")
    assert not list(Path().glob(".speechwire-*"))
    assert shlex.split(INSTALL_MEDIA)[:2] == ["pip", "install"]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a b.wav", "a b.wav"),
        ("-a.wav", "./-a.wav"),
        ("it's.wav", "it's.wav"),
        ("c:d.wav", "./c:d.wav"),
        ("/x/-.wav", "/x/-.wav"),
        ("-", "-"),
    ],
)
def test_the_command_for_other_rates_survives_a_shell(name: str, source: str) -> None:
    words = shlex.split(ffmpeg_command(Path(name), "-ar 16000"))
    assert words[:5] == ["ffmpeg", "-i", source, "-ar", "16000"]
    assert not words[-1].startswith("-") or name == "-"


def test_ffmpeg_leaves_no_process_behind(ffmpeg: None, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    make = subprocess.Popen

    def noted(*arguments: Any, **more: Any) -> Any:
        started.append(make(*arguments, **more))
        return started[-1]

    monkeypatch.setattr("speechwire.cli._ffmpeg.subprocess.Popen", noted)
    recorder("aiff", "pcm_s16be", 16_000 * 60)(Path("in.aiff"))  # more than a pipe holds
    with open_audio(Path("in.aiff")) as audio:
        pieces: Iterator[bytes] = audio.blocks(0.01)
        assert next(pieces)
    assert [process.poll() is None for process in started] == [False]
    assert math.isclose(audio.read_s, 0.01)


def test_each_piece_is_on_its_way_to_ffmpeg_before_the_next_is_read() -> None:
    """Audio that comes as it is spoken must not wait in a buffer of ours."""
    arrived = io.BytesIO()

    class Pipe(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            return arrived.write(data)

    def pieces() -> Iterator[bytes]:
        for number in range(3):
            yield b"piece"
            assert arrived.getvalue() == b"piece" * (number + 1)

    stdin = io.BufferedWriter(Pipe())
    _feed(stdin, pieces())
    assert stdin.closed


def test_what_is_decoded_at_another_rate_than_was_announced_is_whole() -> None:
    """As of a codec that doubles its rate: what the resampler still holds is audio, too."""
    av: Any = _pyav.imported()
    wav = riff(header(1, 16), bytes(2 * 16_000))
    reader = AudioReader("a", "", 8_000, 1, "s16le", None, lambda _: iter(()))
    with av.open(io.BytesIO(wav)) as container:
        pcm = b"".join(_pyav._decoded(av, reader, container, "s16"))
    assert len(pcm) == 2 * 8_000


def test_blocks_have_at_least_the_size_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pyav, "_decoded", lambda *_: iter([b"ab", b"c", b"def", b"g"]))
    anything: Any = None
    assert [*_pyav._blocks(anything, anything, anything, "s16", 2)] == [b"ab", b"cdef", b"g"]


def test_what_is_written_may_be_changed_anywhere() -> None:
    class Sink:
        seekable = True

        def __init__(self) -> None:
            self.did: list[tuple[object, ...]] = []

        def write(self, data: bytes) -> None:
            self.did.append(("write", data))

        def overwrite(self, position: int, data: bytes) -> None:
            self.did.append((position, data))

    sink = Sink()
    output = _pyav._SeekableOutput(sink)
    assert [output.write(b"abcd"), output.tell()] == [4, 4]
    assert [output.seek(1), output.write(b"X"), output.write(b"Y"), output.tell()] == [1, 1, 1, 3]
    assert [output.seek(-1, 1), output.seek(0, 2), output.write(b"e"), output.tell()] == [2, 4, 1, 5]
    assert sink.did == [("write", b"abcd"), (1, b"X"), (2, b"Y"), ("write", b"e")]
