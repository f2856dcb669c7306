"""What a command says while it speaks: how far it is, what it waits for, that it tries again."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.virtual_time import VirtualTimeLoop

from speechwire.cli import _speaking
from speechwire.cli._display import Bar
from speechwire.cli._patience import SPEAK_SETTINGS
from speechwire.cli._service import Access
from speechwire.cli._speaking import Speaking
from speechwire.protocol import SpeakV1Options, SpeakV2Options

LONG = "word " * 1200


class Request:
    """Audio in two pieces, with a pause of a minute between them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.audio_bytes = 0

    async def __aiter__(self) -> Any:
        for second, piece in enumerate((b"a" * 48_000, b"b" * 24_000)):
            await asyncio.sleep(90.0 * second)
            self.audio_bytes += len(piece)
            self._session.characters += 4000 - 1000 * second
            yield piece


class Session:
    """In place of a session: notes how it was made."""

    made: list[Session] = []

    def __init__(self, api_key: str, options: object, **arguments: Any) -> None:
        self.tell_retry = arguments.pop("on_retry")
        self.arguments = {"api_key": api_key, "options": options, **arguments}
        self.characters = 0
        self.spoken: list[str] = []
        self.made.append(self)

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.spoken.append("closed")

    def speak(self, text: str) -> Request:
        self.spoken.append(text)
        return Request(self)

    def stats(self) -> SimpleNamespace:
        return SimpleNamespace(characters=self.characters)


class Screen:
    """Notes what is said, and what the bar showed each time."""

    def __init__(self, *, shows_bars: bool) -> None:
        self.shows_bars = shows_bars
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


class Captions(Bar):
    """A bar that remembers."""

    def __init__(self) -> None:
        super().__init__("out.wav", 6000)
        self.shown: list[str] = []

    def caption(self, text: str) -> None:
        super().caption(text)
        if self.shown[-1:] != [text]:
            self.shown.append(text)


def spoken(
    options: Any, *, shows_bars: bool = True, retry: bool = False
) -> tuple[Screen, Captions, Session, bytes]:
    """Speak the long text; the service tries again in the first pause if it is to."""
    screen, bar, audio = Screen(shows_bars=shows_bars), Captions(), []

    async def write(piece: bytes) -> None:
        audio.append(piece)
        assert bar.clock == ("4,000 of 6,000" if len(audio) == 1 else "6,000 of 6,000")
        if retry and len(audio) == 1:
            Session.made[-1].tell_retry(SimpleNamespace(error="the connection was lost"))

    async def main() -> None:
        await Speaking(LONG, options, Access("key", "wss://x"), cast(Any, screen)).into(write, bar)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        patch.setattr(_speaking, "SpeakSession", Session)
        runner.run(main())
    return screen, bar, Session.made.pop(), b"".join(audio)


AURA, FLUX = SpeakV1Options(sample_rate=24_000), SpeakV2Options(sample_rate=24_000)


def test_all_audio_is_written_and_the_session_is_closed() -> None:
    _, bar, session, audio = spoken(AURA)
    assert audio == b"a" * 48_000 + b"b" * 24_000
    assert session.spoken == [LONG, "closed"]
    assert session.arguments == {
        "api_key": "key",
        "options": AURA,
        "base_url": "wss://x",
        "settings": SPEAK_SETTINGS,
    }
    assert (bar.done, bar.clock) == (6000, "6,000 of 6,000"), "never more than there is"


def test_a_person_sees_what_is_waited_for() -> None:
    screen, bar, _, _ = spoken(AURA)
    assert screen.notes == []
    waits = [text for text in bar.shown if text.startswith("waiting ")]
    assert waits[0] == "waiting 60 s: 2,400 characters a minute"
    assert len(waits) > 50, "again and again"
    assert bar.shown[-1] == "1 s of speech"


def test_a_log_is_told_once() -> None:
    screen, bar, _, _ = spoken(AURA, shows_bars=False)
    assert screen.notes == ["waiting 60 s: 2,400 characters a minute"]
    assert bar.shown[-1] == "1 s of speech"


def test_flux_waits_for_nothing() -> None:
    screen, bar, _, _ = spoken(FLUX, shows_bars=False)
    assert (screen.notes, bar.shown) == ([], [])


def test_another_attempt_is_told() -> None:
    assert "trying again: the connection was lost" in spoken(AURA, retry=True)[1].shown
