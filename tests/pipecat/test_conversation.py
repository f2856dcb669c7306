"""The demo's conversation in Pipecat, with a barge-in, and what the context then has of the reply."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import numpy as np
import pytest
import pytest_asyncio
from pipecat.services.deepgram.tts import DeepgramTTSService
from tests.clients.speech import VOICE
from tests.pipecat.running import KEY

from examples.conversation.on_pipecat import Components, components, converse, hold
from examples.conversation.recording import WAV_RATE, Recording
from examples.conversation.report import Exchange, exchanges
from examples.conversation.rules import GREETING, answer
from examples.conversation.scene import SCRIPT, Scene, scripted_scene
from examples.shared.journal import Journal
from examples.shared.pipecat_room import Microphone, Speaker
from speechwire.emulator import tag_of

pytestmark = pytest.mark.paced  # a caller who speaks at real pace


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
        yield Conversation(scene, journal, await converse(scene.call, scene.base_url, journal))


def test_every_line_is_recognised_and_answered(conversation: Conversation) -> None:
    rows = conversation.exchanges
    assert [row.heard.lower().strip(".") for row in rows] == [line.text for line in SCRIPT]
    assert all(row.answer_s is not None for row in rows)
    assert [entry.text for entry in conversation.journal.of("caller", "turn")] == [row.heard for row in rows]


def test_after_the_barge_in_nothing_of_the_old_answer_is_heard(conversation: Conversation) -> None:
    first = conversation.exchanges[1]
    assert first.end_of_turn_s is not None
    after = conversation.recording.agent[round(first.end_of_turn_s * WAV_RATE) :]
    assert tagged(after, answer(SCRIPT[0].text)) == 0


def test_the_answer_that_nothing_cuts_short_is_heard_whole(conversation: Conversation) -> None:
    """On a slow machine the caller may come before the end of any of the others."""
    agent, last = conversation.recording.agent, answer(SCRIPT[-1].text)
    assert last in {entry.text for entry in conversation.journal.of("agent", "reply")}
    assert tagged(agent, last) == pytest.approx(len(last) * 0.06 * WAV_RATE, rel=0.05)
    for text in (GREETING, *(answer(line.text) for line in SCRIPT)):
        assert 0 < tagged(agent, text) <= (len(text) + 1) * round(0.06 * WAV_RATE)


def test_the_context_has_what_was_spoken(conversation: Conversation) -> None:
    """pipecat #5605, for Aura: the interrupted reply is told as far as it was heard."""
    whole = answer(SCRIPT[0].text)
    [told] = cut_short(conversation.journal, whole)
    assert whole.startswith(f"{told} ")  # at the end of a word
    assert tagged(conversation.recording.agent, whole) > 0


async def test_the_frameworks_own_voice_tells_more_than_was_spoken() -> None:
    """The same call with Pipecat's own voice: the context has sentences that nobody heard."""
    journal = Journal(show=lambda entry: None)
    async with AsyncExitStack() as stack:
        scene = await scripted_scene(stack)
        assert scene.base_url is not None
        recording = Recording(scene.call)
        speaker = Speaker(lambda samples: recording.hear(journal.now_s(), samples))
        theirs = DeepgramTTSService(
            api_key=KEY, base_url=scene.base_url, settings=DeepgramTTSService.Settings(voice=VOICE)
        )
        parts = Components(components(scene.base_url).stt, theirs)
        await hold(parts, Microphone(), speaker, scene.call, journal)
    whole = answer(SCRIPT[0].text)
    [told] = cut_short(journal, whole)
    heard_characters = tagged(recording.agent, whole) / WAV_RATE / 0.06
    assert told == whole
    assert heard_characters < len(whole) * 0.8


def test_nothing_went_wrong(conversation: Conversation) -> None:
    assert conversation.journal.of("agent", "error") == []


def cut_short(journal: Journal, whole: str) -> list[str]:
    """What the context was given of a reply that was interrupted."""
    texts = [entry.text for entry in journal.of("agent", "interrupted")]
    return [text for text in texts if text and whole.startswith(text)]


def tagged(samples: Any, reply: str) -> int:
    """Samples of a reply: the scripted engine marks them with their text, however it was cut."""
    texts = pieces(reply)
    return sum(int(np.count_nonzero(samples == tag_of(text))) for text in texts)


def pieces(reply: str) -> set[str]:
    """Every run of whole sentences that may have been spoken at once, as the services send them."""
    sentences = [f"{each.rstrip('.')}." for each in reply.split(". ")]
    runs = {
        " ".join(sentences[first:last])
        for first in range(len(sentences))
        for last in range(first + 1, len(sentences) + 1)
    }
    runs |= {each.removesuffix(".") for each in runs if each.endswith("?.")}
    return {f"{each}{end}" for each in runs for end in ("", " ")}
