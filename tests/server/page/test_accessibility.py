"""The page for keyboards, screen readers, small screens and tired eyes; and what the browser lets it do."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest
from tests.server.page.browser import CHROMIUM, browser
from tests.server.page.tone_engine import ToneEngine
from tests.server.serving import serving

from speechwire.server import own_socket

FILES = Path(own_socket.__file__).parents[1] / "page"
STYLE = (FILES / "style.css").read_text(encoding="utf-8")
in_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed: `make test-page` installs it, or says how"
)

SMALL = """[...document.querySelectorAll('button, input[type=checkbox], input:not([type]), summary')]
    .map((e) => [e.id || e.tagName, (e.closest('label') ?? e).getBoundingClientRect()])
    .filter(([, box]) => box.height < 44 || box.width < 44).map(([name]) => name)"""
WIDE = "document.documentElement.scrollWidth <= innerWidth"


@in_chromium
async def test_what_a_screen_reader_needs_is_there() -> None:
    async with serving(engine=ToneEngine()) as served, browser() as chromium:
        page = await chromium.open(served.url + "/")
        assert await page.value("document.documentElement.lang") == "en"
        log = "document.getElementById('log')"
        assert await page.value(f"[{log}.role, {log}.ariaLive]") == ["log", "polite"]
        assert await page.value("document.getElementById('interim').ariaHidden") == "true"
        assert await page.value("document.getElementById('talk').tagName") == "BUTTON"
        assert await page.value("document.getElementById('talk').ariaPressed") == "false"
        assert await page.value("document.getElementById('state').role") == "status"
        unnamed = "[...document.querySelectorAll('input, meter')].filter((e) => !e.labels.length).length"
        assert await page.value(unnamed) == 0
        tree = await page.ask("Accessibility.getFullAXTree")
        button = next(node for node in tree["nodes"] if node.get("role", {}).get("value") == "button")
        assert button["name"]["value"] == "Speak"


@in_chromium
async def test_it_fits_a_telephone_and_a_finger() -> None:
    async with serving(engine=ToneEngine()) as served, browser() as chromium:
        page = await chromium.open(served.url + "/")
        for width in (320, 390, 1280):
            await page.size(width, 800, is_phone=width < 500)
            assert await page.value(WIDE), width
            assert await page.value(SMALL) == [], width


@in_chromium
async def test_reduced_motion_moves_nothing() -> None:
    async with serving(engine=ToneEngine()) as served, browser() as chromium:
        page = await chromium.open(served.url + "/")
        await page.media(prefers_reduced_motion="reduce")
        moves = "(e) => parseFloat(getComputedStyle(e).transitionDuration) > 0"
        assert await page.value(f"[...document.querySelectorAll('*')].filter({moves}).length") == 0


async def test_the_policy_allows_the_page_alone() -> None:
    async with serving(engine=ToneEngine()) as served, aiohttp.ClientSession() as session:
        for file in sorted(FILES.iterdir()):
            async with session.get(f"{served.url}/{file.name}") as response:
                assert response.status == 200
                assert await response.read() == file.read_bytes()
                policy = response.headers["Content-Security-Policy"]
                assert "unsafe" not in policy
                assert "script-src 'self'" in policy
        async with session.get(served.url + "/") as response:
            text = await response.text()
    assert "<script>" not in text
    assert "style=" not in text
    # No library, and nothing from elsewhere but the namespace of SVG.
    everything = "".join(file.read_text(encoding="utf-8") for file in FILES.iterdir())
    assert set(re.findall(r"https?://[\w.]+", everything)) <= {"http://www.w3.org", "http://localhost"}


def palette(dark: bool) -> dict[str, str]:
    """The colours of a scheme."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.S)
    light, other = (dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in blocks)
    return {**light, **other} if dark else light


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("ink", "card"),
        ("ink", "ground"),
        ("ink", "accent-wash"),
        ("soft", "card"),
        ("soft", "accent-wash"),
        ("accent", "card"),
        ("accent", "accent-wash"),
        ("card", "accent"),
        ("card", "accent-deep"),
        ("live", "card"),
        ("wait", "card"),
        ("lost", "card"),
        ("note-ink", "note"),
    ],
)
def test_the_contrast_is_enough(ink: str, ground: str, dark: bool) -> None:
    colours = palette(dark)
    lighter, darker = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
