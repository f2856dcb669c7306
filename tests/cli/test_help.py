"""The help of every command, as it was last looked at: a changed word is seen in the change of a file.

``python -m tests.cli.test_help > tests/cli/help.txt`` writes it anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

pytest.importorskip("prometheus_client", reason="wants the server: pip install 'speechwire[server]'")

from speechwire.cli._application import _COMMANDS, _speechwire

KNOWN = Path(__file__).with_name("help.txt")


def pages() -> str:
    """What each command says of itself and of its options, whatever version of click lays it out."""
    assert isinstance(_speechwire, click.Group)
    commands = {name: _speechwire.get_command(click.Context(_speechwire), name) for name in _COMMANDS}
    return "\n\n".join("\n".join(_page(name, command)) for name, command in commands.items() if command)


def _page(name: str, command: click.Command) -> Iterator[str]:
    yield f"## {name}: {command.short_help or ''}"
    for text in (command.help, command.epilog):
        yield from filter(None, map(str.strip, (text or "").replace("\b", "").splitlines()))
    for parameter in command.params:
        shown = (
            parameter.get_help_record(click.Context(command)) if isinstance(parameter, click.Option) else None
        )
        names, text = shown or (parameter.make_metavar(*_context(command)), "")
        more = [word for word in ("multiple", "required") if getattr(parameter, word)]
        yield " | ".join([" ".join(names.split()), " ".join(text.split()), *more])


def _context(command: click.Command) -> tuple[click.Context, ...]:
    """What click 8.2 and later want for the name of an argument."""
    wants = click.Argument.make_metavar.__code__.co_argcount > 1
    return (click.Context(command),) if wants else ()


def test_the_help_is_what_it_was() -> None:
    assert pages() + "\n" == KNOWN.read_text(encoding="utf-8")


if __name__ == "__main__":
    print(pages())
