"""Large buffers are mappings of their own, whatever was freed before."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys
from api.heap import LARGE, keep_flat

class Info(ctypes.Structure):
    _fields_ = [(f"f{n}", ctypes.c_size_t) for n in range(10)]  # the fourth: mappings

info = ctypes.CDLL(None).mallinfo2
info.restype = Info
if sys.argv[1] == "flat":
    keep_flat()
bytearray(8 * LARGE)  # freed at once: glibc learns from it
before = info().f3
kept = [bytearray(2 * LARGE) for _ in range(10)]
print(info().f3 - before)
"""


@pytest.mark.parametrize(("how", "mapped"), [("flat", 10), ("as it comes", 0)])
def test_a_large_buffer_goes_back_to_the_system(how: str, mapped: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) == mapped
