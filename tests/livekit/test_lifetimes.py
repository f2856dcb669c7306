"""Connections and tasks end with what they belong to; and a stream's own `update_options`."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from tests.livekit.conftest import Start
from tests.livekit.parties import NAMES, frame, speech_to_text, text_to_speech, until
from tests.livekit.spoken import AUDIO, SCRIPT

from speechwire.emulator import Emulator, ScriptedEngine

NOVA, FLUX = "/v1/listen", "/v2/listen"
AURA, FLUX_TTS = "/v1/speak", "/v2/speak"


def opened(emulator: Emulator) -> list[Any]:
    return [connection for connection in emulator.connections if connection.is_open]


def has_had(emulator: Emulator, number: int) -> bool:
    """Whether so many connections have come."""
    return len(emulator.connections) == number


def ours(tasks: set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """Those that a client made; the emulator's are not."""
    here = ("speechwire/session", "speechwire/transport", "livekit/plugins/speechwire")
    return [task for task in tasks if any(name in repr(task.get_coro()) for name in here)]


@pytest.mark.parametrize("prewarmed", [False, True])
@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_a_stream_that_is_closed_as_soon_as_it_is_made_leaves_nothing(
    start: Start, endpoint: str, prewarmed: bool
) -> None:
    """Its `_run`, which closes the session, has not begun."""
    emulator = await start(ScriptedEngine(SCRIPT))
    before = asyncio.all_tasks()
    async with speech_to_text("speechwire", emulator.http_url, endpoint) as stt:
        if prewarmed:
            stt.prewarm()
            await until(lambda: opened(emulator))
        stream = stt.stream()
        stream.push_frame(frame(AUDIO[:640]))
        await stream.aclose()
    await until(lambda: not opened(emulator))
    await until(lambda: not ours(asyncio.all_tasks() - before))


@pytest.mark.parametrize("endpoint", [AURA, FLUX_TTS])
async def test_the_old_voices_connection_is_closed_when_its_last_text_is_through(
    start: Start, endpoint: str
) -> None:
    emulator = await start(ScriptedEngine())
    async with text_to_speech("speechwire", emulator.http_url, endpoint) as tts:
        async with tts.stream() as stream:
            stream.push_text("Hello.")
            await until(lambda: opened(emulator))
            tts.update_options(speed=1.1)
            stream.end_input()
            assert [audio async for audio in stream]
        await until(lambda: not opened(emulator))


# A stream's own options


CHANGES: list[tuple[str, dict[str, Any]]] = [
    (NOVA, {"language": "german"}),
    (NOVA, {"model": "nova-2-phonecall", "language": "de"}),
    (FLUX, {"mip_opt_out": True}),
]


@pytest.mark.parametrize(("endpoint", "change"), CHANGES, ids=repr)
async def test_a_stream_takes_what_the_other_plugins_stream_takes(
    start: Start, endpoint: str, change: dict[str, Any]
) -> None:
    asked = {}
    for name in NAMES:
        emulator = await start(ScriptedEngine(SCRIPT))
        async with speech_to_text(name, emulator.http_url, endpoint) as stt, stt.stream() as stream:
            await until(partial(opened, emulator))
            stream.push_frame(frame(bytes(3200)))
            stream.update_options(**change)
            await until(partial(has_had, emulator, 2))
        asked[name] = sorted(emulator.connections[1].query)
    assert asked["speechwire"] == asked["deepgram"]


@pytest.mark.parametrize("change", [{"keyterm": "Oslo"}, {"keyterms": ["Oslo"]}], ids=repr)
@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_a_streams_keyterms_may_be_one_text_or_have_the_old_name(
    start: Start, endpoint: str, change: dict[str, Any]
) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with speech_to_text("speechwire", emulator.http_url, endpoint) as stt, stt.stream() as stream:
        await until(lambda: opened(emulator))
        stream.push_frame(frame(bytes(3200)))
        stream.update_options(**change)
        [connection] = emulator.connections
        await until(lambda: "Configure" in connection.types)
    [message] = [each for each in connection.received if each.get("type") == "Configure"]
    assert message["keyterms"] == ["Oslo"]


@pytest.mark.parametrize("endpoint", [NOVA, FLUX])
async def test_a_streams_tags_are_checked(start: Start, endpoint: str) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with speech_to_text("speechwire", emulator.http_url, endpoint) as stt, stt.stream() as stream:
        with pytest.raises(ValueError, match="tags"):
            stream.update_options(tags=["x" * 129])


async def test_a_language_may_be_given_by_its_name_to_a_stream(start: Start) -> None:
    emulator = await start(ScriptedEngine(SCRIPT))
    async with (
        speech_to_text("speechwire", emulator.http_url, NOVA) as stt,
        stt.stream(language="german"),
    ):
        await until(lambda: opened(emulator))
    assert dict(emulator.connections[0].query)["language"] == "de"
