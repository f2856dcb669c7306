"""Each provider's messages in both directions, and what no provider would send."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.callers import CALLERS, Caller, Plivo, Twilio
from tests.server.callers_exchanges import FreeSwitch

from speechwire.server.codec import (
    Audio,
    AudioFormat,
    Caption,
    Clear,
    Codec,
    Digit,
    Incoming,
    Malformed,
    Mark,
    MarkPlayed,
    Opening,
    Outgoing,
    Speech,
    SpeechEnded,
    Started,
    Stopped,
)
from speechwire.server.dialects import choose
from speechwire.server.json_media import JsonMediaCodec

WITH_KEYS = [kind for kind in CALLERS if kind is not FreeSwitch]


def codec_for(caller: Caller) -> Codec:
    path, _, query = caller.path.partition("?")
    pairs = dict(pair.split("=") for pair in query.split("&")) if query else {}
    offered = [caller.subprotocol] if caller.subprotocol else []
    chosen = choose(path, offered)
    assert chosen is not None
    return chosen[0](Opening(path=path, query=pairs, subprotocol=chosen[1]))


def started(caller: Caller) -> tuple[Codec, list[Incoming]]:
    codec = codec_for(caller)
    return codec, [event for message in caller.first() for event in codec.receive(message)]


def sent(codec: Codec, caller: Caller, *outgoing: Outgoing) -> None:
    for one in outgoing:
        for message in codec.send(one):
            caller.take(message)


@pytest.fixture(params=CALLERS, ids=lambda kind: kind.__name__)
def caller(request: pytest.FixtureRequest) -> Caller:
    made: Caller = request.param()
    return made


def test_the_first_messages_say_who_calls_and_how(caller: Caller) -> None:
    codec, events = started(caller)
    (start,) = events
    assert isinstance(start, Started)
    assert codec.name == caller.name
    assert start.format == AudioFormat(encoding=caller.encoding, sample_rate=caller.rate, channels=1)
    assert start.speech == start.format
    assert start.call_id or caller.name == "vonage"
    if caller.name not in ("plivo",):
        assert start.parameters["customer"] == "42"


def test_audio_comes_through_byte_by_byte(caller: Caller) -> None:
    codec, _ = started(caller)
    audio = bytes(index * 7 % 256 for index in range(caller.frame_bytes * 20))
    messages = [caller.audio(frame) for frame in caller.frames(audio)]
    events = [event for message in messages for event in codec.receive(message)]
    assert all(isinstance(event, Audio) for event in events)
    assert b"".join(event.data for event in events if isinstance(event, Audio)) == audio


def test_speech_goes_out_byte_by_byte_and_marks_stand_where_they_were_put(caller: Caller) -> None:
    codec, _ = started(caller)
    speech = bytes(index * 5 % 256 for index in range(caller.frame_bytes * 40))
    half = len(speech) // 2
    sent(codec, caller, Speech(data=speech[:half], utterance=0), Mark(name="0:1"))
    sent(codec, caller, Speech(data=speech[half:], utterance=0), SpeechEnded(utterance=0), Mark(name="0:2"))
    assert bytes(caller.heard.speech) == speech
    assert caller.heard.marks in ([("0:1", half), ("0:2", len(speech))], [])
    assert bool(caller.heard.marks) == (caller.name != "freeswitch")


def test_pieces_of_any_size_make_the_same_speech(caller: Caller) -> None:
    codec, _ = started(caller)
    width = 2 if caller.encoding == "s16le" else 1
    speech = bytes(index * 3 % 251 for index in range(width * 12_345))
    cuts = [0, 1, 7, 160, 161, 6_000, 12_345]
    for begin, end in zip(cuts, cuts[1:], strict=False):
        piece = speech[begin * width : end * width]
        sent(codec, caller, Speech(data=piece, utterance=0))
    sent(codec, caller, SpeechEnded(utterance=0))
    assert bytes(caller.heard.speech[: len(speech)]) == speech
    assert set(caller.heard.speech[len(speech) :]) <= {0}
    assert len(caller.heard.speech) - len(speech) < caller.frame_bytes


def test_a_clear_is_said_and_forgets_what_the_codec_kept(caller: Caller) -> None:
    codec, _ = started(caller)
    sent(codec, caller, Speech(data=b"\x01\x01" * 5, utterance=0), Clear())
    before = len(caller.heard.speech)
    assert caller.heard.clears == [before]
    frame = b"\x02" * caller.frame_bytes
    sent(codec, caller, Speech(data=frame, utterance=1), SpeechEnded(utterance=1))
    assert bytes(caller.heard.speech[before:]) == frame


@pytest.mark.parametrize("kind", WITH_KEYS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("digit", ["0", "9", "*", "#"])
def test_keys_of_the_telephone(kind: type[Caller], digit: str) -> None:
    caller = kind()
    codec, _ = started(caller)
    assert codec.receive(caller.digit(digit)) == [Digit(digit=digit)]


@pytest.mark.parametrize("kind", WITH_KEYS, ids=lambda kind: kind.__name__)
def test_marks_that_were_played(kind: type[Caller]) -> None:
    caller = kind()
    codec, _ = started(caller)
    message = caller.mark_played("3:1200")
    assert message is not None
    assert codec.receive(message) == [MarkPlayed(name="3:1200")]


def test_the_end(caller: Caller) -> None:
    codec, _ = started(caller)
    events = [event for message in caller.stop() for event in codec.receive(message)]
    assert [type(event) for event in events] == [Stopped] * len(caller.stop())


def test_captions_are_only_sent_where_they_are_asked_for() -> None:
    caption = Caption(event="EndOfTurn", turn_index=1, transcript="Hello", start_s=0.5, end_s=1.25)
    for kind in CALLERS:
        caller = kind()
        codec, _ = started(caller)
        sent(codec, caller, caption)
        assert bool(caller.heard.captions) == (caller.name == "freeswitch")
        assert not caller.heard.others
    caller = CALLERS[0]()
    chosen = choose("/call/twilio")
    assert chosen is not None
    codec = chosen[0](Opening(query={"captions": "1"}))
    for message in caller.first():
        codec.receive(message)
    sent(codec, caller, caption)
    assert caller.heard.captions[0]["transcript"] == "Hello"
    codec.receive(caller.stop()[0])
    sent(codec, caller, caption)
    assert len(caller.heard.captions) == 2, "what was said last is understood after the hang-up"


@pytest.mark.parametrize(
    "one_way", [{"tracks": ["inbound", "outbound"]}, {"customParameters": {"speech": "off"}}]
)
def test_a_twilio_stream_that_goes_one_way_takes_no_speech(one_way: dict[str, object]) -> None:
    caller = CALLERS[0]()
    codec = codec_for(caller)
    connected, start = caller.first()
    decoded = json.loads(start)
    decoded["start"] |= one_way
    codec.receive(connected)
    (event,) = codec.receive(json.dumps(decoded))
    assert isinstance(event, Started) and event.speech is None


MEDIA = [
    {"payload": "AAAA"},
    {"payload": "AAAA", "track": "inbound", "chunk": 7},
    {"payload": "AAAA", "track": "outbound_track"},
    {"payload": ""},
    {"payload": "no base64!"},
    {"payload": 5},
    {"track": 5},
    {},
    None,
    [],
]


@pytest.mark.parametrize("event", ["media", "mark", "dtmf", "other", 5])
@pytest.mark.parametrize("media", MEDIA, ids=repr)
def test_a_frame_is_read_in_a_short_way_as_in_the_long_one(event: object, media: object) -> None:
    text = json.dumps({"event": event, "media": media, "dtmf": {"digit": 5}, "mark": {"name": "m"}})
    short, long = JsonMediaCodec(), JsonMediaCodec()
    for message in Twilio().first():
        assert short.receive(message) == long.receive(message)
    assert short._is_plain
    long._is_plain = False
    assert short.receive(text) == long.receive(text)
    assert short.receive(text.encode()) == long.receive(text.encode())


def test_the_outbound_track_is_not_the_caller() -> None:
    caller = CALLERS[0]()
    codec, _ = started(caller)
    message = json.loads(caller.audio(b"\x00" * 160))
    message["media"]["track"] = "outbound"
    assert codec.receive(json.dumps(message)) == []


HEADERS: dict[str, dict[str, str]] = {
    "{X-PH-customer: 42, X-PH-tier:gold}": {"X-PH-customer": "42", "X-PH-tier": "gold"},
    '{"X-PH-customer": "42", "X-PH-at": "12:30"}': {"X-PH-customer": "42", "X-PH-at": "12:30"},
    "{X-PH-at: 12:30}": {"X-PH-at": "12:30"},
    "{}": {},
    "": {},
    "{,:,a}": {},
    "[" * 20_000: {},
    "[1]": {},
}


@pytest.mark.parametrize("text", HEADERS, ids=lambda text: text[:30])
def test_plivos_headers_are_parameters(text: str) -> None:
    chosen = choose("/call/plivo")
    assert chosen is not None
    message = json.loads(Plivo().first()[0])
    (started,) = chosen[0](Opening()).receive(json.dumps({**message, "extra_headers": text}))
    assert isinstance(started, Started)
    assert started.parameters == HEADERS[text]


BROKEN = [
    "",
    "{",
    "[]",
    "null",
    "7",
    '"start"',
    "{}",
    '{"event": 7}',
    '{"event": "media"}',
    '{"event": "media", "media": {"payload": "%%%"}}',
    '{"event": "media", "media": {"payload": 3}}',
    '{"event": "media", "media": []}',
    '{"event": "start"}',
    '{"event": "start", "start": {}}',
    '{"event": "start", "start": {"streamSid": 1}}',
    '{"event": "start", "start": {"streamSid": "x", "mediaFormat": {"encoding": "audio/opus"}}}',
    '{"event": "start", "start": {"streamSid": "x", "mediaFormat": {"sampleRate": 1}}}',
    '{"event": "start", "start": {"streamSid": "x", "mediaFormat": {"sampleRate": 1e99}}}',
    '{"event": "start", "start": {"streamSid": "x", "mediaFormat": {"channels": 9999}}}',
    "[" * 60_000,
    '{"event":' * 10_000,
    "\ud800",
    "MEDIA_START format:opus",
    "MEDIA_START " + "a:b " * 10_000,
    '{"event": "websocket:connected", "content-type": "audio/l16;rate=99999999999"}',
    '{"callSid": 5, "sampleRate": -1}',
]


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:40])
@pytest.mark.parametrize(
    "name", ["auto", "twilio", "telnyx", "plivo", "exotel", "vonage", "jambonz", "asterisk"]
)
def test_what_no_provider_sends_raises_nothing_and_starts_nothing(name: str, text: str) -> None:
    chosen = choose(f"/call/{name}")
    assert chosen is not None
    codec = chosen[0](Opening())
    events = codec.receive(text) + codec.receive(text.encode(errors="replace"))
    assert all(isinstance(event, Malformed | Started | Audio) for event in events)
    for event in events:
        if isinstance(event, Started):
            assert 4000 <= event.format.sample_rate <= 192_000
            assert 1 <= event.format.channels <= 32
            assert len(event.parameters) <= 64
        if isinstance(event, Malformed):
            assert len(event.reason) < 200


@given(st.lists(st.one_of(st.text(max_size=50), st.binary(max_size=50), st.sampled_from(BROKEN)), max_size=5))
def test_junk_in_the_middle_of_a_call_costs_nothing_but_itself(junk: list[str | bytes]) -> None:
    for kind in CALLERS:
        caller = kind()
        codec, _ = started(caller)
        for message in junk:
            if isinstance(message, bytes) and kind().audio(b"a") == b"a":
                continue  # it is audio there
            assert not any(isinstance(event, Started) for event in codec.receive(message))
        frame = b"\x11" * caller.frame_bytes
        assert codec.receive(caller.audio(frame))[-1:] == [Audio(data=frame)]


@pytest.mark.parametrize(
    ("path", "offered", "served"),
    [
        ("/call", [], True),
        ("/call/twilio", [], True),
        ("/call/auto", ["x", "media"], True),
        ("/call/nobody", [], False),
        ("/call/", [], False),
        ("/call/twilio/../../x", [], False),
        ("/callx", [], False),
        ("/", [], False),
        ("/socket", [], True),
        ("/call", ["speechwire.v1"], True),
        ("/other", ["speechwire.v1"], False),
    ],
)
def test_what_is_served_where(path: str, offered: list[str], served: bool) -> None:
    assert (choose(path, offered) is not None) is served
