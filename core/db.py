"""The doors' and the engine's only way to the tables: `write(command)` and `read(fn)`.

A command is a plain function of a `Tx` (core/tx.py), run by a Writer (core/writer.py). Differences
of databases live in core/sqlite.py. Nothing here knows a business word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection

from core.clock import Clock
from core.sqlite import READ_THREADS, sqlite_engine
from core.tx import Big, Command, Committed, Together, Tx, metadata
from core.writer import Writer

T = TypeVar("T")


class Database:
    """One database: a Writer, readers, and whoever listens to what was committed."""

    def __init__(self, url: str, clock: Clock, synchronous: str = "FULL", batch: int = 256) -> None:
        self.url = url
        self.clock = clock
        self.on_commit: Callable[[Committed], None] = lambda _: None
        self._writer_engine = sqlite_engine(url, synchronous, writer=True)
        self._reader_engine = sqlite_engine(url, synchronous, writer=False)
        self._readers = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="read")
        self._writer = Writer(self._writer_engine, clock, batch, self._told)

    def _told(self, committed: Committed) -> None:
        self.on_commit(committed)  # looked up each time: the listener is set after the opening

    def submit(self, command: Command[T] | Together[Any, T]) -> Future[T]:
        """Queue a command; the future answers after its commit is durable."""
        return self._writer.submit(command)

    async def write(self, command: Command[T] | Together[Any, T]) -> T:
        """Run `command` in a transaction and wait for the durable commit.

        Raises:
            AppError: what the command refused, or `busy` when the database could not commit.
        """
        return await self._writer.write(command)

    def write_now(self, command: Command[T] | Together[Any, T]) -> T:
        """`write` for callers without an event loop: CLI, tests, worker threads."""
        return self.submit(command).result()

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` on a read-only snapshot in a thread."""
        return await asyncio.wrap_future(self._readers.submit(self.read_now, query))

    def read_now(self, query: Callable[[Connection], T]) -> T:
        """`read` on the caller's own thread."""
        with self._reader_engine.connect() as conn:
            return query(conn)

    def close(self) -> None:
        """Finish what waits, then close every connection."""
        self._writer.close()
        self._readers.shutdown()
        self._writer_engine.dispose()
        self._reader_engine.dispose()


__all__ = ["Big", "Command", "Committed", "Database", "Together", "Tx", "metadata"]
