"""Phrases a caller says, and how well they are understood.

``python -m tests.emulator.speech`` prints word error rates by voice and by the way the audio took:

* ``direct``: espeak-ng's 22.05 kHz, resampled once to 16 kHz;
* ``PcmPipeline``: as a room delivers it, 48 kHz stereo in 20 ms frames, through ``PcmPipeline``;
* ``FFT per chunk``: the same frames, each resampled on its own by ``scipy.signal.resample``.
"""

from __future__ import annotations

import argparse
import importlib
import re
import time
from collections.abc import Callable, Sequence

import numpy as np

from speechwire.audio import PcmPipeline
from speechwire.emulator.offline import Voice, synthesize
from speechwire.emulator.offline._espeak import NATIVE_RATE
from speechwire.emulator.offline._recognition import DecoderPool, SphinxStream

__all__ = ["CALLER", "MORE_PHRASES", "PHRASES", "to_rate", "word_errors"]

CALLER = Voice("en-us+klatt3", 160)
"""The voice that is understood best."""

PHRASES = (
    "i would like to book a table for two",
    "are you open on saturday evening",
    "can i order a large pizza please",
    "wait i changed my mind",
    "what is the price of a single room",
    "could you repeat that please",
    "hello i would like to order some food",
    "how long does it take to get there",
    "please call me back in the morning",
    "can you help me with my account",
    "i lost my credit card",
    "is it going to rain tomorrow",
    "what time do you close on sunday",
    "i would like to book a table for four people tonight",
    "where can i find the museum",
    "no thank you that is all for today",
)

MORE_PHRASES = (
    "what time do you open tomorrow",
    "do you have a table by the window",
    "how much is the chicken soup",
    "what is the weather like today",
    "can you tell me the price of a ticket",
    "i need to change my appointment",
    "thank you very much goodbye",
    "yes that sounds good thank you",
    "no i want to cancel my order",
    "my name is john smith",
    "where is the nearest train station",
    "i want to speak to the manager",
    "do you have any free rooms next week",
    "is breakfast included in the price",
    "can we come at seven instead",
    "do you have a table for tonight",
    "i would like a cup of coffee and a piece of cake",
    "i am calling about my order",
    "when does the last train leave",
    "is there a bus to the city center",
    "could you please send me the bill",
    "that is all thank you",
    "how are you doing today",
    "i will have the fish and a glass of water",
    "what do you have for breakfast",
    "please make that three instead of two",
    "what time is it",
    "tell me more about it",
    "stop please i have another question",
    "i have a question about my bill",
    "good morning how can i help you",
    "i want to book a flight to london",
    "two coffees and one tea please",
    "what are your opening hours",
    "are you open on sunday",
    "thank you goodbye",
)
"""The rest of the list :data:`PHRASES` was chosen from: together they are what word error rates are of."""


def to_rate(pcm: bytes, rate: int) -> bytes:
    """espeak-ng's samples at another rate."""
    pipeline = PcmPipeline(in_rate=NATIVE_RATE, out_rate=rate, channels=1, chunk_ms=20, quality="best")
    return b"".join([*pipeline.push(pcm), *pipeline.flush()])


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """Substituted, missing and added words, and how many were said; case and punctuation do not count."""
    expected, got = _words(said), _words(heard)
    row = list(range(len(got) + 1))
    for index, word in enumerate(expected, 1):
        diagonal, row[0] = row[0], index
        for column, other in enumerate(got, 1):
            best = min(row[column] + 1, row[column - 1] + 1, diagonal + (word != other))
            diagonal, row[column] = row[column], best
    return row[-1], len(expected)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def _direct(pcm: bytes) -> bytes:
    return to_rate(pcm, 16000)


def _room_frames(pcm: bytes) -> list[bytes]:
    mono = np.frombuffer(to_rate(pcm, 48000), "<i2")
    stereo = np.repeat(mono, 2).tobytes()
    return [stereo[at : at + 3840] for at in range(0, len(stereo), 3840)]


def _pipeline(pcm: bytes) -> bytes:
    pipeline = PcmPipeline(in_rate=48000, out_rate=16000, channels=2, chunk_ms=20)
    chunks = [chunk for frame in _room_frames(pcm) for chunk in pipeline.push(frame)]
    return b"".join([*chunks, *pipeline.flush()])


def _fft_per_chunk(pcm: bytes) -> bytes:
    # Only this comparison needs it.
    signal = importlib.import_module("scipy.signal")

    def resample(frame: bytes) -> bytes:
        mono = np.frombuffer(frame, "<i2").reshape(-1, 2).mean(axis=1)
        resampled = signal.resample(mono, int(len(mono) * 16000 / 48000))
        return bytes(np.clip(resampled, -32767, 32767).astype("<i2").tobytes())

    return b"".join(resample(frame) for frame in _room_frames(pcm))


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "direct": _direct,
    "PcmPipeline": _pipeline,
    "FFT per chunk": _fft_per_chunk,
}


def transcribe(pcm: bytes, pool: DecoderPool) -> str:
    """What the offline engine understands of 16 kHz speech with silence around it."""
    stream = SphinxStream(pool)
    reports = [*stream.feed(bytes(16000) + pcm + bytes(24000)), *stream.settle()]
    stream.close()
    return " ".join(word.text for report in reports if report.settled for word in report.words)


def _report(voice: Voice, way: str, phrases: Sequence[str], pool: DecoderPool, verbose: bool) -> str:
    errors = words = perfect = 0
    start_s, audio_s = time.process_time(), 0.0
    for phrase in phrases:
        pcm = WAYS[way](synthesize(phrase, voice))
        heard = transcribe(pcm, pool)
        wrong, of = word_errors(phrase, heard)
        errors, words, perfect = errors + wrong, words + of, perfect + (wrong == 0)
        audio_s += len(pcm) / 32000 + 1.25
        if wrong and verbose:
            print(f"    {phrase} -> {heard}")
    share = (time.process_time() - start_s) / audio_s
    name = f"{voice.name} {voice.words_per_minute}/min"
    return f"| {name} | {way} | {errors / words:.1%} | {perfect} of {len(phrases)} | {share:.2f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--voice", action="append", help="espeak-ng voice (repeatable)")
    parser.add_argument("--rate", type=int, default=CALLER.words_per_minute, help="words per minute")
    parser.add_argument("--way", action="append", choices=WAYS, help="default: all")
    parser.add_argument("--verbose", action="store_true", help="show what was misunderstood")
    parser.add_argument("--all", action="store_true", help="not only the phrases chosen for tests and demo")
    options = parser.parse_args()
    phrases = PHRASES + MORE_PHRASES if options.all else PHRASES
    pool = DecoderPool()
    print("| voice | way | word errors | understood | CPU s per s |\n|---|---|---|---|---|")
    for name in options.voice or [CALLER.name]:
        for way in options.way or WAYS:
            print(_report(Voice(name, options.rate), way, phrases, pool, options.verbose), flush=True)


if __name__ == "__main__":
    main()
