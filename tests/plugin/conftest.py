"""The real framework around the real plugin: every test runs in a session scope of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from videosdk.agents import STTResponse, audio_format
from videosdk.agents.job import _enter_session_scope
from videosdk.plugins.deepgram._session_stt import SessionSTT

from speechwire.session import ListenSettings

KEY = "secret-key-of-the-tests"

Figure = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def no_key_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPGRAM_API_KEY", raising=False)


@pytest.fixture(autouse=True)
def unknown_wire() -> Iterator[None]:
    audio_format.reset()
    yield
    audio_format.reset()


@pytest.fixture(autouse=True)
async def session_scope() -> AsyncIterator[None]:
    token = _enter_session_scope()
    yield
    # The fixture's teardown runs in another context than its set-up, where the token is not valid.
    del token


class Listener:
    """Collects what a plugin says."""

    def __init__(self, stt: SessionSTT) -> None:
        self.responses: list[STTResponse] = []
        self.errors: list[str] = []
        self.events: list[Any] = []
        # As fast as the emulator takes it: audio time, not wall time, drives the scripts.
        stt.settings = ListenSettings(replay_speed=None)

        def on_error(error: str) -> None:
            self.errors.append(error)

        def on_event(event: object) -> None:
            self.events.append(event)

        stt.on("error", on_error)
        stt.on("event", on_event)
        stt.on_stt_transcript(self.hear)

    async def hear(self, response: STTResponse) -> None:
        self.responses.append(response)

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(response.event_type.name, response.data.text) for response in self.responses]

    @property
    def finals(self) -> list[str]:
        return [text for kind, text in self.said if kind == "FINAL"]


async def until(condition: Callable[[], object]) -> None:
    """Wait until ``condition`` is met, for 5 s at most; the caller asserts what it should have shown."""
    for _ in range(250):
        if condition():
            return
        await asyncio.sleep(0.02)


async def speak(stt: SessionSTT, seconds: float, *, frame_bytes: int = 3840, frame_ms: int = 20) -> None:
    """Push silence in frames, as fast as it is taken."""
    for _ in range(round(seconds * 1000 / frame_ms)):
        await stt.process_audio(bytes(frame_bytes))
        await asyncio.sleep(0)
