"""Takes the pictures of the page that the documentation shows.

    python -m tests.server.page.pictures --out docs/images

Chromium, the server and the emulator are real; what is heard and said is scripted.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import wave
from pathlib import Path
from typing import Final

from tests.server.page.browser import CHROMIUM, Page, browser
from tests.server.page.network import Network, network
from tests.server.page.tone_engine import tone
from tests.server.serving import serving

from speechwire.emulator import Phrase, Script
from speechwire.server.call import Call

__all__ = ["NAMES", "main"]

NAMES: Final = ("page-idle", "page-speaking", "page-reconnecting", "page-phone", "page-phone-dark")

_SCRIPT: Final = Script(
    Phrase(1.0, "When does the next train to Oslo leave?", 2.8),
    Phrase(8.0, "Yes, please. Two tickets, second class.", 10.5),
)
_ANSWERS: Final = (
    "There is one at nine, from platform four. Shall I book it?",
    "Done: two tickets to Oslo, leaving at nine.",
)
_DESKTOP: Final = (1280, 840)
_PHONE: Final = (390, 844)
_RATE: Final = 48_000
_SECONDS: Final = 60.0


async def answer(call: Call) -> None:
    """Say the agent's lines, one after each turn."""
    replies = iter(_ANSWERS)
    async for _ in call.turns():
        await call.say(next(replies))


async def take(out: Path) -> None:
    """Take them all, from two conversations."""
    with tempfile.TemporaryDirectory() as folder:
        microphone = Path(folder) / "said.wav"
        _record(microphone)
        async with (
            serving(answer, engine="scripted", script=_SCRIPT) as served,
            network(served.url) as between,
        ):
            async with browser(microphone) as chromium:
                await _on_a_desk(await chromium.open(f"{between.url}/?processing=off"), between, out)
            between.is_down = False
            async with browser(microphone) as chromium:
                await _on_a_phone(await chromium.open(f"{between.url}/?processing=off"), out)


async def _on_a_desk(page: Page, between: Network, out: Path) -> None:
    await page.size(*_DESKTOP)
    await page.picture(out / "page-idle.png")
    await page.click("#talk")
    await page.until("document.querySelector('#interim').textContent.includes('tickets,')")
    await page.picture(out / "page-speaking.png")
    await _until_all_is_said(page)
    await page.until("speechwire.saying === null")
    between.is_down = True
    between.cut()
    await page.until("document.getElementById('state').textContent === 'Connection lost, coming back'")
    await page.picture(out / "page-reconnecting.png")


async def _on_a_phone(page: Page, out: Path) -> None:
    await page.size(*_PHONE, is_phone=True)
    await page.ask("Emulation.setTouchEmulationEnabled", enabled=True)  # or the page would name keys
    await page.ask("Page.reload")
    await page.until("globalThis.speechwire && document.readyState === 'complete'")
    await page.click("#talk")
    await _until_all_is_said(page)
    await page.value("scrollTo(0, 0)")
    await page.picture(out / "page-phone.png")
    await page.media(prefers_color_scheme="dark")
    await page.picture(out / "page-phone-dark.png")


async def _until_all_is_said(page: Page) -> None:
    await page.until(f"document.querySelectorAll('#log .agent').length === {len(_ANSWERS)}")


def _record(file: Path) -> None:
    """A voice for the level meter; what it says is in the script."""
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(_RATE)
        wav.writeframes(tone(200.0, _SECONDS, _RATE).tobytes())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    arguments = parser.parse_args()
    if CHROMIUM is None:
        parser.error("Chromium is not installed: `make test-page` installs it, or says how")
    asyncio.run(take(arguments.out))


if __name__ == "__main__":
    main()
