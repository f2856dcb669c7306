"""What one Flux stream was asked for."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ListenV2Settings"]


@dataclass(frozen=True, slots=True)
class ListenV2Settings:
    """What the query string sets and ``Configure`` changes.

    Attributes:
        eot_threshold: Confidence that ends a turn, 0.5 to 1.0; 1.0 leaves it to the timeout.
        eager_eot_threshold: Confidence for ``EagerEndOfTurn``, 0.3 to 0.9; None for none.
        eot_timeout_ms: Silence that ends a turn whatever the confidence.
        keyterms: Favoured terms.
        language_hints: Hinted languages; only the multilingual model takes them.
        numerals: Whether numbers are written as digits.
        multilingual: Whether events carry ``languages``.
    """

    eot_threshold: float = 0.7
    eager_eot_threshold: float | None = None
    eot_timeout_ms: int = 5000
    keyterms: tuple[str, ...] = ()
    language_hints: tuple[str, ...] = ()
    numerals: bool = False
    multilingual: bool = False
