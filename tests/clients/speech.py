"""What the clients are given to stream, and what the emulator makes of it."""

from __future__ import annotations

from collections.abc import Iterator

from speechwire.emulator import Phrase, Script, counted_audio, tag_of

RATE = 16000
"""Hz of all audio here, in both directions."""

CHUNK = RATE // 50 * 2
"""Bytes of the 20 ms each client is given at a time, as a call delivers them."""

# At 0.65 the pause within the first turn is an eager end of turn, but no end of turn; see the thresholds.
SCRIPT = Script(
    Phrase(0.3, "Two tickets", 0.9, end_of_turn=0.65),
    Phrase(1.3, "to Oslo, please.", 2.2),
    Phrase(3.6, "Thank you.", 4.2),
)
EAGER_EOT_THRESHOLD = 0.6
EOT_THRESHOLD = 0.8

PHRASES = ["Two tickets", "to Oslo, please.", "Thank you."]
"""What Nova makes of the script: it ends an utterance at every pause."""

TURNS = ["Two tickets to Oslo, please.", "Thank you."]
"""What Flux makes of it."""

AUDIO = counted_audio(6 * RATE)
"""Six seconds that count their samples, so that the emulator can tell whether any is missing."""

VOICE = "aura-2-andromeda-en"
FLUX_VOICE = "flux-alexis-en"
SENTENCE = "Two tickets to Oslo, please."

SPOKEN = "we will meet you at the station"
"""What the offline engines speak and understand, with any of the voices used here."""


def chunks(pcm: bytes) -> Iterator[bytes]:
    """Cut into what a client is given at a time; the last may be shorter."""
    return (pcm[start : start + CHUNK] for start in range(0, len(pcm), CHUNK))


def spoken_tags(*texts: str) -> bytes:
    """What the scripted engine says for these texts, each synthesized apart."""
    return b"".join(tag_of(text).to_bytes(2, "little") * round(len(text) * 0.06 * RATE) for text in texts)
