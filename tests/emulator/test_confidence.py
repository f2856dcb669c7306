"""How likely a pause is the end of a turn, after so many seconds of it."""

from __future__ import annotations

import pytest

from speechwire.emulator._confidence import end_of_turn_confidence


@pytest.mark.parametrize(
    ("silence_s", "confidence"),
    [(None, 0.0), (0.0, 0.0), (0.001, 0.2), (0.21, 0.5), (0.34, 0.7), (0.54, 0.9), (1000.0, 0.9999)],
)
def test_it_grows_with_silence_and_is_never_certain(silence_s: float | None, confidence: float) -> None:
    assert end_of_turn_confidence(silence_s) == pytest.approx(confidence, abs=0.01)
    assert end_of_turn_confidence(silence_s) < 1.0


def test_it_begins_at_the_prior_and_grows_more_slowly_where_pauses_are_long() -> None:
    assert end_of_turn_confidence(1e-9, prior=0.5) == pytest.approx(0.5)
    assert end_of_turn_confidence(0.21, pause_s=0.3) < end_of_turn_confidence(0.21)
