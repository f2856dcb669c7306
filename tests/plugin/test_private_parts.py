"""What the plugin uses of the framework beyond its public names: this fails when the framework changes it."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from videosdk.agents import STT, TTS
from videosdk.plugins.deepgram import _framework


class BareSTT(STT):
    """The framework's base class, with nothing of ours."""

    async def process_audio(self, *_: Any, **__: Any) -> None: ...


class BareTTS(TTS):
    async def synthesize(self, *_: Any, **__: Any) -> None: ...

    async def interrupt(self) -> None: ...


async def callback(*_: Any) -> None: ...


def with_callback(kind: type[STT | TTS]) -> Any:
    component: Any = kind()
    (component.on_stt_transcript if kind is BareSTT else component.on_first_audio_byte)(callback)
    return component


READ = {BareSTT: _framework.transcript_callback, BareTTS: _framework.first_audio_callback}
FORGET = {BareSTT: _framework.forget_transcript_callback, BareTTS: _framework.forget_first_audio_callback}
NAMES = {BareSTT: "_transcript_callback", BareTTS: "_first_audio_callback"}


@pytest.mark.parametrize("kind", [BareSTT, BareTTS])
def test_the_callback_is_where_we_look(kind: Any) -> None:
    component = with_callback(kind)
    assert READ[kind](component) is callback
    assert [name for name, value in vars(component).items() if value is callback] == [NAMES[kind]]
    FORGET[kind](component)
    assert READ[kind](component) is None
    assert READ[kind](kind()) is None


@pytest.mark.parametrize("kind", [BareSTT, BareTTS])
async def test_closing_the_base_class_does_no_more_than_forgetting(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected: list[bool] = []
    monkeypatch.setattr(gc, "collect", lambda *_: collected.append(True))
    theirs, ours = with_callback(kind), with_callback(kind)
    await theirs.aclose()
    FORGET[kind](ours)
    assert vars(theirs) == vars(ours)
    assert collected == [True]
