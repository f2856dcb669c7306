"""Pieces of text on their way to a request: what is held back goes before a flush and at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from videosdk.agents import FlushMarker
from videosdk.plugins.deepgram._synthesis import _feed
from videosdk.plugins.deepgram._text import TextJoiner

FLUSH = "<flush>"
END = "<end>"
INTERRUPT = "<interrupt>"


class Request:
    """Notes what it is told; text that comes piece by piece is one."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def push(self, text: str) -> None:
        marks = (FLUSH, END, INTERRUPT)
        if text and self.told and self.told[-1] not in marks:
            self.told[-1] += text
        elif text:
            self.told.append(text)

    def flush(self) -> None:
        self.told.append(FLUSH)

    def end(self) -> None:
        self.told.append(END)

    def interrupt(self) -> None:
        self.told.append(INTERRUPT)


def fed(text: Any) -> list[str]:
    async def pieces() -> AsyncIterator[Any]:
        for piece in text:
            yield FlushMarker() if piece == FLUSH else piece

    async def main() -> None:
        source = text if isinstance(text, str) else pieces()
        await _feed(cast(Any, request), source, TextJoiner(1000))

    request = Request()
    asyncio.run(main())
    return request.told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("One. Two.", ["One. Two.", END]),
        (["One.", "Two."], ["One. Two.", END]),
        (["One.", "Two.", FLUSH], ["One. Two.", FLUSH, END]),
        (["One.", "Two.", FLUSH, "Three.", "Four."], ["One. Two.", FLUSH, " Three. Four.", END]),
        (["One", " two.", FLUSH, " Three."], ["One two.", FLUSH, " Three.", END]),
        ([FLUSH, "One."], [FLUSH, "One.", END]),
        ([], [END]),
    ],
)
def test_all_of_a_text_goes_before_its_flush_and_its_end(text: Any, told: list[str]) -> None:
    assert fed(text) == told


def test_a_text_that_fails_interrupts() -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "One."
        raise ValueError("theirs")

    request = Request()
    with pytest.raises(ValueError, match="theirs"):
        asyncio.run(_feed(cast(Any, request), pieces(), TextJoiner(1000)))
    assert request.told == ["One.", INTERRUPT]
