"""``speechwire serve``: serves telephone calls and browsers with one key."""

from __future__ import annotations

import asyncio
import importlib
import logging
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from speechwire.cli._arguments import FILE
from speechwire.cli._failures import INTERRUPTED, InputError, one_line
from speechwire.cli._serve_signals import Signals, ended_or_signalled
from speechwire.cli._service import Access, Service, service_options

if TYPE_CHECKING:
    from speechwire.server.aiohttp_host import AiohttpHost
    from speechwire.server.call import Answer
    from speechwire.server.config import Config
    from speechwire.server.server import Server

__all__ = ["serve"]

_EXTRA = ("jwt", "prometheus_client", "cryptography")
_DEMO = "speechwire.server.demo:answer"

_logger = logging.getLogger("speechwire.server")


def _config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each setting that has one."""
    from speechwire.server.config import settings  # noqa: PLC0415  # only this command needs it

    for row in reversed(settings()):
        if not row.option:
            continue
        shown = f"{row.help[0].upper()}{row.help[1:]} (default: {_shown(row.default)})."
        if row.kind is bool:
            option = click.option(f"{row.option}/--no-{row.option[2:]}", row.name, default=None, help=shown)
        elif row.kind is tuple:
            option = click.option(row.option, row.name, multiple=True, help=f"{shown} Repeatable.")
        else:
            option = click.option(row.option, row.name, type=row.kind, default=None, help=shown)
        command = option(command)
    return command


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "none" if value in ("", ()) else str(value)


@click.command(short_help="Serve telephone calls and browsers.")
@click.argument("application", required=False, metavar="[MODULE:FUNCTION]")
@click.option("--config", "file", type=FILE, help="A TOML file of settings.")
@_config_options
@service_options
def serve(application: str | None, file: Path | None, service: Service, **options: Any) -> int:
    """Serve telephone calls and browsers, until SIGTERM or Ctrl-C.

    Without an application the server sends captions. With one, it runs the application for each call:

    \b
      async def answer(call):
          async for turn in call.turns():
              await call.say(f"You said {turn.text}")

    SIGTERM refuses new callers and lets the live ones finish, for --drain-s at most. A second one, or
    Ctrl-C, tells every caller and ends the calls at once.

    Secrets are set in the environment or in the file, never here.

    \b
    Examples:
      speechwire serve --emulator
      speechwire serve mybot:answer --config server.toml
    """
    _check_extra()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_Serving(application, file, service, options).run())


def _check_extra() -> None:
    for name in _EXTRA:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            raise click.ClickException(
                f'the server needs {name}, which is not installed: pip install "speechwire[server]"'
            ) from None


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's where it is installed."""
    try:
        made: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ModuleNotFoundError:
        return asyncio.new_event_loop
    return made


def _warn(unread: dict[str, str]) -> None:
    for name, meant in unread.items():
        hint = f"; did you mean {meant}?" if meant else ""
        _logger.warning("the environment variable %s is no setting and is not read%s", name, hint)


class _Serving:
    """One run of the command."""

    def __init__(
        self, application: str | None, file: Path | None, service: Service, options: dict[str, Any]
    ) -> None:
        self._application = application or (_DEMO if service.emulator else None)
        self._file = file
        self._service = service
        self._options = {name: value for name, value in options.items() if value not in (None, ())}

    async def run(self) -> int:
        from speechwire.cli._serve_workers import share_of, supervise  # noqa: PLC0415
        from speechwire.server.application import find_application  # noqa: PLC0415
        from speechwire.server.config import load, unread_variables  # noqa: PLC0415
        from speechwire.server.workers.worker import inherited_socket  # noqa: PLC0415

        try:
            config = load(self._file, options=self._options)
        except OSError as error:
            raise InputError(one_line(error)) from error
        _log_to_stderr(config.log_format)
        listening = inherited_socket()
        if listening is None:
            _warn(unread_variables())
        if config.workers > 1 and listening is None:
            return await supervise(config, _served("{url}", self._application, self._service))
        answer = find_application(self._application) if self._application else None
        async with self._service.access() as access:
            return await self._serve(share_of(config), answer, access, listening)

    async def _serve(
        self, config: Config, answer: Answer | None, access: Access, listening: socket.socket | None
    ) -> int:
        from speechwire.server._memory import collect_seldom, return_large_pieces  # noqa: PLC0415
        from speechwire.server._quota import shared_quota  # noqa: PLC0415
        from speechwire.server.aiohttp_host import AiohttpHost  # noqa: PLC0415
        from speechwire.server.server import CONTRACT_CALLS, Server  # noqa: PLC0415
        from speechwire.session import SessionPool  # noqa: PLC0415

        async with SessionPool(
            access.api_key,
            base_url=access.base_url,
            max_listen=config.max_calls or None,
            max_speak=config.max_speaking or None,
        ) as pool:
            server = Server(config, pool, answer)
            signals = Signals()
            async with shared_quota(config, server), AiohttpHost(server, sock=listening) as host:
                collect_seldom(config.max_calls or CONTRACT_CALLS)
                return_large_pieces()
                return await self._until_drained(server, host, signals, is_worker=listening is not None)

    async def _until_drained(
        self, server: Server, host: AiohttpHost, signals: Signals, *, is_worker: bool
    ) -> int:
        from speechwire.server.workers.worker import supervised  # noqa: PLC0415

        retired = asyncio.Event()
        if not is_worker:
            click.echo(_served(host.url, self._application, self._service))
            return await _drained(server, host, signals, retired)
        async with supervised(server, host.url, retired.set):
            return await _drained(server, host, signals, retired)


async def _drained(server: Server, host: AiohttpHost, signals: Signals, retired: asyncio.Event) -> int:
    """Serve until a signal, or until others take the callers, and end as that says; returns the exit code."""
    number = await ended_or_signalled(retired.wait(), signals)
    if number is None:
        number = await ended_or_signalled(host.retire(), signals) or signal.SIGTERM
    if number == signal.SIGTERM and await ended_or_signalled(server.drain(), signals) is None:
        return 0
    server.hang_up_all()
    await server.drain(0.0)
    return INTERRUPTED if number == signal.SIGINT else 0


def _log_to_stderr(kind: str) -> None:
    from speechwire.server.logs import JsonFormatter, TextFormatter  # noqa: PLC0415

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if kind == "json" else TextFormatter())
    for name in ("speechwire.server", "speechwire.cluster"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)


def _served(url: str, application: str | None, service: Service) -> str:
    socket_url = url.replace("http", "ws", 1)
    return "\n".join(
        (
            url,
            f"  page     {url}/",
            f"  browsers {socket_url}/socket",
            f"  phones   {socket_url}/call",
            f"  health   {url}/healthz, {url}/readyz, {url}/metrics",
            f"  answers  {application or 'nobody: it captions'}",
            f"  service  {'an emulator in this process' if service.emulator else 'Deepgram'}",
            "  stop     SIGTERM finishes the calls, Ctrl-C ends them",
        )
    )
