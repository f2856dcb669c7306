"""The parts of the project, and which tests are there to notice a change in each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["PARTS", "Part"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    Args:
        sources: Folders and files, in the tree.
        tests: Folders and files of tests, in the tree, and options of pytest.
    """

    sources: tuple[str, ...]
    tests: tuple[str, ...]

    def files(self, tree: Path) -> list[Path]:
        """Its modules, in order of their names."""
        found = [tree / source for source in self.sources]
        nested = [sorted(path.rglob("*.py")) if path.is_dir() else [path] for path in found]
        return [path for paths in nested for path in paths]


PARTS = {
    "audio": Part(("python/speechwire/audio",), ("tests/audio",)),
    "protocol": Part(("python/speechwire/protocol", "python/speechwire/errors.py"), ("tests/protocol",)),
    # The fault matrix plays whole calls against the clock: of a change it says little that the others do not.
    "transport": Part(
        ("python/speechwire/transport",),
        (
            "tests/transport",
            "--ignore=tests/transport/test_reliability.py",
            "tests/plugin/test_unreachable.py",
        ),
    ),
    "session": Part(("python/speechwire/session",), ("tests/session",)),
    "plugin": Part(("python/videosdk-plugins-deepgram",), ("tests/plugin",)),
    "emulator": Part(("python/speechwire/emulator",), ("tests/emulator",)),
    "cli": Part(("python/speechwire/cli",), ("tests/cli",)),
}
