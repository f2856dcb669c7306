"""Nova's state table: interims, endpointing, ``UtteranceEnd``, ``Finalize``, ``Configure``."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechwire.emulator import Phrase, Script, ScriptedEngine, StreamInfo
from speechwire.emulator._messages import Close, Output, Send
from speechwire.emulator._settings_v1 import ListenV1Settings
from speechwire.emulator.engine import Heard, Word
from speechwire.emulator.listen_v1 import ListenV1

STREAM = StreamInfo(0, "/v1/listen", 1000)
OSLO = Script(Phrase(0.5, "Two tickets to Oslo,", 1.5), Phrase(2.0, "please.", 2.3))


def machine(**settings: Any) -> ListenV1:
    nova = ListenV1Settings(**{"model": "nova-3", "formatted": True, **settings})
    return ListenV1("request", nova, created="2026-01-01T00:00:00.000Z", digest=lambda: "digest")


def reports(script: Script, seconds: float) -> list[Heard]:
    """What the scripted engine reports about this much audio."""

    async def feed() -> list[Heard]:
        recognizer = await ScriptedEngine(script).recognizer(STREAM)
        return list(await recognizer.feed(bytes(2 * round(seconds * STREAM.sample_rate))))

    return asyncio.run(feed())


def play(nova: ListenV1, script: Script, seconds: float) -> list[dict[str, Any]]:
    return sent(output for heard in reports(script, seconds) for output in nova.hear(heard))


def sent(outputs: Any) -> list[dict[str, Any]]:
    return [output.message for output in outputs if isinstance(output, Send)]


def receive(nova: ListenV1, kind: str, **fields: Any) -> list[Output]:
    return nova.receive(json.dumps({"type": kind, **fields}))


def text(result: dict[str, Any]) -> str:
    return str(result["channel"]["alternatives"][0]["transcript"])


def test_only_finals_without_interim_results() -> None:
    results = play(machine(endpointing_ms=300), OSLO, 3.0)
    assert [(text(r), r["is_final"], r["speech_final"]) for r in results] == [
        ("Two tickets to Oslo,", True, True),
        ("please.", True, True),
    ]


def test_interims_replace_each_other_about_once_a_second() -> None:
    results = play(machine(endpointing_ms=None, interim_results=True), OSLO, 4.0)
    assert [(text(r), r["start"], r["duration"]) for r in results] == [
        ("Two tickets", 0.0, 1.0),
        ("Two tickets to Oslo,", 0.0, 2.0),
        ("Two tickets to Oslo, please.", 0.0, 3.0),
        ("Two tickets to Oslo, please.", 0.0, 4.0),
    ]
    assert not any(r["is_final"] for r in results)


def test_empty_interims_and_empty_finals_in_silence() -> None:
    results = play(machine(interim_results=True), Script(), 5.0)
    assert [(r["is_final"], r["duration"]) for r in results] == [
        (False, 1.0),
        (False, 2.0),
        (False, 3.0),
        (False, 4.0),
        (True, 4.5),
    ]
    assert {text(r) for r in results} == {""}
    assert results[-1]["channel"]["alternatives"][0] == {"transcript": "", "confidence": 0.0, "words": []}


@pytest.mark.parametrize(("endpointing_ms", "until_s"), [(10, 1.55), (300, 1.8), (400, 1.9)])
def test_endpointing_waits_for_as_much_silence_as_asked(endpointing_ms: int, until_s: float) -> None:
    first = play(machine(endpointing_ms=endpointing_ms), OSLO, 3.0)[0]
    assert first["start"] + first["duration"] == pytest.approx(until_s, abs=1e-6)


def test_a_pause_shorter_than_endpointing_does_not_end_the_utterance() -> None:
    results = play(machine(endpointing_ms=700), OSLO, 3.5)
    assert [text(r) for r in results] == ["Two tickets to Oslo, please."]


def test_long_speech_is_cut_into_finals_that_are_not_speech_final() -> None:
    words = [f"w{number}" for number in range(40)]
    results = play(machine(endpointing_ms=300), Script(Phrase(0.1, " ".join(words), 10.1)), 11.0)
    assert [r["speech_final"] for r in results] == [False, False, True]
    assert " ".join(map(text, results)).split() == words
    for before, after in zip(results, results[1:], strict=False):
        assert after["start"] == pytest.approx(before["start"] + before["duration"], abs=1e-5)


def test_a_final_waits_until_the_recognizer_has_settled() -> None:
    nova = machine(endpointing_ms=100)
    first, revised = (Word("toe", 0.5, 0.8, 0.5, "Toe"),), (Word("two", 0.5, 0.8, 0.9, "Two."),)
    assert nova.hear(Heard(0.8, first, silence_s=0.0)) == []
    assert nova.hear(Heard(0.9, first, silence_s=0.1)) == []
    (final,) = sent(nova.hear(Heard(1.0, revised, True, 0.2)))
    assert (text(final), final["speech_final"]) == ("Two.", True)


def test_a_cut_through_unsettled_words_leaves_the_last_one_to_the_next_final() -> None:
    nova = machine()
    spoken = tuple(Word(f"w{n}", n / 2, n / 2 + 0.5, 0.9, f"w{n}") for n in range(9))
    (cut,) = sent(nova.hear(Heard(4.5, spoken, silence_s=0.0)))
    longer = (*spoken[:-1], Word("w8s", 4.0, 4.9, 0.9, "w8s"))
    (final,) = sent(nova.hear(Heard(5.0, longer, True, 0.1)))
    assert (text(cut), cut["duration"]) == ("w0 w1 w2 w3 w4 w5 w6 w7", 4.0)
    assert (text(final), final["start"]) == ("w8s", 4.0)


def test_speech_started_once_per_onset() -> None:
    messages = play(machine(vad_events=True, endpointing_ms=None), OSLO, 3.0)
    started = [m for m in messages if m["type"] == "SpeechStarted"]
    assert [m["timestamp"] for m in started] == [0.5, 2.0]
    assert started[0]["channel"] == [0, 1]


def test_utterance_end_once_and_after_its_final() -> None:
    messages = play(machine(utterance_end_ms=1000, interim_results=True), OSLO, 6.0)
    kinds = [
        m["type"] if m["type"] != "Results" else ("final" if m["is_final"] else "interim") for m in messages
    ]
    (at,) = [index for index, kind in enumerate(kinds) if kind == "UtteranceEnd"]
    assert messages[at]["last_word_end"] == 2.3
    assert "final" in kinds[:at]


def test_utterance_end_finalizes_when_endpointing_is_off() -> None:
    messages = play(machine(utterance_end_ms=1000, endpointing_ms=None), OSLO, 4.0)
    assert [m["type"] for m in messages] == ["Results", "UtteranceEnd"]
    assert (text(messages[0]), messages[0]["is_final"]) == ("Two tickets to Oslo, please.", True)


def test_finalize_answers_with_what_is_there_and_loses_no_word() -> None:
    nova = machine(endpointing_ms=300)
    heard = reports(OSLO, 3.0)
    before = sent(output for report in heard[:20] for output in nova.hear(report))
    (answer,) = sent(receive(nova, "Finalize"))
    after = sent(output for report in heard[20:] for output in nova.hear(report))
    assert before == []
    assert (answer["from_finalize"], answer["is_final"], answer["speech_final"]) == (True, True, True)
    assert text(answer) == "Two tickets"
    assert " ".join(map(text, after)) == "to Oslo, please."
    assert not any(result["from_finalize"] for result in after)


def test_finalize_with_nothing_pending_has_an_empty_answer_and_without_audio_none() -> None:
    nova = machine()
    assert receive(nova, "Finalize") == []
    play(nova, Script(), 0.1)
    for _ in range(2):
        (answer,) = sent(receive(nova, "Finalize"))
        assert (text(answer), answer["from_finalize"]) == ("", True)


def test_close_stream_sends_the_last_results_then_metadata_then_1000() -> None:
    nova = machine(endpointing_ms=300)
    play(nova, OSLO, 1.5)
    outputs = receive(nova, "CloseStream")
    result, metadata = sent(outputs)
    assert text(result) == "Two tickets to Oslo,"
    assert (metadata["type"], metadata["duration"], metadata["channels"]) == ("Metadata", 1.5, 1)
    assert metadata["sha256"] == "digest"
    assert outputs[-1] == Close(1000)
    assert receive(nova, "Finalize") == []


def test_without_audio_metadata_is_empty() -> None:
    (metadata,) = sent(machine().receive(b""))
    assert (metadata["duration"], metadata["channels"], "models" in metadata) == (0.0, 0, False)


def test_idle_sends_metadata_then_net0001() -> None:
    metadata, close = machine().idle()
    assert isinstance(metadata, Send)
    assert metadata.message["type"] == "Metadata"
    assert isinstance(close, Close)
    assert (close.code, "dpgr.am/net0001" in close.reason) == (1011, True)


@pytest.mark.parametrize("kind", ["Terminate", "ForceEndTurn", "KeepAlive ", "keepalive"])
def test_unknown_text_is_answered_and_forgiven(kind: str) -> None:
    nova = machine()
    frame = json.dumps({"type": kind})
    (error,) = sent(nova.receive(frame))
    assert (error["variant"], error["message"]) == ("SchemaError", frame)
    assert f"unknown variant `{kind}`" in error["description"]
    assert play(nova, OSLO, 3.0)


def test_keep_alive_has_no_answer() -> None:
    assert receive(machine(), "KeepAlive") == []


def test_configure_one_at_a_time_and_answered_with_the_next_audio() -> None:
    nova = machine()
    assert receive(nova, "Configure", keyterms=["Oslo"]) == []
    (pending,) = sent(receive(nova, "Configure", keyterms=["Bergen"]))
    assert pending["code"] == "CONFIGURE_ALREADY_PENDING"
    (success,) = sent(nova.hear(Heard(0.05)))
    assert (success["type"], success["keyterms"]) == ("ConfigureSuccess", ["Oslo"])
    assert nova.keyterms == ("Oslo",)
    receive(nova, "Configure", features={"numerals": True})
    (success,) = sent(nova.quiet())
    assert "keyterms" not in success


@pytest.mark.parametrize(
    ("model", "keyterms", "code"),
    [
        ("nova-2", ["Oslo"], "CONFIGURE_KEYTERMS_NOT_SUPPORTED"),
        ("nova-3", ["x" * 20] * 60, "CONFIGURE_KEYTERM_LIMIT_EXCEEDED"),
    ],
)
def test_configure_failures(model: str, keyterms: list[str], code: str) -> None:
    nova = machine(model=model)
    receive(nova, "Configure", keyterms=keyterms)
    (failure,) = sent(nova.quiet())
    assert (failure["type"], failure["code"]) == ("ConfigureFailure", code)
    assert nova.keyterms == ()


def test_configure_with_unknown_keys_is_a_schema_error_that_names_the_known_ones() -> None:
    (error,) = sent(receive(machine(), "Configure", keyterm=["Oslo"]))
    assert error["variant"] == "SchemaError"
    assert "`features`, `processors`, `keyterms`, `language_hints`" in error["description"]


def test_words_say_what_was_asked_for() -> None:
    (plain,) = play(machine(formatted=False), OSLO, 1.6)
    assert text(plain) == "two tickets to oslo"
    assert "punctuated_word" not in plain["channel"]["alternatives"][0]["words"][0]
    settings = {"language": "multi", "diarize": True, "replacements": (("oslo", "Bergen"),)}
    (rich,) = play(machine(**settings), OSLO, 1.6)
    assert text(rich) == "Two tickets to Bergen,"
    word = rich["channel"]["alternatives"][0]["words"][0]
    assert (word["punctuated_word"], word["language"], word["speaker"]) == ("Two", "en", 0)


def test_channels_are_reported_apart() -> None:
    nova = machine(endpointing_ms=300)
    results = []
    for heard in reports(OSLO, 3.0):
        results += sent(nova.hear(heard, 0, 2)) + sent(nova.hear(Heard(heard.time_s), 1, 2))
    assert {tuple(r["channel_index"]) for r in results if text(r)} == {(0, 2)}
    (answer,) = sent(receive(nova, "Finalize", channel=1))
    assert answer["channel_index"] == [1, 2]
    assert len(sent(receive(nova, "Finalize"))) == 2


starts = st.lists(st.floats(0.05, 1.2), min_size=1, max_size=6)


@settings(deadline=None)
@given(starts, st.sampled_from([10, 300, 1000, None]), st.booleans(), st.integers(0, 200))
def test_every_word_is_final_exactly_once(
    gaps: list[float], endpointing_ms: int | None, interim: bool, finalize_at: int
) -> None:
    phrases, at = [], 0.0
    for number, gap in enumerate(gaps):
        phrases.append(Phrase(at + gap, f"a{number} b{number} c{number}", at + gap + 0.7))
        at += gap + 0.7
    nova = machine(endpointing_ms=endpointing_ms, interim_results=interim)
    messages = []
    for number, heard in enumerate(reports(Script(*phrases), at + 1.0)):
        messages += sent(nova.hear(heard))
        messages += sent(receive(nova, "Finalize")) if number == finalize_at else []
    messages += sent(receive(nova, "CloseStream"))
    finals = [m for m in messages if m.get("is_final")]
    assert " ".join(map(text, finals)).split() == [word for phrase in phrases for word in phrase.text.split()]
    assert messages[-1]["type"] == "Metadata"
