"""Every command with every odd input, on a terminal and in a pipe, as real processes.

Judged by the exit code, by what it says (an error is one line with the input's name), by the output, and by
what is left in the folder. ``pytest tests/cli/test_odd_inputs.py --figures`` prints the counts.
"""

from __future__ import annotations

import json
import math
import os
import threading
import wave
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from tests.cli.conftest import OUTCOMES, emulators
from tests.cli.odd_inputs import ODD, Odd
from tests.cli.processes import Done, Zygote, zygotes

from speechwire.cli._failures import printable
from speechwire.emulator import Phrase, Script


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with zygotes() as zygote:
        yield zygote


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with emulators() as serve:
        yield serve(script=Script(Phrase(0.02, "Hello there.", 0.2))).base_url


@dataclass(frozen=True)
class Case:
    """One way of giving an input to a command."""

    command: str
    odd: Odd
    through_pipe: bool

    @property
    def name(self) -> str:
        """As it is given."""
        return "pipe" if self.through_pipe else self.odd.name

    @property
    def shown(self) -> str:
        """As it is shown: on one line, in UTF-8, a leading ./ or not."""
        name = self.name if self.name != "./-" else str(Path.cwd() / "-")
        return printable(click.format_filename(name))

    @property
    def refusal(self) -> str:
        """Why it is refused; empty if it is read."""
        if self.through_pipe and self.odd.piped_refusal is not None:
            return self.odd.piped_refusal
        return (
            self.odd.refusal.replace("in.wav", "pipe").replace("in-conv", "pipe-conv")
            if self.through_pipe
            else self.odd.refusal
        )

    def arguments(self, base_url: str) -> list[str]:
        if self.command == "convert":
            return ["convert", "--", self.name, "out.wav"]
        return ["transcribe", "--json", "--speed", "max", "--base-url", base_url, "--", self.name]

    def notes(self) -> list[str]:
        """What is told of an input that is read."""
        notes = [f"{self.shown}: {note}" for note in self.odd.notes]
        if self.command == "convert" and self.odd.clipped:
            notes.append(f"out.wav: {self.odd.clipped} samples were clipped; lower the input's level")
        if self.command == "transcribe" and self.odd.frames and not self.is_heard:
            notes.append(f"{self.shown}: no speech was heard")
        return [f"speechwire {self.command}: {note}" for note in notes]

    @property
    def seconds(self) -> float:
        """Of audio."""
        return (self.odd.frames or 0) / self.odd.rate

    @property
    def is_heard(self) -> bool:
        """Whether there is time for what the emulator's script says."""
        return self.seconds >= 0.2


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.id)
def test_every_command_with(odd: Odd, zygote: Zygote, base_url: str, tmp_path: Path) -> None:
    Path("plain").write_text("a file")
    odd.make(Path(odd.name))
    content = Path(odd.name).read_bytes() if odd.content else None
    for command in ("convert", "transcribe"):
        for through_pipe in (False, True) if odd.content else (False,):
            for terminal in (False, True):
                case = Case(command, odd, through_pipe)
                judge(case, zygote, base_url, content, terminal=terminal)


def judge(case: Case, zygote: Zygote, base_url: str, content: bytes | None, *, terminal: bool) -> None:
    if case.through_pipe and content is not None:
        os.mkfifo("pipe")
        threading.Thread(target=_write, args=(content,), daemon=True).start()
    before = sorted(os.listdir())
    done = zygote.run(case.arguments(base_url), "/dev/null", terminal=terminal)
    what = f"{case.command}{' of a pipe' if case.through_pipe else ''}, {'terminal' if terminal else 'piped'}"
    if case.refusal:
        line = f"speechwire {case.command}: {case.shown}: {case.refusal}"
        assert done == Done(2, [], [line]), what
        assert sorted(os.listdir()) == before, what
        outcome = "refused"
    else:
        assert (done.code, done.err) == (0, case.notes()), what
        check_output(case, done)
        outcome = "read, with a note" if done.err else "read"
    OUTCOMES[what][outcome] += 1
    for name in ("pipe", "out.wav"):
        Path(name).unlink(missing_ok=True)


def check_output(case: Case, done: Done) -> None:
    left = {*os.listdir()} - {"plain", "elsewhere.wav", "pipe", case.odd.name, "-"}
    if case.command == "convert":
        assert left == {"out.wav"}
        with wave.open("out.wav") as wav:
            assert wav.getparams()[:3] == (1, 2, 16_000)
            close_to(wav.getnframes(), math.ceil(case.seconds * 16_000), exact=case.odd.exact)
        assert done.out == []
    else:
        assert left == set()
        (line,) = done.out
        value: dict[str, Any] = json.loads(line)
        close_to(value["duration_s"] * 16_000, round(case.seconds, 3) * 16_000, exact=case.odd.exact)
        assert value["transcript"] == ("Hello there." if case.is_heard else "")
        assert (value["complete"], value["lost_s"]) == (True, 0)


def close_to(got: float, wanted: float, *, exact: bool) -> None:
    # Coders work in blocks, begin with a run-up, and end with silence.
    assert abs(got - wanted) <= (0.5 if exact else 3_000)


def _write(content: bytes) -> None:
    with suppress(BrokenPipeError), open("pipe", "wb") as pipe:
        pipe.write(content)
