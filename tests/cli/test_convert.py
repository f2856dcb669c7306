"""``speechwire convert`` is ``PcmPipeline`` with a file at each end."""

from __future__ import annotations

import errno
import os
import random
import re
import shlex
import tracemalloc
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.cli.conftest import Outcome, Run, header, riff

from speechwire.audio import PcmPipeline
from speechwire.errors import InvalidArgument


@pytest.mark.parametrize(
    ("rate", "channels", "out_rate", "quality"),
    [(48_000, 2, 16_000, "balanced"), (8_000, 1, 48_000, "best"), (44_100, 3, 16_000, "fast")],
)
def test_the_output_equals_the_pipelines_to_the_byte(
    run: Run, tmp_path: Path, rate: int, channels: int, out_rate: int, quality: str
) -> None:
    audio = random.Random(rate).randbytes(2 * channels * (rate * 5 // 2 + 7))
    Path("in.wav").write_bytes(riff(header(1, 16, channels, rate), audio))
    outcome = run("convert", "in.wav", "out.wav", "--rate", out_rate, "--quality", quality)
    pipeline = PcmPipeline(rate, out_rate, channels, quality=quality)
    with wave.open("out.wav") as wav:
        assert wav.getparams()[:3] == (1, 2, out_rate)
        assert wav.readframes(wav.getnframes()) == b"".join([*pipeline.push(audio), *pipeline.flush()])
    assert outcome.code == 0


def test_length_costs_no_memory(run: Run) -> None:
    Path("in.wav").write_bytes(riff(header(1, 16, 1, 8000), bytes(2 * 8000 * 600)))
    run("convert", "in.wav", "out.wav", "--rate", 8000)  # imports and tables
    tracemalloc.start()
    try:
        assert run("convert", "in.wav", "out.wav", "--rate", 8000).code == 0
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert Path("out.wav").stat().st_size == 44 + 2 * 8000 * 600
    assert peak < 2_000_000


def test_a_file_that_ends_early_is_converted_and_told(run: Run) -> None:
    Path("in.wav").write_bytes(riff(header(1, 16, 1, 8000), bytes(8000), size=16_000))
    outcome = run("convert", "in.wav", "out.wav", "--rate", 8000)
    assert (outcome.code, Path("out.wav").stat().st_size) == (0, 8044)
    assert outcome.err == "speechwire convert: in.wav: ends 0.50 s early; what is there is used\n"


def test_an_engine_that_there_is_not_is_no_fault_of_the_input(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("in.wav").write_bytes(riff(header(1, 16), bytes(3200)))
    monkeypatch.setenv("SPEECHWIRE_ENGINE", "fast")
    words = "SPEECHWIRE_ENGINE must be one of 'auto', 'native', 'numpy', got 'fast'"
    assert run("convert", "in.wav", "out.wav") == Outcome(2, "", f"speechwire convert: {words}\n")


def test_an_error_of_the_output_names_it_as_it_was_given(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    Path("in.wav").write_bytes(riff(header(1, 16, 1, 8000), bytes(8000)))
    monkeypatch.setattr(os, "replace", full)
    outcome = run("convert", "in.wav", "out.wav")
    assert outcome == Outcome(1, "", "speechwire convert: out.wav: No space left on device\n")
    assert [path.name for path in Path().iterdir()] == ["in.wav"]


def pipeline_takes_any_rate() -> bool:
    try:
        PcmPipeline(44_101, 16_000)
    except InvalidArgument:
        return False
    return True


NEEDS_ANY_RATE = pytest.mark.skipif(not pipeline_takes_any_rate(), reason="PcmPipeline refuses such a ratio")


@NEEDS_ANY_RATE
@pytest.mark.parametrize("rate", [44_101, 11_127, 22_254, 22_051, 7_919, 4_001, 191_999])
def test_any_rate_is_converted(run: Run, rate: int) -> None:
    Path("in.wav").write_bytes(riff(header(1, 16, 1, rate), bytes(2 * rate)))
    assert run("convert", "in.wav", "out.wav") == Outcome(0, "", "")
    with wave.open("out.wav") as wav:
        assert abs(wav.getnframes() - 16_000) <= 1


@pytest.mark.parametrize(("rate", "equal"), [(384_000, 192_000), (352_800, 176_400), (768_000, 192_000)])
def test_rates_above_those_of_live_streams_are_halved_first(run: Run, rate: int, equal: int) -> None:
    for name, this in (("in.wav", rate), ("equal.wav", equal)):
        tone = np.sin(2 * np.pi * 1000 * np.arange(this // 2) / this) * 20_000
        Path(name).write_bytes(riff(header(1, 16, 1, this), tone.astype("<i2").tobytes()))
        assert run("convert", name, f"{this}.wav") == Outcome(0, "", "")
    first, second = (samples_of(f"{this}.wav") for this in (rate, equal))
    assert first.size == second.size == 8_000
    assert np.abs(first - second)[200:-200].max() <= 40  # 0.2 %


@pytest.mark.parametrize("rate", [3_999, 384_001, 1_000_000])
def test_the_way_out_of_another_rate_can_be_copied(run: Run, rate: int) -> None:
    Path("my call.wav").write_bytes(riff(header(1, 16, 1, rate), bytes(2000)))
    outcome = run("convert", "my call.wav", "out.wav")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    told, _, hint = outcome.err.rstrip().partition("; this makes it so: ")
    assert told == (
        f"speechwire convert: my call.wav: its rate is {rate} Hz, not 4000 to 192000 Hz,"
        " or a multiple up to 768000 Hz"
    )
    ffmpeg, _, source, _, wanted, target = shlex.split(hint)
    assert (ffmpeg, source, target) == ("ffmpeg", "my call.wav", "my call-converted.wav")
    assert wanted == ("16000" if rate < 4000 else "192000")


@pytest.mark.parametrize("format", [(1, 16), (3, 32), (7, 8)], ids=["s16", "f32", "mulaw"])
def test_more_channels_than_a_pipeline_takes_are_mixed_first(run: Run, format: tuple[int, int]) -> None:
    coding, bits = format
    one = random.Random(0).randbytes(8000 * bits // 8)
    size = bits // 8
    frames = [one[place : place + size] for place in range(0, len(one), size)]
    Path("one.wav").write_bytes(riff(header(coding, bits, 1), one))
    Path("many.wav").write_bytes(riff(header(coding, bits, 64), b"".join(frame * 64 for frame in frames)))
    for name in ("one", "many"):
        assert run("convert", f"{name}.wav", f"{name}-out.wav", "-q") == Outcome(0, "", "")
    assert np.abs(samples_of("one-out.wav") - samples_of("many-out.wav")).max() <= 1


@pytest.mark.parametrize(
    ("samples", "clipped"),
    [
        ([0.0, 0.5, -1.0, 32767 / 32768], 0),
        ([0.0, 1.5, -1.2, float("inf"), -float("inf"), 0.9, float("nan")], 4),
    ],
)
def test_clipped_samples_are_counted(run: Run, samples: list[float], clipped: int) -> None:
    Path("in.wav").write_bytes(riff(header(3, 32), np.array(samples, "<f4").tobytes()))
    said = f"speechwire convert: out.wav: {clipped} samples were clipped; lower the input's level\n"
    assert run("convert", "in.wav", "out.wav") == Outcome(0, "", said if clipped else "")
    assert run("convert", "in.wav", "out.wav", "-q") == Outcome(0, "", "")


def test_what_the_filter_adds_can_be_clipped_too(run: Run) -> None:
    square = np.where(np.arange(48_000) % 480 < 240, 32_767, -32_768)
    Path("in.wav").write_bytes(riff(header(1, 16, 1, 48_000), square.astype("<i2").tobytes()))
    outcome = run("convert", "in.wav", "out.wav")
    found = re.fullmatch(r"speechwire convert: out\.wav: (\d+) samples were clipped; .*\n", outcome.err)
    assert found is not None
    assert 0 < int(found[1]) <= np.count_nonzero(np.isin(samples_of("out.wav"), [32_767, -32_768]))


@pytest.mark.parametrize("extension", [".raw", ".pcm", ".RAW"])
def test_raw_samples_have_no_header(run: Run, extension: str) -> None:
    audio = random.Random(0).randbytes(3200)
    Path("in.wav").write_bytes(riff(header(1, 16), audio))
    assert run("convert", "in.wav", f"out{extension}") == Outcome(0, "", "")
    assert Path(f"out{extension}").read_bytes() == audio


def samples_of(name: str) -> NDArray[np.int64]:
    with wave.open(name) as wav:
        return np.frombuffer(wav.readframes(wav.getnframes()), "<i2").astype(np.int64)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.wav", "out.wav"], 2, "missing.wav: No such file or directory"),
        (["in.wav", "in.wav"], 2, "TARGET must be another file than SOURCE"),
        (["in.wav", "nowhere/out.wav"], 1, "nowhere/out.wav: there is no folder nowhere"),
        (
            ["in.wav", "out.wav", "--rate", "5"],
            2,
            "Invalid value for '--rate': 5 is not in the range 4000<=x<=192000.",
        ),
        (
            ["in.wav", "out.wav", "--quality", "bad"],
            2,
            "Invalid value for '--quality': 'bad' is not one of 'fast', 'balanced', 'best'.",
        ),
        (["text.wav", "out.wav"], 2, "text.wav: it is no recording that can be read here"),
        (["in.wav"], 2, "Missing argument 'TARGET'."),
        (["in.wav", "out.mp3"], 2, "out.mp3: cannot write .mp3 files; there are .wav, .flac and .raw"),
        (["in.wav", "out"], 2, "out: no extension that names a format; there are .wav, .flac and .raw"),
        (
            ["in.wav", "out.wav", "--format", "raw"],
            2,
            "out.wav: --format raw contradicts the extension .wav",
        ),
        (["in.wav", "folder.wav"], 1, "folder.wav: this is a folder; name a file to write"),
    ],
)
def test_errors_are_one_line(run: Run, arguments: list[str], code: int, words: str) -> None:
    Path("in.wav").write_bytes(riff(header(1, 16, 1, 8000), bytes(800)))
    Path("text.wav").write_text("no audio at all")
    Path("folder.wav").mkdir()
    before = sorted(Path().iterdir())
    outcome = run("convert", *arguments)
    assert outcome == Outcome(code, "", f"speechwire convert: {words}\n")
    assert sorted(Path().iterdir()) == before
