"""The options of ``transcribe`` as options of the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from speechwire.cli._arguments import make_options
from speechwire.cli._playing import SERVICE_RATE
from speechwire.cli._segments import Hearing, ListenV1Hearing, ListenV2Hearing
from speechwire.protocol import ListenV1Options, ListenV2Options

__all__ = ["Asked"]

_FORMAT = {"encoding": "linear16", "sample_rate": SERVICE_RATE}


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the command that decide what is recognised, and how."""

    flux: bool
    model: str | None
    language: str | None
    keyterms: Sequence[str]
    multichannel: bool
    diarize: bool
    redact: Sequence[str]
    extra: Sequence[str]

    @property
    def uses_flux(self) -> bool:
        """Whether to use a Flux model: with ``--flux``, or by the model's name."""
        return self.flux or (self.model or "").startswith("flux-")

    def options(self, channels: int) -> ListenV1Options | ListenV2Options:
        """The service's options for an input that is sent with so many channels.

        Raises:
            click.UsageError: Options contradict each other.
            InvalidArgument: The service would refuse a value.
        """
        return self._v2_options() if self.uses_flux else self._v1_options(channels)

    def hearing(self, channels: int) -> Hearing:
        """Make the object that collects the results."""
        if self.uses_flux:
            return ListenV2Hearing()
        return ListenV1Hearing(channels, multichannel=self.multichannel, diarize=self.diarize)

    def _v1_options(self, channels: int) -> ListenV1Options:
        defaults = {
            "smart_format": True,
            "utterance_end_ms": 1000,
            "language": None,
            "keyterm": (),
            "redact": (),
        }
        set_here: dict[str, Any] = {
            **_FORMAT,
            "channels": channels,
            "model": "nova-3" if self.model is None else self.model,
            "multichannel": self.multichannel or None,
            "interim_results": True,
            "diarize": self.diarize or None,
        }
        return make_options(ListenV1Options, self.extra, {**set_here, **self._given()}, defaults)

    def _v2_options(self) -> ListenV2Options:
        for option, value in (
            ("--language", self.language),
            ("--multichannel", self.multichannel),
            ("--diarize", self.diarize),
        ):
            if value:
                raise click.UsageError(f"{option} is for Nova, not for Flux; leave out --flux or {option}")
        if len(self.redact) > 1:
            raise click.UsageError("--redact can be given once with --flux: numbers or aggressive_numbers")
        given: dict[str, Any] = self._given()
        if self.redact:
            given["redact"] = self.redact[0]
        model = "flux-general-en" if self.model is None else self.model
        set_here = {**_FORMAT, "model": model, **given}
        return make_options(ListenV2Options, self.extra, set_here, {})

    def _given(self) -> dict[str, Any]:
        """Options that were given; the others may come by ``--extra``."""
        given = {"language": self.language, "keyterm": tuple(self.keyterms), "redact": tuple(self.redact)}
        return {name: value for name, value in given.items() if value or value == ""}
