"""Query parameters of ``/v2/listen``, Flux (Deepgram docs: flux/configuration, flux/language-prompting)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from speechwire.errors import InvalidArgument
from speechwire.protocol import _models
from speechwire.protocol._options import Options
from speechwire.protocol._paths import Path
from speechwire.protocol._rules import Rule, flag, integer, number, one_of, text, texts

__all__ = [
    "DEFAULT_EOT_THRESHOLD",
    "RULES_OF_CONFIGURE",
    "ListenV2Options",
    "check_thresholds",
    "takes_language_hints",
]

DEFAULT_EOT_THRESHOLD = 0.7
"""What the service takes when ``eot_threshold`` is not given."""

_CONTAINERS = frozenset({"ogg-opus"})

# What can be given at the handshake and changed by Configure is checked by the same rules.
_EOT_THRESHOLD = number(0.5, 1.0)
_EAGER_EOT_THRESHOLD = number(0.3, 0.9)
_EOT_TIMEOUT_MS = integer(500, 60000)
_KEYTERMS = texts(most=100, longest=100)

RULES_OF_CONFIGURE: Mapping[str, Rule] = {
    "eager_eot_threshold": _EAGER_EOT_THRESHOLD,
    "eot_threshold": _EOT_THRESHOLD,
    "eot_timeout_ms": _EOT_TIMEOUT_MS,
    "keyterms": _KEYTERMS,
    "language_hints": texts(),
    "numerals": flag,
}
"""One rule for each argument of ``Configure``."""


class ListenV2Options(Options, frozen=True, kw_only=True):
    """What to recognise, and when a turn ends. ``None`` and an empty sequence leave a parameter to the
    service.

    Args:
        model: ``flux-general-en``, ``flux-general-multi``, or a custom model's id.
        encoding: Of header-less mono audio. ``None`` for audio in a container (WAV, Ogg, WebM), which tells
            the service itself; `sample_rate` is then not sent.
        sample_rate: 8000, 16000, 24000, 44100 or 48000 Hz; 16000 is advised.
        eot_threshold: Confidence that ends a turn, 0.5 to 1.0; 1.0 leaves it to the timeout and to
            ``ForceEndTurn``. The service takes 0.7.
        eager_eot_threshold: Confidence that brings ``EagerEndOfTurn``, 0.3 to 0.9 and at most
            `eot_threshold`; without it there are no eager events.
        eot_timeout_ms: Silence that ends a turn whatever the confidence, 500 to 60000 ms. The service takes
            5000.
        keyterm: Up to 100 phrases to favour, each of up to 100 characters.
        language_hint: Languages to expect; only for multilingual models.
        profanity_filter: Mask swear words.
        numerals: Numbers in digits.
        redact: ``numbers`` or ``aggressive_numbers``, to be masked.
        mip_opt_out: Keep the audio out of the model improvement program.
        tag: Labels in the usage report.
        extra: Further parameters by name, unchecked; the service refuses what it does not know.

    Raises:
        InvalidArgument: The service would refuse the connection.
        InvalidArgumentType: A value has the wrong type.
    """

    model: str = "flux-general-en"
    encoding: str | None = "linear16"
    sample_rate: int | None = 16000
    eot_threshold: float | None = None
    eager_eot_threshold: float | None = None
    eot_timeout_ms: int | None = None
    keyterm: Sequence[str] = ()
    language_hint: Sequence[str] = ()
    profanity_filter: bool | None = None
    numerals: bool | None = None
    redact: str | None = None
    mip_opt_out: bool | None = None
    tag: Sequence[str] = ()

    _path: ClassVar[Path] = Path.LISTEN_V2
    _refused: ClassVar[Collection[str]] = frozenset(
        {
            "channels",
            "diarize",
            "endpointing",
            "interim_results",
            "language",
            "multichannel",
            "punctuate",
            "smart_format",
            "utterance_end_ms",
            "vad_events",
        }
    )
    _rules: ClassVar[Mapping[str, Rule]] = {
        "model": text,
        "encoding": one_of({"linear16", "linear32", "mulaw", "alaw", "opus", "ogg-opus"}),
        "sample_rate": one_of({8000, 16000, 24000, 44100, 48000}),
        "eot_threshold": _EOT_THRESHOLD,
        "eager_eot_threshold": _EAGER_EOT_THRESHOLD,
        "eot_timeout_ms": _EOT_TIMEOUT_MS,
        "keyterm": _KEYTERMS,
        "language_hint": texts(),
        "profanity_filter": flag,
        "numerals": flag,
        "redact": one_of({"numbers", "aggressive_numbers"}),
        "mip_opt_out": flag,
        "tag": texts(),
    }

    def _absent(self) -> Collection[str]:
        return ("sample_rate",) if self.encoding is None else ()

    def _check(self) -> None:
        if _models.is_listen_v1(self.model) or _models.is_aura(self.model):
            _models.refuse(self.model, "a Flux model (Nova is on /v1/listen, Aura on /v1/speak)")
        if self.encoding not in (None, *_CONTAINERS) and self.sample_rate is None:
            raise InvalidArgument("sample_rate", None, f"given with encoding={self.encoding!r}")
        check_thresholds(self.eager_eot_threshold, self.eot_threshold)
        if self.language_hint and not takes_language_hints(self.model):
            raise InvalidArgument(
                "language_hint", self.language_hint, f"empty for the one-language model {self.model}"
            )


def check_thresholds(eager_eot_threshold: float | None, eot_threshold: float | None) -> None:
    """Raises `InvalidArgument` if the eager threshold is above the final one."""
    limit = DEFAULT_EOT_THRESHOLD if eot_threshold is None else eot_threshold
    if eager_eot_threshold is not None and eager_eot_threshold > limit:
        raise InvalidArgument(
            "eager_eot_threshold", eager_eot_threshold, f"at most eot_threshold ({limit:g})"
        )


def takes_language_hints(model: str) -> bool:
    """Whether `model` may know language hints: ``flux-general-en`` does not, a custom model might."""
    return not (_models.is_flux(model) and not model.endswith("-multi"))
