"""What an import brings with it, and what it leaves alone: each asked of a process of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement

OFFLINE = ("pocketsphinx", "espeakng_loader")
FRAMEWORKS = ("videosdk", "livekit", "pipecat")
CLIENTS = ("aiohttp", "yarl", "picows", "aiohappyeyeballs", "http.client", "urllib.request", "email")
NETWORK = (*CLIENTS, "socket", "ssl")
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
        ("speechwire.audio", (*NETWORK, "asyncio", "numpy", "msgspec", "speechwire.transport")),
        ("speechwire.audio._pipeline", (*NETWORK, "asyncio", "msgspec", "speechwire.transport")),
        ("speechwire.protocol", ("numpy", "aiohttp", "asyncio", "socket", "ssl")),
        ("speechwire.transport", (*CLIENTS, "numpy", "msgspec")),
        ("speechwire.emulator", (*OFFLINE, *FRAMEWORKS, "speechwire.emulator.offline", "speechwire.session")),
        ("speechwire.emulator.offline", (*OFFLINE, *FRAMEWORKS)),
        ("speechwire.cli", (*OFFLINE, *FRAMEWORKS, "av")),
    ],
)
def test_an_import_leaves_alone_what_it_does_not_need(module: str, without: tuple[str, ...]) -> None:
    imported = imported_by(module)
    assert module in imported
    assert [name for name in without if name in imported] == []


def test_sessions_bring_what_they_are_made_of_and_nothing_else() -> None:
    """numpy comes with `PcmPipeline`, a WebSocket client with the first connection."""
    brought = imported_by("speechwire.session") - imported_by("sys")
    ours = {".".join(name.split(".")[:2]) for name in brought if name.startswith("speechwire.")}
    packages = ("_native", "_version", "audio", "errors", "protocol", "session", "transport")
    assert ours <= {f"speechwire.{package}" for package in packages}
    others = {name.partition(".")[0] for name in brought} - sys.stdlib_module_names - {"speechwire"}
    assert others <= {"msgspec", "typing_extensions"}  # the second only by the first, where it is installed
    assert brought.isdisjoint(CLIENTS)


def test_the_converter_brings_numpy_before_the_first_call_needs_it() -> None:
    imported = imported_by("speechwire.audio; from speechwire.audio import PcmPipeline")
    assert "numpy" in imported
    assert imported.isdisjoint((*NETWORK, "asyncio", "msgspec"))


def test_the_check_can_fail() -> None:
    assert {"msgspec", "asyncio", "speechwire.audio"} <= imported_by("speechwire.session")
    assert "aiohttp" in imported_by("speechwire.transport._aiohttp")


def test_aiohttp_brings_what_the_transport_dials_with() -> None:
    """``aiohappyeyeballs`` is no requirement of ours, so it must stay one of aiohttp's, on any platform."""
    required = [Requirement(line) for line in requires("aiohttp") or []]
    (found,) = [requirement for requirement in required if requirement.name == "aiohappyeyeballs"]
    assert found.marker is None
