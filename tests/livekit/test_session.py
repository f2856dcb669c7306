"""The demo's conversation in the framework's own `AgentSession`, with a barge-in; with either plugin."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import numpy as np
import pytest
import pytest_asyncio
from livekit.plugins import deepgram, speechwire
from tests.livekit.parties import NAMES

from examples.conversation import on_livekit
from examples.conversation.recording import WAV_RATE, Recording
from examples.conversation.report import Exchange, exchanges
from examples.conversation.rules import GREETING, answer
from examples.conversation.scene import SCRIPT, Scene, scripted_scene
from examples.shared.journal import Journal
from examples.shared.livekit_room import Microphone, Speaker
from speechwire.emulator import tag_of

_PLUGINS = {"speechwire": speechwire, "deepgram": deepgram}


class Conversation(NamedTuple):
    scene: Scene
    journal: Journal
    recording: Recording
    metrics: list[Any]

    @property
    def exchanges(self) -> list[Exchange]:
        return exchanges(self.scene.call, self.journal, self.recording)


async def converse(name: str, stack: AsyncExitStack) -> Conversation:
    scene, journal = await scripted_scene(stack), Journal(show=lambda entry: None)
    recording, metrics = Recording(scene.call), list[Any]()
    components = on_livekit.components(scene.base_url, _PLUGINS[name])
    if name == "deepgram":
        import aiohttp  # noqa: PLC0415

        http = await stack.enter_async_context(aiohttp.ClientSession())
        for component in components:
            component._session = http  # outside of a job there is none
    for component in components:
        component.on("metrics_collected", metrics.append)
    microphone = Microphone(scene.call, journal.start_clock)
    speaker = Speaker(lambda samples: recording.hear(journal.now_s(), samples))
    await on_livekit.hold(*components, microphone, speaker, journal)
    return Conversation(scene, journal, recording, metrics)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def conversations() -> dict[str, Conversation]:
    """Held once: they take as long as the call."""
    async with AsyncExitStack() as stack:
        return {name: await converse(name, stack) for name in NAMES}


@pytest.fixture
def conversation(conversations: dict[str, Conversation]) -> Conversation:
    return conversations["speechwire"]


def test_every_line_is_recognised_and_answered(conversation: Conversation) -> None:
    rows = conversation.exchanges
    assert [row.heard.lower().strip(".") for row in rows] == [line.text for line in SCRIPT]
    assert all(row.answer_s is not None for row in rows)
    assert [entry.text for entry in conversation.journal.of("caller", "turn")] == [row.heard for row in rows]


def test_the_barge_in_silences_the_agent_and_nothing_of_the_old_answer_follows(
    conversation: Conversation,
) -> None:
    interrupted = [row for row in conversation.exchanges if row.cut_s is not None]
    assert [row.line.text for row in interrupted] == [SCRIPT[1].text]
    after = conversation.recording.agent[round(interrupted[0].cut_s * WAV_RATE) :]  # type: ignore[operator]
    assert int(np.count_nonzero(after == tag_of(answer(SCRIPT[0].text)))) == 0


def test_what_was_really_spoken_stands_in_the_chat(conversation: Conversation) -> None:
    [interrupted] = conversation.journal.of("agent", "interrupted")
    whole = answer(SCRIPT[0].text)
    assert whole.startswith(interrupted.text.rstrip(" ,."))
    assert 0 < len(interrupted.text) < len(whole)
    replies = [entry.text for entry in conversation.journal.of("agent", "reply")]
    assert replies == [GREETING, *(answer(line.text) for line in SCRIPT[1:])]


def test_each_answer_is_heard_whole(conversation: Conversation) -> None:
    agent = conversation.recording.agent
    for text in (GREETING, *(answer(line.text) for line in SCRIPT[1:])):
        samples = int(np.count_nonzero(agent == tag_of(text)))
        assert samples == pytest.approx(len(text) * 0.06 * WAV_RATE, abs=480)


def test_nothing_went_wrong(conversation: Conversation) -> None:
    assert conversation.journal.of("agent", "error") == []


def test_the_framework_gets_its_metrics(conversation: Conversation) -> None:
    speech = [metric for metric in conversation.metrics if metric.type == "tts_metrics"]
    whole = [metric for metric in speech if not metric.cancelled]
    assert {metric.characters_count for metric in speech} >= {len(GREETING)}
    assert all(metric.ttfb > 0 for metric in whole)
    assert sum(metric.connection_reused for metric in speech) == len(speech) - 1
    heard_s = sum(m.audio_duration for m in conversation.metrics if m.type == "stt_metrics")
    assert heard_s >= conversation.scene.call.duration_s - 1.0


def test_the_other_plugin_holds_the_same_conversation(conversations: dict[str, Conversation]) -> None:
    """What makes the import the whole migration: the same turns."""
    told = {
        name: [entry.text for entry in held.journal.of("caller", "turn")]
        for name, held in conversations.items()
    }
    assert told["speechwire"] == told["deepgram"]
