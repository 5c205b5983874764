"""The doors' and the engine's only way to the tables: `write(command)` and `read(fn)`.

A command is a plain function of a `Tx` (core/tx.py), run by a Writer (core/writer.py). Differences
of databases live in core/sqlite.py and core/postgres.py. Nothing here knows a business word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection

from core.clock import Clock
from core.ready import ReadyConnection
from core.tx import (
    SELDOM,
    Big,
    Command,
    Committed,
    Question,
    Together,
    Tx,
    WriteNeededError,
    metadata,
    numbered,
    whole,
)
from core.writer import Queue, Store, Writer

T = TypeVar("T")

READ_THREADS = 8


class Database:
    """One database: its Writers, readers, and whoever listens to what was committed."""

    def __init__(self, url: str, clock: Clock, synchronous: str = "FULL", batch: int = 256) -> None:
        self.url = url
        self.clock = clock
        self.on_commit: Callable[[Committed], None] = lambda _: None
        store = self._store = _open(url, clock, synchronous)
        self._readers = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="read")
        self._ordinary = self._together = Queue()
        size = batch if store.together is None else 1
        self._writers = [Writer(self._ordinary, each, size, self._told) for each in store.ordinary]
        if store.together is not None:
            self._together = Queue()
            self._writers.append(Writer(self._together, store.together, batch, self._told))

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write here too."""
        return self._store.is_shared

    @property
    def is_open(self) -> bool:
        """Whether whatever is asked is still served."""
        return all(writer.is_alive for writer in self._writers)

    @property
    def busy_seconds(self) -> float:
        """How long the command that takes longest has been running now."""
        return max(writer.busy_seconds for writer in self._writers)

    def takes_writes(self, conn: Connection) -> bool:
        """Whether the server of `conn` would commit what it is asked to."""
        return self._store.takes_writes(conn)

    def waiting(self) -> dict[str, int]:
        """How many commands wait in each queue now."""
        queues = {"ordinary": self._ordinary, "together": self._together}
        return {name: each.waiting.qsize() for name, each in queues.items()}

    def _told(self, committed: Committed) -> None:
        self.on_commit(committed)  # looked up each time: the listener is set after the opening

    def _queue(self, command: Command[T] | Together[Any, T]) -> Queue:
        return self._together if isinstance(command, Together) else self._ordinary

    def submit(self, command: Command[T] | Together[Any, T]) -> Future[T]:
        """Queue a command; the future answers after its commit is durable."""
        return self._queue(command).submit(command)

    async def write(self, command: Command[T] | Together[Any, T]) -> T:
        """Run `command` in a transaction and wait for the durable commit.

        Raises:
            AppError: what the command refused, or `busy` when the database could not commit.
        """
        return await self._queue(command).write(command)

    def write_now(self, command: Command[T] | Together[Any, T]) -> T:
        """`write` for callers without an event loop: CLI, tests, worker threads."""
        return self.submit(command).result()

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` on a read-only snapshot in a thread."""
        return await asyncio.wrap_future(self._readers.submit(self.read_now, query))

    def read_now(self, query: Callable[[Connection], T]) -> T:
        """`read` on the caller's own thread."""
        for tried in range(2):
            try:
                with ReadyConnection(self._store.engines[0]) as conn:
                    found = query(conn)
                    conn.commit()
                    return found
            except Exception as problem:  # noqa: BLE001  # raised again
                refusal = self._store.read_failed(problem, tried)
                try:
                    if refusal is problem:
                        raise
                    if refusal is not None:
                        raise refusal from problem
                finally:
                    del refusal  # its traceback holds this frame: a ring, with all that was read
        raise AssertionError("a read is tried twice at most")

    @contextmanager
    def at_leisure(self) -> Iterator[Connection]:
        """A snapshot of one's own for whoever reads everything and does something with it between.

        However long that takes, nobody ends it; nothing is tried twice.
        """
        engine = self._store.at_leisure()
        try:
            with ReadyConnection(engine) as conn:
                yield conn
        finally:
            engine.dispose()

    async def ask(self, question: Command[T]) -> T:
        """Run a command that only reads as `read` does: it waits for nobody's turn.

        Raises:
            WriteNeededError: it would have written something; nothing happened.
        """

        def answer(conn: Connection) -> tuple[T] | None:
            try:
                return (question(Question(conn, self.clock.now(), {})),)
            except WriteNeededError:
                return (
                    None  # by itself: it holds all frames it came through, and they would hold it
                )

        found = await self.read(answer)
        if found is None:
            raise WriteNeededError
        return found[0]

    def close(self) -> None:
        """Finish what waits, then close every connection."""
        for writer in self._writers:
            writer.stop()
        for writer in self._writers:
            writer.join()
        self._readers.shutdown()
        for engine in self._store.engines:
            engine.dispose()


def _open(url: str, clock: Clock, synchronous: str) -> Store:
    if url.startswith("sqlite"):
        from core import sqlite

        return sqlite.open_store(url, synchronous, clock)
    from core import postgres

    return postgres.open_store(url, clock)


__all__ = [
    "SELDOM",
    "Big",
    "Command",
    "Committed",
    "Database",
    "Together",
    "Tx",
    "WriteNeededError",
    "metadata",
    "numbered",
    "whole",
]
