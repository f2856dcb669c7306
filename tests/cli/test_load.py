"""What `speechwire load` asks for, shows and returns; its calls are tests of the load's own."""

from __future__ import annotations

import io
import json
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.cli.conftest import Outcome, Run

from speechwire.cli._display import Bar
from speechwire.cli.load import _show, _table
from speechwire.load.result import Moment, Result, Spread

URL = "http://127.0.0.1:9"


class Load:
    """In place of real callers: notes what it is asked for, and returns what a test says."""

    asked: list[dict[str, Any]] = []
    results: list[Result] = []

    def __init__(self, url: str, **arguments: Any) -> None:
        self.progress = arguments.pop("progress")
        self.asked.append({"url": url, **arguments})

    async def run(self) -> Result:
        self.progress(Moment(1.0, 2, 0.003))
        return self.results.pop(0)


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    """What the runs will have as their results."""
    monkeypatch.setattr("speechwire.cli.load.Load", Load)
    monkeypatch.setattr(Load, "asked", [])
    monkeypatch.setattr(Load, "results", [])
    monkeypatch.delenv("SPEECHWIRE_LOAD_TOKEN", raising=False)
    return Load.results


GOOD = Result("twilio", 2, 10.0, answered=2)
ASKED = {"url": URL, "dialect": "twilio", "calls": 10, "seconds": 10.0, "per_second": 50.0, "token": ""}


def test_what_is_asked_for_unless_something_else_is(run: Run, results: list[Result]) -> None:
    results.append(GOOD)
    assert run("load", URL).code == 0
    assert Load.asked == [ASKED]


def test_all_that_can_be_asked_for(run: Run, results: list[Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECHWIRE_LOAD_TOKEN", "a-token")
    results += [GOOD, GOOD]
    options = ("--dialect", "socket", "--seconds", 3, "--per-second", 7, "--calls", 4, "--calls", 5)
    assert run("load", "https://elsewhere.test", "--allow-remote", *options).code == 0
    asked = {"url": "https://elsewhere.test", "dialect": "socket", "seconds": 3.0, "per_second": 7.0}
    assert Load.asked == [{**asked, "calls": calls, "token": "a-token"} for calls in (4, 5)]


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_this_machine_needs_no_permission(run: Run, results: list[Result], host: str) -> None:
    results.append(GOOD)
    assert run("load", f"http://{host}:8080").code == 0


@pytest.mark.parametrize("url", ["127.0.0.1", "http://[", "http://"])
def test_what_is_no_url_is_refused(run: Run, url: str) -> None:
    words = f"{url} is no URL; give the server's, such as http://127.0.0.1:8080"
    assert run("load", url) == Outcome(2, "", f"speechwire load: {words}\n")


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (GOOD, 0),
        (Result("twilio", 2, 10.0, answered=1, refused=Counter({"503": 1})), 0),
        (Result("twilio", 2, 10.0, refused=Counter({"503": 2})), 1),
        (Result("twilio", 2, 10.0, answered=2, ended=Counter({"1011": 1})), 1),
        (Result("twilio", 2, 10.0, answered=2, words=5, heard=4, lost=1), 1),
        (Result("twilio", 2, 10.0, answered=2, words=5, heard=6, twice=1), 1),
        (Result("twilio", 2, 10.0, answered=2, words=5, heard=5, lost=1, strange=9), 0),
    ],
)
def test_what_is_a_failure(run: Run, results: list[Result], result: Result, code: int) -> None:
    results += [GOOD, result]
    assert run("load", URL, "--calls", 1, "--calls", 2).code == code


def test_the_figures_as_json(run: Run, results: list[Result]) -> None:
    results += [GOOD, GOOD]
    outcome = run("load", URL, "--calls", 1, "--calls", 2, "--json")
    assert json.loads(outcome.out) == [GOOD.as_dict()] * 2
    assert outcome.out.startswith("[\n {\n  ")
    assert outcome.err == ""


def test_quiet_prints_nothing_and_the_picture_is_written(run: Run, results: list[Result]) -> None:
    results.append(GOOD)
    assert run("load", URL, "-q", "--picture", "load.svg") == Outcome(0, "", "")
    assert Path("load.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_picture_that_cannot_be_written_in_the_end_is_told(
    run: Run, results: list[Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_text(path: Path, text: str, **_: object) -> int:
        raise OSError(28, "No space left on device", "a part")

    results.append(GOOD)
    monkeypatch.setattr(Path, "write_text", write_text)
    outcome = run("load", URL, "-q", "--picture", "load.svg")
    assert outcome == Outcome(1, "", "speechwire load: load.svg: No space left on device\n")


def test_the_table_is_printed(run: Run, results: list[Result]) -> None:
    results.append(GOOD)
    assert "2 of 2" in run("load", URL).out


def test_the_bar_shows_the_time_and_the_calls() -> None:
    bar = Bar("10 calls", 12.0)
    _show(bar, Moment(3.0, 9, 0.0234))
    assert (bar.done, bar.clock, bar.text) == (3.0, "3 of 12 s", "9 on, 23 ms late here")


def test_the_bar_is_as_long_as_the_run(
    run: Run, results: list[Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    bars: list[Bar] = []
    make = Bar.__init__

    def note(bar: Bar, *arguments: Any, **named: Any) -> None:
        make(bar, *arguments, **named)
        bars.append(bar)

    monkeypatch.setattr(Bar, "__init__", note)
    results.append(GOOD)
    run("load", URL, "--calls", 100, "--seconds", 20, "--per-second", 50)
    (bar,) = bars
    assert (bar.name, bar.total, bar.text) == ("100 calls", 22.0, "2 on, 3 ms late here")


def lines(*results: Result) -> list[str]:
    """The table as it is on a screen that is wide enough, without its frame."""
    file = io.StringIO()
    Console(file=file, width=160).print(_table(list(results)))
    title, _, *rows = file.getvalue().splitlines()
    cells = [[cell.strip() for cell in row.replace("┃", "│").strip("│").split("│")] for row in rows]
    return [title.rstrip(), *(" | ".join(row) for row in cells if len(row) > 1)]


def test_the_table_of_load() -> None:
    result = Result("twilio", 3, 10.0, answered=2, refused=Counter({"503": 1}))
    counted = Result(
        "twilio",
        4,
        10.0,
        answered=4,
        ended=Counter({"1011": 2, "1006": 1}),
        words=9,
        heard=8,
        lost=1,
        twice=2,
        turns=[(1.0, 0.25), (2.0, 0.5)],
        late=Spread(5, 1.0, 2.25, 3.0),
    )
    assert lines(result, counted) == [
        "dialect twilio",
        "calls | refused | ended | words lost | twice | turn p50 ms | p99 | most | late here p99 ms",
        "2 of 3 | 1 (503) | 0 | not counted |  | - | - | - | 0.0",
        "4 of 4 | 0 | 1 (1006), 2 (1011) | 1 of 9 | 2 | 500 | 500 | 500 | 2.2",
    ]
    assert [column.justify for column in _table([result]).columns] == ["left"] * 3 + ["right"] * 6
    assert _table([result]).title_justify == "left"


def test_load_says_in_one_line_that_no_server_is_there(run: Run) -> None:
    with socket.socket() as nobody:  # bound and not listening: no other process answers meanwhile
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        outcome = run("load", url, "--calls", 2, "--seconds", 1)
    why = "no connection could be made (ConnectionRefusedError); is `speechwire serve` running there?"
    assert outcome == Outcome(3, "", f"speechwire load: {url}: {why}\n")


def test_load_tries_the_picture_before_it_calls(run: Run) -> None:
    arguments = ("load", "http://127.0.0.1:9", "--calls", 1, "--seconds", 3600)
    outcome = run(*arguments, "--picture", "nowhere/load.svg")
    assert outcome == Outcome(1, "", "speechwire load: nowhere/load.svg: there is no folder nowhere\n")
