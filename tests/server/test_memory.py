"""Memory of a serving process."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
