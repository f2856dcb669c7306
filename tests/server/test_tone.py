"""A continuous tone through each telephone dialect, both ways, compared sample by sample."""

from __future__ import annotations

import pytest
from tests.server.callers import CALLERS, Caller, Telnyx
from tests.server.content import Singer, in_encoding, tone
from tests.server.serving import dial, serving, until

from speechwire.emulator import ScriptedEngine, StreamInfo
from speechwire.server.call import Call, Said

pytestmark = pytest.mark.usefixtures("each_socket")

TEXT = "a text of some forty characters it makes"


class DeafEngine(ScriptedEngine):
    """Hears silence, whatever is said to it, and sings."""

    async def synthesizer(self, stream: StreamInfo) -> Singer:  # type: ignore[override]
        return Singer(stream.sample_rate)


@pytest.mark.parametrize("kind", CALLERS, ids=lambda kind: kind.__name__)
async def test_a_tone_comes_and_goes_without_a_gap_or_a_repeat(kind: type[Caller]) -> None:
    caller = kind()
    said: list[Said] = []

    async def answer(call: Call) -> None:
        said.append(await call.say(TEXT))
        async for _ in call.turns():
            pass

    async with serving(answer, engine=DeafEngine(), speech_ahead_s=100.0) as where:
        async with dial(where, caller) as call:
            sent = in_encoding(tone(caller.rate, 3.0), caller.encoding)
            await call.say(sent)
            await until(lambda: said)
            await call.hang_up()
        (listen,) = [one for one in where.emulator.connections if one.endpoint == "/v2/listen"]
        # The caller's audio: exact in the caller's own encoding, or after conversion of the same rate.
        assert bytes(listen.audio[: len(sent)]) == sent
        assert set(listen.audio[len(sent) :]) <= {0, 0xFF, 0xD5}, "only silence is put after it"
        assert dict(listen.query)["sample_rate"] == str(caller.rate)
    # The speech: exact, in the caller's own encoding, as long as it is.
    sung = in_encoding(tone(caller.rate, len(TEXT) * 0.1), caller.encoding)
    heard = bytes(caller.heard.speech)
    assert heard[: len(sung)] == sung
    assert len(heard) - len(sung) < caller.frame_bytes, "a frame filled up with silence at most"
    (one,) = said
    assert (one.text, one.interrupted) == (TEXT, False)
    assert one.heard_s == one.seconds == pytest.approx(len(TEXT) * 0.1)


async def test_a_tone_whose_chunks_the_network_shuffled_is_whole() -> None:
    caller = Telnyx()
    async with serving(engine=DeafEngine()) as where:
        async with dial(where, caller) as call:
            sent = in_encoding(tone(8000, 4.0), "alaw")
            messages = [caller.audio(frame) for frame in caller.frames(sent)]
            for at in range(0, len(messages), 4):
                for message in reversed(messages[at : at + 4]):
                    await call.send(message)
            await call.hang_up()
        (listen,) = where.emulator.connections
        assert bytes(listen.audio[: len(sent)]) == sent
