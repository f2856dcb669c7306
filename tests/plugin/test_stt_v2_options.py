"""Options of `DeepgramSTTV2` that change, before a call and in it."""

from __future__ import annotations

import pytest
from videosdk.plugins.deepgram import DeepgramSTTV2

from speechwire.emulator import Emulator, Phrase, Script

from .conftest import KEY, Listener, speak


def plugin(emulator: Emulator, **arguments: object) -> DeepgramSTTV2:
    return DeepgramSTTV2(api_key=KEY, base_url=f"{emulator.base_url}/v2/listen", **arguments)  # type: ignore[arg-type]


async def test_options_change_in_the_middle_of_a_call_and_stay_changed() -> None:
    slow = Phrase(0.2, "Book a table", 0.8, end_of_turn=0.6)
    async with Emulator(script=Script(slow)) as emulator:
        stt = plugin(emulator)
        listener = Listener(stt)
        await speak(stt, 1.5)
        await stt.update_options(eot_threshold=0.55, keyterm="Oslo")
        await speak(stt, 0.5)
        await stt.aclose()
        configure = [m for m in emulator.connections[0].received if m["type"] == "Configure"]
    assert configure == [{"type": "Configure", "thresholds": {"eot_threshold": 0.55}, "keyterms": ["Oslo"]}]
    assert listener.finals == ["Book a table"]
    assert (stt.eot_threshold, stt.keyterm) == (0.55, ("Oslo",))


async def test_options_changed_before_the_call_are_declared() -> None:
    async with Emulator() as emulator:
        stt = plugin(emulator)
        await stt.update_options(eot_timeout_ms=1000)
        await speak(stt, 0.3)
        await stt.aclose()
        assert dict(emulator.connections[0].query)["eot_timeout_ms"] == "1000"


@pytest.mark.parametrize("connected", [True, False])
async def test_a_bad_option_is_told_by_its_own_name_and_changes_nothing(connected: bool) -> None:
    async with Emulator() as emulator:
        stt = plugin(emulator)
        if connected:
            await speak(stt, 0.3)
        with pytest.raises(ValueError, match="keyterm must"):
            await stt.update_options(keyterm=["x" * 101], eot_threshold=0.6)
        await stt.aclose()
    assert stt.eot_threshold == 0.8
    assert stt.keyterm == ()
