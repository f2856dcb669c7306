"""Aura's state table, limits and close codes, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechwire.emulator._messages import Close, Output, Send, SendAudio
from speechwire.emulator.speak_v1 import SpeakLimits, SpeakV1, SpeakV1Settings


def machine(**settings: Any) -> SpeakV1:
    aura = SpeakV1("request", SpeakV1Settings(**settings))
    (metadata,) = aura.open()
    assert isinstance(metadata, Send)
    assert metadata.message["type"] == "Metadata"
    return aura


def receive(aura: SpeakV1, kind: str, now_s: float = 0.0, **fields: Any) -> list[Output]:
    return aura.receive(json.dumps({"type": kind, **fields}), now_s)


def speak(aura: SpeakV1) -> list[Output]:
    """Synthesize the current job as one piece."""
    assert aura.job is not None
    job_id, text = aura.job
    return [*aura.audio(job_id, text.encode()), *aura.job_done(job_id)]


def test_text_is_joined_verbatim_and_spoken_only_after_flush() -> None:
    aura = machine()
    assert receive(aura, "Speak", text="one ") == []
    assert receive(aura, "Speak", text="two") == []
    assert aura.job is None
    assert receive(aura, "Flush") == []
    assert speak(aura) == [SendAudio(b"one two"), Send({"type": "Flushed", "sequence_id": 0})]


def test_an_empty_flush_is_acknowledged_in_its_place() -> None:
    aura = machine()
    receive(aura, "Speak", text="one")
    receive(aura, "Flush")
    receive(aura, "Flush")
    assert speak(aura)[-1] == Send({"type": "Flushed", "sequence_id": 0})
    assert speak(aura) == [Send({"type": "Flushed", "sequence_id": 1})]


def test_clear_drops_text_jobs_and_audio_that_is_still_being_made() -> None:
    aura = machine()
    receive(aura, "Speak", text="one")
    receive(aura, "Flush")
    receive(aura, "Speak", text="two")
    job = aura.job
    assert job is not None
    assert receive(aura, "Clear") == [Send({"type": "Cleared", "sequence_id": 0})]
    assert aura.job is None
    assert aura.audio(job[0], b"late") == []
    assert aura.job_done(job[0]) == []
    receive(aura, "Flush")
    assert speak(aura) == [Send({"type": "Flushed", "sequence_id": 1})]


def test_the_flush_beyond_the_limit_is_refused_and_its_text_kept() -> None:
    aura = machine()
    for number in range(20):
        assert receive(aura, "Flush", float(number)) == []
    receive(aura, "Speak", 20.0, text="kept")
    (warning,) = receive(aura, "Flush", 59.9)
    assert isinstance(warning, Send)
    assert warning.message["warn_code"] == "EXCESSIVE_FLUSH"
    assert receive(aura, "Flush", 60.0) == []
    acknowledged = [speak(aura) for _ in range(21)]
    assert acknowledged[-1] == [SendAudio(b"kept"), Send({"type": "Flushed", "sequence_id": 20})]


CLOSES: list[tuple[str, Close]] = [
    ('{"type":"Reset"}', Close(1008, "DATA-0000")),
    ('{"type":"KeepAlive"}', Close(1008, "DATA-0000")),
    ("not json", Close(1008, "DATA-0000")),
    ('{"type":"Speak"}', Close(1008, "DATA-0000")),
    ('{"type":"Speak","text":""}', Close(1008, "DATA-0000")),
    ('{"type":"Speak","text":5}', Close(1008, "DATA-0000")),
    (json.dumps({"type": "Speak", "text": "x" * 2001}), Close(1009, "BIG-0001")),
    (json.dumps({"type": "Speak", "text": "x", "padding": "x" * 2_000_000}), Close(1009, "BIG-0000")),
]


@pytest.mark.parametrize(("text", "close"), CLOSES, ids=[text[:30] for text, _ in CLOSES])
def test_what_closes_the_connection(text: str, close: Close) -> None:
    aura = machine()
    assert aura.receive(text, 0.0) == [close]
    assert receive(aura, "Speak", text="x") == []


def test_characters_are_counted_as_code_points_over_a_rolling_minute() -> None:
    aura = machine()
    assert receive(aura, "Speak", 0.0, text="\U0001f600" * 2000) == []
    assert receive(aura, "Speak", 30.0, text="x" * 400) == []
    assert receive(aura, "Speak", 60.0, text="x" * 2000) == []
    assert receive(aura, "Speak", 60.1, text="x") == [Close(1008, "DATA-0001")]


def test_other_endings() -> None:
    assert machine().receive_binary() == [Close(1003, "MESSAGE-0000")]
    assert machine().idle() == [Close(1011, "NET-0001")]
    assert machine().session_over() == [Close(1011, "NET-0003")]


def test_close_speaks_what_is_left() -> None:
    aura = machine(drain_on_close=True)
    receive(aura, "Speak", text="one")
    assert receive(aura, "Close") == []
    assert receive(aura, "Speak", text="ignored") == []
    assert speak(aura) == [SendAudio(b"one"), Send({"type": "Flushed", "sequence_id": 0}), Close(1000)]


def test_close_at_once() -> None:
    aura = machine(drain_on_close=False)
    receive(aura, "Speak", text="one")
    receive(aura, "Flush")
    assert receive(aura, "Close") == [Close(1000)]
    assert aura.job is None


steps = st.lists(st.sampled_from(["Speak", "Flush", "Clear", "audio", "done"]), max_size=60)


@settings(deadline=None)
@given(steps, st.integers(1, 4))
def test_every_flush_is_answered_once_in_order_or_wiped_by_clear(names: list[str], limit: int) -> None:
    aura = machine(limits=SpeakLimits(flushes_per_minute=limit))
    pending = accepted = 0
    acknowledgements: list[dict[str, Any]] = []
    for name in names:
        if name in ("audio", "done"):
            if aura.job is not None:
                outputs = aura.audio(aura.job[0], b"x") if name == "audio" else aura.job_done(aura.job[0])
                pending -= name == "done"
                acknowledgements += [out.message for out in outputs if isinstance(out, Send)]
            continue
        outputs = receive(aura, name, text="x")
        messages = [output.message for output in outputs if isinstance(output, Send)]
        if name == "Flush" and accepted < limit:
            assert messages == []
            accepted, pending = accepted + 1, pending + 1
        elif name == "Flush":
            assert [message["type"] for message in messages] == ["Warning"]
        elif name == "Clear":
            pending = 0
            acknowledgements += messages
    while aura.job is not None:
        acknowledgements += [out.message for out in speak(aura) if isinstance(out, Send)]
        pending -= 1
    assert pending == 0
    assert [message["sequence_id"] for message in acknowledgements] == list(range(len(acknowledgements)))


@pytest.mark.parametrize(("size", "closed"), [(2_000_000, False), (2_000_001, True)])
def test_a_message_has_two_million_bytes_at_most(size: int, closed: bool) -> None:
    """Of UTF-8, in which an accent takes two."""
    head = json.dumps({"type": "Flush", "padding": ""})[:-2]
    text = head + "é" * ((size - len(head) - 2) // 2) + "x" * ((size - len(head)) % 2) + '"}'
    assert len(text.encode()) == size
    outputs = SpeakV1("request", SpeakV1Settings()).receive(text, 0.0)
    assert outputs == ([Close(1009, "BIG-0000")] if closed else [])
