"""SQLite's log goes home on a thread of its own: nobody waits while pages are copied and flushed.

Left to itself SQLite does it within the commit that made the log long, and everybody who wants to
write waits for two flushes of the disk. A checkpoint beside the writer copies what is committed
and is disturbed by nobody; the log begins anew at the first commit that finds all of it home.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from sqlalchemy import Engine

log = logging.getLogger(__name__)

ROWS = 2_000  # changed since the last one: about as many pages, and some are the same


class Checkpoints:
    """Begins one when enough was written. `engine` is the readers': one of theirs does it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._running: Future[None] | None = None
        self._seen = 0

    def committed(self, rows: int) -> None:
        """The writer's connection has changed `rows` in all its life."""
        since = rows - self._seen if rows >= self._seen else rows  # less: it is another connection
        if since < ROWS or (self._running is not None and not self._running.done()):
            return
        self._seen = rows
        with suppress(RuntimeError):  # the machine has no thread to give: later, then
            self._running = self._thread.submit(self._bring_home)

    def close(self) -> None:
        """Wait for the one under way."""
        self._thread.shutdown()

    def _bring_home(self) -> None:
        try:
            raw = self._engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            finally:
                raw.close()
        except Exception:  # the log only grows; the writer does it at last, and says what is wrong
            log.warning("checkpoint_failed", exc_info=True)
