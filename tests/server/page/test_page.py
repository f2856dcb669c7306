"""The page in Chromium, before the real server and the emulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from tests.server.page.browser import CHROMIUM, Page, browser
from tests.server.page.network import network
from tests.server.page.tone_engine import ToneEngine, record
from tests.server.serving import Serving, serving, until

from speechwire.emulator import Reset
from speechwire.server.call import Answer, BargeIn, Call

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed: `make test-page` installs it, or says how"
)

WATCH = (Path(__file__).parent / "watch_barge_in.js").read_text(encoding="utf-8").strip()
FULL = """void Object.defineProperty(
    speechwire.call.socket, "bufferedAmount", { get: () => 1e6, configurable: true }
)"""
PAGE = "/?processing=off"  # the browser's own processing changes levels and tones
LOG = "[...document.querySelectorAll('#log .you .text')].map((e) => e.textContent).join(' ')"
NOTES = "[...document.querySelectorAll('#log .note')].map((e) => e.textContent)"
PRESSED = "document.getElementById('talk').getAttribute('aria-pressed')"
STATE = "document.getElementById('state').textContent"


def words_in(text: str) -> list[str]:
    """The words, without the service's capitals and points."""
    return [word.strip(".,?!").lower() for word in text.split()]


@asynccontextmanager
async def opened(
    microphone: Path | None = None, answer: Answer | None = None
) -> AsyncIterator[tuple[Serving, Page]]:
    """A server, and a page of it."""
    async with serving(answer, engine=ToneEngine()) as served, browser(microphone) as chromium:
        page = await chromium.open(served.url + PAGE)
        yield served, page
        assert page.errors == []


async def test_what_is_said_appears_with_its_latencies(tmp_path: Path) -> None:
    words = record(tmp_path / "said.wav", turns=2, words=4)
    async with opened(tmp_path / "said.wav") as (_, page):
        await page.click("#talk")
        await page.until("document.querySelectorAll('#log .you').length === 2")
        assert words_in(await page.value(LOG)) == words
        assert await page.value("document.getElementById('turn-latency').textContent") != "–"
        assert await page.value("document.getElementById('caption-latency').textContent") != "–"
        assert "EndOfTurn" in await page.value("document.getElementById('events').textContent")
        assert await page.value(STATE) == "Listening"
        await page.click("#talk")
        await page.until("speechwire.call === null")
        assert await page.value(STATE) == "Press and speak"
        assert await page.value("speechwire.microphone") is None


async def test_killed_sockets_workers_and_upstreams_lose_no_word(tmp_path: Path) -> None:
    words = record(tmp_path / "said.wav", turns=4, words=5)
    async with AsyncExitStack() as stack:
        upstream = [Reset(3.0, connections={0})]
        first = await stack.enter_async_context(serving(engine=ToneEngine(), faults=upstream))
        second = await stack.enter_async_context(serving(engine=ToneEngine()))
        between = await stack.enter_async_context(network(first.url))
        chromium = await stack.enter_async_context(browser(tmp_path / "said.wav"))
        page = await chromium.open(between.url + PAGE)
        await page.click("#talk")
        await page.until("document.querySelectorAll('#log .you').length === 1")
        between.cut()  # in the middle of the second turn, or before it
        await page.until("speechwire.reconnects === 1")
        await page.until("document.querySelector('#interim').textContent")
        between.is_down = True
        between.cut()
        await page.until(f"{STATE} === 'Connection lost, coming back'")
        assert "nothing is lost" in await page.value("document.getElementById('hint').textContent")
        between.lead_to(second.url)  # the worker has died; another knows nothing of the call
        between.is_down = False
        await page.until("speechwire.reconnects === 2")
        await page.until("document.querySelectorAll('#log .you').length === 4")
        await page.click("#talk")
        await page.until("speechwire.call === null")
        assert words_in(await page.value(LOG)) == words
        assert await page.value("document.getElementById('lost').textContent") == "0 s"
        assert await page.value("document.getElementById('reconnects').textContent") == "2"
        notes = " ".join(await page.value(NOTES))
        assert "Connected again" in notes
        assert second.server.counters.captions > 0
        assert len(first.emulator.connections) >= 2  # the upstream was killed as well


async def test_a_slow_network_is_told_and_loses_nothing(tmp_path: Path) -> None:
    words = record(tmp_path / "said.wav", turns=2, words=3)
    async with opened(tmp_path / "said.wav") as (_, page):
        await page.click("#talk")
        await page.until("document.querySelector('#interim').textContent !== ''")
        await page.value(FULL)
        await page.until(f"{STATE} === 'Slow network'")
        assert "Nothing is lost" in await page.value("document.getElementById('hint').textContent")
        await page.value("delete speechwire.call.socket.bufferedAmount")
        await page.until(f"{STATE} === 'Listening'")
        await page.until("document.querySelectorAll('#log .you').length === 2")
        assert words_in(await page.value(LOG)) == words
        assert await page.value("speechwire.reconnects") == 0


async def test_barge_in_stops_the_playback(tmp_path: Path, figure: Callable[[str, str], None]) -> None:
    record(tmp_path / "said.wav", turns=1, words=4)
    barged: list[BargeIn] = []

    async def talkative(call: Call) -> None:
        saying = asyncio.create_task(call.say("20 seconds of a tone"))
        async for event in call.events():
            if isinstance(event, BargeIn):
                barged.append(event)
        await asyncio.gather(saying, return_exceptions=True)

    async with opened(tmp_path / "said.wav", talkative) as (_, page):
        await page.value(WATCH)
        await page.click("#talk")
        await page.until("document.body.classList.contains('speaking')")
        await page.until("globalThis.flushed")
        flushed = await page.value("globalThis.flushed")
        rate = await page.value("speechwire.context.sampleRate")
        late = flushed["frame"] - await page.value("globalThis.clearedAt")
        figure("S18", f"the playback stopped {1000 * late / rate:.1f} ms after the Clear, in samples")
        assert late <= 0.2 * rate
        # Everything that came was either played or thrown away, and nothing of it is played later.
        assert flushed["thrown"] > 0
        await page.until("!document.body.classList.contains('speaking')")
        await until(lambda: barged)
        assert "BargeIn" in await page.value("document.getElementById('events').textContent")


async def test_the_keyboard_alone_is_enough(tmp_path: Path) -> None:
    record(tmp_path / "said.wav", turns=1, words=2)
    async with opened(tmp_path / "said.wav") as (_, page):
        await page.press("Tab")
        assert await page.value("document.activeElement.id") == "talk"
        await page.press(" ", "Space")
        await page.until(f"{PRESSED} === 'true'")
        await page.until("document.querySelector('#log .you') !== null")
        assert await page.value("document.activeElement.id") == "talk"  # no event has moved it
        await page.press(" ", "Space")
        await page.until("speechwire.call === null")
        await page.value("document.activeElement.blur()")
        await page.press(" ", "Space")  # also where nothing has the focus
        await page.until(f"{PRESSED} === 'true'")
        await page.press(" ", "Space")
        await page.until(f"{PRESSED} === 'false'")
        await page.value("document.getElementById('text').focus()")
        await page.type("9 seconds please")
        await page.press("Enter")
        await page.until("document.body.classList.contains('speaking')")
        assert (
            await page.value("document.querySelector('#log .agent .text').textContent") == "9 seconds please"
        )
        await page.press("Escape")
        await page.until("!document.body.classList.contains('speaking')")


async def test_without_permission_the_state_says_what_to_do(tmp_path: Path) -> None:
    async with opened() as (_, page):
        await page.value(
            "navigator.mediaDevices.getUserMedia ="
            " () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
        )
        await page.click("#talk")
        await page.until(f"{STATE}.includes('not allowed')")
        assert await page.value(PRESSED) == "false"
