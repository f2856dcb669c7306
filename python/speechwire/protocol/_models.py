"""Families of models by name. An unknown name may be a custom model, and is accepted."""

from __future__ import annotations

from speechwire.errors import InvalidArgument

__all__ = ["is_aura", "is_flux", "is_listen_v1", "is_nova_3", "refuse"]

_LISTEN_V1_FAMILIES = ("nova", "enhanced", "base", "whisper")
# The names of the first generation's models are only their use.
_LISTEN_V1_NAMES = frozenset(
    {"conversationalai", "finance", "general", "meeting", "phonecall", "video", "voicemail"}
)


def is_flux(model: str) -> bool:
    """Flux, of either direction: ``flux-general-en``, ``flux-alexis-en``."""
    return _is(model, "flux")


def is_aura(model: str) -> bool:
    """Aura and Aura-2: ``aura-asteria-en``, ``aura-2-thalia-en``."""
    return _is(model, "aura")


def is_nova_3(model: str) -> bool:
    """Nova-3: ``nova-3``, ``nova-3-medical``."""
    return _is(model, "nova-3")


def is_listen_v1(model: str) -> bool:
    """Known to be a model of ``/v1/listen``, of any generation."""
    return model in _LISTEN_V1_NAMES or any(_is(model, family) for family in _LISTEN_V1_FAMILIES)


def refuse(model: str, why: str) -> None:
    """Raises for a model of another endpoint; `why` says what is allowed here."""
    raise InvalidArgument("model", model, why)


def _is(model: str, family: str) -> bool:
    return model == family or model.startswith(f"{family}-")
