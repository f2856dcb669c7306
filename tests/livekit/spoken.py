"""What the emulator is told will be said."""

from __future__ import annotations

from tests.livekit.parties import RATE

from speechwire.emulator import Phrase, Script, counted_audio, tag_of

__all__ = ["AUDIO", "EAGER_EOT_THRESHOLD", "EOT_THRESHOLD", "PHRASES", "SCRIPT", "TURNS", "spoken"]

# At 0.65 the pause within the first turn is an eager end of turn, but no end of turn; see the thresholds.
SCRIPT = Script(
    Phrase(0.3, "Two tickets", 0.9, end_of_turn=0.65),
    Phrase(1.3, "to Oslo, please.", 2.2),
    Phrase(3.6, "Thank you.", 4.2),
)
EAGER_EOT_THRESHOLD = 0.6
EOT_THRESHOLD = 0.8
AUDIO = counted_audio(6 * RATE)
PHRASES = ["Two tickets", "to Oslo, please.", "Thank you."]
TURNS = ["Two tickets to Oslo, please.", "Thank you."]


def spoken(*texts: str, rate: int = RATE) -> bytes:
    """What the scripted engine says for these texts, each synthesized apart."""
    return b"".join(tag_of(text).to_bytes(2, "little") * round(len(text) * 0.06 * rate) for text in texts)
