"""Memory of a serving process."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import pytest

from speechwire.server._memory import Trimming

SCRIPT = """
import ctypes
from speechwire.server._memory import return_large_pieces

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "abcdefghij"]

try:
    mallinfo = ctypes.CDLL(None).mallinfo2
except AttributeError:
    raise SystemExit(3)
mallinfo.restype = Info

def apart():
    return mallinfo().e  # hblkhd: bytes of pieces that go back when they are free

return_large_pieces()
bytearray(8 << 20)  # would raise the bound
before = apart()
held = [bytearray(40 << 10) for _ in range(1000)]  # some fit between what is loaded
assert apart() - before > 500 * (40 << 10), apart()
del held
assert apart() == before
"""


def test_memory_of_long_messages_goes_back_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    if done.returncode == 3:
        pytest.skip("not glibc")
    assert not done.returncode, done.stderr


SELDOM = """
import gc
from speechwire.server._memory import collect_seldom

full = []
gc.callbacks.append(lambda phase, info: full.append(info) if info["generation"] == 2 else None)
calls, objects_per_call = 400, 270
collect_seldom(calls)
assert full and gc.get_freeze_count() > 10_000
full.clear()

house = [[] for _ in range(calls * objects_per_call)]
assert not full, "a full house came, and all were stopped"
house += [[] for _ in range(3 * calls * objects_per_call)]
assert full, "what ended calls leave is collected some time"

gc.set_threshold(700, 10, 10)
collect_seldom(1)
assert gc.get_threshold() == (700, 10, 10), "no more often than Python does"
"""


def test_a_full_house_comes_without_a_full_collection() -> None:
    done = subprocess.run([sys.executable, "-c", SELDOM], capture_output=True, text=True)
    assert not done.returncode, done.stderr


class Left:
    """Garbage that only a collection finds."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize("is_idle", [True, False])
def test_what_ended_calls_left_is_collected_once_there_are_none(is_idle: bool) -> None:
    now_s = 0.0
    trimming = Trimming(lambda: now_s)
    gc.disable()
    try:
        left = weakref.ref(Left())
        trimming.tick(is_idle=is_idle)
        assert left() is not None, "it was not due"
        now_s = 10.0
        trimming.tick(is_idle=is_idle)
        assert (left() is None) is is_idle
    finally:
        gc.enable()
