"""Writes transcripts: to files as results come, and to standard output in the order of the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from speechwire.cli._display import Display
from speechwire.cli._files import GrowingFile, display_name
from speechwire.cli._segments import Segment
from speechwire.cli._transcript import Transcript, rendering

__all__ = ["FileTarget", "InOrder", "Output", "Target"]


class Target(Protocol):
    """Takes one rendering of one input."""

    name: str
    """Of the file, as it is shown; empty for standard output."""

    def write(self, text: str) -> None:
        """Append whole lines."""

    def close(self) -> None:
        """Nothing will follow."""


class FileTarget:
    """A file of its own."""

    def __init__(self, path: Path) -> None:
        self.name = display_name(path)
        self._file = GrowingFile(path)

    def write(self, text: str) -> None:
        """Append whole lines."""
        self._file.write(text)

    def close(self) -> None:
        """Nothing will follow."""
        self._file.close()


class InOrder:
    """Standard output, shared by inputs that are transcribed at the same time and printed one by one.

    Args:
        display: Prints.
        count: How many inputs there are.
    """

    def __init__(self, display: Display, count: int) -> None:
        self._display = display
        self._turn = 0
        self._waiting = [""] * count

    def target(self, place: int, prefix: str) -> Target:
        """Where the input at a place writes; each line begins with the prefix."""
        return _Turn(self, place, prefix)

    def write(self, place: int, text: str) -> None:
        """Print text of an input now, or keep it until its turn."""
        if place == self._turn:
            self._display.result(text)
        else:
            self._waiting[place] += text

    def next(self) -> None:
        """End the turn of one input; print the text that the next one has so far."""
        self._turn += 1
        if self._turn < len(self._waiting) and self._waiting[self._turn]:
            self._display.result(self._waiting[self._turn])


class _Turn:
    name = ""

    def __init__(self, output: InOrder, place: int, prefix: str) -> None:
        self._output = output
        self._place = place
        self._prefix = prefix

    def write(self, text: str) -> None:
        if text:
            lines = text.removesuffix("\n").split("\n")
            self._output.write(self._place, "".join(f"{self._prefix}{line}\n" for line in lines))

    def close(self) -> None:
        pass


class Output:
    """Writes one input's transcript in every format that was asked for.

    Args:
        targets: By format.
    """

    def __init__(self, targets: dict[str, Target]) -> None:
        self._targets = [(rendering(format), target) for format, target in targets.items()]

    def tell(self, segments: Sequence[Segment]) -> None:
        """Write what was heard.

        Raises:
            OSError: It cannot be written.
        """
        for writer, target in self._targets:
            text = "".join(writer.add(segment) for segment in segments)
            if text:
                target.write(text)

    def end(self, transcript: Transcript) -> list[str]:
        """Write the rest; returns the names of the files.

        Raises:
            OSError: It cannot be written.
        """
        try:
            for writer, target in self._targets:
                target.write(writer.end(transcript))
        finally:
            self.close()
        return [target.name for _, target in self._targets if target.name]

    def keep(self, transcript: Transcript) -> list[str]:
        """Write the rest of what was heard, if anything was; returns the names of the files there are."""
        if transcript.segments:
            return self.end(transcript)
        self.close()
        return []

    def close(self) -> None:
        """Write no more. Idempotent."""
        for _, target in self._targets:
            target.close()
