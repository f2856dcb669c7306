"""What `doctor` and `bench` measure and report, and what is asked of ffmpeg, within this process."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.cli.conftest import Outcome, Run

from speechwire.cli import _ffmpeg, _pyav
from speechwire.cli._audio_in import _decoded
from speechwire.cli._failures import InputError, OutputError
from speechwire.cli._main import main
from speechwire.cli._pyav import CONTAINERS
from speechwire.cli._service import Access
from speechwire.errors import ConnectFailed, EngineUnavailable, SpeechwireError

bench_module: Any = importlib.import_module("speechwire.cli.bench")
doctor_module: Any = importlib.import_module("speechwire.cli.doctor")


@pytest.mark.parametrize(("request_id", "suffix"), [("an-id", ", request an-id"), ("", ""), (None, "")])
async def test_doctor_says_how_soon_the_service_answers(
    request_id: str | None, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def probe(access: Access) -> str | None:
        return request_id

    clock = iter([100.0, 100.25])
    monkeypatch.setattr(doctor_module, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    finding = await doctor_module._probe("Nova", probe, Access("key", "wss://x"))
    assert (finding.subject, finding.text, finding.code) == ("Nova", f"wss://x answers in 250 ms{suffix}", 0)


async def test_doctor_says_why_it_does_not() -> None:
    async def probe(access: Access) -> str | None:
        raise ConnectFailed("wss://x", "no such host")

    finding = await doctor_module._probe("Flux", probe, Access("key", "wss://x"))
    assert (finding.subject, finding.code) == ("Flux", 3)
    assert "no such host" in finding.text


@pytest.mark.parametrize(
    ("error", "subject", "code"),
    [(EngineUnavailable("the offline engine needs a package"), "service", 1), (None, "", 0)],
)
async def test_doctor_tells_of_a_service_that_does_not_start(
    error: SpeechwireError | None, subject: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def access() -> Any:
        if error is not None:
            raise error
        yield Access("key", "wss://x")

    monkeypatch.setattr(doctor_module, "_PROBES", {})
    findings = await doctor_module._service(SimpleNamespace(access=access, key_source="--key-file"))
    expected = (subject, str(error), code) if error else ("API key", "--key-file", 0)
    assert [(each.subject, each.text, each.code) for each in findings] == [expected]


@pytest.mark.parametrize(
    ("name", "has_picows", "advice"),
    [
        ("aiohttp", False, "aiohttp, the extra fast has a faster one"),
        ("aiohttp", True, "aiohttp"),
        ("picows", True, "picows"),
    ],
)
def test_doctor_knows_a_faster_transport(
    name: str, has_picows: bool, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_module, "transport_name", lambda: name)
    monkeypatch.setattr(doctor_module, "find_spec", lambda name: object() if has_picows else None)
    assert doctor_module._transport().text == advice


def test_doctor_says_what_is_not_installed() -> None:
    assert doctor_module._version("no-such-package") == "not installed"


@pytest.mark.parametrize(("code", "line"), [(0, "ok    Nova          fine"), (3, "FAIL  Nova          fine")])
def test_a_line_of_doctors_report(code: int, line: str) -> None:
    shown = doctor_module._line(doctor_module._Finding("Nova", "fine", code))
    plain = shown.replace("\x1b[32m", "").replace("\x1b[31m", "").replace("\x1b[0m", "")
    assert plain == line
    assert ("\x1b[31m" if code else "\x1b[32m") in shown


# bench


def test_bench_measures_for_as_long_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = count()
    clock = [0.0]

    def batch(pipeline: object, frames: list[bytes]) -> float:
        clock[0] += 1.0
        return float(next(batches))

    monkeypatch.setattr(bench_module, "_batch_s", batch)
    monkeypatch.setattr(bench_module, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    row = bench_module._measure("fast", "numpy", 4.0)
    assert next(batches) == 5, "one, and for four seconds more"
    assert row.frame_us == pytest.approx(2.0 / 50 * 1e6), "the median, of a frame"
    assert (row.preset, row.engine, row.kernel) == ("fast", "numpy", "numpy")
    assert len(row.output) == 50 * 640


def test_bench_times_all_frames_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([1.0, 3.5])
    pushed: list[bytes] = []
    monkeypatch.setattr(bench_module, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    assert bench_module._batch_s(SimpleNamespace(push=pushed.append), [b"a", b"b"]) == 2.5
    assert pushed == [b"a", b"b"]
    frames = bench_module._frames()
    assert (len(frames), {len(frame) for frame in frames}) == (50, {3840})
    assert frames == bench_module._frames()


@pytest.mark.parametrize("there", [True, False])
def test_bench_goes_on_without_the_native_engine(
    run: Run, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def engine_name(name: str) -> str:
        if not there:
            raise EngineUnavailable("no native engine here")
        return name

    measured: list[tuple[str, str, float]] = []

    def measure(preset: str, engine: str, share_s: float) -> Any:
        measured.append((preset, engine, share_s))
        return bench_module._Row(preset, engine, "path", 1.0, engine.encode() if preset == "best" else b"")

    monkeypatch.setattr(bench_module, "engine_name", engine_name)
    monkeypatch.setattr(bench_module, "_measure", measure)
    outcome = run("bench", "--seconds", 6)
    engines = ["native", "numpy"] if there else ["numpy"]
    presets = ("fast", "balanced", "best")
    assert measured == [(preset, engine, 6 / 3 / len(engines)) for preset in presets for engine in engines]
    assert outcome.code == (1 if there else 0), "the best ones differ"
    assert outcome.err == ("" if there else "speechwire bench: no native engine here\n")
    assert ("not compared" in outcome.out) != there
    assert run("bench", "-q").out == ""


# ffmpeg


class Process:
    """In place of ffmpeg: has said all that it says, and ends as a test says."""

    def __init__(self, out: bytes, code: int) -> None:
        self.stdin, self.stdout = io.BytesIO(), io.BytesIO(out)
        self.code = code
        self.waited = 0

    def wait(self) -> int:
        self.waited += 1
        return self.code


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns a function that makes the process and the list of its arguments."""

    def make(out: bytes = b"", code: int = 0, said: bytes = b"") -> tuple[Process, list[str]]:
        made, given = Process(out, code), []

        @contextmanager
        def running(arguments: list[str], log: Any) -> Iterator[Process]:
            given.extend(arguments)
            log.write(said)
            yield made

        monkeypatch.setattr(_ffmpeg, "_running", running)
        return made, given

    return make


READS = ["-nostdin", "-hide_banner", "-v", "error"]
READS += ["-protocol_whitelist", "file,pipe", "-format_whitelist", CONTAINERS, "-i"]
WRITES = ["-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "wav", "pipe:1"]


@pytest.mark.parametrize("name", [None, "a b.mp3"])
def test_what_ffmpeg_is_asked_to_read(process: Any, name: str | None) -> None:
    made, given = process(said=b"first line\nInvalid data \xff found\n")
    path = None if name is None else Path(name)
    with (
        pytest.raises(InputError, match="^a.mp3: ffmpeg cannot read it: Invalid data \ufffd found$"),
        _ffmpeg.read("a.mp3", path, b"ID3", io.BytesIO()),
    ):
        pass
    source = "pipe:0" if path is None else f"file:{path.resolve()}"
    assert given == [*READS, source, *WRITES]
    assert made.waited == 1, "all that it says has been said"


@pytest.mark.parametrize(("said", "why"), [(b"", "it does not say why"), (b"odd\n", "odd")])
def test_what_ffmpeg_is_asked_to_write(process: Any, said: bytes, why: str) -> None:
    sink = SimpleNamespace(write=lambda data: None)
    made, given = process(b"fLaC", said=said)
    with _ffmpeg.write_flac("a.flac", cast(Any, sink), 16_000) as append:
        append(b"pcm")
    written = ["-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "pipe:0", "-f", "flac", "pipe:1"]
    assert given == ["-nostdin", "-hide_banner", "-v", "error", *written]
    assert made.stdin.closed
    process(b"fLaC", code=1, said=said)
    with (
        pytest.raises(OutputError, match=f"^a.flac: ffmpeg cannot write it: {why}$"),
        _ffmpeg.write_flac("a.flac", cast(Any, sink), 16_000),
    ):
        pass


def test_a_sink_that_fails_is_what_is_raised(process: Any) -> None:
    def write(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    process(b"fLaC", code=1)
    with (
        pytest.raises(OSError, match="No space left"),
        _ffmpeg.write_flac("a.flac", cast(Any, SimpleNamespace(write=write)), 16_000),
    ):
        pass


# The entry point


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_what_is_missing_is_named(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, missing, cast(Any, None))
    assert main(["--version"]) == 1
    words = f'the command line needs {missing}, which is not installed: pip install "speechwire[cli]"'
    assert capsys.readouterr() == ("", f"speechwire: {words}\n")


def test_the_emulators_help_shows_an_example(run: Run) -> None:
    help_of_it = run("emulator", "--help")
    assert (help_of_it.code, help_of_it.err) == (0, "")
    assert "speechwire emulator" in help_of_it.out.rpartition("Example")[2]
    wrong = run("emulator", "--bogus")
    assert wrong == Outcome(2, "", "speechwire emulator: unrecognized arguments: --bogus\n")


@pytest.mark.parametrize(
    ("path", "regular", "whole", "read_from"),
    [("a.mp3", True, "a.mp3", 0), ("-", True, None, 3), ("-", False, None, 0), ("pipe", False, None, 0)],
)
def test_what_ffmpeg_reads_itself(
    path: str, regular: bool, whole: str | None, read_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file by its name, but standard input from where its beginning ends, however it was read."""
    monkeypatch.setattr(_pyav, "imported", lambda: None)
    monkeypatch.setattr(_ffmpeg, "program", lambda: "ffmpeg")
    monkeypatch.setattr(_ffmpeg, "read", lambda *given: given)
    file = io.BytesIO(b"ID3 and more")
    given: Any = _decoded("a", Path(path), b"ID3", cast(Any, file), regular=regular, why="")
    assert given == ("a", whole and Path(whole), b"ID3", file)
    assert file.tell() == read_from
