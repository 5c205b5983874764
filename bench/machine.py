"""What a figure was measured on, percentiles, and CPU time of a process; not for judging."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from core.clock import perf


def describe() -> dict[str, str]:
    """Processor, cores, Python and SQLite of this machine."""
    model = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "cpu": model,
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(terse=True),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile, `share` in 0..1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def cpu_seconds(pid: int) -> float:
    """User + system CPU time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_kb(pid: int) -> int:
    """Resident memory of a process in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def waking_factor() -> float:
    """How many times longer the same work takes after a rest of 50 ms than at once.

    The work is 3,000 small objects in memory. A virtual machine that was idle for a moment has to
    find its pages anew; what is asked of a server now and then costs that much more there.
    """
    words = [str(n) * 3 for n in range(400_000)]
    order = list(range(0, 400_000, 133))

    def took(rest: float) -> float:
        pause(rest)
        begun = perf()
        sum(len(words[each]) for each in order)
        return perf() - begun

    took(0)
    at_once, rested = (percentile([took(rest) for _ in range(30)], 0.5) for rest in (0, 0.05))
    return rested / at_once


def pause(seconds: float) -> None:
    """Let real time pass: an open loop keeps its own pace."""
    if seconds > 0:
        time.sleep(seconds)


def wait_until(happened: Callable[[], bool], seconds: float, every: float = 0.02) -> None:
    """Look every 20 ms (or `every` seconds) until it has happened; fail after `seconds`."""
    begun = perf()
    while not happened():
        assert perf() - begun < seconds, "it did not happen in time"
        pause(every)
