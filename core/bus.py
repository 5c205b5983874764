"""Wake-up hints: "look at the tables". Carries no data that matters.

Inside one process they are calls; between processes they go through `Outside` (core/hints.py). A
lost hint costs at most the engine's sweep; the truth is always a row.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Protocol

TIMER = "timer"
OUTBOX = "outbox"
LOG = "log"  # there is news in the event log


class Outside(Protocol):
    """How hints reach the other processes on the same database, and theirs reach us."""

    def start(self, hear: Callable[[Iterable[str]], None]) -> None:
        """Begin; `hear` is called on a thread of the outside's own with what others said."""

    def say(self, topics: Iterable[str]) -> None:
        """Tell the others, soon; never waits and never raises."""

    def close(self) -> None:
        """Stop saying and hearing."""


class Bus:
    """Listeners are called on the thread that commits; they must only set a flag or hop loops."""

    def __init__(self, outside: Outside | None = None) -> None:
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._lock = threading.Lock()
        self._outside = outside

    def start(self) -> None:
        """Begin to hear what other processes say."""
        if self._outside is not None:
            self._outside.start(self.hear)

    def close(self) -> None:
        """Say and hear nothing more outside this process."""
        if self._outside is not None:
            self._outside.close()

    def listen(self, topic: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each commit that touched `topic`; returns the way to stop."""
        with self._lock:
            self._listeners.setdefault(topic, []).append(listener)

        def stop() -> None:
            with self._lock:
                if listener in self._listeners[topic]:
                    self._listeners[topic].remove(listener)

        return stop

    def wake(self, topics: Iterable[str]) -> None:
        """Tell everybody who listens to one of `topics`, here and in other processes."""
        topics = tuple(topics)
        self.hear(topics)
        self.tell_others(topics)

    def tell_others(self, topics: Iterable[str]) -> None:
        """Tell the other processes only: this one knows already."""
        topics = tuple(topics)
        if topics and self._outside is not None:
            self._outside.say(topics)

    def hear(self, topics: Iterable[str]) -> None:
        """Tell everybody in this process."""
        with self._lock:
            listeners = [each for topic in topics for each in self._listeners.get(topic, ())]
        for listener in listeners:
            listener()
