"""A server's memory: flat, in large pages, and not looked through while somebody waits.

glibc must give large buffers back to the system. By itself it learns from each large buffer that
is freed to take the next such ones from the heap, where small neighbours that live longer keep the
freed space from being returned: two megabytes a minute under storms of reconnecting scanners, of
which nothing was in use (found by the soak test). And what a storm leaves free between neighbours
in use it keeps for ever: seen in one heap for all threads, ten megabytes after ten minutes of
storms, while what was in use stayed the same to two megabytes. That is given back each minute.

What start-up makes, some 220,000 objects, stays until the process ends. Each full collection looked
through all of it, 90 to 350 ms in which nobody was answered; frozen, it costs nothing. In pages of
two megabytes instead of four kilobytes a process that was idle for a moment finds its memory again
in a fraction of the time where a virtual machine is slow at that (docs/performance.md).
"""

from __future__ import annotations

import ctypes
import gc
import os
import re
from itertools import count
from pathlib import Path
from threading import Event, Thread

_TRIM, _MMAP = -1, -3  # malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
_HUGEPAGE, _COLLAPSE = 14, 25  # mman.h: MADV_HUGEPAGE, MADV_COLLAPSE
LARGE = 64 * 1024  # bytes; from here on a buffer is a mapping of its own
SPARE = 128 * 1024  # bytes that may stay free at the end of the heap
PAGE = 2 * 1024 * 1024  # bytes of a large page
SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
REGIONS = Path("/proc/self/smaps")
MINUTE = 60.0  # seconds
WARM_AFTER = (0, 1, 11)  # minutes since the start: what it made, then the caches

_REGION = re.compile(
    r"^(?P<begin>[0-9a-f]+)-(?P<end>[0-9a-f]+) rw-p \S+ \S+ 0 *(?:\[heap\])?\n"
    r"(?:.*\n)*?Rss: +(?P<used>\d+) kB",
    re.MULTILINE,
)


def keep_flat() -> None:
    """Fix both thresholds, unless MALLOC_* says otherwise or the C library is another."""
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is not None and not any(name.startswith("MALLOC_") for name in os.environ):
        adjust(_MMAP, LARGE)
        adjust(_TRIM, SPARE)


def settle() -> None:
    """What was made until now stays: call it once, when a server's process is built."""
    gc.collect()
    gc.freeze()
    Thread(target=_settle_in, name="heap", daemon=True).start()


def _settle_in() -> None:
    for minute in count():
        if minute in WARM_AFTER:
            use_large_pages()
        give_back()
        Event().wait(MINUTE)


def give_back() -> None:
    """Return to the system what is free in the C library's heaps, wherever it lies."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def use_large_pages(setting: Path = SETTING) -> int:
    """Ask for large pages wherever this process' own memory is mostly in use.

    Returns the bytes asked for; 0 where the system has none or its `setting` is never, which
    collapsing would not heed. A region that has gone meanwhile is refused, which harms nobody.
    """
    advise = getattr(ctypes.CDLL(None), "madvise", None)
    if advise is None or not setting.exists() or "[never]" in setting.read_text():
        return 0
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    asked = 0
    for found in _REGION.finditer(REGIONS.read_text()):
        begin = int(found["begin"], 16)
        size = int(found["end"], 16) - begin
        in_use = int(found["used"]) * 1024 >= size // 2  # stacks are not, and would only grow
        if size >= PAGE and in_use and advise(begin, size, _HUGEPAGE) == 0:
            advise(begin, size, _COLLAPSE)
            asked += size
    return asked
