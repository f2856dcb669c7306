"""How long after a session that has failed the next one may begin."""

from __future__ import annotations

import pytest
from videosdk.plugins.deepgram._failures import Failures

from speechwire.errors import ConnectFailed

CONFIGURATION = {"model": "nova-3"}


def fail(failures: Failures, *, worked: bool = False) -> float:
    """Another session has failed; how long the next one has to wait."""
    failures.failed(ConnectFailed("wss://x", "no route"), CONFIGURATION, worked=worked)
    return failures.wait_s()


async def test_delays_grow_up_to_a_bound() -> None:
    failures = Failures("DeepgramSTT")
    delays = [fail(failures) for _ in range(8)]
    assert delays == pytest.approx([0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0])


async def test_after_a_session_that_has_worked_the_next_begins_at_once_and_delays_begin_anew() -> None:
    failures = Failures("DeepgramSTT")
    for _ in range(4):
        fail(failures)
    assert fail(failures, worked=True) == 0.0
    assert fail(failures) == pytest.approx(0.25)
    failures.worked()
    assert [fail(failures), fail(failures)] == pytest.approx([0.0, 0.25])
