"""Recordings whose coding nothing here knows, and those of which nothing can be decoded."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from tests.cli.conftest import Run, header, riff

pytest.importorskip("av")

NOISE = bytes(range(256)) * 32


def of_id(coding: bytes) -> bytes:
    """A format chunk of the extensible kind, with the coding's name of 16 bytes."""
    head = struct.pack("<HHIIHH", 0xFFFE, 1, 16_000, 32_000, 2, 16)
    return head + struct.pack("<HHI", 22, 16, 4) + coding


UNKNOWN = {
    "of an unknown id": of_id(bytes([0x99]) * 16),
    "float of 16 bit": header(3, 16),
    "of no bits": struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 0),
    "of 65535 bits": struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 65_535),
}


@pytest.mark.parametrize("format", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_unknown_coding_is_an_input_that_cannot_be_read(run: Run, format: bytes) -> None:
    Path("in.wav").write_bytes(riff(format, NOISE))
    done = run("convert", "in.wav", "out.wav")
    assert (done.code, done.out, done.err) == (
        2,
        "",
        "speechwire convert: in.wav: its coding is not known here\n",
    )
    assert [path.name for path in Path().iterdir()] == ["in.wav"]


def test_where_nothing_can_be_decoded_there_is_no_output(run: Run) -> None:
    mp3_that_is_none = struct.pack("<HHIIHHH", 0x55, 1, 8_000, 1_000, 1, 0, 12) + bytes(12)
    Path("in.wav").write_bytes(riff(mp3_that_is_none, NOISE))
    done = run("convert", "in.wav", "out.wav")
    assert (done.code, done.err) == (2, "speechwire convert: in.wav: nothing of it can be decoded\n")
    assert [path.name for path in Path().iterdir()] == ["in.wav"]


def test_an_engine_that_does_not_exist_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECHWIRE_ENGINE", "abacus")
    Path("in.wav").write_bytes(riff(header(1, 16), bytes(3_200)))
    done = run("convert", "in.wav", "out.wav")
    assert (done.code, done.err) == (
        2,
        "speechwire convert: SPEECHWIRE_ENGINE must be one of 'auto', 'native', 'numpy', got 'abacus'\n",
    )
