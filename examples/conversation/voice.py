"""The caller's voice."""

from __future__ import annotations

from .caller import Voice


def espeak_voice() -> Voice:
    raise NotImplementedError
