"""How a stream is cut into utterances and what its decoder gets: decoder and detector are the test's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechwire.emulator._confidence import end_of_turn_confidence
from speechwire.emulator.offline import _recognition
from speechwire.emulator.offline._recognition import DecoderPool, SphinxStream

FRAME = 480
SILENCE, SPEECH = bytes(2 * FRAME), (1000).to_bytes(2, "little") * FRAME


@dataclass
class Segment:
    """What pocketsphinx says of a word; times in hundredths of a second of the utterance."""

    word: str
    start_frame: int = 0
    end_frame: int = 9
    prob: float = 0.9


@dataclass
class Decoder:
    """Hears what a test says, and notes what it is asked to do."""

    segments: list[Segment] = field(default_factory=lambda: [Segment("hello")])
    others: list[str | None] = field(default_factory=list)
    did: list[str] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    means: list[str] = field(default_factory=list)
    config = logmath = "of the decoder"

    def set_cmn(self, means: str) -> None:
        self.means.append(means)

    def start_utt(self) -> None:
        self.did.append("start")
        self.heard.clear()

    def end_utt(self) -> None:
        self.did.append("end")

    def process_raw(self, data: bytes, no_search: bool, full_utterance: bool) -> None:
        assert not no_search
        assert not full_utterance
        self.heard.append(data)

    def seg(self) -> Sequence[Segment] | None:
        return self.segments or None

    def nbest(self) -> Iterator[Any]:
        self.did.append("others")
        return (SimpleNamespace(hypstr=other) for other in self.others)

    def add_lm(self, name: str, model: object) -> None:
        self.did.append(f"add {name} {model}")

    def activate_search(self, name: str) -> None:
        self.did.append(f"search {name}")


class Vad:
    """Hears speech in whatever is not silent."""

    def __init__(self, mode: int, rate: int, frame_s: float) -> None:
        assert (mode, rate, frame_s) == (2, 16_000, 0.03)

    def is_speech(self, frame: bytes) -> bool:
        assert len(frame) == 2 * FRAME
        return any(frame)


@pytest.fixture
def sphinx(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A package in place of pocketsphinx; returns what is made of it, which each takes its time."""
    made: list[str] = []

    def decoder(**options: object) -> Decoder:
        assert options == {"samprate": 16_000, "loglevel": "FATAL", "cmn": "live", "lm": None}
        made.append("decoder")
        return Decoder()

    def model(config: object, logmath: object, path: str) -> str:
        assert (config, logmath) == ("of the decoder", "of the decoder")
        made.append(path)
        return "model"

    package = SimpleNamespace(Vad=Vad, Decoder=decoder, NGramModel=model, get_model_path=str)
    monkeypatch.setattr(_recognition, "require", {"pocketsphinx": package}.__getitem__)
    return made


@pytest.fixture
def stream(sphinx: list[str]) -> SphinxStream:
    stream = SphinxStream(DecoderPool())
    decoder_of(stream).did.clear()
    return stream


def decoder_of(stream: SphinxStream) -> Decoder:
    decoder = stream._decoder
    assert isinstance(decoder, Decoder)
    return decoder


def test_there_is_a_report_for_each_frame(stream: SphinxStream) -> None:
    reports = stream.feed(SILENCE * 4 + SILENCE[:-2])
    assert [report.time_s for report in reports] == pytest.approx([0.03, 0.06, 0.09, 0.12])
    assert all((report.words, report.settled, report.silence_s) == ((), False, None) for report in reports)
    assert [report.time_s for report in stream.feed(SILENCE[:2])] == pytest.approx([0.15])


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 2000))
def test_audio_cut_anywhere_is_heard_alike(frames: list[bool], samples: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        package = SimpleNamespace(
            Vad=Vad, Decoder=lambda **_: Decoder(), NGramModel=lambda *_: "model", get_model_path=str
        )
        patch.setattr(_recognition, "require", lambda name: package)
        pcm = b"".join(SPEECH if frame else SILENCE for frame in frames)
        whole, cut = SphinxStream(DecoderPool()), SphinxStream(DecoderPool())
        pieces = [pcm[at : at + 2 * samples] for at in range(0, len(pcm), 2 * samples)]
        assert [report for piece in pieces for report in cut.feed(piece)] == whole.feed(pcm)
        assert decoder_of(cut).heard == decoder_of(whole).heard


def test_one_frame_of_speech_is_none(stream: SphinxStream) -> None:
    assert {report.silence_s for report in stream.feed((SPEECH + SILENCE) * 5)} == {None}
    assert decoder_of(stream).did == []


def test_an_utterance_has_what_was_just_before_it(stream: SphinxStream) -> None:
    stream.feed(SILENCE * 12 + SPEECH)
    assert decoder_of(stream).did == []
    stream.feed(SPEECH)
    assert decoder_of(stream).did == ["start"]
    loud = [np.frombuffer(frame, "<i2").mean() > 500 for frame in decoder_of(stream).heard]
    assert loud == [False] * 8 + [True] * 2, "0.3 s of it"


def test_two_frames_are_speech_and_the_silence_behind_them_counts(stream: SphinxStream) -> None:
    silences = [report.silence_s for report in stream.feed(SPEECH * 2 + SILENCE * 2)]
    assert silences == [None, 0.0, pytest.approx(0.03), pytest.approx(0.06)]


def test_times_are_those_of_the_stream(stream: SphinxStream) -> None:
    decoder_of(stream).segments = [Segment("hello", 10, 29)]
    last = stream.feed(SILENCE * 10 + SPEECH * 10)[-1]
    (word,) = last.words
    assert (word.start_s, word.end_s) == pytest.approx((0.06 + 0.10, 0.06 + 0.30))


def test_words_are_looked_for_every_fourth_frame(stream: SphinxStream) -> None:
    reports = stream.feed(SPEECH * 9)
    seen = [bool(report.words) for report in reports]
    assert seen == [False] * 3 + [True] * 6
    decoder_of(stream).segments = [Segment("hello"), Segment("there")]
    counts = [len(report.words) for report in stream.feed(SPEECH * 4)]
    assert counts == [1, 1, 2, 2]


def test_a_pause_settles_an_utterance_with_all_it_knows(stream: SphinxStream) -> None:
    reports = stream.feed(SPEECH * 4 + SILENCE * 9)
    silences = [report.silence_s for report in reports[3:]]
    assert silences == pytest.approx([0.03 * frames for frames in range(10)])
    assert [report.settled for report in reports[3:]] == [False] * 7 + [True] + [False] * 2
    assert [[word.display for word in report.words] for report in reports[3:]] == [
        ["Hello"],
        *[["Hello."]] * 7,
        *[[]] * 2,
    ]
    assert [report.words[0].confidence for report in reports[3:11]] == [0.5] * 7 + [0.9]
    assert [report.end_of_turn for report in reports] == [
        end_of_turn_confidence(report.silence_s) for report in reports
    ]
    assert decoder_of(stream).did == ["start", "end"]


def test_speech_that_goes_on_within_an_utterance_needs_no_second_frame(stream: SphinxStream) -> None:
    last = stream.feed(SPEECH * 4 + SILENCE * 3 + SPEECH + SILENCE * 2)[-1]
    assert last.silence_s == pytest.approx(0.06)


def test_an_utterance_of_twenty_seconds_is_settled(stream: SphinxStream) -> None:
    settled = [report.time_s for report in stream.feed(SPEECH * 1400) if report.settled]
    assert settled == pytest.approx([20.01, 40.02])
    assert decoder_of(stream).did == ["start", "end"] * 2 + ["start"]


def test_settling_ends_the_open_utterance(stream: SphinxStream) -> None:
    stream.feed(SPEECH * 4)
    (told,) = stream.settle()
    assert (told.time_s, told.settled, [word.display for word in told.words]) == (0.12, True, ["Hello."])
    (again,) = stream.settle()
    assert (again.time_s, again.settled, again.words) == (0.12, True, ())
    assert decoder_of(stream).did == ["start", "end"]


def test_what_is_no_word_is_left_out(stream: SphinxStream) -> None:
    said = {"<s>": 1, "[NOISE]": 1, "++UH++": 1, "read(2)": 7, "Xit": -1}
    decoder_of(stream).segments = [Segment(name, prob=prob) for name, prob in said.items()]
    (told,) = [report for report in stream.feed(SPEECH * 4 + SILENCE * 7) if report.settled]
    assert [(word.text, word.confidence) for word in told.words] == [("read", 1.0), ("Xit", 0.0)]
    decoder_of(stream).segments = []
    assert [report.words for report in stream.feed(SPEECH * 4 + SILENCE * 7) if report.settled] == [()]


@pytest.mark.parametrize(
    ("before", "heard"),
    [([], "bye"), ([None], "bye"), (["nothing"] * 99, "bye"), (["nothing"] * 100, "hello")],
)
def test_keyterms_choose_among_a_hundred_hypotheses(
    stream: SphinxStream, before: list[str | None], heard: str
) -> None:
    stream.set_keyterms(("bye",))
    decoder_of(stream).others = [*before, "bye"]
    (told,) = [report for report in stream.feed(SPEECH * 4 + SILENCE * 7) if report.settled]
    assert [word.text for word in told.words] == [heard]


def test_without_keyterms_no_other_hypothesis_counts(stream: SphinxStream) -> None:
    decoder_of(stream).others = ["bye"]
    (told,) = [report for report in stream.feed(SPEECH * 4 + SILENCE * 7) if report.settled]
    assert [word.text for word in told.words] == ["hello"]
    assert "others" not in decoder_of(stream).did, "they take their time"


def test_where_nothing_was_said_no_keyterm_was(stream: SphinxStream) -> None:
    stream.set_keyterms(("bye",))
    decoder_of(stream).segments, decoder_of(stream).others = [], ["bye"]
    assert [report.words for report in stream.feed(SPEECH * 4 + SILENCE * 7) if report.settled] == [()]
    assert "others" not in decoder_of(stream).did


def test_a_stream_that_ends_gives_its_decoder_to_the_next(sphinx: list[str]) -> None:
    pool = DecoderPool()
    first = SphinxStream(pool)
    first.feed(SPEECH * 4)
    first.close()
    assert decoder_of(first).did[-2:] == ["start", "end"]
    second, third = SphinxStream(pool), SphinxStream(pool)
    assert decoder_of(second) is decoder_of(first)
    second.close()
    assert decoder_of(second).did[-2:] == ["start", "end"], "nothing was open"
    assert decoder_of(third) is not decoder_of(first)
    assert sphinx == ["decoder", "en-us/en-us.lm.bin", "decoder"], "they share one model"
    assert decoder_of(third).did == ["add base model", "search base"]
    assert len(decoder_of(second).means) == 2, "it begins anew"
    assert [len([*map(float, means.split(","))]) for means in decoder_of(second).means] == [3, 3]


def level(stream: SphinxStream, amplitude: int, frames: int = 500) -> float:
    """The root mean square of what the decoder gets of audio like this in the end."""
    stream.feed(amplitude.to_bytes(2, "little") * FRAME * frames)
    late = np.frombuffer(b"".join(decoder_of(stream).heard[-100:]), "<i2").astype(float)
    return float(np.sqrt(np.mean(late**2)))


@pytest.mark.parametrize("amplitude", [300, 2500, 20_000])
def test_the_decoder_gets_all_speech_at_one_level(stream: SphinxStream, amplitude: int) -> None:
    assert level(stream, amplitude) == pytest.approx((2500**2 + 200**2) ** 0.5, rel=0.02)


def test_what_is_very_quiet_is_not_raised_without_end(stream: SphinxStream) -> None:
    assert level(stream, 20) == pytest.approx((320**2 + 200**2) ** 0.5, rel=0.02)


def test_the_level_follows_in_two_seconds(stream: SphinxStream) -> None:
    level(stream, 5000)
    stream.feed((2500).to_bytes(2, "little") * FRAME * 60)
    noise = stream._noise[stream._frames % 37].mean()
    now = np.frombuffer(decoder_of(stream).heard[-1], "<i2").astype(float).mean() - noise
    energy = 2500**2 + (5000**2 - 2500**2) * (1 - 1 / 60) ** 60
    assert now == pytest.approx(2500 * 2500 / energy**0.5, rel=0.001)


@pytest.mark.parametrize("peak", [32_767, -32_768])
def test_a_peak_is_cut_and_does_not_wrap(stream: SphinxStream, peak: int) -> None:
    level(stream, 20)
    stream.feed(peak.to_bytes(2, "little", signed=True) + (20).to_bytes(2, "little") * (FRAME - 1))
    heard = np.frombuffer(decoder_of(stream).heard[-1], "<i2")
    assert heard[0] == peak
    assert np.abs(heard[1:]).max() < 2000
