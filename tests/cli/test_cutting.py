"""Whether words have room on the two lines of a subtitle, to the letter."""

from __future__ import annotations

import pytest

from speechwire.cli._cutting import LINE_CHARACTERS, _fits

FULL = LINE_CHARACTERS
HALF = LINE_CHARACTERS // 2
REST = LINE_CHARACTERS - HALF - 1  # with the blank between them they fill a line


@pytest.mark.parametrize(
    ("lengths", "fits"),
    [
        ([FULL], True),
        ([FULL + 1], False),
        ([FULL, FULL], True),
        ([FULL, FULL, 1], False),
        ([HALF, REST], True),
        ([HALF, REST, HALF, REST], True),
        ([HALF, REST + 1, REST + 1], False),
        ([HALF, REST, HALF, REST + 1], False),
    ],
)
def test_what_two_lines_hold(lengths: list[int], fits: bool) -> None:
    assert _fits(lengths) is fits
