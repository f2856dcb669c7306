"""Responses are compared whole: every field, not only that there is one."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from videosdk.agents import SpeechData, SpeechEventType, STTResponse
from videosdk.plugins.deepgram._results import ResultsTranslator
from videosdk.plugins.deepgram._turns import TurnTranslator

from speechwire.protocol import ListenV1, ListenV1Options, ListenV2, ListenV2Options
from speechwire.protocol.listen_v1_events import Results
from speechwire.protocol.listen_v2_events import TurnInfo

TEN_SECONDS = bytes(320_000)  # no time from the service lies beyond what was sent
RESULTS = """{
    "type": "Results", "channel_index": [1, 2], "start": 4.5, "duration": 1.25,
    "is_final": true, "speech_final": true, "from_finalize": true,
    "metadata": {"request_id": "r-1"},
    "channel": {"alternatives": [
        {"transcript": "Two tickets, bitte.", "confidence": 0.75, "languages": ["en", "de"], "words": [
            {"word": "two", "punctuated_word": "Two", "start": 4.6, "end": 4.75, "confidence": 0.9,
             "speaker": 3, "language": "en"},
            {"word": "tickets", "punctuated_word": "tickets,", "start": 4.8, "end": 5.1, "confidence": 0.8,
             "speaker": 1, "language": "en"},
            {"word": "bitte", "start": 5.2, "end": 5.5, "confidence": 0.7, "speaker": 1, "language": "de"}
        ]},
        {"transcript": "To tickets", "confidence": 0.1, "words": []}
    ]}
}"""
BARE = """{
    "type": "Results", "start": 4.5, "duration": 1.25, "is_final": false,
    "channel": {"alternatives": [{"transcript": "Two", "confidence": 0.5}]}
}"""
TURN = """{
    "type": "TurnInfo", "request_id": "r-2", "sequence_id": 0, "event": "%s", "turn_index": 7,
    "audio_window_start": 3.0, "audio_window_end": 3.4, "transcript": "Two tickets",
    "languages": ["en", "de"], "end_of_turn_confidence": 0.85, "trigger": "timeout", "words": [
        {"word": "Two", "start": 3.1, "end": 3.2, "confidence": 0.9},
        {"word": "tickets", "start": 3.2, "end": 3.4, "confidence": 0.4}
    ]
}"""


def results(text: str) -> Results:
    protocol = ListenV1(ListenV1Options())
    protocol.send_audio(TEN_SECONDS)
    (event,) = protocol.receive(text)
    assert isinstance(event, Results)
    return event


def turn(event: str) -> TurnInfo:
    protocol = ListenV2(ListenV2Options())
    protocol.send_audio(TEN_SECONDS)
    (info,) = protocol.receive(TURN % event)
    assert isinstance(info, TurnInfo)
    return info


Whole = tuple[SpeechEventType, dict[str, object], dict[str, object] | None]


def whole(response: STTResponse | None) -> Whole | None:
    """Everything in a response."""
    return None if response is None else (response.event_type, asdict(response.data), response.metadata)


def test_a_final_with_everything() -> None:
    assert whole(ResultsTranslator("nova-3", "multi").translate(results(RESULTS))) == (
        SpeechEventType.FINAL,
        {
            "text": "Two tickets, bitte.",
            "confidence": 0.75,
            "language": "en",
            "start_time": 4.6,
            "end_time": 5.5,
            "duration": 1.25,
        },
        {
            "model": "nova-3",
            "request_id": "r-1",
            "speech_final": True,
            "from_finalize": True,
            "channel": 1,
            "speaker": 1,  # who says most of it
            "languages": ["en", "de"],
            "words": [
                {
                    "word": "Two",
                    "start": 4.6,
                    "end": 4.75,
                    "confidence": 0.9,
                    "speaker": 3,
                    "language": "en",
                },
                {
                    "word": "tickets,",
                    "start": 4.8,
                    "end": 5.1,
                    "confidence": 0.8,
                    "speaker": 1,
                    "language": "en",
                },
                {
                    "word": "bitte",
                    "start": 5.2,
                    "end": 5.5,
                    "confidence": 0.7,
                    "speaker": 1,
                    "language": "de",
                },
            ],
        },
    )


def test_an_interim_with_next_to_nothing() -> None:
    assert whole(ResultsTranslator("nova-2", "en-US").translate(results(BARE))) == (
        SpeechEventType.INTERIM,
        {
            "text": "Two",
            "confidence": 0.5,
            "language": "en-US",
            "start_time": 4.5,
            "end_time": 5.75,
            "duration": 1.25,
        },
        {
            "model": "nova-2",
            "request_id": results(BARE).metadata.request_id,
            "speech_final": False,
            "from_finalize": False,
            "channel": 0,
            "speaker": None,
            "languages": [],
            "words": [],
        },
    )


@pytest.mark.parametrize("text", ["", " ", "\\n"])
def test_results_without_text_are_nothing(text: str) -> None:
    assert ResultsTranslator("nova-2", "en-US").translate(results(BARE.replace("Two", text))) is None


@pytest.mark.parametrize(
    ("event", "preemptive", "kind", "marked"),
    [
        ("Update", False, SpeechEventType.INTERIM, False),
        ("EagerEndOfTurn", False, SpeechEventType.INTERIM, False),
        ("EagerEndOfTurn", True, SpeechEventType.PREFLIGHT, False),
        ("TurnResumed", False, SpeechEventType.INTERIM, False),
        ("TurnResumed", True, SpeechEventType.INTERIM, True),
        ("EndOfTurn", False, SpeechEventType.FINAL, False),
    ],
)
def test_a_turn_with_everything(event: str, preemptive: bool, kind: SpeechEventType, marked: bool) -> None:
    translator = TurnTranslator("flux-general-multi", preemptive)
    translator.translate(turn("StartOfTurn"))
    assert whole(translator.translate(turn(event))) == (
        kind,
        {
            "text": "Two tickets",
            "confidence": pytest.approx(0.65),
            "language": "en",
            "start_time": 3.0,
            "end_time": 3.4,
            "duration": pytest.approx(0.4),
        },
        {
            "model": "flux-general-multi",
            "request_id": "r-2",
            "turn_index": 7,
            "event": event,
            "end_of_turn_confidence": 0.85,
            "trigger": turn(event).trigger,
            "languages": ["en", "de"],
            "words": [
                {"word": "Two", "start": 3.1, "end": 3.2, "confidence": 0.9},
                {"word": "tickets", "start": 3.2, "end": 3.4, "confidence": 0.4},
            ],
        }
        | ({"turn_resumed": True} if marked else {}),
    )


def test_a_turn_without_words_has_no_confidence_and_no_negative_duration() -> None:
    translator = TurnTranslator("flux-general-en", preemptive=False)
    odd = TurnInfo(
        event="StartOfTurn", turn_index=0, audio_window_start=2.0, audio_window_end=1.0, transcript="Two"
    )
    response = translator.translate(odd)
    assert response is not None
    assert response.data == SpeechData(
        text="Two", confidence=0.0, language=None, start_time=2.0, end_time=1.0, duration=0.0
    )
