"""Reading WAV files of every kind, and writing them whole or not at all."""

from __future__ import annotations

import errno
import os
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cli.conftest import header, riff

from speechwire.audio import PcmPipeline
from speechwire.cli._wav import WavError, wav_reader, wav_writer

SAMPLES = np.array([0, 256, -256, 32512, -32768, 12800], "<i2")
EXTENSIBLE = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 16_000, 32_000, 2, 16, 22, 16, 4)

files = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def as_s16(path: Path) -> bytes:
    """What the pipeline makes of a file without changing its rate."""
    with wav_reader(path) as wav:
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
def test_every_coding_holds_the_same_samples(tmp_path: Path, coding: int, bits: int, audio: bytes) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(riff(header(coding, bits), audio))
    assert as_s16(path) == SAMPLES.tobytes()


@pytest.mark.parametrize(("coding", "name"), [(6, "alaw"), (7, "mulaw")])
def test_telephone_codings_are_left_to_the_pipeline(tmp_path: Path, coding: int, name: str) -> None:
    path, codes = tmp_path / "in.wav", bytes(range(256))
    path.write_bytes(riff(header(coding, 8, rate=8000), codes))
    with wav_reader(path) as wav:
        assert (wav.format, b"".join(wav.blocks(0.01))) == (name, codes)


@pytest.mark.parametrize(
    ("format", "before"),
    [
        (EXTENSIBLE + struct.pack("<H", 1) + bytes(14), b""),
        (header(1, 16), b"LIST" + struct.pack("<I", 3) + b"abc\0"),
    ],
    ids=["extensible", "odd chunk before the audio"],
)
def test_headers_in_the_wild(tmp_path: Path, format: bytes, before: bytes) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(riff(format, SAMPLES.tobytes(), before=before))
    assert as_s16(path) == SAMPLES.tobytes()


def test_what_follows_the_audio_is_not_audio(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(riff(header(1, 16), SAMPLES.tobytes()) + b"LIST\x04\0\0\0abcd")
    assert as_s16(path) == SAMPLES.tobytes()


@pytest.mark.parametrize(
    ("size", "missing_s"),
    [(0xFFFFFFFF, 0.0), (0xFFFFFFFF - 36, 0.0), (0x7FFFF000, 0.0), (32_012, 2.0), (12, 0.0)],
)
def test_a_file_that_is_shorter_than_it_says(tmp_path: Path, size: int, missing_s: float) -> None:
    # 0xFFFFFFFF is what a program writes that did not know the length, such as ffmpeg into a pipe.
    path = tmp_path / "in.wav"
    path.write_bytes(riff(header(1, 16, rate=8000), SAMPLES.tobytes(), size=size))
    with wav_reader(path) as wav:
        assert (wav.frames, wav.missing_s) == (6, missing_s)


def test_a_recorder_that_was_interrupted_left_audio_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(riff(header(1, 16), b"") + SAMPLES.tobytes())
    assert as_s16(path) == SAMPLES.tobytes()


def test_no_audio_and_something_after_it_is_no_audio(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    content = bytearray(riff(header(1, 16), b"") + b"LIST\x04\0\0\0abcd")
    content[4:8] = struct.pack("<I", len(content) - 8)
    path.write_bytes(content)
    assert as_s16(path) == b""


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
    with wav_reader(path) as wav:
        whole = len(audio) - len(audio) % (2 * channels)
        assert b"".join(wav.blocks(block_s)) == audio[:whole]
        assert wav.frames == whole // (2 * channels)


@files
@given(data=st.binary(max_size=120), cut=st.integers(0, 60))
def test_junk_is_refused_and_nothing_else(tmp_path: Path, data: bytes, cut: int) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(riff(header(1, 16), b"")[:cut] + data)
    try:
        with wav_reader(path) as wav:
            assert all(wav.blocks(1.0))
    except WavError as error:
        assert "in.wav" in str(error)
        assert "ffmpeg" in str(error)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"ID3 something else entirely", "not a WAV file"),
        (riff(header(17, 4), b"abcd"), "format 17, 4 bits"),
        (riff(b"", b"abcd"), "header is incomplete"),
        (riff(header(1, 16, channels=0), b"abcd"), "names no format"),
        (riff(header(1, 16), b"")[:20], "header is incomplete"),
        (riff(header(1, 16, rate=1), b"abcd"), "its rate is 1 Hz, not 4000 to 192000"),
        (riff(header(1, 16, rate=400_000), b"abcd"), "its rate is 400000 Hz"),
        (riff(header(1, 16, channels=40), bytes(80)), "40 channels, more than 32"),
    ],
)
def test_a_refusal_says_why(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(content)
    with pytest.raises(WavError, match=why), wav_reader(path):
        pass


def test_a_written_file_is_a_wav_file(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with wav_writer(path, 8000) as append:
        append(SAMPLES[:2].tobytes())
        append(SAMPLES[2:].tobytes())
        assert not path.exists()
    with wave.open(str(path)) as wav:
        assert wav.getparams()[:4] == (1, 2, 8000, 6)
        assert wav.readframes(6) == SAMPLES.tobytes()


def test_a_failure_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt), wav_writer(path, 8000) as append:
        append(SAMPLES.tobytes())
        raise KeyboardInterrupt
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("out.wav", b"before")]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.wav").symlink_to(tmp_path / "out.wav")
    with wav_writer(tmp_path / "link.wav", 8000) as append:
        append(SAMPLES.tobytes())
    assert (tmp_path / "link.wav").is_symlink()
    assert (tmp_path / "out.wav").stat().st_size == 44 + 12


def test_a_device_or_a_directory_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    for name in ("pipe.wav", "folder.wav"):
        with pytest.raises(OSError, match=f"name a file to write.*{name}"), wav_writer(tmp_path / name, 8000):
            pass
    assert (tmp_path / "pipe.wav").is_fifo()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder.wav", "pipe.wav"]


def test_a_full_disk_is_told_with_the_name_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.wav"
    path.write_bytes(b"before")

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with (
        pytest.raises(OSError, match="No space left on device: '.*/out.wav'"),
        wav_writer(path, 8000) as append,
    ):
        monkeypatch.setattr(wave.Wave_write, "writeframesraw", full)
        append(SAMPLES.tobytes())
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("out.wav", b"before")]


def test_no_file_grows_beyond_what_its_header_can_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speechwire.cli._wav._LARGEST_DATA", 20)
    with pytest.raises(WavError, match="4 GiB"), wav_writer(tmp_path / "out.wav", 8000) as append:
        append(SAMPLES.tobytes())
        append(SAMPLES.tobytes())
    assert not list(tmp_path.iterdir())
