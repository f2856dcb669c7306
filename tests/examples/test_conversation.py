"""The demo's conversation, with the scripted engine, through the real framework at real pace."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import pytest_asyncio

from examples.conversation.recording import WAV_RATE, Recording
from examples.conversation.report import Exchange, exchanges, table
from examples.conversation.rules import GREETING, answer
from examples.conversation.scene import SCRIPT, Scene, scripted_scene, stage
from examples.conversation.timeline import draw
from examples.shared.journal import Journal
from speechwire.emulator import tag_of

pytestmark = pytest.mark.paced  # a caller who speaks at real pace

ROOT = Path(__file__).resolve().parents[2]


class Conversation(NamedTuple):
    scene: Scene
    journal: Journal
    recording: Recording

    @property
    def exchanges(self) -> list[Exchange]:
        return exchanges(self.scene.call, self.journal, self.recording)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def conversation() -> AsyncIterator[Conversation]:
    """Held once: it takes as long as the call."""
    journal = Journal(show=lambda entry: None)
    async with AsyncExitStack() as stack:
        scene = await scripted_scene(stack)
        yield Conversation(scene, journal, await stage(scene, journal))


def test_every_line_is_recognised_and_answered(conversation: Conversation) -> None:
    rows = conversation.exchanges
    assert [row.heard.lower().strip(".") for row in rows] == [line.text for line in SCRIPT]
    assert all(row.answer_s is not None for row in rows)
    assert [entry.text for entry in conversation.journal.of("caller", "turn")] == [row.heard for row in rows]


def test_the_barge_in_silences_the_agent_and_nothing_of_the_old_answer_follows(
    conversation: Conversation,
) -> None:
    # The first line comes a second after the greeting, which begins late where the process starts slowly.
    interrupted = [row for row in conversation.exchanges[1:] if row.cut_s is not None]
    assert [row.line.text for row in interrupted] == [SCRIPT[1].text]
    after = conversation.recording.agent[round(interrupted[0].cut_s * WAV_RATE) :]  # type: ignore[operator]
    assert int(np.count_nonzero(after == tag_of(answer(SCRIPT[0].text)))) == 0


def test_each_answer_is_heard_whole(conversation: Conversation) -> None:
    agent = conversation.recording.agent
    for text in (GREETING, *(answer(line.text) for line in SCRIPT[1:])):
        samples = int(np.count_nonzero(agent == tag_of(text)))
        assert samples == pytest.approx(len(text) * 0.06 * WAV_RATE, abs=480)


def test_nothing_went_wrong(conversation: Conversation) -> None:
    assert conversation.journal.of("agent", "error") == []


def test_the_wav_and_the_picture_can_be_read(conversation: Conversation, tmp_path: Path) -> None:
    scene, journal, recording = conversation
    recording.write(tmp_path / "conversation.wav")
    with wave.open(str(tmp_path / "conversation.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, WAV_RATE)
        assert file.getnframes() / WAV_RATE == pytest.approx(scene.call.duration_s, abs=0.1)
    draw(tmp_path / "timeline.svg", scene.call, journal, recording, title="A call")
    assert "answers after" in (tmp_path / "timeline.svg").read_text()
    assert SCRIPT[0].text in table(conversation.exchanges)


def test_live_without_a_key_is_told_in_one_line() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DEEPGRAM_API_KEY"}
    command = [sys.executable, "-m", "examples.conversation", "--live"]
    finished = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert finished.returncode == 2
    assert finished.stderr.strip().splitlines()[-1].startswith("--live needs DEEPGRAM_API_KEY")
