"""One stream's recognition by pocketsphinx. Runs in a worker process: a decoder holds the GIL while it works.

The voice activity detector (WebRTC's, in pocketsphinx) cuts the unchanged signal into utterances. Each is
decoded as it comes, and again, more exactly, when it has ended. The decoder gets the signal at a constant
level with faint noise added: its models were trained on recordings of rooms, and with the digital silence of
a synthetic voice they miss a third of the words.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any

import numpy as np

from speechwire.emulator._confidence import end_of_turn_confidence
from speechwire.emulator.engine import Heard, Word
from speechwire.emulator.offline._keyterms import favour
from speechwire.emulator.offline._packages import require
from speechwire.emulator.offline._text import present

__all__ = ["SAMPLE_RATE", "DecoderPool", "SphinxStream"]

SAMPLE_RATE = 16000
"""Hz of the audio the acoustic model was trained on."""

_FRAME = 480  # 30 ms, the longest frame the detector takes
_FRAME_BYTES = 2 * _FRAME
_FRAME_S = _FRAME / SAMPLE_RATE
_HYPOTHESIS_FRAMES = 4
_ONSET_FRAMES = 2
_PREROLL_FRAMES = 10
# Longer than the closures inside words, shorter than most pauses.
_SETTLE_S = 0.2
_MAX_UTTERANCE_S = 20.0
_DECODER_FRAME_S = 0.01
_HYPOTHESES = 100

_LEVEL = 2500.0
_NOISE = 200.0
_LEVEL_MEMORY_FRAMES = 60
_MAX_GAIN = 16.0
# Used for partial hypotheses, which have no posterior probability.
_PARTIAL_CONFIDENCE = 0.5
# Cepstral means of speech at _LEVEL with _NOISE: the initial values of live normalization.
_CEPSTRAL_MEAN = "61.05,-5.28,-3.37"


class DecoderPool:
    """Decoders of one process, sharing one language model; making one takes 0.3 s, so they are used again."""

    def __init__(self) -> None:
        self._idle: list[Any] = []
        self._language_model: Any = None

    def take(self) -> Any:
        """A decoder in its initial state."""
        decoder = self._idle.pop() if self._idle else self._make()
        decoder.set_cmn(_CEPSTRAL_MEAN)
        return decoder

    def give_back(self, decoder: Any) -> None:
        """Return a decoder that is between utterances."""
        self._idle.append(decoder)

    def _make(self) -> Any:
        sphinx = require("pocketsphinx")
        decoder = sphinx.Decoder(samprate=SAMPLE_RATE, loglevel="FATAL", cmn="live", lm=None)
        if self._language_model is None:
            path = sphinx.get_model_path("en-us/en-us.lm.bin")
            self._language_model = sphinx.NGramModel(decoder.config, decoder.logmath, path)
        decoder.add_lm("base", self._language_model)
        decoder.activate_search("base")
        return decoder


class SphinxStream:
    """Hears 16 kHz mono s16le and reports every 30 ms."""

    def __init__(self, pool: DecoderPool) -> None:
        self._pool = pool
        self._decoder = pool.take()
        self._detector = require("pocketsphinx").Vad(2, SAMPLE_RATE, _FRAME_S)
        self._carry = b""
        self._frames = 0
        self._last_speech: int | None = None
        self._speech_run = 0
        self._preroll: deque[bytes] = deque(maxlen=_PREROLL_FRAMES)
        self._utterance_start: int | None = None
        self._words: tuple[Word, ...] = ()
        self._energy = _LEVEL**2
        self._keyterms: tuple[str, ...] = ()
        noise = np.random.default_rng(0).normal(0.0, _NOISE, 37 * _FRAME)
        self._noise = noise.reshape(37, _FRAME)

    def feed(self, pcm: bytes) -> list[Heard]:
        """Hear whole samples, cut anywhere."""
        data = self._carry + pcm
        whole = len(data) - len(data) % _FRAME_BYTES
        self._carry = data[whole:]
        frames = (data[at : at + _FRAME_BYTES] for at in range(0, whole, _FRAME_BYTES))
        return [self._frame(frame) for frame in frames]

    def settle(self) -> list[Heard]:
        """End the open utterance where it is."""
        return [self._settled() if self._utterance_start is not None else self._report(settled=True)]

    def set_keyterms(self, keyterms: tuple[str, ...]) -> None:
        """Favour these terms when an utterance is settled."""
        self._keyterms = keyterms

    def close(self) -> None:
        """Give the decoder back."""
        if self._utterance_start is not None:
            self._decoder.end_utt()
        self._pool.give_back(self._decoder)

    def _frame(self, frame: bytes) -> Heard:
        speech = self._detector.is_speech(frame)
        self._frames += 1
        self._note_speech(frame, speech)
        if self._utterance_start is None:
            self._preroll.append(frame)
            if self._speech_run >= _ONSET_FRAMES:
                self._begin()
        else:
            self._decode(frame)
            if self._is_over():
                return self._settled()
        return self._report()

    def _note_speech(self, frame: bytes, speech: bool) -> None:
        self._speech_run = self._speech_run + 1 if speech else 0
        if self._speech_run >= _ONSET_FRAMES or (speech and self._utterance_start is not None):
            self._last_speech = self._frames
            power = float(np.mean(np.square(np.frombuffer(frame, "<i2").astype(np.float64))))
            self._energy += (power - self._energy) / _LEVEL_MEMORY_FRAMES

    def _begin(self) -> None:
        self._utterance_start = self._frames - len(self._preroll)
        self._decoder.start_utt()
        for frame in self._preroll:
            self._decode(frame)
        self._preroll.clear()

    def _decode(self, frame: bytes) -> None:
        gain = min(_LEVEL / max(self._energy, 1.0) ** 0.5, _MAX_GAIN)
        noisy = np.frombuffer(frame, "<i2") * gain + self._noise[self._frames % 37]
        self._decoder.process_raw(np.clip(noisy, -32768, 32767).astype("<i2").tobytes(), False, False)
        if self._frames % _HYPOTHESIS_FRAMES == 0:
            self._words = self._hypothesis(settled=False)

    def _is_over(self) -> bool:
        assert self._utterance_start is not None
        long = (self._frames - self._utterance_start) * _FRAME_S >= _MAX_UTTERANCE_S
        return long or (self._silence_s() or 0.0) >= _SETTLE_S - 1e-9

    def _settled(self) -> Heard:
        self._decoder.end_utt()
        self._words = self._favoured(self._hypothesis(settled=True))
        heard = self._report(settled=True)
        self._utterance_start, self._words = None, ()
        return heard

    def _report(self, *, settled: bool = False) -> Heard:
        silence_s = self._silence_s()
        words = present(self._words, over=bool(silence_s) or settled)
        return Heard(self._frames * _FRAME_S, words, settled, silence_s, end_of_turn_confidence(silence_s))

    def _silence_s(self) -> float | None:
        return None if self._last_speech is None else (self._frames - self._last_speech) * _FRAME_S

    def _hypothesis(self, *, settled: bool) -> tuple[Word, ...]:
        start = self._utterance_start
        assert start is not None
        return tuple(
            _word(segment, start * _FRAME_S, segment.prob if settled else _PARTIAL_CONFIDENCE)
            for segment in self._decoder.seg() or ()
            if segment.word[0] not in "<[+"
        )

    def _favoured(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        if not (words and self._keyterms):
            return words
        others = (hypothesis.hypstr or "" for hypothesis in islice(self._decoder.nbest(), _HYPOTHESES))
        return favour(words, others, self._keyterms)


def _word(segment: Any, start_s: float, confidence: float) -> Word:
    # A dictionary word with a second pronunciation is called "word(2)".
    text = segment.word.partition("(")[0]
    begin = start_s + segment.start_frame * _DECODER_FRAME_S
    end = start_s + (segment.end_frame + 1) * _DECODER_FRAME_S
    return Word(text, begin, end, min(max(confidence, 0.0), 1.0), text)
