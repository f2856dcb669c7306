"""Reading WAV files of every kind, and writing them whole or not at all."""

from __future__ import annotations

import errno
import os
import struct
import threading
import wave
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cli.conftest import header, riff

from speechwire.audio import PcmPipeline
from speechwire.cli._audio_in import open_audio
from speechwire.cli._audio_out import audio_writer
from speechwire.cli._failures import InputError, OutputError

SAMPLES = np.array([0, 256, -256, 32512, -32768, 12800], "<i2")
EXTENSIBLE = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 16_000, 32_000, 2, 16, 22, 16, 4)

files = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(params=["file", "pipe"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[bytes], Path]:
    """Return a function that makes an input of these bytes: a file, or a named pipe that somebody writes."""

    def make(content: bytes) -> Path:
        path = tmp_path / "in.wav"
        if request.param == "file":
            path.write_bytes(content)
        else:
            write_into_pipe(path, content)
        return path

    return make


def write_into_pipe(path: Path, content: bytes) -> None:
    """Make a named pipe; write into it, in pieces, as soon as somebody reads."""
    os.mkfifo(path)

    def write() -> None:
        with suppress(BrokenPipeError), path.open("wb", buffering=0) as pipe:
            for begin in range(0, len(content), 7):
                pipe.write(content[begin : begin + 7])

    threading.Thread(target=write, daemon=True).start()


def as_s16(path: Path) -> bytes:
    """What the pipeline makes of a file without changing its rate."""
    with open_audio(path) as wav:
        pipeline = PcmPipeline(wav.rate, wav.rate, wav.channels, format=wav.format)
        chunks = [chunk for block in wav.blocks(0.0001) for chunk in pipeline.push(block)]
        return b"".join([*chunks, *pipeline.flush()])


@pytest.mark.parametrize(
    ("coding", "bits", "audio"),
    [
        (1, 8, ((SAMPLES >> 8) + 128).astype(np.uint8).tobytes()),
        (1, 16, SAMPLES.tobytes()),
        (1, 24, b"".join(b"\0" + sample.tobytes() for sample in SAMPLES)),
        (1, 32, (SAMPLES.astype("<i4") << 16).tobytes()),
        (3, 32, (SAMPLES / 32768).astype("<f4").tobytes()),
        (3, 64, (SAMPLES / 32768).astype("<f8").tobytes()),
    ],
)
def test_every_coding_holds_the_same_samples(
    place: Callable[[bytes], Path], coding: int, bits: int, audio: bytes
) -> None:
    assert as_s16(place(riff(header(coding, bits), audio))) == SAMPLES.tobytes()


@pytest.mark.parametrize(("coding", "name"), [(6, "alaw"), (7, "mulaw")])
def test_telephone_codings_are_left_to_the_pipeline(tmp_path: Path, coding: int, name: str) -> None:
    path, codes = tmp_path / "in.wav", bytes(range(256))
    path.write_bytes(riff(header(coding, 8, rate=8000), codes))
    with open_audio(path) as wav:
        assert (wav.format, b"".join(wav.blocks(0.01))) == (name, codes)


@pytest.mark.parametrize(
    ("format", "before"),
    [
        (EXTENSIBLE + struct.pack("<H", 1) + bytes(14), b""),
        (header(1, 16), b"LIST" + struct.pack("<I", 3) + b"abc\0"),
    ],
    ids=["extensible", "odd chunk before the audio"],
)
def test_headers_in_the_wild(place: Callable[[bytes], Path], format: bytes, before: bytes) -> None:
    assert as_s16(place(riff(format, SAMPLES.tobytes(), before=before))) == SAMPLES.tobytes()


def test_what_follows_the_audio_is_not_audio(place: Callable[[bytes], Path]) -> None:
    path = place(riff(header(1, 16), SAMPLES.tobytes()) + b"LIST\x04\0\0\0abcd")
    assert as_s16(path) == SAMPLES.tobytes()


@pytest.mark.parametrize("name", [b"RF64", b"BW64"])
def test_a_size_of_64_bits_is_in_a_chunk_of_its_own(place: Callable[[bytes], Path], name: bytes) -> None:
    sizes = b"ds64" + struct.pack("<IQQQI", 28, 0, SAMPLES.nbytes, SAMPLES.size, 0)
    format = b"fmt " + struct.pack("<I", 16) + header(1, 16)
    content = name + b"\xff\xff\xff\xffWAVE" + sizes + format + b"data\xff\xff\xff\xff" + SAMPLES.tobytes()
    assert as_s16(place(content + b"LIST\x04\0\0\0abcd")) == SAMPLES.tobytes()


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0xFFFFFFFF, []),
        (0xFFFFFFFF - 36, []),
        (0x7FFFF000, []),
        (32_012, ["ends 2.00 s early; what is there is used"]),
        (12, []),
    ],
)
def test_a_file_that_is_shorter_than_it_says(
    place: Callable[[bytes], Path], size: int, told: list[str]
) -> None:
    # 0xFFFFFFFF is what a program writes that did not know the length, such as ffmpeg into a pipe.
    path = place(riff(header(1, 16, rate=8000), SAMPLES.tobytes(), size=size))
    with open_audio(path) as wav:
        assert b"".join(wav.blocks(1.0)) == SAMPLES.tobytes()
        assert (wav.frames_read, wav.shortcomings()) == (6, told)


def test_a_recorder_that_was_interrupted_left_audio_all_the_same(place: Callable[[bytes], Path]) -> None:
    assert as_s16(place(riff(header(1, 16), b"") + SAMPLES.tobytes())) == SAMPLES.tobytes()


def test_no_audio_and_something_after_it_is_no_audio(place: Callable[[bytes], Path]) -> None:
    content = bytearray(riff(header(1, 16), b"") + b"LIST\x04\0\0\0abcd")
    content[4:8] = struct.pack("<I", len(content) - 8)
    with open_audio(place(bytes(content))) as wav:
        assert list(wav.blocks(1.0)) == []
        assert wav.shortcomings() == ["holds no audio"]


def test_samples_of_20_bits_are_stored_in_24(place: Callable[[bytes], Path]) -> None:
    audio = b"".join(b"\0" + sample.tobytes() for sample in SAMPLES)
    format = struct.pack("<HHIIHH", 1, 1, 16_000, 48_000, 3, 20)
    assert as_s16(place(riff(format, audio))) == SAMPLES.tobytes()


@files
@given(
    audio=st.binary(max_size=200),
    channels=st.integers(1, 5),
    block_s=st.sampled_from([0.0001, 0.001, 1.0]),
)
def test_blocks_are_the_whole_frames_of_the_file(
    tmp_path: Path, audio: bytes, channels: int, block_s: float
) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(riff(header(1, 16, channels), audio))
    with open_audio(path) as wav:
        whole = len(audio) - len(audio) % (2 * channels)
        assert b"".join(wav.blocks(block_s)) == audio[:whole]
        assert wav.frames == whole // (2 * channels)


@files
@given(data=st.binary(max_size=120), cut=st.integers(0, 60))
def test_junk_is_refused_and_nothing_else(tmp_path: Path, data: bytes, cut: int) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(riff(header(1, 16), b"")[:cut] + data)
    try:
        with open_audio(path) as wav:
            assert all(wav.blocks(1.0))
    except InputError as error:
        assert str(error).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"ID3 something else entirely", "it is no recording that can be read here"),
        (riff(b"", b"abcd"), "its header is incomplete"),
        (riff(header(1, 16, channels=0), b"abcd"), "its header names no format before the audio"),
        (riff(header(1, 16), b"")[:20], "its header is incomplete"),
    ],
)
def test_a_refusal_says_why(place: Callable[[bytes], Path], content: bytes, why: str) -> None:
    path = place(content)
    with pytest.raises(InputError) as refused, open_audio(path):
        pass
    assert str(refused.value) == f"{path}: {why}"


def test_a_coding_that_only_others_know_cannot_be_read_from_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    write_into_pipe(path, riff(header(17, 4), b"abcd"))
    with pytest.raises(InputError) as refused, open_audio(path):
        pass
    why = "its coding (format 17, 4 bits) is not supported, and a pipe cannot be read twice; give a file"
    assert str(refused.value) == f"{path}: {why}"


def test_a_written_file_is_a_wav_file(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with audio_writer(path, "wav", 8000) as append:
        append(SAMPLES[:2].tobytes())
        append(SAMPLES[2:].tobytes())
        assert not path.exists()
    with wave.open(str(path)) as wav:
        assert wav.getparams()[:4] == (1, 2, 8000, 6)
        assert wav.readframes(6) == SAMPLES.tobytes()


def test_a_failure_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt), audio_writer(path, "wav", 8000) as append:
        append(SAMPLES.tobytes())
        raise KeyboardInterrupt
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("out.wav", b"before")]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.wav").symlink_to(tmp_path / "out.wav")
    with audio_writer(tmp_path / "link.wav", "wav", 8000) as append:
        append(SAMPLES.tobytes())
    assert (tmp_path / "link.wav").is_symlink()
    assert (tmp_path / "out.wav").stat().st_size == 44 + 12


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    refused = pytest.raises(OSError, match="this is a folder; name a file to write.*folder.wav")
    with refused, audio_writer(tmp_path / "folder.wav", "wav", 8000):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.wav"]


def test_into_a_pipe_a_header_of_unknown_length_is_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    read: list[bytes] = []
    reading = threading.Thread(target=lambda: read.append((tmp_path / "pipe.wav").read_bytes()))
    reading.start()
    with audio_writer(tmp_path / "pipe.wav", "wav", 8000) as append:
        append(SAMPLES[:2].tobytes())
        append(SAMPLES[2:].tobytes())
    reading.join(10)
    assert read[0][4:8] == read[0][40:44] == b"\xff\xff\xff\xff"
    assert read[0][44:] == SAMPLES.tobytes()
    (tmp_path / "again.wav").write_bytes(read[0])
    assert as_s16(tmp_path / "again.wav") == SAMPLES.tobytes()


def test_a_full_disk_is_told_with_the_name_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.wav"
    path.write_bytes(b"before")

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with (
        pytest.raises(OSError) as told,
        audio_writer(path, "wav", 8000) as append,
    ):
        monkeypatch.setattr("speechwire.cli._files._Regular._put", full)
        append(SAMPLES.tobytes())
    assert (told.value.errno, told.value.filename) == (errno.ENOSPC, str(path))
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("out.wav", b"before")]


def test_no_file_grows_beyond_what_its_header_can_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speechwire.cli._wav._LARGEST_DATA", 20)
    with (
        pytest.raises(OutputError, match="out.wav: .* 4 GiB"),
        audio_writer(tmp_path / "out.wav", "wav", 8000) as append,
    ):
        append(SAMPLES.tobytes())
        append(SAMPLES.tobytes())
    assert not list(tmp_path.iterdir())
