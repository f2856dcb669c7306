"""``doctor``, which tries what there is, and ``bench``."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from tests.cli.conftest import (
    KEY,
    Run,
    Serve,
)

from speechwire.cli.bench import _Row, _table
from speechwire.emulator import RefuseUpgrade


@pytest.mark.usefixtures("key")
def test_doctor_reports_what_is_there_and_what_answers(run: Run, serve: Serve) -> None:
    outcome = run("doctor", "--base-url", serve().base_url)
    assert (outcome.code, outcome.err) == (0, "")
    assert [line[:20] for line in outcome.out.splitlines()] == [
        f"ok    {subject:<12}  "
        for subject in ("speechwire", "audio engine", "transport", "recordings", "libraries", "API key")
        + ("Nova", "Flux", "Aura")
    ]
    assert "DEEPGRAM_API_KEY" in outcome.out
    assert KEY not in outcome.out


@pytest.mark.parametrize(
    ("pyav", "ffmpeg", "told"),
    [
        (True, True, "WAV, and MP3, FLAC, Opus, M4A and others through PyAV"),
        (False, True, "WAV, and MP3, FLAC, Opus, M4A and others through ffmpeg"),
        (False, False, "WAV; others need ffmpeg or the extra media"),
    ],
)
def test_doctor_says_which_recordings_can_be_read(
    pyav: bool, ffmpeg: bool, told: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speechwire.cli._pyav.imported", lambda: object() if pyav else None)
    monkeypatch.setattr("speechwire.cli._ffmpeg.program", lambda: "ffmpeg" if ffmpeg else None)
    lines = run("doctor").out.splitlines()
    assert [line.split("recordings")[1].strip() for line in lines if "recordings" in line] == [told]


@pytest.mark.usefixtures("key")
def test_doctor_tells_which_service_refuses(run: Run, serve: Serve) -> None:
    outcome = run("doctor", "--base-url", serve(faults=[RefuseUpgrade(403, connections={1})]).base_url)
    assert outcome.code == 3
    verdicts = [line.split()[:2] for line in outcome.out.splitlines()[6:]]
    assert verdicts == [["ok", "Nova"], ["FAIL", "Flux"], ["ok", "Aura"]]


def test_doctor_without_a_key_says_so_and_checks_the_rest(run: Run) -> None:
    outcome = run("doctor")
    assert outcome.code == 2
    assert [line.split()[0] for line in outcome.out.splitlines()] == ["ok"] * 5 + ["FAIL"]
    quiet = run("doctor", "-q")
    assert (quiet.code, quiet.out) == (2, outcome.out.splitlines(keepends=True)[-1])


def test_bench_measures_every_preset_and_compares(run: Run) -> None:
    outcome = run("bench", "--seconds", 0.1)
    assert outcome.code == 0
    for preset in ("fast", "balanced", "best"):
        assert re.search(rf"{preset} +│ numpy ", outcome.out)


def test_bench_fails_when_the_engines_differ(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speechwire.cli.bench._agree", lambda rows: False)
    assert run("bench", "--seconds", 0.1).code == 1


ROWS = [
    _Row("fast", "native", "avx2", 2.0, b"the same"),
    _Row("fast", "numpy", "numpy", 40.04, b"the same"),
    _Row("best", "native", "avx2", 16.0, b"this"),
    _Row("best", "numpy", "numpy", 1234.56, b"that"),
]


def printed(rows: list[_Row], *, compared: bool) -> list[str]:
    """The table as it is on a screen that is wide enough, without its frame."""
    file = io.StringIO()
    Console(file=file, width=100).print(_table(rows, compared=compared))
    title, _, *lines = file.getvalue().splitlines()
    return [title.rstrip(), *(line.strip("┃│ ").replace("┃", "│") for line in lines if line[0] in "┃│")]


def test_the_table_of_bench() -> None:
    assert printed(ROWS, compared=True) == [
        "20 ms, 48 kHz stereo to 16 kHz mono",
        "preset │ engine │ path  │ µs a frame │ streams a core │ output",
        "fast   │ native │ avx2  │        2.0 │         10,000 │ equal",
        "fast   │ numpy  │ numpy │       40.0 │            500 │ equal",
        "best   │ native │ avx2  │       16.0 │          1,250 │ equal",
        "best   │ numpy  │ numpy │     1234.6 │             16 │ DIFFERENT",
    ]


def test_one_engine_alone_is_compared_with_none() -> None:
    assert printed(ROWS[1:2], compared=False)[2:] == [
        "fast   │ numpy  │ numpy │       40.0 │            500 │ not compared"
    ]


@pytest.mark.parametrize(
    ("variable", "subject", "allowed"),
    [
        ("SPEECHWIRE_ENGINE", "audio engine", "'auto', 'native', 'numpy'"),
        ("SPEECHWIRE_TRANSPORT", "transport   ", "auto, aiohttp, picows"),
    ],
)
def test_doctor_tells_of_what_cannot_be(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, subject: str, allowed: str
) -> None:
    monkeypatch.setenv(variable, "fast")
    told = run("doctor", "-q").out.splitlines()[0]
    assert told == f"FAIL  {subject}  {variable} must be one of {allowed}, got 'fast'"
