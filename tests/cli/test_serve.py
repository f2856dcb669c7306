"""What `speechwire serve` shows and passes on; its calls are tests of the server's."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner

import speechwire.session
from speechwire.cli._service import Access, Service
from speechwire.cli.serve import _log_to_stderr, _loop_factory, _served, _Serving, serve
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
    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("speechwire.server", "WARNING")
    ]


@pytest.mark.parametrize("missing", ["jwt", "prometheus_client", "cryptography"])
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


@pytest.mark.parametrize(
    ("application", "emulator", "answers", "service"),
    [
        (None, False, "nobody: it captions", "Deepgram"),
        ("mybot:answer", True, "mybot:answer", "an emulator in this process"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_is_served_is_said(
    application: str | None, emulator: bool, answers: str, service: str, scheme: str
) -> None:
    url, socket = f"{scheme}://http.test:8080", f"{scheme.replace('http', 'ws')}://http.test:8080"
    chosen = cast(Service, SimpleNamespace(emulator=emulator))
    assert _served(url, application, chosen).splitlines() == [
        url,
        f"  page     {url}/",
        f"  browsers {socket}/socket",
        f"  phones   {socket}/call",
        f"  health   {url}/healthz, {url}/readyz, {url}/metrics",
        f"  answers  {answers}",
        f"  service  {service}",
        "  stop     SIGTERM finishes the calls, Ctrl-C ends them",
    ]


@pytest.mark.parametrize(
    ("application", "emulator", "chosen"),
    [
        (None, False, None),
        (None, True, "speechwire.server.demo:answer"),
        ("mybot:answer", True, "mybot:answer"),
        ("mybot:answer", False, "mybot:answer"),
    ],
)
def test_an_emulator_alone_answers_with_the_demonstration(
    application: str | None, emulator: bool, chosen: str | None
) -> None:
    serving = _Serving(application, None, cast(Service, SimpleNamespace(emulator=emulator)), {})
    assert serving._application == chosen


@pytest.mark.parametrize("installed", [True, False])
def test_the_event_loop_is_uvloops_where_it_is_installed(
    installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    uvloop = SimpleNamespace(new_event_loop=lambda: None)
    monkeypatch.setitem(sys.modules, "uvloop", cast(Any, uvloop if installed else None))
    assert _loop_factory() is (uvloop.new_event_loop if installed else asyncio.new_event_loop)


class Passed(Exception):
    """Ends a command that has come so far."""


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ((), {}),
        (
            ("--port", "0", "--no-page", "--public-page", "--allowed-origins", "a", "--allowed-origins", "b"),
            {"port": 0, "page": False, "public_page": True, "allowed_origins": ("a", "b")},
        ),
        (("--drain-s", "1.5", "--host", "::1"), {"drain_s": 1.5, "host": "::1"}),
    ],
)
def test_options_that_are_given_are_settings(
    arguments: tuple[str, ...], given: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[_Serving] = []

    async def run(serving: _Serving) -> int:
        made.append(serving)
        return 7

    monkeypatch.setattr(_Serving, "run", run)
    outcome = CliRunner().invoke(
        serve, ["mybot:answer", "--config", "x.toml", *arguments], standalone_mode=False
    )
    (serving,) = made
    assert outcome.return_value == 7
    assert serving._options == given
    assert (serving._application, serving._file) == ("mybot:answer", Path("x.toml"))


@pytest.mark.parametrize(("is_worker", "said"), [(False, True), (True, False)])
async def test_only_who_is_no_worker_says_what_is_served(
    is_worker: bool, said: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[object] = []

    @asynccontextmanager
    async def supervised(server: object, url: str, retire: object) -> AsyncIterator[None]:
        told.append((server, url))
        yield
        told.append("left")

    async def drained(*arguments: object) -> int:
        told.append("drained")
        return 5

    monkeypatch.setattr("speechwire.server.workers.worker.supervised", supervised)
    monkeypatch.setattr("speechwire.cli.serve._drained", drained)
    serving = _Serving(None, None, cast(Service, SimpleNamespace(emulator=False)), {})
    server, host = cast(Any, "server"), cast(Any, SimpleNamespace(url="http://x"))
    assert await serving._until_drained(server, host, cast(Any, None), is_worker=is_worker) == 5
    assert capsys.readouterr().out.startswith("http://x\n") == said
    assert told == ([("server", "http://x"), "drained", "left"] if is_worker else ["drained"])


@pytest.mark.parametrize(("kind", "begins"), [("json", "{"), ("text", "2")])
def test_the_log_is_written_as_it_was_asked_for(
    kind: str, begins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("speechwire.server", "speechwire.cluster")
    before = {name: (list(logging.getLogger(name).handlers), logging.getLogger(name).level) for name in names}
    try:
        _log_to_stderr(kind)
        for name in names:
            logging.getLogger(name).info("something happened")
            logging.getLogger(name).debug("a detail")
    finally:
        for name, (handlers, level) in before.items():
            logging.getLogger(name).handlers[:] = handlers
            logging.getLogger(name).setLevel(level)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(begins) and "something happened" in line for line in lines)


@pytest.mark.parametrize(("workers", "inherited"), [(1, False), (3, False), (3, True)])
async def test_who_starts_workers_serves_nobody_itself(
    workers: int, inherited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def supervise(config: Config, banner: str) -> int:
        assert config.workers == workers
        assert banner.startswith("{url}\n")
        return 1

    async def serve_itself(*arguments: object) -> int:
        return 2

    @asynccontextmanager
    async def access() -> AsyncIterator[Access]:
        yield Access("key", "wss://gateway.test")

    monkeypatch.setattr("speechwire.cli._serve_workers.supervise", supervise)
    monkeypatch.setattr(
        "speechwire.server.workers.worker.inherited_socket", lambda: "s" if inherited else None
    )
    monkeypatch.setattr("speechwire.cli.serve._log_to_stderr", lambda kind: None)
    monkeypatch.setattr(_Serving, "_serve", serve_itself)
    service = cast(Service, SimpleNamespace(emulator=False, access=access))
    serving = _Serving(None, None, service, {"workers": workers, "token_secret": "s" * 32})
    assert await serving.run() == (1 if workers > 1 and not inherited else 2)


async def test_a_server_is_made_and_served_with_its_quota_until_it_is_drained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[object] = []

    def noting(name: str) -> Any:
        @asynccontextmanager
        async def context(*arguments: object, **named: object) -> AsyncIterator[str]:
            told.append((name, *arguments, *named.items()))
            yield name
            told.append(f"{name} left")

        return context

    async def drained(self: _Serving, *arguments: object, is_worker: bool) -> int:
        told.append((arguments[:2], is_worker))
        return 6

    config = Config(max_calls=3, max_speaking=0)
    for place, double in (
        ("speechwire.session.SessionPool", noting("pool")),
        ("speechwire.server.server.Server", lambda *arguments: ("server", *arguments)),
        ("speechwire.server._quota.shared_quota", noting("quota")),
        ("speechwire.server.aiohttp_host.AiohttpHost", noting("host")),
        ("speechwire.server._memory.collect_seldom", lambda calls: told.append(("seldom", calls))),
        ("speechwire.server._memory.return_large_pieces", lambda: told.append("returned")),
        ("speechwire.cli.serve.Signals", lambda: "signals"),
    ):
        monkeypatch.setattr(place, double)
    monkeypatch.setattr(_Serving, "_until_drained", drained)
    serving = _Serving(None, None, cast(Service, SimpleNamespace(emulator=False)), {})
    access, answer, listening = Access("key", "wss://x"), cast(Any, "answer"), cast(Any, "a socket")
    assert await serving._serve(config, answer, access, listening) == 6
    server = ("server", config, "pool", "answer")
    assert told == [
        ("pool", "key", ("base_url", "wss://x"), ("max_listen", 3), ("max_speak", None)),
        ("quota", config, server),
        ("host", server, ("sock", "a socket")),
        ("seldom", 3),
        "returned",
        ((server, "host"), True),
        *("host left", "quota left", "pool left"),
    ]
