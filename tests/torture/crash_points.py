"""Every line of the product is a crash point: count how often a run reaches each, or die at one.

A tracer instead of failpoints in the product: nothing has to be named, nothing is forgotten when
code changes, and a death reads `core/sqlite.py:164 line 3`: before the third run of that line. A
`return` dies after a function's last line: behind a commit, before its answer. Also at `await`s.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).parents[2]
Trace = Any  # what sys.settrace takes; the standard library's own type is private

# Where what was promised becomes durable, and where what comes later is decided and done.
FILES = frozenset(
    f"core/{name}.py"
    for name in (
        *("tx", "trip", "db", "writer", "sqlite", "postgres", "postgres_tx", "courier", "ahead"),
        *("ready", "bulk", "once", "events", "audit"),
        *("engine", "stock/ledger", "stock/book", "stock/writing"),
        *("outbox/queue", "outbox/claiming", "outbox/deliver", "outbox/recording"),
        *("outbox/messages", "outbox/edits", "outbox/surfaces", "outbox/tokens"),
        *("tasks/board", "tasks/change", "tasks/tell", "tasks/timers", "tasks/escalation"),
    )
)


@dataclass(frozen=True, slots=True)
class Point:
    """Before `line` of `file` runs, or after it returned or awaited, for the `hit`-th time."""

    file: str
    function: str
    line: int
    event: str = "line"
    hit: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.event} {self.hit} ({self.function})"


class Tracer:
    """Counts what is reached while `counting`; SIGKILLs this process at `fatal`, if there is one.

    With `fatal` only that function is watched, which costs a third.
    """

    def __init__(self, files: frozenset[str] = FILES, fatal: Point | None = None) -> None:
        self.hits: Counter[tuple[str, str, int, str]] = Counter()
        self.counting = True
        self._files = files
        self._fatal = fatal

    def install(self) -> None:
        """Watch this thread and those that begin after it."""
        called = self._watcher()
        threading.settrace(called)
        sys.settrace(called)

    def points(self) -> list[Point]:
        """Everything reached, with how often, in order of place."""
        return [Point(*place, hit=times) for place, times in sorted(self.hits.items())]

    def _watcher(self) -> Trace:
        """A closure: it runs at every call of any function."""
        watched: dict[CodeType, Trace | None] = {}

        def called(frame: FrameType, _event: str, _argument: object) -> Trace:
            code = frame.f_code
            try:
                return watched[code]
            except KeyError:
                watched[code] = found = self._trace_of(code)
                return found

        return called

    def _trace_of(self, code: CodeType) -> Trace | None:
        file = code.co_filename.removeprefix(f"{ROOT}/")
        fatal = self._fatal
        if file not in self._files or (fatal and (file, code.co_qualname) != _place(fatal)):
            return None

        def reached(frame: FrameType, event: str, _argument: object) -> Trace:
            if self.counting and event in ("line", "return"):
                self._count((file, code.co_qualname, frame.f_lineno, event))
            return reached

        return reached

    def _count(self, place: tuple[str, str, int, str]) -> None:
        self.hits[place] += 1
        if self._fatal and Point(*place, hit=self.hits[place]) == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)


def _place(point: Point) -> tuple[str, str]:
    return point.file, point.function
