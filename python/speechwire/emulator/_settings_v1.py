"""What a ``/v1/listen`` query sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from speechwire.emulator._messages import Message

__all__ = ["MODEL_UUID", "ListenV1Settings", "keyterm_tokens"]

MODEL_UUID = "40bd3654-e622-47c4-a111-63a61b23bfe8"


@dataclass(frozen=True, slots=True)
class ListenV1Settings:
    """Parameters that change what is sent; the others are checked and have no effect here.

    Attributes:
        model: Name as asked for.
        language: ``multi`` adds languages to words and alternatives.
        interim_results: Whether to report spans that may still change.
        endpointing_ms: Silence after speech that ends an utterance; None for never.
        utterance_end_ms: Gap after the last word that sends ``UtteranceEnd``; None for never.
        vad_events: Whether to send ``SpeechStarted``.
        formatted: Whether transcripts are cased and punctuated.
        diarize: Whether words name a speaker; there is only one.
        multichannel: Whether each channel has results of its own.
        keyterms: Favoured terms.
        replacements: Words to write differently.
    """

    model: str = "base"
    language: str = "en"
    interim_results: bool = False
    endpointing_ms: int | None = 10
    utterance_end_ms: int | None = None
    vad_events: bool = False
    formatted: bool = False
    diarize: bool = False
    multichannel: bool = False
    keyterms: tuple[str, ...] = ()
    replacements: tuple[tuple[str, str], ...] = ()

    @property
    def model_info(self) -> Message:
        """As results and metadata name the model."""
        arch = "-".join(self.model.split("-")[:2])
        kind = self.model.removeprefix(arch).lstrip("-") or "general"
        return {"name": f"{kind}-{arch}", "version": "2025-04-17.21547", "arch": arch}


def keyterm_tokens(keyterms: Sequence[str]) -> int:
    """About how many sub-word tokens these have.

    The tokenizer is not public. Two characters each agrees with what has been measured: 50 terms of 15
    characters are accepted, 60 of 20 are not.
    """
    return sum((len(term) + 1) // 2 for term in keyterms)
