"""Chunks in order, whatever the network did."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from speechwire.server._reorder import Reorder


def chunk(number: int) -> bytes:
    return number.to_bytes(4, "big")


@given(st.integers(1, 200), st.randoms(use_true_random=False), st.integers(1, 5))
def test_what_is_a_little_out_of_order_comes_in_order(count: int, random: object, spread: int) -> None:
    depth = spread + 1
    order = sorted(range(1, count + 1), key=lambda number: number + random.uniform(0, spread))  # type: ignore[attr-defined]
    reorder = Reorder(depth=depth)
    out = [data for number in order for data in reorder.push(number, chunk(number))] + reorder.flush()
    assert out == [chunk(number) for number in range(1, count + 1)]
    assert (reorder.lost, reorder.late) == (0, 0)


@given(st.sets(st.integers(2, 100)), st.integers(1, 6))
def test_what_is_lost_is_silence_of_the_same_length(lost: set[int], depth: int) -> None:
    reorder = Reorder(depth=depth, silence=b"\xff")
    kept = [number for number in range(1, 121) if number not in lost]
    out = [data for number in kept for data in reorder.push(number, chunk(number))] + reorder.flush()
    assert out == [b"\xff" * 4 if number in lost else chunk(number) for number in range(1, 121)]
    assert reorder.lost == len(lost)


def test_what_comes_twice_or_too_late_is_left_out() -> None:
    reorder = Reorder(depth=2)
    out = [data for number in (1, 2, 2, 1, 4, 4, 5, 3, 6) for data in reorder.push(number, chunk(number))]
    assert out == [chunk(1), chunk(2), b"\0" * 4, chunk(4), chunk(5), chunk(6)]
    assert (reorder.lost, reorder.late) == (1, 4)


def test_numbers_may_begin_elsewhere() -> None:
    reorder = Reorder(depth=3)
    out = [data for number in range(1000, 1010) for data in reorder.push(number, chunk(number))]
    assert out == [chunk(number) for number in range(1000, 1010)]
    assert reorder.lost == 0


@given(st.lists(st.tuples(st.integers(-5, 10**9), st.binary(max_size=4)), max_size=50))
def test_whatever_comes_little_is_kept_and_little_is_made(pushes: list[tuple[int, bytes]]) -> None:
    reorder = Reorder(depth=5)
    made = sum(len(reorder.push(number, data)) for number, data in pushes) + len(reorder.flush())
    assert made <= 51 * len(pushes)
