"""``/v2/listen`` over a real socket, with the scripted engine."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from speechwire.emulator import Behaviour, Emulator, Inject, Phrase, Script, ScriptedEngine, StreamInfo

from .conftest import Client, Socket, types

URL = "/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=16000"
CLOSE = {"type": "CloseStream"}
OSLO = Script(Phrase(0.5, "Two tickets to Oslo,", 1.5), Phrase(2.0, "please.", 2.3))


def audio(seconds: float, rate: int = 16000) -> bytes:
    return bytes(round(seconds * rate) * 2)


async def play(socket: Socket, seconds: float, frame_bytes: int = 2560) -> None:
    data = audio(seconds)
    for at in range(0, len(data), frame_bytes):
        await socket.send(data[at : at + frame_bytes])


def strip(messages: list[Any]) -> list[Any]:
    return [{name: value for name, value in m.items() if name != "request_id"} for m in messages]


async def test_a_turn_from_first_word_to_end(client: Client) -> None:
    async with Emulator(script=OSLO) as emulator:
        socket = await client.open(emulator.base_url + URL + "&eager_eot_threshold=0.3&eot_threshold=0.97")
        await play(socket, 3.2)
        await socket.send(CLOSE)
        messages = await socket.rest()
        assert socket.close == (1005, "")
    turns = messages[1:]
    assert [m for m in types(turns) if m != "Update"] == [
        "StartOfTurn",
        "EagerEndOfTurn",
        "TurnResumed",
        "EagerEndOfTurn",
        "EndOfTurn",
    ]
    end = turns[types(turns).index("EndOfTurn")]
    assert end["transcript"] == "Two tickets to Oslo, please."
    assert end["trigger"] == "model"
    assert [word["word"] for word in end["words"]] == ["Two", "tickets", "to", "Oslo,", "please."]
    assert end["words"][0]["start"] == 0.5
    assert all("trigger" not in turn for turn in turns if turn["event"] != "EndOfTurn")
    assert turns[-1]["turn_index"] == 1


async def test_connected_comes_first_and_sequence_ids_have_no_gap(client: Client) -> None:
    async with Emulator(script=OSLO) as emulator:
        socket = await client.open(emulator.base_url + URL)
        connected = await socket.receive()
        await play(socket, 3.0)
        await socket.send({"type": "ForceEndTurn"}, {"type": "Configure", "numerals": True}, CLOSE)
        messages = await socket.rest()
        (record,) = emulator.connections
    assert isinstance(connected, dict)
    assert connected["type"] == "Connected"
    assert connected["request_id"] == record.request_id
    assert [m["sequence_id"] for m in [connected, *messages]] == list(range(len(messages) + 1))
    assert types(messages)[-3:] == ["Warning", "ConfigureSuccess", "Update"] or "EndOfTurn" in types(messages)


async def test_updates_come_every_quarter_second_of_audio(client: Client) -> None:
    async with Emulator() as emulator:
        socket = await client.open(emulator.base_url + URL)
        await play(socket, 2.0)
        await socket.send(CLOSE)
        messages = (await socket.rest())[1:]
    assert [m["audio_window_end"] for m in messages] == [0.25 * n for n in range(1, 9)]
    assert {(m["event"], m["transcript"], m["turn_index"]) for m in messages} == {("Update", "", 0)}


async def test_messages_do_not_depend_on_how_audio_is_cut(client: Client) -> None:
    runs = []
    async with Emulator(script=OSLO) as emulator:
        for frame_bytes in (2, 999, 2560, 100_000):
            socket = await client.open(emulator.base_url + URL + "&eager_eot_threshold=0.5")
            await play(socket, 1.0 if frame_bytes == 2 else 3.2, frame_bytes)
            await socket.send(CLOSE)
            runs.append(strip(await socket.rest()))
    assert runs[1] == runs[2] == runs[3]
    assert runs[0] == runs[1][: len(runs[0])]


@pytest.mark.parametrize("kind", ["KeepAlive", "Finalize", "Terminate"])
async def test_unknown_text_is_fatal(client: Client, kind: str) -> None:
    async with Emulator() as emulator:
        socket = await client.open(emulator.base_url + URL)
        await socket.send({"type": kind})
        messages = await socket.rest()
    assert messages[-1]["code"] == "UNPARSABLE_CLIENT_MESSAGE"
    assert f"unknown variant `{kind}`" in messages[-1]["description"]
    assert socket.close == (1005, "")


async def test_configure_is_in_order_with_audio(client: Client) -> None:
    async with Emulator(script=Script(Phrase(0.2, "Hello.", 0.6))) as emulator:
        socket = await client.open(emulator.base_url + URL + "&eot_threshold=1.0&eot_timeout_ms=60000")
        await play(socket, 2.0)
        await socket.send({"type": "Configure", "thresholds": {"eot_threshold": 0.5}})
        await play(socket, 0.1)
        messages = await socket.until("ConfigureSuccess")
        assert "EndOfTurn" not in types(messages)
        (end,) = await socket.until("TurnInfo")
        assert (end["event"], end["audio_window_end"]) == ("EndOfTurn", 2.05)


async def test_silence_without_audio_never_ends_a_turn(client: Client) -> None:
    async with Emulator(script=Script(Phrase(0.2, "Hello.", 0.6))) as emulator:
        socket = await client.open(emulator.base_url + URL + "&eot_timeout_ms=500&eot_threshold=1.0")
        await play(socket, 1.05)
        await asyncio.sleep(0.6)  # a server that counted wall time would end the turn now
        await socket.send(CLOSE)
        messages = await socket.rest()
    assert "EndOfTurn" not in types(messages)


async def test_silence_ends_it_with_inactive_client(client: Client) -> None:
    async with Emulator(behaviour=Behaviour(time_scale=0.002)) as emulator:  # 60 s become 0.12 s
        socket = await client.open(emulator.base_url + URL)
        messages = await socket.rest()
    assert types(messages) == ["Connected", "Error"]
    assert messages[-1]["code"] == "INACTIVE_CLIENT"
    assert socket.close == (1005, "")


async def test_what_a_script_injects_goes_out_verbatim(client: Client) -> None:
    script = Script(
        Inject(0.5, '{"type": "Novelty"}'), Inject(0.3, b"\x00\x01"), Inject(0.9, {"type": "Late"})
    )
    async with Emulator(script=script) as emulator:
        socket = await client.open(emulator.base_url + URL)
        await play(socket, 1.0)
        await socket.send(CLOSE)
        messages = await socket.rest()
    assert types(messages) == [
        "Connected",
        "Update",
        "audio",
        "Update",
        "Novelty",
        "Update",
        "Late",
        "Update",
    ]


@pytest.mark.parametrize(("encoding", "width"), [("linear16", 2), ("linear32", 4), ("mulaw", 1), ("alaw", 1)])
async def test_audio_time_follows_the_encoding(client: Client, encoding: str, width: int) -> None:
    async with Emulator() as emulator:
        query = f"/v2/listen?model=flux-general-en&encoding={encoding}&sample_rate=8000"
        socket = await client.open(emulator.base_url + query)
        await socket.send(bytes(4000 * width), CLOSE)
        messages = await socket.rest()
        (record,) = emulator.connections
    assert messages[-1]["audio_window_end"] == 0.5
    assert record.audio_s == 0.5


async def test_wav_needs_no_encoding_and_other_containers_are_undecodable(client: Client) -> None:
    header = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0" + (8000).to_bytes(4, "little")
    header += (16000).to_bytes(4, "little") + b"\x02\0\x10\0data\xff\xff\xff\xff"
    async with Emulator() as emulator:
        socket = await client.open(emulator.base_url + "/v2/listen?model=flux-general-en")
        for byte in header:
            await socket.send(bytes([byte]))
        await socket.send(bytes(8000), CLOSE)
        assert (await socket.rest())[-1]["audio_window_end"] == 0.5
        socket = await client.open(emulator.base_url + "/v2/listen?model=flux-general-en")
        await socket.send(b"OggS" + bytes(100))
        await socket.rest()
        assert socket.close == (1008, "DATA-0000")


async def test_many_streams_keep_to_themselves(client: Client) -> None:
    def script(stream: Any) -> Script:
        return Script(Phrase(0.1, f"stream {stream.connection}", 0.5))

    async with Emulator(script=script) as emulator:
        sockets = [await client.open(emulator.base_url + URL) for _ in range(30)]
        await asyncio.gather(*(play(socket, 1.2) for socket in sockets))
        await asyncio.gather(*(socket.send(CLOSE) for socket in sockets))
        answers = await asyncio.gather(*(socket.rest() for socket in sockets))
    heard = [next(m["transcript"] for m in a if m.get("event") == "EndOfTurn") for a in answers]
    assert heard == [f"stream {number}" for number in range(30)]


async def test_leaving_in_mid_stream_leaves_nothing_behind(client: Client) -> None:
    tasks = len(asyncio.all_tasks())
    emulator = Emulator(script=OSLO)
    async with emulator:
        for _ in range(5):
            socket = await client.open(emulator.base_url + URL)
            await play(socket, 1.0)
            await socket.receive()
    await client.aclose()
    assert len(asyncio.all_tasks()) == tasks
    assert {record.close_code for record in emulator.connections} <= {1001, 1006}


async def test_what_was_settled_is_not_reported_again() -> None:
    recognizer = await ScriptedEngine(OSLO).recognizer(StreamInfo(0, "/v2/listen", 1000))
    await recognizer.feed(bytes(2400))
    (settled,) = await recognizer.settle()
    later = await recognizer.feed(bytes(600))
    assert [word.text for word in settled.words] == ["two", "tickets"]
    assert [word.text for word in later[-1].words] == ["to", "oslo"]
    assert (settled.time_s, settled.settled) == (1.2, True)


def test_scripts_repeat() -> None:
    script = Script(Phrase(0.1, "one", 0.5), Phrase(1.0, "two", 1.5), period_s=2.0)
    phrases = [script.phrase(index) for index in range(4)]
    assert [phrase and phrase.text for phrase in phrases] == ["one", "two", "one", "two"]
    starts = [phrase.start_s for phrase in phrases if phrase]
    assert all(a < b for a, b in itertools.pairwise(starts))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Script(Phrase(1.0, "a", 2.0), Phrase(1.5, "b", 3.0)),
        lambda: Script(Phrase(1.0, "a", 1.0)),
        lambda: Script(Phrase(1.0, "a", 2.0), period_s=1.5),
        lambda: Script(step_s=0.3),
        lambda: Script.from_json({"steps": [{"text": "a"}]}),
        lambda: Script.from_json({}),
    ],
)
def test_scripts_that_make_no_sense_are_refused(build: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        build()
