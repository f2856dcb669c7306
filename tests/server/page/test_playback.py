"""What the server says comes out of the page's loudspeaker sample by sample."""

from __future__ import annotations

import base64
import json
import random
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

SECONDS = 5.0
SERVICE_RATE = 48_000

# Collects what goes to the loudspeaker. The page's policy allows no such script: the test has it bypassed.
RECORDER = """(async () => {
    const source = `registerProcessor("recorder", class extends AudioWorkletProcessor {
        process(inputs) {
            const heard = inputs[0][0] ?? new Float32Array(128);
            this.port.postMessage(heard.slice());
            return true;
        }
    });`;
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    await speechwire.speakerReady;
    const context = speechwire.context;
    await context.audioWorklet.addModule(url);
    const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    globalThis.recorded = [];
    globalThis.underruns = 0;
    const underrun = speechwire.underrun;
    speechwire.underrun = function () { globalThis.underruns += 1; underrun.call(this); };
    recorder.port.onmessage = ({ data }) => globalThis.recorded.push(data);
    speechwire.speaker.node.connect(recorder);
    return context.sampleRate;
})()"""
TAKE = """(() => {
    const all = new Float32Array(recorded.reduce((sum, each) => sum + each.length, 0));
    let at = 0;
    for (const each of recorded) { all.set(each, at); at += each.length; }
    const bytes = new Uint8Array(all.buffer);
    let text = "";
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return btoa(text);
})()"""


async def recorded(page: Page) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(await page.value(TAKE)), np.float32)


def expected(rate: int) -> NDArray[np.float32]:
    """The tone as the server converts it for the page."""
    pcm = tone(TONE_HZ, SECONDS, SERVICE_RATE).tobytes()
    if rate != SERVICE_RATE:
        convert = PcmPipeline(in_rate=SERVICE_RATE, out_rate=rate, channels=1, chunk_ms=100)
        pcm = b"".join([*convert.push(pcm), *convert.flush()])
    return np.frombuffer(pcm, np.int16).astype(np.float32) / 32768


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


# The worklet's own file, with a clock that waits for us. A step pushes so many samples, or flushes, and then so
# many render quanta are taken.
DRIVEN = """(async (stories) => {
    let made;
    globalThis.sampleRate = 48000;
    globalThis.currentFrame = 0;
    globalThis.AudioWorkletProcessor = class { port = { told: [], postMessage(data) { this.told.push(data); } }; };
    globalThis.registerProcessor = (_, kind) => { made = kind; };
    await import("/playback.js");
    const play = (steps) => {
        const playback = new made();
        globalThis.currentFrame = 0;
        const heard = [];
        const flushed = [];
        let at = 0;
        const quantum = () => {
            const output = new Float32Array(128);
            playback.process([], [[output]]);
            for (const value of output) heard.push(Math.round(value * 32768));
            globalThis.currentFrame += 128;
        };
        for (const [push, flush, quanta] of steps) {
            const pcm = Int16Array.from({ length: push }, (_, i) => ((at + i) % 30000) + 1);
            playback.port.onmessage({ data: { do: "push", utterance: 3, sample: at, pcm: pcm.buffer } });
            at += push;
            if (flush) {
                const before = heard.filter((value) => value).length;
                playback.port.onmessage({ data: { do: "flush", id: 1 } });
                flushed.push({ ...playback.port.told.at(-1), at, before });
            }
            for (let i = 0; i < quanta; i += 1) quantum();
        }
        playback.port.onmessage({ data: { do: "end", utterance: 3 } });
        for (let i = 0; i < 3000 && playback.written > playback.read; i += 1) quantum();
        quantum();
        return { heard: heard.filter((value) => value), flushed, told: playback.port.told, total: at };
    };
    return stories.map(play);
})"""


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
