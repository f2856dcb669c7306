"""Parts of what speaks, and of what calls handlers that are not ours, by themselves."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from videosdk.plugins.deepgram import DeepgramSTT, tts
from videosdk.plugins.deepgram._adapt import emit_safely
from videosdk.plugins.deepgram._delivery import hand_over
from videosdk.plugins.deepgram._playback import Playback
from videosdk.plugins.deepgram._synthesis import Synthesis

from .conftest import KEY
from .stage import Stage, Track, run

_module: Any = tts


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), SystemExit(), GeneratorExit()])
async def test_what_ends_a_process_is_nobodys_to_handle(failure: BaseException) -> None:
    def fail(*_: object) -> None:
        raise failure

    with pytest.raises(type(failure)):
        emit_safely(SimpleNamespace(emit=fail), "event")
    with pytest.raises(type(failure)):
        await hand_over(fail, cast(Any, "a response"))


async def test_an_event_is_given_what_it_holds(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[object, ...]] = []
    emit_safely(SimpleNamespace(emit=lambda *all: told.append(all)), "event", 1, "two")
    assert (told, caplog.messages) == ([("event", 1, "two")], [])


async def test_a_session_that_is_being_left_is_waited_for_at_the_close() -> None:
    stt, left = DeepgramSTT(api_key=KEY), []

    async def leave() -> None:
        await asyncio.sleep(0.05)
        left.append(True)

    stt._retire(leave())
    await stt.aclose()
    assert left == [True]


@pytest.mark.parametrize(("rate", "said"), [(48_000, (48_000, 1)), (0, (24_000, 1)), (None, (24_000, 1))])
async def test_a_track_is_told_what_it_gets(rate: int | None, said: tuple[int, int]) -> None:
    told: list[tuple[int, int]] = []
    track = SimpleNamespace(sample_rate=rate, set_input_format=lambda *format: told.append(format))
    Playback(Synthesis(), track, "linear16", 24_000, cast(Any, None))
    assert told == [said]


async def test_a_track_that_does_not_ask_is_not_told() -> None:
    track = Track()
    playback = Playback(Synthesis(), track, "linear16", 24_000, _nothing)
    await playback.write(bytes(960 * 11 + 1))
    assert track.written == bytes(960 * 11)
    await playback.finish()
    assert track.written == bytes(960 * 12), "filled up"


async def _nothing() -> None: ...


def test_an_interruption_before_the_rest_of_a_stream_leaves_that_out() -> None:
    class Late:
        """A converter that keeps everything to the end."""

        def push(self, audio: bytes) -> list[bytes]:
            return []

        def flush(self) -> list[bytes]:
            return [b"one", b"two"]

    async def story() -> None:
        stage, got = Stage(), []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_module, "to_track_format", lambda *_: Late())
            async for piece in stage.tts.stream_synthesize("Text."):
                got.append(piece)
                await stage.tts.interrupt()
        assert got == [b"one"]
        await stage.close()

    run(story)


def test_how_much_text_is_held_back() -> None:
    """No more than goes to Aura at once; far less to Flux, which speaks as the text comes."""
    assert [_module._patience(voice) for voice in ("aura-2-thalia-en", "flux-alexis-en")] == [2000, 60]


async def test_what_a_handler_raises_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    failure = ValueError("odd")

    def fail(*_: object) -> None:
        raise failure

    emit_safely(SimpleNamespace(emit=fail), "event")
    await hand_over(fail, cast(Any, "a response"))
    assert [record.exc_info and record.exc_info[1] for record in caplog.records] == [failure, failure]


@pytest.mark.parametrize(
    ("flux", "given", "url"),
    [
        (False, "wss://x", "wss://x"),
        (True, "wss://x", "wss://x"),
        (False, "wss://x/v1/speak", "wss://x/v1/speak"),
        (True, "wss://x/v2/speak", "wss://x/v2/speak"),
        (True, "wss://x/v1/speak", "wss://x/v2/speak"),
        (False, "wss://x/v2/speak", "wss://x/v1/speak"),
        (True, "wss://x/other", "wss://x/other"),
    ],
)
def test_the_address_names_the_voices_endpoint(flux: bool, given: str, url: str) -> None:
    assert _module._base_url_for(flux, given) == url
