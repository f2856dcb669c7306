"""When audio is given up that connections die of, and when it is not."""

from __future__ import annotations

import pytest

from speechwire.session._deaths import Deaths

RATE = 1000
THERE = {"gain_s": 0.0, "unheard_s": 1.0}
BEFORE = {"gain_s": -1.0, "unheard_s": 1.0}


def deaths_of(sent: list[int], **how: float) -> list[int]:
    """What is given up at each death of a row."""
    deaths = Deaths(RATE)
    return [deaths.ended(sent_to, **how, failed=True) for sent_to in sent]


@pytest.mark.parametrize(
    ("gain_s", "unheard_s", "most"),
    [
        (0.0, 1.0, 3),
        (0.02, 2.99, 3),
        (-0.24, 0.0, 3),
        (-0.25, 0.0, 12),  # died before
        (0.0, 3.0, 12),  # stood still first
    ],
)
def test_so_many_deaths_give_up_what_they_were_sent(gain_s: float, unheard_s: float, most: int) -> None:
    given_up = deaths_of([5000] * (most + 1), gain_s=gain_s, unheard_s=unheard_s)
    assert given_up == [0] * (most - 1) + [5000, 0], "and the count begins anew"


def test_hints_of_both_kinds_add_up() -> None:
    deaths = Deaths(RATE)
    row = [THERE, *[BEFORE] * 8]
    assert [deaths.ended(5000, **how, failed=True) for how in row] == [0] * 8 + [5000]


def test_only_what_all_of_them_were_sent_is_given_up() -> None:
    assert deaths_of([5000, 4900, 5100], **THERE) == [0, 0, 4900]


def test_connections_that_take_more_audio_are_about_to_recover() -> None:
    assert deaths_of([5000, 5300, 5600], **THERE) == [0, 0, 5000], "so little more is no more"
    assert deaths_of([5000, 5000, 5301, 5301, 5301], **THERE) == [0, 0, 0, 0, 5301]
    assert deaths_of([5000, *[5301] * 12], **BEFORE) == [0] * 12 + [5301]


def test_audio_at_the_very_beginning_is_given_up_as_well() -> None:
    assert deaths_of([200] * 12, **BEFORE) == [0] * 11 + [200]


@pytest.mark.parametrize(("gain_s", "failed"), [(0.03, True), (0.0, False)])
def test_a_connection_that_got_further_or_was_replaced_ends_the_row(gain_s: float, failed: bool) -> None:
    deaths = Deaths(RATE)
    deaths.ended(5000, **THERE, failed=True)
    deaths.ended(5000, **THERE, failed=True)
    assert deaths.ended(5000, gain_s, 1.0, failed=failed) == 0
    assert [deaths.ended(5200, **THERE, failed=True) for _ in range(3)] == [0, 0, 5200]
