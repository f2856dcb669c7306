"""Each wheel alone in an empty environment brings what it names, and does what it promises.

Real pip, so it wants a package index: ``make test-alone`` runs it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.packaging.artefacts import VERSION, Archive
from tests.packaging.environments import Environment, Wheels, kinds, wants_an_index

pytestmark = [wants_an_index, pytest.mark.timeout(600)]

# What numpy, aiohttp and msgspec are and bring, on Python 3.11 to 3.13.
CLOSURE = {
    *("speechwire", "numpy", "aiohttp", "msgspec"),
    *("aiohappyeyeballs", "aiosignal", "attrs", "frozenlist", "idna", "multidict", "propcache", "yarl"),
    "typing_extensions",
}
FRAMEWORKS = re.compile(r"videosdk|livekit|pipecat", re.I)

LISTENING = """
import asyncio, sys
from speechwire.audio import PcmPipeline
from speechwire.emulator import Emulator, Phrase, Script
from speechwire.protocol import ListenV2Options
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import ListenV2Session

async def main():
    async with Emulator(script=Script(Phrase(start_s=0.1, text="Two tickets.", end_s=0.4))) as emulator:
        pipeline = PcmPipeline(in_rate=48_000, out_rate=16_000, channels=2, chunk_ms=80)
        session = ListenV2Session("key", ListenV2Options(), converter=pipeline, base_url=emulator.base_url)
        async with session:
            for _ in range(100):
                session.push(bytes(3840))
                await asyncio.sleep(0.005)
            await session.aclose()
            return [e.transcript async for e in session if isinstance(e, TurnInfo) and e.event == "EndOfTurn"]

print(asyncio.run(main()), sorted(name for name in sys.modules if name.startswith("videosdk")))
"""
SPEAKING = """
import asyncio
from speechwire.emulator import Emulator
from speechwire.protocol import SpeakV1Options
from speechwire.session import SpeakSession

async def main():
    async with Emulator() as emulator:
        async with SpeakSession("key", SpeakV1Options(), base_url=emulator.base_url) as session:
            return sum([len(pcm) async for pcm in session.speak("Your train leaves at nine.")])

print(asyncio.run(main()) > 10_000)
"""
CONVERTING = """
import json
from speechwire.audio import PcmPipeline, engine_name
pipeline = PcmPipeline(in_rate=48_000, out_rate=16_000, channels=2, chunk_ms=20)
audio = b"".join(pipeline.push(bytes(192_000)) + pipeline.flush())
print(json.dumps([engine_name(), len(audio)]))
"""
PLUGIN = """
import asyncio, videosdk.agents
from speechwire.emulator import Emulator
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2, DeepgramTTS

async def main():
    heard = []
    async def hear(response):
        heard.append(response.data.text)
    from speechwire.emulator import Phrase, Script
    async with Emulator(script=Script(Phrase(start_s=0.1, text="Two tickets.", end_s=0.4))) as emulator:
        stt = DeepgramSTTV2(api_key="key", base_url=emulator.base_url)
        stt.on_stt_transcript(hear)
        for _ in range(150):
            await stt.process_audio(bytes(3840))
            await asyncio.sleep(0.01)
        await stt.aclose()
    return heard[-1]

print(asyncio.run(main()))
"""


@pytest.fixture(scope="module", params=kinds())
def wheels(request: pytest.FixtureRequest, videosdk_wheel: Archive) -> Wheels:
    core: Archive = request.getfixturevalue(f"{request.param}_wheel")
    return Wheels(core, videosdk_wheel, "native" if request.param == "native" else "numpy")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, wheels: Wheels) -> Environment:
    """With speechwire, and with nothing but what it names."""
    made = Environment.make(tmp_path_factory.mktemp("alone"), wheels.core)
    made.install("--quiet", "speechwire")
    return made


def test_it_brings_three_packages_with_theirs_and_no_framework(alone: Environment) -> None:
    installed = alone.versions()
    assert installed["speechwire"] == VERSION
    assert {name.lower().replace("-", "_") for name in installed} <= CLOSURE
    assert [path.name for path in alone.site.iterdir() if FRAMEWORKS.match(path.name)] == []
    assert "No broken requirements found" in alone.pip("check")


def test_its_converter_converts(alone: Environment, wheels: Wheels) -> None:
    assert json.loads(alone.run("-c", CONVERTING)) == [wheels.engine, 32_000]


def test_its_sessions_and_its_emulator_talk_to_each_other(alone: Environment) -> None:
    assert alone.run("-c", LISTENING) == "['Two tickets.'] []\n"
    assert alone.run("-c", SPEAKING) == "True\n"


def test_its_command_says_what_it_lacks(alone: Environment) -> None:
    assert alone.command.exists()
    code = "import subprocess, sys; done = subprocess.run(sys.argv[1:], capture_output=True, text=True)"
    said = alone.run("-c", f"{code}; print(done.returncode, done.stderr)", str(alone.command), "doctor")
    assert 'pip install "speechwire[cli]"' in said


def test_with_the_extras_the_command_speaks_and_hears(alone: Environment) -> None:
    alone.install("--quiet", "speechwire[cli,emulator,fast,otel]")
    said = alone.outcome(str(alone.command), "doctor", "--emulator")
    assert f"speechwire    {VERSION} on Python" in said
    wav = str(alone.folder / "call.wav")
    text = "I would like to book a table for two."
    alone.outcome(str(alone.command), "speak", text, "-o", wav, "--emulator")
    heard = alone.outcome(str(alone.command), "transcribe", wav, "--emulator")
    assert "table for two" in heard
    narrow = alone.folder / "narrow.wav"
    alone.outcome(str(alone.command), "convert", wav, str(narrow), "--rate", "8000")
    assert 44 < narrow.stat().st_size < Path(wav).stat().st_size
    assert [name for name in alone.versions() if FRAMEWORKS.match(name)] == []


def test_the_plugin_brings_the_framework_and_speechwire(
    tmp_path_factory: pytest.TempPathFactory, wheels: Wheels
) -> None:
    """With what it requires found by pip, into an empty environment."""
    made = Environment.make(tmp_path_factory.mktemp("plugin"), wheels.core, wheels.plugin)
    made.prepare("videosdk-agents")  # pip would find the same, in minutes
    made.install("--quiet", "videosdk-plugins-deepgram[fast]")
    installed = made.versions()
    assert installed["videosdk-plugins-deepgram"] == installed["speechwire"] == VERSION
    assert {"videosdk-agents", "picows"} <= set(installed)
    assert made.run("-c", PLUGIN).splitlines()[-1] == "Two tickets."
