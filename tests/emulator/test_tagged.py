"""What the tagged engine hears: words that are values of samples, silence behind them, and nothing before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from speechwire.emulator._audio_format import AudioFormat, Decoder
from speechwire.emulator.engine import Heard, StreamInfo
from speechwire.emulator.tagged import MOST_WORDS, TaggedEngine, TaggedRecognizer, word_sample

RATE = 8_000


def test_words_are_the_codes_of_mu_law() -> None:
    (pcm,) = Decoder(AudioFormat("mulaw", RATE)).decode(bytes(range(1, MOST_WORDS + 1)))
    assert np.frombuffer(pcm, "<i2").tolist() == [word_sample(word) for word in range(1, MOST_WORDS + 1)]
    assert MOST_WORDS == 100


def audio(*parts: tuple[int, float]) -> bytes:
    """Words by number, 0 for silence, each this many seconds."""
    return b"".join(
        (word_sample(word) if word else 0).to_bytes(2, "little", signed=True) * round(RATE * seconds)
        for word, seconds in parts
    )


def heard(pcm: bytes, recognizer: TaggedRecognizer | None = None) -> Sequence[Heard]:
    return asyncio.run((recognizer or TaggedRecognizer(RATE)).feed(pcm))


def test_before_the_first_word_there_is_no_silence() -> None:
    for step, each in enumerate(heard(audio((0, 1.0))), 1):
        assert each.time_s == pytest.approx(step * 0.05)
        assert each == Heard(each.time_s, (), settled=False, silence_s=None, end_of_turn=0.0)


def test_a_word_is_known_at_its_end_and_the_silence_behind_it_counts_on() -> None:
    steps = heard(audio((7, 0.3), (0, 2.0)))
    assert [len(each.words) for each in steps[:8]] == [0] * 6 + [1, 1]
    word = steps[6].words[0]
    assert (word.text, word.start_s, round(word.end_s, 3)) == ("7", 0.0, 0.3)
    assert (word.display, word.confidence) == ("7", 0.99)
    assert [each.silence_s for each in steps[:6]] == [0.0] * 6, "a word is open"
    silences = [each.silence_s for each in steps[6:]]
    assert silences == pytest.approx([0.05 * place for place in range(1, 41)]), "also once it is settled"
    (settled,) = [place for place, each in enumerate(steps) if each.settled]
    assert steps[settled].words == (word,)
    assert not any(each.words for each in steps[settled + 1 :])
    assert [each.end_of_turn for each in steps[6:]] == pytest.approx(
        [min(1.0, 0.1 * place) for place in range(1, 41)]
    )


def test_another_word_ends_the_one_before() -> None:
    steps = heard(audio((7, 0.3), (8, 0.3), (0, 0.1)))
    assert [(word.text, round(word.start_s, 3), round(word.end_s, 3)) for word in steps[-1].words] == [
        ("7", 0.0, 0.3),
        ("8", 0.3, 0.6),
    ]


def test_pieces_of_any_size_are_heard_alike() -> None:
    pcm, whole = audio((7, 0.3), (0, 0.5)), heard(audio((7, 0.3), (0, 0.5)))
    recognizer = TaggedRecognizer(RATE)
    pieces = [each for at in range(0, len(pcm), 333) for each in heard(pcm[at : at + 333], recognizer)]
    assert pieces == list(whole)


def test_settling_tells_the_open_word_and_forgets_it() -> None:
    recognizer = TaggedRecognizer(RATE)
    heard(audio((7, 0.3), (8, 0.3)), recognizer)
    (told,) = asyncio.run(recognizer.settle())
    assert [word.text for word in told.words] == ["7", "8"]
    assert (told.settled, told.silence_s, told.end_of_turn) == (True, 0.1, 0.1)
    assert [told.time_s, told.words[1].end_s] == pytest.approx([0.6, 0.6])
    assert asyncio.run(recognizer.settle())[0].words == ()


def test_a_word_lasts_a_tenth_of_a_second_at_least() -> None:
    for seconds, words in ((0.05, []), (0.1, ["7"])):
        last = heard(audio((0, 1.0), (7, seconds), (0, 0.1)))[-1]
        assert [word.text for word in last.words] == words


def test_a_word_has_the_values_of_its_middle() -> None:
    step = round(RATE * 0.05) * 2
    odd = bytes(step // 2 - 2) + audio((7, 0.01))[:4] + bytes(step // 2 - 2)
    assert [each.silence_s for each in heard(odd * 4)] == [0.0] * 4, "a word is open"


def test_a_voice_sings_as_long_as_its_text_is() -> None:
    async def sung() -> list[bytes]:
        voice = await TaggedEngine().synthesizer(StreamInfo(0, "/v1/speak", RATE))
        return [piece async for piece in voice.speak("four")]

    pieces = asyncio.run(sung())
    assert [len(piece) for piece in pieces] == [2, 998, 4000, 322, 2, 998, 78]
    tone = np.frombuffer(b"".join(pieces), "<i2").astype(float)
    assert len(tone) == 0.4 * RATE
    hertz = np.argmax(np.abs(np.fft.rfft(tone, RATE * 10))) / 10
    assert hertz == pytest.approx(441.3, abs=0.5)
    assert tone.max() == pytest.approx(12_000, abs=200)


def test_words_are_settled_after_a_fifth_of_a_second() -> None:
    steps = heard(audio((7, 0.3), (0, 0.5)))
    (silence_s,) = [each.silence_s or 0.0 for each in steps if each.settled]
    assert 0.19 < silence_s < 0.26, "to a step"


def test_behind_settled_words_silence_counts_also_after_what_is_no_word() -> None:
    steps = heard(audio((7, 0.3), (0, 0.5), (8, 0.05), (0, 0.3)))
    assert [each.silence_s for each in steps[-6:]] == pytest.approx([0.05 * place for place in range(1, 7)])


def test_only_marks_are_no_part_of_a_word() -> None:
    step = (7).to_bytes(2, "little") * round(RATE * 0.05)
    recognizer = TaggedRecognizer(RATE, {7: "?!X-Ray.,;:"}.get)
    (word,) = heard(step * 3 + bytes(len(step)), recognizer)[-1].words
    assert (word.text, word.display) == ("x-ray", "?!X-Ray.,;:")
