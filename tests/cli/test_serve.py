"""What `speechwire serve` shows and passes on; its calls are tests of the server's."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner

import speechwire.session
from speechwire.cli._service import Access, Service
from speechwire.cli.serve import _Serving, serve
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
