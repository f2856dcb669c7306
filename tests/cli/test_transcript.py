"""The formats of a transcript, whole."""

from __future__ import annotations

import json

from speechwire.cli._segments import Segment, SpokenWord
from speechwire.cli._transcript import Transcript, rendering


def test_json_has_times_in_milliseconds_and_confidence_in_four_digits() -> None:
    word = SpokenWord("Hällo.", 0.12345, 0.98765, 0.123456)
    segment = Segment("Hällo.", 0.12345, 0.98765, (word,), channel=1, speaker=2)
    json_format = rendering("json")
    assert json_format.add(segment) == ""
    transcript = Transcript("in.wav", 1.23456, [segment, Segment("Bye.", 1.0, 1.2)], 0.23456, complete=True)
    text = json_format.end(transcript)
    assert text.endswith("\n")
    assert "Hällo." in text, "as it is read"
    assert json.loads(text) == {
        "file": "in.wav",
        "duration_s": 1.235,
        "transcript": "Hällo. Bye.",
        "complete": True,
        "lost_s": 0.235,
        "segments": [
            {
                "text": "Hällo.",
                "start_s": 0.123,
                "end_s": 0.988,
                "channel": 1,
                "speaker": 2,
                "words": [{"text": "Hällo.", "start_s": 0.123, "end_s": 0.988, "confidence": 0.1235}],
            },
            {"text": "Bye.", "start_s": 1.0, "end_s": 1.2, "channel": None, "speaker": None, "words": []},
        ],
    }


def test_the_head_of_subtitles_comes_with_the_first_that_is_known() -> None:
    """Nothing is written before: where all fails, there is no file with a head alone."""
    subtitles = rendering("vtt")
    first, later = Segment("One.", 0.0, 1.0), Segment("Two.", 5.0, 6.0)
    written = [subtitles.add(first), subtitles.add(later), subtitles.add(Segment("Three.", 9.0, 10.0))]
    written.append(subtitles.end(Transcript("in.wav", 10.0, [first, later], 0.0, complete=True)))
    texts = [text for text in written if text]
    assert written[0] == ""
    assert texts[0].startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert "".join(written).count("WEBVTT") == 1
