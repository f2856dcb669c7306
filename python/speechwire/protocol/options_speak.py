"""Query parameters of ``/v1/speak`` (Aura) and ``/v2/speak`` (Flux TTS).

Deepgram docs: tts-media-output-settings, tts-speed, flux-tts/client-messages.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from speechwire.errors import InvalidArgument
from speechwire.protocol import _models
from speechwire.protocol._options import Options
from speechwire.protocol._paths import Path
from speechwire.protocol._rules import Rule, flag, integer, number, one_of, text, texts

__all__ = ["SpeakV1Options", "SpeakV2Options"]

_ENCODINGS = frozenset({"linear16", "mulaw", "alaw"})
_TELEPHONE_RATES = frozenset({8000, 16000})
_LINEAR16_RATES_V1 = frozenset({8000, 16000, 24000, 32000, 48000})
_LINEAR16_RATES_V2 = _LINEAR16_RATES_V1 | {44100}
_AURA_WITH_SPEED = re.compile(r"aura-2-.+-(en|es)")


class SpeakV1Options(Options, frozen=True, kw_only=True):
    """The voice and the audio format of ``/v1/speak``; fixed for the life of a connection.

    Args:
        model: An Aura voice such as ``aura-2-thalia-en``, or a custom one's id.
        encoding: ``linear16``, ``mulaw`` or ``alaw``, mono and headerless.
        sample_rate: In Hz: 8000, 16000, 24000, 32000 or 48000; 8000 or 16000 unless ``linear16``. ``None``
            leaves it to the service: see `output_rate`.
        speed: 0.7 to 1.5; Aura-2 in English and Spanish only.
        mip_opt_out: Keep the text out of the model improvement program.
        tag: Labels in the usage report; documented for requests over HTTP.
        container: Only ``none``.
        extra: Further parameters by name, unchecked.

    Raises:
        InvalidArgument: The service would refuse the connection.
        InvalidArgumentType: A value has the wrong type.
    """

    model: str = "aura-2-thalia-en"
    encoding: str = "linear16"
    sample_rate: int | None = None
    speed: float | None = None
    mip_opt_out: bool | None = None
    tag: Sequence[str] = ()
    container: str | None = None

    _path: ClassVar[Path] = Path.SPEAK_V1
    _required: ClassVar[Collection[str]] = ("model", "encoding")
    _refused: ClassVar[Collection[str]] = frozenset({"bit_rate", "callback", "callback_method"})
    _rules: ClassVar[Mapping[str, Rule]] = {
        "model": text,
        "encoding": one_of(_ENCODINGS),
        "sample_rate": one_of(_LINEAR16_RATES_V1),
        "speed": number(0.7, 1.5),
        "mip_opt_out": flag,
        "tag": texts(),
        "container": one_of({"none"}),
    }

    @property
    def output_rate(self) -> int:
        """The rate of the audio that will come, in Hz."""
        return self.sample_rate or _default_rate(self.encoding)

    def _check(self) -> None:
        if _models.is_flux(self.model) or _models.is_listen_v1(self.model):
            _models.refuse(self.model, "an Aura voice (Flux voices are on /v2/speak)")
        _check_rate(self.encoding, self.sample_rate, _LINEAR16_RATES_V1)
        if self.speed is not None and not _may_have_speed(self.model):
            raise InvalidArgument("speed", self.speed, "None unless the voice is Aura-2, English or Spanish")


class SpeakV2Options(Options, frozen=True, kw_only=True):
    """The voice and the audio format of ``/v2/speak``.

    Args:
        model: A Flux voice such as ``flux-alexis-en``, or a custom one's id.
        encoding: ``linear16``, ``mulaw`` or ``alaw``, mono and headerless.
        sample_rate: In Hz: 8000, 16000, 24000, 32000, 44100 or 48000; 8000 or 16000 unless ``linear16``.
            ``None`` takes the voice's own rate.
        speed: 0.5 to 1.5 in steps of 0.05; ``Configure`` can change it.
        expressivity: -2 to 2.
        mip_opt_out: Keep the text out of the model improvement program.
        tag: Labels in the usage report.
        extra: Further parameters by name, unchecked; the service refuses what it does not know.

    Raises:
        InvalidArgument: The service would refuse the connection.
        InvalidArgumentType: A value has the wrong type.
    """

    model: str = "flux-alexis-en"
    encoding: str = "linear16"
    sample_rate: int | None = None
    speed: float | None = None
    expressivity: int | None = None
    mip_opt_out: bool | None = None
    tag: Sequence[str] = ()

    _path: ClassVar[Path] = Path.SPEAK_V2
    _required: ClassVar[Collection[str]] = ("model", "encoding")
    _refused: ClassVar[Collection[str]] = frozenset({"bit_rate", "callback", "callback_method", "container"})
    _rules: ClassVar[Mapping[str, Rule]] = {
        "model": text,
        "encoding": one_of(_ENCODINGS),
        "sample_rate": one_of(_LINEAR16_RATES_V2),
        "speed": number(0.5, 1.5, step=0.05),
        "expressivity": integer(-2, 2),
        "mip_opt_out": flag,
        "tag": texts(),
    }

    @property
    def output_rate(self) -> int:
        """The rate of the audio that will come, in Hz; 24000 is assumed where the voice decides."""
        return self.sample_rate or _default_rate(self.encoding)

    def _check(self) -> None:
        if _models.is_aura(self.model) or _models.is_listen_v1(self.model):
            _models.refuse(self.model, "a Flux voice (Aura voices are on /v1/speak)")
        _check_rate(self.encoding, self.sample_rate, _LINEAR16_RATES_V2)


def _default_rate(encoding: str) -> int:
    return 24000 if encoding == "linear16" else 8000


def _check_rate(encoding: str, sample_rate: int | None, linear16_rates: Collection[int]) -> None:
    rates = linear16_rates if encoding == "linear16" else _TELEPHONE_RATES
    if sample_rate is not None and sample_rate not in rates:
        allowed = ", ".join(str(rate) for rate in sorted(rates))
        raise InvalidArgument("sample_rate", sample_rate, f"one of {allowed} with encoding={encoding!r}")


def _may_have_speed(model: str) -> bool:
    return not _models.is_aura(model) or _AURA_WITH_SPEED.fullmatch(model) is not None
