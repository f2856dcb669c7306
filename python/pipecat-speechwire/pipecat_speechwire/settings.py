"""What can be changed while a pipeline runs, in Pipecat's manner.

The fields are those of ``DeepgramSTTSettings``, ``DeepgramFluxSTTSettings`` and ``DeepgramTTSSettings``; an
update made of one of those is taken as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from pipecat.services.settings import STTSettings, TTSSettings
from pipecat.transcriptions.language import Language
from pipecat.utils.types import NOT_GIVEN, NotGiven, is_given

__all__ = ["SpeechwireFluxSTTSettings", "SpeechwireSTTSettings", "SpeechwireTTSSettings"]


def _not_given() -> Any:
    return field(default_factory=lambda: NOT_GIVEN)


@dataclass
class SpeechwireSTTSettings(STTSettings):
    """Settings of `SpeechwireSTTService`; ``model``, ``language`` and ``extra`` are inherited.

    Parameters:
        detect_entities: Put entities in the finals.
        diarize: Number the speakers.
        dictation: Spoken punctuation becomes punctuation.
        endpointing: Silence in ms that ends an utterance, or False for never.
        interim_results: Results before they are final.
        keyterm: One phrase to favour, or several; Nova-3 only.
        keywords: ``word`` or ``word:intensifier``, one or several; not for Nova-3.
        numerals: Numbers in digits.
        profanity_filter: Mask swear words.
        punctuate: Punctuation and capitals.
        redact: What to mask: ``pci``, ``ssn``, ``numbers``; one or several.
        replace: ``find:replace`` pairs, one or several.
        search: Terms to look for, one or several.
        smart_format: Numbers, dates and the like as written.
        utterance_end_ms: Gap in ms, 1000 to 5000, that brings ``UtteranceEnd``.
        version: Version of the model; None for the latest.
    """

    detect_entities: bool | NotGiven = _not_given()
    diarize: bool | NotGiven = _not_given()
    dictation: bool | NotGiven = _not_given()
    endpointing: Any | NotGiven = _not_given()
    interim_results: bool | NotGiven = _not_given()
    keyterm: Any | NotGiven = _not_given()
    keywords: Any | NotGiven = _not_given()
    numerals: bool | NotGiven = _not_given()
    profanity_filter: bool | None | NotGiven = _not_given()
    punctuate: bool | NotGiven = _not_given()
    redact: Any | NotGiven = _not_given()
    replace: Any | NotGiven = _not_given()
    search: Any | NotGiven = _not_given()
    smart_format: bool | NotGiven = _not_given()
    utterance_end_ms: int | None | NotGiven = _not_given()
    version: str | None | NotGiven = _not_given()

    def with_extra_in_fields(self) -> SpeechwireSTTSettings:
        """A copy where what ``extra`` has of the declared fields stands in them; a field given wins."""
        settings: SpeechwireSTTSettings = self.copy()
        inherited = ("extra", "model", "language")
        for name in [each.name for each in fields(settings) if each.name not in inherited]:
            if name in settings.extra:
                value = settings.extra.pop(name)
                if not is_given(getattr(settings, name)):
                    setattr(settings, name, value)
        return settings


@dataclass
class SpeechwireFluxSTTSettings(STTSettings):
    """Settings of `SpeechwireFluxSTTService`; ``model`` is inherited, ``language`` is not used.

    Parameters:
        eager_eot_threshold: Confidence that brings an eager end of turn, 0.3 to 0.9 and at most
            ``eot_threshold``; None for no eager ends.
        eot_threshold: Confidence that ends a turn, 0.5 to 1.0; the service takes 0.7.
        eot_timeout_ms: Silence that ends a turn whatever the confidence, 500 to 60000 ms; it takes 5000.
        keyterm: Up to 100 phrases to favour.
        min_confidence: Turns of a lower mean confidence are not transcribed.
        numerals: Numbers in digits.
        profanity_filter: Mask swear words.
        redact: ``numbers`` or ``aggressive_numbers``, to be masked.
        language_hints: Languages to expect; ``flux-general-multi`` only. An empty list or None for no hints.
    """

    eager_eot_threshold: float | None | NotGiven = _not_given()
    eot_threshold: float | None | NotGiven = _not_given()
    eot_timeout_ms: int | None | NotGiven = _not_given()
    keyterm: list[str] | NotGiven = _not_given()
    min_confidence: float | None | NotGiven = _not_given()
    numerals: bool | None | NotGiven = _not_given()
    profanity_filter: bool | None | NotGiven = _not_given()
    redact: str | None | NotGiven = _not_given()
    language_hints: list[Language] | None | NotGiven = _not_given()


@dataclass
class SpeechwireTTSSettings(TTSSettings):
    """Settings of `SpeechwireTTSService`; ``voice`` is inherited, ``language`` is not used.

    Parameters:
        speed: 0.7 to 1.5, for Aura-2 voices in English and Spanish; None for the voice's own.
    """

    speed: float | None | NotGiven = _not_given()
