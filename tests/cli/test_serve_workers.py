"""``serve --workers``: what the workers get, and what signals do. Real processes are in tests/cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import pytest

pytest.importorskip("prometheus_client", reason="wants the server: pip install 'speechwire[server]'")

from speechwire.cli import _serve_workers
from speechwire.cli._serve_signals import RELOAD
from speechwire.cli._serve_workers import share_of, supervise
from speechwire.server.config import Config


class Workers:
    """In place of the supervisor: notes what it is told, and ends after so many signals."""

    url = "http://127.0.0.1:9000"
    admin_url = "http://127.0.0.1:9100"
    ends_after = 1
    made: list[Workers] = []

    def __init__(self, command: tuple[str, ...], environment: Mapping[str, str], **places: Any) -> None:
        self.command, self.environment, self.places = command, environment, places
        self.told: list[object] = []
        self.made.append(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.told.append("closed")

    async def replace_all(self) -> None:
        self.told.append("replaced")

    def signal(self, number: int) -> None:
        self.told.append(number)

    async def ended(self) -> None:
        while len([each for each in self.told if each != "replaced"]) < self.ends_after:
            await asyncio.sleep(0)


class Signals:
    """Comes as a test says."""

    to_come: list[int] = []

    def __init__(self, *others: int | None) -> None:
        assert others == (RELOAD,)

    async def first(self) -> int:
        while not self.to_come:
            await asyncio.sleep(0)
        return self.to_come.pop(0)


def supervised(monkeypatch: pytest.MonkeyPatch, config: Config, *signals: int, ends_after: int = 1) -> Any:
    """Returns the exit code and the workers."""
    monkeypatch.setattr(_serve_workers, "Supervisor", Workers)
    monkeypatch.setattr(_serve_workers, "Signals", Signals)
    monkeypatch.setattr(sys, "argv", ["speechwire", "serve", "--workers", "3"])
    monkeypatch.setattr(Workers, "ends_after", ends_after)
    monkeypatch.setattr(Signals, "to_come", list(signals))
    code = asyncio.run(supervise(config, "serving on {url}"))
    return code, Workers.made.pop()


CONFIG = Config(workers=3, host="127.0.0.1", port=9000, admin_port=9100, token_secret="s" * 32)


def test_workers_run_the_same_command_with_one_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, workers = supervised(monkeypatch, CONFIG, signal.SIGTERM)
    assert code == 0
    assert workers.command == ("-m", "speechwire", "serve", "--workers", "3")
    assert workers.places == {"count": 3, "host": "127.0.0.1", "port": 9000, "admin_port": 9100}
    assert workers.environment == {**os.environ, "SPEECHWIRE_SERVE_TOKEN_SECRET": "s" * 32}
    assert workers.told == [signal.SIGTERM, "closed"]
    assert capsys.readouterr().out.splitlines() == [
        "serving on http://127.0.0.1:9000",
        "  workers  3: http://127.0.0.1:9100/workers, SIGHUP replaces them",
    ]


def test_without_a_secret_one_is_made_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = set()
    for _ in range(2):
        _, workers = supervised(monkeypatch, Config(workers=2), signal.SIGTERM)
        secrets.add(workers.environment["SPEECHWIRE_SERVE_TOKEN_SECRET"])
    assert len(secrets) == 2
    assert all(len(secret) >= 43 for secret in secrets), "32 random bytes"


@pytest.mark.skipif(RELOAD is None, reason="wants SIGHUP")
def test_a_reload_replaces_and_an_interruption_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RELOAD is not None
    signals = (RELOAD, RELOAD, signal.SIGINT, signal.SIGTERM)
    code, workers = supervised(monkeypatch, CONFIG, *signals, ends_after=2)
    assert code == 130
    assert [each for each in workers.told if each != "replaced"] == [signal.SIGINT, signal.SIGTERM, "closed"]
    assert workers.told.count("replaced") == 2
    assert workers.told[-1] == "closed", "nothing is replaced behind the end"


@pytest.mark.skipif(RELOAD is None, reason="wants SIGHUP")
def test_who_asks_before_a_replacement_has_begun_is_served_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RELOAD is not None
    _, workers = supervised(monkeypatch, CONFIG, *[RELOAD] * 5, signal.SIGTERM)
    assert workers.told.count("replaced") == 2


@pytest.mark.skipif(RELOAD is None, reason="wants SIGHUP")
def test_a_replacement_under_way_is_over_before_the_supervisor_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slowly(workers: Workers) -> None:
        workers.told.append("replaced")
        for _ in range(100):
            await asyncio.sleep(0)
        workers.told.append("replaced at last")

    assert RELOAD is not None
    monkeypatch.setattr(Workers, "replace_all", slowly)
    signals = (RELOAD, signal.SIGTERM, RELOAD)
    _, workers = supervised(monkeypatch, CONFIG, *signals, ends_after=1)
    assert workers.told[-2:] == ["replaced at last", "closed"]


@pytest.mark.parametrize(
    ("given", "share"),
    [
        ({"workers": 1, "max_calls": 9, "max_speaking": 9}, (9, 9)),
        ({"workers": 2, "max_calls": 9, "max_speaking": 9}, (4, 4)),
        ({"workers": 4, "max_calls": 9, "max_speaking": 6}, (2, 1)),
        ({"workers": 4, "max_calls": 3, "max_speaking": 3}, (1, 1)),
        ({"workers": 4, "max_calls": 9, "max_speaking": 0}, (2, 0)),
        ({"workers": 4, "max_calls": 9, "max_speaking": 6, "redis_url": "redis://127.0.0.1"}, (9, 6)),
    ],
)
def test_a_worker_has_an_equal_share_unless_it_is_divided_elsewhere(
    given: dict[str, Any], share: tuple[int, int]
) -> None:
    config = share_of(Config(**given))
    assert (config.max_calls, config.max_speaking) == share
    assert config.workers == given["workers"]


def test_without_a_limit_the_contracts_is_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_serve_workers, "CONTRACT_CALLS", 10)
    assert share_of(Config(workers=4, max_calls=0)).max_calls == 2
