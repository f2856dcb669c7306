"""What a person sees who runs a command in a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Sequence
from contextlib import suppress

from tests.cli.conftest import default_signals

__all__ = ["Terminal", "shown"]

_PIECE = re.compile(r"\x1b\[(\??)(\d*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")


def shown(output: str) -> list[str]:
    """The lines that are on the screen in the end, those without a mark left out.

    Knows what a progress display needs: carriage return, line feed, cursor up, erase line; colours and the
    cursor's looks are ignored.
    """
    lines, row, column = [""], 0, 0
    for piece in _PIECE.finditer(output):
        text, (private, number, command) = piece[0], piece.groups()
        if command == "A":
            row = max(0, row - int(number or 1))
        elif command == "K":
            assert number == "2", f"what is {text!r}?"
            lines[row] = ""
        elif command:
            assert private or command == "m", f"what is {text!r}?"
        elif text == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif text == "\r":
            column = 0
        else:
            lines[row] = lines[row].ljust(column)[:column] + text + lines[row][column + len(text) :]
            column += len(text)
    return [line.rstrip() for line in lines if line.strip()]


class Terminal:
    """A command in a terminal of its own, which Ctrl-C reaches as it does a person's."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], *, lines: int = 24) -> None:
        self._master, slave = pty.openpty()
        self._written = b""
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, 100, 0, 0))
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment | {"TERM": "xterm", "COLUMNS": "100", "LINES": str(lines)},
            start_new_session=True,
            preexec_fn=_take_the_terminal,
        )
        os.close(slave)

    def type(self, keys: str) -> None:
        """Press keys: ``"\\x03"`` is Ctrl-C."""
        os.write(self._master, keys.encode())

    def wait_for(self, text: str) -> None:
        """Read until this has been written, or nothing more will be."""
        while text.encode() not in self._written and self._read():
            pass

    def output(self) -> str:
        """Everything written until the command ends."""
        while self._read():
            pass
        self.process.wait(30)
        os.close(self._master)
        return self._written.decode()

    def _read(self) -> bool:
        with suppress(OSError):  # EIO: the other side has been closed
            piece = os.read(self._master, 65536)
            self._written += piece
            return bool(piece)
        return False


def _take_the_terminal() -> None:
    default_signals()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
