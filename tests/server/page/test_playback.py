"""What the server says comes out of the page's loudspeaker sample by sample."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.server.page.browser import CHROMIUM, Page, browser
from tests.server.page.tone_engine import TONE_HZ, ToneEngine, tone
from tests.server.serving import serving

from speechwire.audio import PcmPipeline

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed: `make test-page` installs it, or says how"
)

SCRIPTS = Path(__file__).parent
SECONDS = 5.0
SERVICE_RATE = 48_000

# Collects what goes to the loudspeaker. The page's policy allows no such script: the test has it bypassed.
RECORDER = (SCRIPTS / "recorder.js").read_text(encoding="utf-8").strip()
TAKE = (SCRIPTS / "take.js").read_text(encoding="utf-8").strip()


async def recorded(page: Page) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(await page.value(TAKE)), np.float32)


def expected(rate: int) -> NDArray[np.float32]:
    """The tone as the server converts it for the page."""
    pcm = tone(TONE_HZ, SECONDS, SERVICE_RATE).tobytes()
    if rate != SERVICE_RATE:
        convert = PcmPipeline(in_rate=SERVICE_RATE, out_rate=rate, channels=1, chunk_ms=100)
        pcm = b"".join([*convert.push(pcm), *convert.flush()])
    return np.frombuffer(pcm, np.int16).astype(np.float32) / np.float32(32768)


async def test_a_tone_has_no_gap_and_no_repeat() -> None:
    async with serving(engine=ToneEngine()) as served, browser() as chromium:
        page = await chromium.open(served.url + "/")
        await page.ask("Page.setBypassCSP", enabled=True)
        await page.ask("Page.reload")
        await page.until("globalThis.speechwire && document.readyState === 'complete'")
        await page.value("speechwire.begin()")
        rate = await page.value(RECORDER)
        await page.value(f"speechwire.say('{SECONDS} seconds')")
        await page.until("speechwire.saying !== null")
        await page.until("speechwire.saying === null")
        heard = await recorded(page)
        sounds = np.flatnonzero(heard)
        heard = heard[sounds[0] : sounds[-1] + 1]
        if await page.value("globalThis.underruns"):
            # The machine was too slow, and the page said so: silence of whole render quanta is in between.
            heard = heard[~in_silence(heard)]
        wanted = expected(rate)
        first = np.flatnonzero(wanted)
        assert np.array_equal(heard, wanted[first[0] : first[-1] + 1])


def in_silence(samples: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where 100 samples and more are zero."""
    zero = np.concatenate([[False], samples == 0, [False]])
    edges = np.flatnonzero(zero[1:] != zero[:-1])
    silent = np.zeros(len(samples), bool)
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        silent[begin:end] = end - begin >= 100
    return silent


# The worklet's own file, with a clock that waits for us. A step pushes so many samples, or flushes, and then
# so many render quanta are taken.
DRIVEN = (SCRIPTS / "driven.js").read_text(encoding="utf-8").strip()


def story(seed: int) -> list[tuple[int, bool, int]]:
    """Pieces of any length, a flush now and then, and time in between."""
    dice = random.Random(seed)
    return [
        (dice.choice([1, 127, 128, 129, 3840, 9600, 40_000]), dice.random() < 0.15, dice.randrange(120))
        for _ in range(dice.randrange(1, 60))
    ]


async def test_whatever_is_pushed_is_played_once_until_it_is_flushed() -> None:
    async with serving(engine=ToneEngine()) as served, browser() as chromium:
        page = await chromium.open(served.url + "/")
        stories = [story(seed) for seed in range(40)]
        results = await page.value(f"({DRIVEN})({json.dumps(stories)})")
        for seed, result in enumerate(results):
            check(result, seed)


def check(result: dict[str, Any], seed: int) -> None:
    """What was heard is what was pushed, but for what each flush threw away: exactly the rest."""
    wanted: list[int] = []
    begin = 0
    for flush in result["flushed"]:
        thrown = flush["thrown"]
        wanted += range(begin, flush["at"] - thrown)
        assert flush["before"] == len(wanted), seed
        assert flush.get("samples", 0) in (0, flush["at"] - thrown), seed
        begin = flush["at"]
    wanted += range(begin, result["total"])
    assert result["heard"] == [position % 30_000 + 1 for position in wanted], seed
    if begin < result["total"]:
        done = [told for told in result["told"] if told.get("done")]
        assert done[-1]["samples"] == result["total"], seed
