"""The log as this process hears it: every event that is news to live listeners, once, in order.

What this process commits comes from memory; when somebody else's events lie between, or a hint says
that there are some, a thread reads them from the log. Not for the engine, which asks tables.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Connection

from core import events
from core.db import Database
from core.events import Event

log = logging.getLogger(__name__)

Listener = Callable[[Sequence[Event]], None]


class Feed:
    """Calls `listener` with news, from whatever thread has them; one call at a time."""

    def __init__(
        self,
        db: Database,
        prefixes: tuple[str, ...],
        listener: Listener,
        sweep_seconds: float = 5.0,
    ) -> None:
        self._db = db
        self._sweep = sweep_seconds  # how late others' news may be when every hint is lost
        self._prefixes = prefixes
        self._listener = listener
        self._cursor: int | None = None  # everything up to here was told
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin at the newest event; from then on nothing is missed."""
        with self._lock:
            self._cursor = self._db.read_now(events.head)
        self._thread = threading.Thread(target=self._follow, name="feed", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell nothing more."""
        self._stopped = True
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    def committed(self, told: Sequence[Event]) -> None:
        """What commits of this process appended, in order. Called on a Writer's thread.

        Between two of them others may have committed: then their events come first.
        """
        if not told:
            return
        news = [event for event in told if self._is_news(event)]
        with self._lock:
            if self._cursor is None or _follows(told, self._cursor):
                self._cursor = told[-1].seq
                self._tell(news)
                return
            behind = told[-1].seq > self._cursor
        if news and behind:
            self._woken.set()  # somebody else's events come first

    def look(self) -> None:
        """A hint: others may have appended."""
        self._woken.set()

    def _is_news(self, event: Event) -> bool:
        return event.kind.startswith(self._prefixes)

    def _tell(self, news: Sequence[Event]) -> None:
        if news:
            self._listener(news)

    def _follow(self) -> None:
        while True:
            self._woken.wait(self._sweep)
            self._woken.clear()
            if self._stopped:
                return
            try:
                self._read()
            except Exception as problem:  # noqa: BLE001  # look again later, nothing is lost
                log.warning("feed_failed", extra={"why": type(problem).__name__})

    def _read(self) -> None:
        """Tell what is in the log after the cursor. Nobody who commits waits for the reading."""
        while True:
            with self._lock:
                cursor = self._cursor or 0
            page = self._db.read_now(partial(self._page, cursor=cursor))
            with self._lock:
                told = self._cursor or 0  # a commit of ours may have been told meanwhile
                self._tell([event for event in page.news if event.seq > told])
                self._cursor = max(told, page.upto)
            if page.upto >= page.head:
                return

    def _page(self, conn: Connection, cursor: int) -> events.News:
        return events.news_after(conn, cursor, self._prefixes)


def _follows(told: Sequence[Event], cursor: int) -> bool:
    """Whether these are the events right after the cursor, without a gap."""
    return told[0].seq == cursor + 1 and told[-1].seq == cursor + len(told)
