"""A task that waits a while, or until it is in a hurry."""

from __future__ import annotations

import asyncio

import pytest

from speechwire.session._wakeup import Wakeup


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize(
    ("at_s", "hurry", "until_s"), [(1.0, True, 1.0), (1.0, False, 5.0), (9.0, True, 5.0)]
)
async def test_a_pause_ends_in_its_time_or_in_a_hurry(at_s: float, hurry: bool, until_s: float) -> None:
    wakeup, begin = Wakeup(), now()
    asyncio.get_running_loop().call_later(at_s, lambda: wakeup.notify(hurry=hurry))
    await wakeup.pause(5.0)
    assert now() - begin == pytest.approx(until_s)
    assert wakeup.hurry is (until_s == 1.0)


async def test_a_hurry_stays_until_it_is_taken_back() -> None:
    wakeup, begin = Wakeup(), now()
    wakeup.notify(hurry=True)
    wakeup.notify()
    await wakeup.pause(5.0)
    assert now() == begin
    wakeup.hurry = False
    await wakeup.pause(5.0)
    assert now() - begin == pytest.approx(5.0)


async def test_only_what_comes_from_now_on_is_looked_for() -> None:
    wakeup = Wakeup()
    wakeup.notify()
    looking = asyncio.create_task(wakeup.look())
    await asyncio.sleep(1)
    assert not looking.done()
    wakeup.notify()
    await looking
