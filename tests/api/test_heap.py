"""What is in use lies in large pages; large buffers go back to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from api.heap import SETTING, use_large_pages

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


@pytest.mark.parametrize(("how", "most_are"), [("flat", True), ("as it comes", False)])
def test_a_large_buffer_goes_back_to_the_system(how: str, most_are: bool) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
    )
    assert (int(ran.stdout) > 5) is most_are  # the imports may have left a gap or two


HOLES = """
import sys
from api.heap import give_back, keep_flat

def in_use():
    with open("/proc/self/smaps_rollup") as rollup:
        return next(int(line.split()[1]) for line in rollup if line.startswith("Rss:"))

keep_flat()
kept = [bytearray(30_000) for _ in range(2_000)]
full = in_use()
kept = kept[::20]  # what stays lies between what goes
before = in_use()
if sys.argv[1] == "given back":
    give_back()
print(full - before < 20_000, before - in_use() > 30_000)
"""


@pytest.mark.parametrize(("how", "gone"), [("given back", True), ("as it comes", False)])
def test_what_lies_free_between_neighbours_in_use_goes_back(how: str, gone: bool) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", HOLES, how], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["True", str(gone)]


SETTLED = """
import gc, mmap
from api.heap import PAGE, use_large_pages

def in_large_pages():
    with open("/proc/self/smaps_rollup") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith("AnonHugePages"))

def region(pages, access=mmap.PROT_READ | mmap.PROT_WRITE):
    return mmap.mmap(-1, pages * PAGE, flags=mmap.MAP_PRIVATE, prot=access)

# Without a wall between them the system would make one region of them.
used, wall = region(8), region(1, mmap.PROT_READ)
idle, floor = region(64), region(1, mmap.PROT_READ)
for at in range(0, 8 * PAGE, 4096):
    used[at] = 1
before = in_large_pages()
asked = use_large_pages()
print(asked >= 8 * PAGE, asked < 64 * PAGE, in_large_pages() - before >= 6 * PAGE // 1024)
"""


def test_what_is_in_use_moves_into_large_pages_and_what_is_not_stays_untouched() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SETTLED], capture_output=True, text=True, check=True
    )
    has_them = SETTING.exists() and "[never]" not in SETTING.read_text()
    assert ran.stdout.split() == [str(has_them), "True", str(has_them)]


@pytest.mark.parametrize("setting", ["always madvise [never]", None])
def test_a_system_that_has_no_large_pages_or_wants_none_is_left_as_it_is(
    tmp_path: Path, setting: str | None
) -> None:
    if setting:
        (tmp_path / "enabled").write_text(setting)
    assert use_large_pages(tmp_path / "enabled") == 0
