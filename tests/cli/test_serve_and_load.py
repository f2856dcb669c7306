"""What `speechwire serve` and `speechwire load` show and pass on; their calls are tests of the server's."""

from __future__ import annotations

import socket
import sys
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner
from tests.cli.conftest import Outcome, Run

import speechwire.session
from speechwire.cli._service import Access, Service
from speechwire.cli.load import _table
from speechwire.cli.serve import _Serving, serve
from speechwire.load.result import Result
from speechwire.server.config import Config


class Asked(Exception):
    """Ends a command once the pool has been asked for."""

    def __init__(self, api_key: object, **arguments: object) -> None:
        self.arguments = arguments


@pytest.mark.parametrize(("given", "passed_on"), [(7, 7), (0, None)])
async def test_the_limits_of_calls_are_those_of_the_pool(
    given: int, passed_on: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(api_key: object, **arguments: object) -> Any:
        raise Asked(api_key, **arguments)

    monkeypatch.setattr(speechwire.session, "SessionPool", asked)
    serving = _Serving(None, None, cast(Service, SimpleNamespace(emulator=False)), {})
    access = Access("key", "wss://gateway.test")
    with pytest.raises(Asked) as raised:
        await serving._serve(Config(max_calls=given, max_speaking=given), None, access, None)
    assert raised.value.arguments == {
        "base_url": "wss://gateway.test",
        "max_listen": passed_on,
        "max_speak": passed_on,
    }


async def test_serve_says_which_variables_it_does_not_read(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SPEECHWIRE_SERVE_MAX_CALL", "a secret")
    monkeypatch.setattr("speechwire.cli.serve._log_to_stderr", lambda kind: None)
    with pytest.raises(AttributeError, match="access"):
        await _Serving(None, None, cast(Service, SimpleNamespace(emulator=False)), {}).run()
    assert caplog.messages == [
        "the environment variable SPEECHWIRE_SERVE_MAX_CALL is no setting and is not read;"
        " did you mean SPEECHWIRE_SERVE_MAX_CALLS?"
    ]


@pytest.mark.parametrize("missing", ["jwt", "prometheus_client"])
def test_serve_names_what_is_not_installed(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    outcome = CliRunner().invoke(serve, [])
    assert outcome.exit_code == 1
    assert outcome.output.strip() == (
        f'Error: the server needs {missing}, which is not installed: pip install "speechwire[server]"'
    )


def test_the_help_of_serve_shows_each_default() -> None:
    shown = " ".join(CliRunner().invoke(serve, ["--help"]).output.split())
    for default in ("(default: none).", "(default: true).", "(default: 127.0.0.1)."):
        assert default in shown


def test_the_table_of_load() -> None:
    result = Result("twilio", 3, 10.0, answered=2, refused=Counter({"503": 1}))
    table = _table([result])
    assert [column.header for column in table.columns] == [
        *("calls", "refused", "ended", "words lost", "twice"),
        *("turn p50 ms", "p99", "most", "late here p99 ms"),
    ]
    assert table.title == "dialect twilio"
    assert list(table.columns[0].cells) == ["2 of 3"]
    assert list(table.columns[1].cells) == ["1 (503)"]
    assert list(table.columns[2].cells) == ["0"]
    assert list(table.columns[3].cells) == ["not counted"]
    assert [list(column.cells) for column in table.columns[5:8]] == [["-"], ["-"], ["-"]]


def test_the_times_of_turns_in_the_table_of_load() -> None:
    table = _table([Result("twilio", 1, 10.0, answered=1, turns=[(1.0, 0.25)])])
    assert [list(column.cells) for column in table.columns[5:8]] == [["250"], ["250"], ["250"]]


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
