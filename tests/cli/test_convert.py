"""``speechwire convert`` is ``PcmPipeline`` with a file at each end."""

from __future__ import annotations

import random
import tracemalloc
import wave
from pathlib import Path

import pytest
from tests.cli.conftest import Run, header, riff

from speechwire.audio import PcmPipeline


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
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")


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
    assert "in.wav ends 0.50 s early" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.wav", "out.wav"], 1, "missing.wav: No such file"),
        (["in.wav", "in.wav"], 2, "another file"),
        (["in.wav", "nowhere/out.wav"], 1, "No such file"),
        (["in.wav", "out.wav", "--rate", "5"], 2, "4000 to 192000 Hz"),
        (["in.wav", "out.wav", "--quality", "bad"], 2, "'fast', 'balanced', 'best'"),
        (["text.wav", "out.wav"], 1, "not a WAV file"),
        (["in.wav"], 2, "TARGET"),
    ],
)
def test_errors_are_one_line(run: Run, arguments: list[str], code: int, words: str) -> None:
    Path("in.wav").write_bytes(riff(header(1, 16, 1, 8000), bytes(800)))
    Path("text.wav").write_text("no audio at all")
    outcome = run("convert", *arguments)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (code, "", 1)
    assert outcome.err.startswith("speechwire convert: ")
    assert words in outcome.err
    assert not Path("out.wav").exists()
