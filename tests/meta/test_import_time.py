"""What an import brings with it, and what it leaves alone: each asked of a process of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement

OFFLINE = ("pocketsphinx", "espeakng_loader")
FRAMEWORKS = ("videosdk", "livekit", "pipecat")
SERVING = ("speechwire.emulator", "aiohttp.web", "pytest")


def imported_by(module: str) -> set[str]:
    """The names of all modules that importing one brings into a new process."""
    code = f"import sys, {module}; print(*sys.modules)"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(finished.stdout.split())


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("speechwire", ("numpy", "msgspec", "aiohttp", "asyncio")),
        ("speechwire.errors", ("numpy", "msgspec", "aiohttp", "asyncio")),
        ("speechwire.audio", ("msgspec", "aiohttp", "asyncio", "socket", "ssl", "speechwire.transport")),
        ("speechwire.protocol", ("numpy", "aiohttp", "asyncio", "socket", "ssl")),
        ("speechwire.session", (*SERVING, *OFFLINE, *FRAMEWORKS, "opentelemetry", "click", "rich")),
        ("speechwire.emulator", (*OFFLINE, *FRAMEWORKS, "speechwire.emulator.offline", "speechwire.session")),
        ("speechwire.emulator.offline", (*OFFLINE, *FRAMEWORKS)),
        ("speechwire.cli", (*OFFLINE, *FRAMEWORKS, "av")),
    ],
)
def test_an_import_leaves_alone_what_it_does_not_need(module: str, without: tuple[str, ...]) -> None:
    imported = imported_by(module)
    assert module in imported
    assert [name for name in without if name in imported] == []


def test_the_check_can_fail() -> None:
    assert {"aiohttp", "asyncio"} <= imported_by("speechwire.session")
    assert "numpy" in imported_by("speechwire.audio")


def test_aiohttp_brings_what_the_transport_dials_with() -> None:
    """``aiohappyeyeballs`` is no requirement of ours, so it must stay one of aiohttp's, on any platform."""
    required = [Requirement(line) for line in requires("aiohttp") or []]
    (found,) = [requirement for requirement in required if requirement.name == "aiohappyeyeballs"]
    assert found.marker is None
