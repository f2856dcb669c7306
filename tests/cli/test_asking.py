"""What the options of `transcribe` become for the service, and how many channels it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from speechwire.cli._asking import Asked
from speechwire.cli._audio import AudioReader
from speechwire.cli._conversion import channel_converter
from speechwire.cli._failures import InputError
from speechwire.cli._segments import ListenV1Hearing, ListenV2Hearing
from speechwire.protocol import ListenV1Options, ListenV2Options


def asked(**options: Any) -> Asked:
    nothing = {"flux": False, "model": None, "language": None, "keyterms": (), "multichannel": False}
    return Asked(**{**nothing, "diarize": False, "redact": (), "extra": (), **options})


NOVA: dict[str, Any] = {
    "model": "nova-3",
    "encoding": "linear16",
    "sample_rate": 16_000,
    "channels": 1,
    "interim_results": True,
    "smart_format": True,
    "utterance_end_ms": 1000,
}
FLUX: dict[str, Any] = {"model": "flux-general-en", "encoding": "linear16", "sample_rate": 16_000}


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, ListenV1Options(**NOVA)),
        ({"model": "nova-2"}, ListenV1Options(**{**NOVA, "model": "nova-2"})),
        (
            {"language": "de", "keyterms": ["a", "b"]},
            ListenV1Options(**NOVA, language="de", keyterm=("a", "b")),
        ),
        ({"redact": ["pci", "ssn"]}, ListenV1Options(**NOVA, redact=("pci", "ssn"))),
        ({"diarize": True, "multichannel": True}, ListenV1Options(**NOVA, diarize=True, multichannel=True)),
        (
            {"extra": ["smart_format=false", "utterance_end_ms=2000", "numerals=true", "new=1"]},
            ListenV1Options(
                **{**NOVA, "smart_format": False, "utterance_end_ms": 2000},
                numerals=True,
                extra=[("new", "1")],
            ),
        ),
        ({"flux": True}, ListenV2Options(**FLUX)),
        ({"model": "flux-general-multi"}, ListenV2Options(**{**FLUX, "model": "flux-general-multi"})),
        (
            {"flux": True, "keyterms": ["a"], "redact": ["numbers"], "extra": ["eot_threshold=0.6"]},
            ListenV2Options(**FLUX, keyterm=("a",), redact="numbers", eot_threshold=0.6),
        ),
    ],
)
def test_what_is_asked_of_the_service(options: dict[str, Any], wanted: object) -> None:
    assert asked(**options).options(1) == wanted


def test_each_channel_is_asked_for() -> None:
    wanted = ListenV1Options(**{**NOVA, "channels": 3}, multichannel=True)
    assert asked(multichannel=True).options(3) == wanted


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"language": "de"}, "--language is for Nova, not for Flux; leave out --flux or --language"),
        (
            {"multichannel": True},
            "--multichannel is for Nova, not for Flux; leave out --flux or --multichannel",
        ),
        ({"diarize": True}, "--diarize is for Nova, not for Flux; leave out --flux or --diarize"),
        (
            {"redact": ["numbers", "aggressive_numbers"]},
            "--redact can be given once with --flux: numbers or aggressive_numbers",
        ),
        ({"extra": ["model=x"]}, "--extra model=x: the command sets model by itself or by an option"),
        ({"extra": ["eot_threshold"]}, "--extra eot_threshold: it must be KEY=VALUE"),
        ({"extra": ["=1"]}, "--extra =1: it must be KEY=VALUE"),
        ({"extra": ["numerals=2"]}, "--extra numerals=2: it must be true or false"),
    ],
)
def test_what_flux_is_not_asked_for(options: dict[str, Any], words: str) -> None:
    with pytest.raises(click.UsageError) as raised:
        asked(flux=True, **options).options(1)
    assert raised.value.message == words


def test_each_service_is_heard_in_its_own_way() -> None:
    assert isinstance(asked().hearing(1), ListenV1Hearing)
    assert isinstance(asked(flux=True).hearing(1), ListenV2Hearing)


def audio(channels: int, rate: int = 16_000) -> AudioReader:
    return AudioReader("a.wav", "", rate, channels, "s16le", None, lambda _: iter(()))


def test_the_service_takes_twenty_channels() -> None:
    converter = channel_converter(audio(20), Path("a.wav"), 16_000)
    frames = b"".join(number.to_bytes(2, "little") * 1 for number in range(20)) * 1600
    assert b"".join(converter.push(frames) + converter.flush()) == frames
    with pytest.raises(InputError, match="^a.wav: it has 21 channels; --multichannel takes at most 20$"):
        channel_converter(audio(21), Path("a.wav"), 16_000)
