"""A server's memory: flat, in large pages, and not looked through while somebody waits.

glibc must give large buffers back to the system. By itself it learns from each large buffer that
is freed to take the next such ones from the heap, where small neighbours that live longer keep the
freed space from being returned: two megabytes a minute under storms of reconnecting scanners, of
which nothing was in use (found by the soak test). And what a storm leaves free between neighbours
in use it keeps for ever: seen in one heap for all threads, ten megabytes after ten minutes of
storms, while what was in use stayed the same to two megabytes. That is given back each minute.

What start-up makes, some 220,000 objects, stays until the process ends. Each full collection looked
through all of it, 90 to 350 ms in which nobody was answered; frozen, it costs nothing. A thousand
scanners that sign in make as many again, and by itself Python looks through those while they come
and once more soon after: 160 and 240 ms. Next to nothing of it is garbage (counted: none of a
closed scanner's), so a full collection is made here, seldom, and when nobody asks. In pages of two
megabytes instead of four kilobytes a process that was idle for a moment finds its memory again
in a fraction of the time where a virtual machine is slow at that (docs/performance.md).
"""

from __future__ import annotations

import ctypes
import gc
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event, Thread
from time import process_time

_TRIM, _MMAP = -1, -3  # malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
_HUGEPAGE, _COLLAPSE = 14, 25  # mman.h: MADV_HUGEPAGE, MADV_COLLAPSE
LARGE = 64 * 1024  # bytes; from here on a buffer is a mapping of its own
SPARE = 128 * 1024  # bytes that may stay free at the end of the heap
PAGE = 2 * 1024 * 1024  # bytes of a large page
SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
REGIONS = Path("/proc/self/smaps")
STATM = Path("/proc/self/statm")
MINUTE = 60.0  # seconds
WARM_AFTER = (0, 1, 11)  # minutes since the start: what it made, then the caches
NEVER = 2**31 - 1  # collections of the middle generation
HOUR = 60  # minutes
LATEST = 70  # minutes
QUIET = 0.1  # of a core: hearts of some thousand scanners, and next to no requests
GLANCE = 0.25  # seconds over which that is seen

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


@contextmanager
def building() -> Iterator[None]:
    """What is made in the block stays, and is not looked through meanwhile: modules, the app."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def settle() -> None:
    """What was made until now stays: call it once, when a server's process is built."""
    gc.collect()
    gc.freeze()
    youngest, middle, _ = gc.get_threshold()
    gc.set_threshold(youngest, middle, NEVER)
    Thread(target=_settle_in, name="heap", daemon=True).start()


def _settle_in() -> None:
    looked, held = 0, _resident()
    for minute in count():
        if minute in WARM_AFTER:
            use_large_pages()
        if minute and look_is_due(minute - looked, _resident() / held, is_quiet):
            gc.collect()
            looked, held = minute, _resident()
        give_back()
        Event().wait(MINUTE)


def look_is_due(minutes: int, grown: float, quiet: Callable[[], bool]) -> bool:
    """Whether to look through everything for garbage now, `minutes` after the last time.

    `grown` is the process' memory as a multiple of what it was then. When it has doubled, and after
    70 minutes, nobody is spared the pause; an hour and a quarter more wait for a quiet moment.
    """
    if grown >= 2 or minutes >= LATEST:
        return True
    return (grown >= 1.25 or minutes >= HOUR) and quiet()


def is_quiet() -> bool:
    """Whether this process has hardly anything to do; takes a quarter of a second."""
    before = process_time()
    Event().wait(GLANCE)
    return process_time() - before < QUIET * GLANCE


def _resident() -> int:
    """Pages in use; 1 where the system does not say."""
    return int(STATM.read_text().split()[1]) if STATM.exists() else 1


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
