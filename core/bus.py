"""Wake-up hints inside one process: "look at the tables". Carries no data that matters.

A lost hint costs at most the engine's sweep; the truth is always a row. Redis joins this file
when several processes share one database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

TIMER = "timer"
OUTBOX = "outbox"


class Bus:
    """Listeners are called on the thread that commits; they must only set a flag or hop loops."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._lock = threading.Lock()

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
        """Tell everybody who listens to one of `topics`."""
        with self._lock:
            listeners = [each for topic in topics for each in self._listeners.get(topic, ())]
        for listener in listeners:
            listener()
