"""Keeps a server's memory flat: glibc must give large buffers back to the system.

By itself it learns from each large buffer that is freed to take the next such ones from the heap,
where small neighbours that live longer keep the freed space from being returned: two megabytes a
minute under storms of reconnecting scanners, of which nothing was in use (found by the soak test).
"""

from __future__ import annotations

import ctypes
import os

_TRIM, _MMAP = -1, -3  # malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
LARGE = 64 * 1024  # bytes; from here on a buffer is a mapping of its own
SPARE = 128 * 1024  # bytes that may stay free at the end of the heap


def keep_flat() -> None:
    """Fix both thresholds, unless MALLOC_* says otherwise or the C library is another."""
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is not None and not any(name.startswith("MALLOC_") for name in os.environ):
        adjust(_MMAP, LARGE)
        adjust(_TRIM, SPARE)
