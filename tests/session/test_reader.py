"""One task that reads: items are its own in the very call that brings them, or wait for it."""

from __future__ import annotations

import asyncio

import pytest

from speechwire.session._reader import Reader


async def test_items_are_taken_while_it_waits_and_only_then() -> None:
    reader, taken = Reader[int](), list[int]()

    def take(item: int) -> bool:
        taken.append(item)
        assert not reader.offer(99), "one at a time"
        return item < 3

    assert not reader.offer(0)
    waiting = asyncio.create_task(reader.wait(take))
    await asyncio.sleep(0)
    assert [reader.offer(item) for item in (1, 2, 3, 4)] == [True, True, True, False]
    assert await waiting is False
    assert not reader.offer(5)
    assert taken == [1, 2, 3]


async def test_it_is_woken_to_look_again() -> None:
    reader = Reader[int]()
    reader.wake()
    for take in (None, lambda item: True):
        waiting = asyncio.create_task(reader.wait(take))
        await asyncio.sleep(1)
        assert not waiting.done()
        assert reader.offer(1) is (take is not None)
        reader.wake()
        reader.wake()
        assert not reader.offer(2), "it has been woken: it looks first"
        assert await waiting is True


async def test_what_taking_raises_is_raised_in_the_task() -> None:
    reader = Reader[int]()

    def fail(item: int) -> bool:
        raise ValueError(item)

    waiting = asyncio.create_task(reader.wait(fail))
    await asyncio.sleep(0)
    assert reader.offer(1)
    assert not reader.offer(2)
    with pytest.raises(ValueError, match="1"):
        await waiting


async def test_what_taking_raises_when_the_task_has_been_woken_is_raised_at_once() -> None:
    reader = Reader[int]()

    def fail(item: int) -> bool:
        reader.wake()
        raise ValueError(item)

    waiting = asyncio.create_task(reader.wait(fail))
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="1"):
        reader.offer(1)
    assert await waiting is False


async def test_whoever_gives_up_leaves_the_place_and_what_it_took_with() -> None:
    reader, taken = Reader[int](), list[int]()
    waiting = asyncio.create_task(reader.wait(lambda item: not taken.append(item)))  # type: ignore[func-returns-value]
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    assert not reader.offer(1)
    other = asyncio.create_task(reader.wait())
    await asyncio.sleep(0)
    assert not reader.offer(2)
    reader.wake()
    assert await other is True
    assert taken == []
