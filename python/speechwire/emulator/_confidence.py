"""The end-of-turn confidence after some seconds of silence."""

from __future__ import annotations

import math

__all__ = ["end_of_turn_confidence"]

_PRIOR = 0.2
_PAUSE_S = 0.15


def end_of_turn_confidence(
    silence_s: float | None, *, prior: float = _PRIOR, pause_s: float = _PAUSE_S
) -> float:
    """The probability, from 0 to below 1, that a pause of ``silence_s`` so far is the end of the turn.

    Pauses inside a turn are assumed to be exponentially distributed with the mean ``pause_s``. ``prior`` is
    the probability at the start of a pause that it ends the turn. Bayes' rule then gives ``prior /
    (prior + (1 - prior) * exp(-silence_s / pause_s))``: with the defaults 0.2 at once, 0.5 after 0.21 s, 0.7
    after 0.34 s, 0.9 after 0.54 s. Only silence counts; what was said does not. While speech is heard
    (``silence_s`` 0) and before any (None) it is 0.
    """
    if not silence_s:
        return 0.0
    # Below 1 also where the exponential underflows, so that a threshold of 1.0 is never met.
    return min(prior / (prior + (1.0 - prior) * math.exp(-silence_s / pause_s)), 0.9999)
