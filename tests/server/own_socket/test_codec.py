"""The server's codec: what a client may do, what it may not, and how a call goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechwire.server import codec as seam
from speechwire.server.own_socket import OwnSocketCodec
from speechwire.server.own_socket.messages import MAX_MESSAGE_BYTES

START = {"type": "Start", "format": {"sample_rate": 8000}, "speech": {"sample_rate": 16_000}}
RESUME = {"type": "Resume", "call": "c", "format": {"sample_rate": 8000}, "sample": 80_000, "time_s": 10.0}


def new(first: dict[str, Any] | None = None) -> OwnSocketCodec:
    codec = OwnSocketCodec(seam.Opening(path="/socket"))
    if first is not None:
        assert isinstance(codec.receive(json.dumps(first))[0], seam.Started)
    return codec


def said(codec: OwnSocketCodec, outgoing: seam.Outgoing) -> list[Any]:
    return [each if isinstance(each, bytes) else json.loads(each) for each in codec.send(outgoing)]


def turn(words: list[tuple[str, float, float]], *, event: str = "EndOfTurn", **fields: Any) -> seam.Caption:
    return seam.Caption(
        event=event,
        transcript=" ".join(word for word, _, _ in words),
        words=tuple(seam.Word(word=word, start_s=start, end_s=end) for word, start, end in words),
        start_s=words[0][1],
        end_s=words[-1][2],
        **{"turn_index": 0, **fields},
    )


def test_a_call_begins() -> None:
    codec = new()
    (started,) = codec.receive(json.dumps(START))
    assert started == seam.Started(
        call_id="",
        format=seam.AudioFormat(sample_rate=8000),
        speech=seam.AudioFormat(sample_rate=16_000),
        may_change_format=True,
        may_resume=True,
    )
    assert codec.receive(b"\1\0") == [seam.Audio(data=b"\1\0")]


@pytest.mark.parametrize(
    "message",
    [
        b"\0\0",
        '{"type":"Speak","id":"a","text":"b"}',
        '{"type":"Start","version":2,"format":{"sample_rate":8000}}',
        '{"type":"Start","format":{"sample_rate":8000,"encoding":"opus"}}',
        '{"type":"Resume","call":"c","format":{"sample_rate":8000},"sample":0,"time_s":1e300}',
        '{"type":"Resume","call":"c","format":{"sample_rate":8000},"sample":0,"time_s":-1}',
        "",
        "null",
        "[" * 60_000,
        "\ud800",
        '"' + "x" * MAX_MESSAGE_BYTES + '"',
    ],
    ids=lambda message: repr(message)[:40],
)
def test_what_cannot_begin_a_call_is_refused(message: str | bytes) -> None:
    codec = new()
    (malformed,) = codec.receive(message)
    assert isinstance(malformed, seam.Malformed)
    assert isinstance(codec.receive(json.dumps(START))[0], seam.Started)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (json.dumps(START), "come once"),
        (json.dumps(RESUME), "come once"),
        (bytes(MAX_MESSAGE_BYTES + 1), "bytes"),
        ('{"type":"Format","format":{"sample_rate":1}}', ">= 4000"),
    ],
)
def test_what_a_call_may_not_do_is_malformed(message: str | bytes, told: str) -> None:
    codec = new(START)
    (malformed,) = codec.receive(message)
    assert isinstance(malformed, seam.Malformed)
    assert told in malformed.reason


def test_a_secret_in_a_message_is_not_in_what_is_said_of_it() -> None:
    codec = new(START)
    (malformed,) = codec.receive('{"type":"hunter2-hunter2"}')
    assert isinstance(malformed, seam.Malformed)
    assert "hunter2" not in malformed.reason


@given(st.one_of(st.text(max_size=80), st.binary(max_size=80)))
def test_whatever_comes_nothing_is_raised(message: str | bytes) -> None:
    for codec in (new(), new(START)):
        assert all(not isinstance(event, seam.Started) for event in codec.receive(message))


def test_the_format_changes_between_samples_only() -> None:
    codec = new(START)
    codec.receive(b"\0")
    change = json.dumps({"type": "Format", "format": {"sample_rate": 16_000, "channels": 2}})
    assert isinstance(codec.receive(change)[0], seam.Malformed)
    codec.receive(bytes(15_999))
    (changed,) = codec.receive(change)
    assert changed == seam.FormatChanged(format=seam.AudioFormat(sample_rate=16_000, channels=2))
    codec.receive(bytes(16_000 * 4))
    # One second at 8 kHz, then one at 16 kHz.
    for time_s, sample in ((0.5, 4000), (1.0, 8000), (1.5, 16_000), (9.0, 24_000)):
        assert said(codec, seam.Acknowledged(position_s=time_s)) == [
            {"type": "Acknowledged", "sample": sample}
        ]


def test_a_call_goes_on_where_it_was() -> None:
    codec = new()
    started = codec.receive(json.dumps({**RESUME, "number": 7, "turn": 3, "turn_open": True}))[0]
    assert isinstance(started, seam.Started)
    assert (started.position_s, started.turn_index, started.resumed) == (10.0, 3, True)
    codec.receive(bytes(16_000))
    assert said(codec, seam.Acknowledged(position_s=10.5))[0]["sample"] == 84_000
    words = [("good", 10.1, 10.4)]
    events = [
        said(codec, turn(words, event=event, turn_index=index))[0]
        for event, index in [("StartOfTurn", 3), ("EndOfTurn", 3), ("StartOfTurn", 4)]
    ]
    assert [(each["number"], each["event"], each["turn"]) for each in events] == [
        (8, "Update", 3),  # the client has its start
        (9, "EndOfTurn", 3),
        (10, "StartOfTurn", 4),
    ]


def test_words_that_were_final_are_left_out_in_each_channel() -> None:
    codec = new({**RESUME, "heard_s": [12.0, 0.0]})
    words = [("old", 10.2, 11.0), ("edge", 11.5, 12.1), ("new", 12.2, 12.8)]
    (caption,) = said(codec, turn(words, channel=0))
    assert (caption["transcript"], caption["start_s"]) == ("new", 12.0)
    assert said(codec, turn(words[:2], channel=0)) == []
    assert said(codec, turn(words[:1], event="Update", channel=0)) == []
    (caption,) = said(codec, turn(words, channel=1))
    assert caption["transcript"] == "old edge new"


def test_speech_goes_on_behind_what_was_received() -> None:
    speeches = [
        {"id": "a", "text": "one", "utterance": 4, "received": 3},
        {"id": "", "text": "two", "utterance": 5},
        {"id": "b", "text": "three"},
    ]
    codec = new()
    resume = {**RESUME, "speech": {"sample_rate": 8000}, "utterance": 6, "speeches": speeches}
    texts = codec.receive(json.dumps(resume))[1:]
    assert [(text.text) for text in texts if isinstance(text, seam.Text)] == ["one", "two", "three"]
    numbers = []
    for index, text in enumerate(texts):
        assert isinstance(text, seam.Text)
        (started,) = said(codec, seam.SpeechStarted(utterance=index, text=text.text, key=text.key))
        numbers.append((started["utterance"], started.get("id", ""), started.get("sample", 0)))
        pieces = [
            piece
            for data in (b"\1\0\2\0", b"\3\0\4\0", b"\5\0")
            for piece in said(codec, seam.Speech(data=data, utterance=index))
        ]
        assert b"".join(pieces) == (b"\4\0\5\0" if index == 0 else b"\1\0\2\0\3\0\4\0\5\0")
        assert said(codec, seam.SpeechEnded(utterance=index))[0]["samples"] == 5
    assert numbers == [(4, "a", 3), (5, "", 0), (6, "b", 0)]
    assert codec.receive('{"type":"Played","utterance":4,"samples":800}') == [
        seam.Played(utterance=0, position_s=0.1)
    ]
    assert codec.receive('{"type":"Played","utterance":99,"samples":800}') == []


def test_a_ping_is_answered_and_a_close_counts_once() -> None:
    codec = new(START)
    (reply,) = codec.receive('{"type":"Ping","id":7}')
    assert isinstance(reply, seam.Reply)
    assert json.loads(reply.message) == {"type": "Pong", "id": 7}
    assert codec.receive('{"type":"Close"}') == [seam.Stopped(reason="Close")]
    assert codec.receive('{"type":"Close"}') == codec.receive(b"\0\0") == []


def test_speech_of_any_length_is_cut_into_messages() -> None:
    codec = new({**START, "speech": {"sample_rate": 48_000}})
    said(codec, seam.SpeechStarted(utterance=0, text=""))
    data = bytes(range(256)) * 1000
    pieces = said(codec, seam.Speech(data=data, utterance=0))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= MAX_MESSAGE_BYTES
