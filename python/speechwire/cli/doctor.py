"""``speechwire doctor``: checks the installation, the key and the service."""

from __future__ import annotations

import asyncio
import importlib.metadata
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import click

from speechwire import __version__
from speechwire.audio import PcmPipeline
from speechwire.cli import _ffmpeg, _pyav
from speechwire.cli._arguments import verbosity_options
from speechwire.cli._display import Verbosity, is_coloured
from speechwire.cli._failures import exit_code, one_line
from speechwire.cli._patience import PROBE
from speechwire.cli._service import Access, Service, service_options
from speechwire.errors import SpeechwireError
from speechwire.session import ListenSettings, ListenV1Session, ListenV2Session, SpeakSession, SpeakSettings
from speechwire.transport import transport_name

__all__ = ["doctor"]

_LIBRARIES = (
    "numpy",
    "aiohttp",
    "picows",
    "msgspec",
    "videosdk-agents",
    "pocketsphinx",
    "espeakng-loader",
    "av",
)


@dataclass(frozen=True, slots=True)
class _Finding:
    """One line of the report; ``code`` is the exit code it asks for, 0 if all is well."""

    subject: str
    text: str
    code: int = 0


@click.command(epilog="\b\nExample:\n  speechwire doctor --emulator")
@service_options
@verbosity_options
def doctor(service: Service, verbosity: Verbosity) -> int:
    """Check the installation, the key and the service.

    Three connections are opened and closed; no audio and no text is sent.
    """
    findings = [*_installation(), *asyncio.run(_service(service))]
    for finding in findings:
        if finding.code or verbosity is not Verbosity.QUIET:
            click.echo(_line(finding), color=is_coloured(sys.stdout))
    return max(finding.code for finding in findings)


def _installation() -> Iterator[_Finding]:
    python = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield _Finding("speechwire", f"{__version__} on {python}")
    yield _engine()
    yield _transport()
    yield _Finding("recordings", _recordings())
    yield _Finding("libraries", ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES))


def _engine() -> _Finding:
    try:
        pipeline = PcmPipeline()
    except SpeechwireError as error:
        return _Finding("audio engine", one_line(error), exit_code(error))
    return _Finding("audio engine", f"{pipeline.engine}, {pipeline.kernel} code path")


def _transport() -> _Finding:
    try:
        name = transport_name()
    except SpeechwireError as error:
        return _Finding("transport", one_line(error), exit_code(error))
    advice = ", the extra fast has a faster one" if name == "aiohttp" and find_spec("picows") is None else ""
    return _Finding("transport", f"{name}{advice}")


def _recordings() -> str:
    """What can be read beside WAV files."""
    if _pyav.imported() is not None:
        return "WAV, and MP3, FLAC, Opus, M4A and others through PyAV"
    if _ffmpeg.program() is not None:
        return "WAV, and MP3, FLAC, Opus, M4A and others through ffmpeg"
    return "WAV; others need ffmpeg or the extra media"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


async def _service(service: Service) -> list[_Finding]:
    try:
        async with service.access() as access:
            key = _Finding("API key", service.key_source)
            return [key, *[await _probe(name, probe, access) for name, probe in _PROBES.items()]]
    except (click.UsageError, SpeechwireError) as error:
        subject = "API key" if isinstance(error, click.UsageError) else "service"
        return [_Finding(subject, one_line(error), exit_code(error))]


async def _probe(name: str, probe: Callable[[Access], Awaitable[str | None]], access: Access) -> _Finding:
    begin = time.perf_counter()
    try:
        request_id = await probe(access)
    except SpeechwireError as error:
        return _Finding(name, one_line(error), exit_code(error))
    elapsed_ms = (time.perf_counter() - begin) * 1000
    suffix = f", request {request_id}" if request_id else ""
    return _Finding(name, f"{access.base_url} answers in {elapsed_ms:.0f} ms{suffix}")


async def _listen_v1(access: Access) -> str | None:
    settings = ListenSettings(backoff=PROBE)
    async with ListenV1Session(access.api_key, base_url=access.base_url, settings=settings) as session:
        await session.connect()
        return session.request_id


async def _listen_v2(access: Access) -> str | None:
    settings = ListenSettings(backoff=PROBE)
    async with ListenV2Session(access.api_key, base_url=access.base_url, settings=settings) as session:
        await session.connect()
        return session.request_id


async def _speak_v1(access: Access) -> str | None:
    settings = SpeakSettings(backoff=PROBE)
    async with SpeakSession(access.api_key, base_url=access.base_url, settings=settings) as session:
        await session.prewarm()
        return None


_PROBES = {"Nova": _listen_v1, "Flux": _listen_v2, "Aura": _speak_v1}


def _line(finding: _Finding) -> str:
    verdict = click.style("FAIL", fg="red") if finding.code else click.style("ok  ", fg="green")
    return f"{verdict}  {finding.subject:<12}  {finding.text}"
