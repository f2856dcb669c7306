"""The emulator from a shell: ``python -m speechwire.emulator --port 8765 --engine offline``."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from speechwire.emulator._messages import read_json
from speechwire.emulator._rest import GRANT
from speechwire.emulator.scripted import Script
from speechwire.emulator.server import Behaviour, Emulator
from speechwire.errors import InvalidArgument, SpeechwireError

__all__ = ["main"]

_PROGRAM = "speechwire emulator"
_STOPPED, _FAILED, _USAGE, _INTERRUPTED = 0, 1, 2, 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ENGINES = {
    "offline": "pocketsphinx recognises and espeak-ng speaks, both English",
    "tagged": "recognises the numbers that speechwire load puts into the audio, and speaks a tone",
    "scripted": "recognises what its script says, and speaks samples of one value",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted. The first line on standard output is the base URL, the next are for people.

    Returns:
        0 after SIGTERM; 130 after SIGINT; 1 with one line on standard error if it could not start.

    Raises:
        SystemExit: 2, with one line on standard error, for wrong arguments and input files; 0 after
            ``--help``.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    emulator = _emulator(options, parser)
    try:
        number = asyncio.run(_serve(emulator, options))
    except (SpeechwireError, OSError) as error:
        return _say(_words(error, options), _FAILED)
    except KeyboardInterrupt:  # on Windows, where a loop handles no signals
        number = signal.SIGINT
    return _say("interrupted", _INTERRUPTED) if number == signal.SIGINT else _STOPPED


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line; the usage is in ``--help``."""
        sys.exit(_say(message, _USAGE))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=_PROGRAM,
        description="A Deepgram on your own machine.",
        epilog="exit codes: 0 after SIGTERM, 1 could not start, 2 wrong usage, 130 interrupted",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8765, help="0 for any free one (default: %(default)s)")
    parser.add_argument(
        "--engine",
        choices=tuple(_ENGINES),
        default="offline",
        help="; ".join(f"{name}: {what}" for name, what in _ENGINES.items()) + " (default: %(default)s)",
    )
    parser.add_argument("--script", type=_script, metavar="FILE", help="JSON file for the scripted engine")
    parser.add_argument(
        "--key", type=_key, action="append", help="accept only this API key (repeatable; default: any)"
    )
    parser.add_argument(
        "--journal", type=Path, metavar="FILE", help="append what clients send to this JSON-lines file"
    )
    parser.add_argument("--time-scale", type=_scale, default=1.0, help="factor on idle and session limits")
    parser.add_argument(
        "--allow-remote", action="store_true", help="permit a --host that other machines can reach"
    )
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"must be a port from 0 to 65535, got {text!r}")
    return int(text)


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return scale


def _key(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def _script(name: str) -> Script:
    try:
        return Script.from_json(read_json(Path(name).read_text(encoding="utf-8")))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise argparse.ArgumentTypeError(f"{name}: not UTF-8 text") from None
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from None


def _emulator(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Emulator:
    if options.script and options.engine != "scripted":
        parser.error("argument --script: only with --engine scripted")
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            emulator = _make(options)
    except InvalidArgument as error:
        parser.error(f"argument --{error.argument.replace('_', '-')}: {error}")
    except OSError as error:
        parser.error(f"argument --journal: {options.journal}: {error.strerror}")
    for warning in warned:
        _say(f"warning: {warning.message}", 0)
    return emulator


def _make(options: argparse.Namespace) -> Emulator:
    return Emulator(
        options.engine,
        script=options.script,
        host=options.host,
        port=options.port,
        keys=options.key,
        journal=options.journal,
        behaviour=Behaviour(time_scale=options.time_scale),
        allow_remote=options.allow_remote,
    )


async def _serve(emulator: Emulator, options: argparse.Namespace) -> int:
    """Start, say so, wait for a signal and return its number; one that comes while starting ends that too."""
    stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    _on_signals(stop)
    starting = asyncio.create_task(emulator.start())
    try:
        either: list[asyncio.Future[Any]] = [starting, stop]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not stop.done():
            starting.result()
            print(_served(emulator, options), flush=True)
        return await stop
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await emulator.aclose()


def _on_signals(stop: asyncio.Future[int]) -> None:
    loop = asyncio.get_running_loop()

    def received(number: int) -> None:
        if not stop.done():
            stop.set_result(number)

    for number in _SIGNALS:
        # Signals that the parent has set to be ignored stay ignored, as SIGINT of a shell's background job.
        if signal.getsignal(number) is not signal.SIG_IGN:
            try:
                loop.add_signal_handler(number, received, number)
            except NotImplementedError:
                return


def _served(emulator: Emulator, options: argparse.Namespace) -> str:
    ws, http = emulator.base_url, emulator.http_url
    others = ", ".join(emulator.paths[1:])
    keys = "any that is not empty" if options.key is None else "those given with --key"
    sdk = f'DeepgramClientEnvironment(base="{http}", production="{ws}", agent="{ws}", agent_rest="{http}")'
    return "\n".join(
        (
            ws,
            f"  engine   {emulator.engine.name}: {_ENGINES[emulator.engine.name]}",
            f"  streams  {ws}{emulator.paths[0]}, {others}",
            f"  tokens   POST {http}{GRANT}",
            f"  status   {http}/_emulator",
            f"  keys     {keys}",
            f"  SDK      {sdk}",
            "  stop     Ctrl-C, or SIGTERM",
        )
    )


def _words(error: Exception, options: argparse.Namespace) -> str:
    if not isinstance(error, OSError) or isinstance(error, SpeechwireError):
        return str(error)
    number = error.errno or 0
    if number == errno.EADDRINUSE:
        return f"argument --port: {options.port} is in use on {options.host}; 0 takes any free one"
    # asyncio's message repeats the address, which the line below names already.
    reason = os.strerror(number) if number > 0 else error.strerror or str(error)
    return f"arguments --host and --port: cannot listen on {options.host}:{options.port}: {reason}"


def _say(words: str, code: int) -> int:
    print(f"{_PROGRAM}: {' '.join(words.split())}", file=sys.stderr)
    return code
