"""What events mean to a speaking connection, and what may be sent when."""

from __future__ import annotations

import json
from collections.abc import Callable

from speechwire.errors import ServiceError
from speechwire.protocol import SpeakV1Options, SpeakV2Options, character_limit, flush_limit
from speechwire.protocol import speak_v1_events as v1
from speechwire.protocol import speak_v2_events as v2
from speechwire.session._speak_rules import Finished, Refused
from speechwire.session._speak_v1_rules import SpeakV1Rules
from speechwire.session._speak_v2_rules import SpeakV2Rules


def kind_of(frame: str) -> str:
    kind: str = json.loads(frame)["type"]
    return kind


class Aura:
    """A connection with some flushes of ours, by the clock."""

    def __init__(self) -> None:
        self.rules = SpeakV1Rules(SpeakV1Options())
        self.now = 0.0

    def flush(self) -> None:
        self.rules.protocol.speak("Text.")
        assert kind_of(self.rules.flush(self.now)) == "Flush"

    def refuse(self, flush_index: int | None, code: str = "") -> object:
        warning = v1.Warning(code=code, description="Too many.", flush_index=flush_index)
        return self.rules.read(warning, self.now)


def test_only_the_answer_to_the_flush_that_waits_ends_a_batch_and_once() -> None:
    aura = Aura()
    read = aura.rules.read
    assert read(v1.Flushed(flush_index=None), 0.0) is None
    aura.flush()
    aura.flush()
    answers = [read(v1.Flushed(flush_index=index), 0.0) for index in (None, 0, 1, 1)]
    assert answers == [None, None, Finished(), None]
    assert read(v1.Audio(data=b"ab", flush_index=1), 0.0) == b"ab"
    assert read(v1.Metadata(), 0.0) is None


def test_after_clear_no_answer_is_waited_for() -> None:
    aura = Aura()
    aura.flush()
    before = aura.rules.stopping
    assert kind_of(aura.rules.stop(None)) == "Clear"
    assert (before, aura.rules.stopping) == (False, True)
    assert aura.rules.read(v1.Flushed(flush_index=0), 0.0) is None
    assert aura.refuse(0) is None


def test_a_refused_flush_waits_longer_each_time_until_it_is_given_up() -> None:
    aura = Aura()
    waits: list[float] = []
    for index in range(4):
        aura.now = 100.0 * index
        aura.flush()
        assert aura.refuse(index - 1 if index else None) is None, "it refuses another"
        assert aura.refuse(index) == Refused(None)
        waits.append(aura.rules.flush_wait_s(aura.now))
    assert waits == [5.0, 10.0, 20.0, 40.0]
    assert [aura.rules.flush_wait_s(aura.now + wait_s) for wait_s in (39.0, 40.0, 41.0)] == [1.0, 0.0, 0.0]
    aura.flush()
    refused = aura.refuse(4)
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, ServiceError)
    error = refused.error
    assert (error.code, error.description, error.retryable) == ("EXCESSIVE_FLUSH", "Too many.", True)
    aura.flush()
    again = aura.refuse(5, "OTHER")
    assert isinstance(again, Refused)
    assert isinstance(again.error, ServiceError)
    assert again.error.code == "OTHER"


def test_audio_begins_the_count_of_refusals_anew() -> None:
    aura = Aura()
    for index in range(8):
        aura.now = 100.0 * index
        aura.flush()
        assert aura.refuse(index) == Refused(None)
        assert aura.rules.flush_wait_s(aura.now) == 5.0
        aura.rules.read(v1.Audio(data=b"ab", flush_index=index), aura.now)


def test_flushes_and_characters_of_a_minute_are_limited() -> None:
    aura, flushes, characters = Aura(), flush_limit(), character_limit()
    for _ in range(20):
        assert aura.rules.flush_wait_s(aura.now) == 0.0
        aura.flush()
        flushes.add(0.0)
    assert aura.rules.flush_wait_s(10.0) == flushes.wait_s(10.0) > 0
    assert aura.rules.text_wait_s(0.0, 2400) == 0.0
    aura.rules.add_text(0.0, 2400)
    characters.add(0.0, 2400)
    assert aura.rules.text_wait_s(10.0, 5) == characters.wait_s(10.0, 5) > 0


def test_a_turn_of_flux_ends_once_after_its_flush() -> None:
    rules = SpeakV2Rules(SpeakV2Options())
    ends: list[Callable[[], v2.Event]] = [
        v2.SpeechMetadata,
        lambda: v2.Warning(refuses_flush=True),
    ]
    for end in ends:
        assert rules.read(end(), 0.0) is None
        rules.protocol.speak("Text.")
        assert rules.read(v2.Audio(data=b"ab", speech_id="t"), 0.0) == b"ab"
        assert kind_of(rules.flush(0.0)) == "Flush"
        for other in (v2.SpeechMetadata(repeated=True), v2.Warning(), v2.Flushed()):
            assert rules.read(other, 0.0) is None
        assert [rules.read(end(), 0.0), rules.read(end(), 0.0)] == [Finished(), None]


def test_an_interrupted_turn_of_flux_has_no_end_of_ours() -> None:
    rules = SpeakV2Rules(SpeakV2Options())
    rules.protocol.speak("Text.")
    rules.flush(0.0)
    before = rules.stopping
    assert kind_of(rules.stop(None)) == "Interrupt"
    assert (before, rules.stopping) == (False, True)
    assert rules.read(v2.SpeechMetadata(), 0.0) is None


def test_flux_limits_nothing() -> None:
    rules = SpeakV2Rules(SpeakV2Options())
    rules.add_text(0.0, 10**9)
    assert (rules.text_wait_s(0.0, 10**9), rules.flush_wait_s(0.0)) == (0.0, 0.0)
