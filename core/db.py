"""Connections, `read(fn)` and `write(command)`: the Writer. Differences of databases live here.

A command is a plain function of a `Tx`. The Writer, one thread, takes all that waits, runs each
command in a savepoint of one transaction, commits once, then answers: a durable commit is shared by
everybody who waited for it (perf.md §3). A command that fails rolls back only itself.
Nothing here knows a business word. PostgreSQL joins in this file.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    Connection,
    CursorResult,
    Executable,
    Integer,
    MetaData,
)
from sqlalchemy.exc import OperationalError

from core.clock import Clock, Instant
from core.errors import BUSY, AppError
from core.ids import new_id
from core.sqlite import READ_THREADS, sqlite_engine

log = logging.getLogger(__name__)

T = TypeVar("T")
A = TypeVar("A")
R = TypeVar("R")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only numbers rows by itself for the type INTEGER, which is 64 bits wide there.
Big = BigInteger().with_variant(Integer(), "sqlite")

LINGER = 0.001  # seconds; measured beside 0.3 and 2 ms, see docs/decisions/0001


class Tx:
    """One command's view of the open transaction: SQL, the time, and what to say after commit."""

    __slots__ = ("conn", "news", "now", "shared", "wakes")

    def __init__(self, conn: Connection, now: Instant, shared: dict[str, Any]) -> None:
        self.conn = conn
        self.now = now
        self.shared = shared  # facts true for the physical transaction; emptied by any rollback
        self.wakes: set[str] = set()
        self.news: list[Any] = []

    def execute(self, statement: Executable, values: Any | None = None) -> CursorResult[Any]:
        """Run one statement (or many rows of it) inside this transaction."""
        return cast("CursorResult[Any]", self.conn.execute(statement, values))

    def attempt(self, run: Callable[[], T]) -> T:
        """Run a part that may be refused: a refusal undoes that part only and is raised again.

        For imports, where one bad row must not undo its neighbours. Costs a savepoint.
        """
        wakes, told = set(self.wakes), len(self.news)
        part = self.conn.begin_nested()
        try:
            result = run()
        except BaseException:
            part.rollback()
            self.shared.clear()
            self.wakes = wakes
            del self.news[told:]
            raise
        part.commit()
        return result

    def wake(self, topic: str) -> None:
        """Hint that `topic` has new rows; said only if this command commits."""
        self.wakes.add(topic)

    def tell(self, fact: Any) -> None:
        """Hand `fact` to the live listeners of this process; said only if this command commits."""
        self.news.append(fact)

    def new_id(self) -> str:
        return new_id(self.now)


Command = Callable[[Tx], T]


@dataclass(frozen=True, slots=True)
class Together(Generic[A, R]):
    """A command with a set-based form: all that wait run as one `run_many(tx, items)`.

    `run_many` answers one result or AppError per item, in order, and must leave no trace of the
    refused ones. If it raises, the Writer runs the items one by one, each in its own savepoint.
    """

    run_many: Callable[[Tx, Sequence[A]], list[R | AppError]]
    item: A


class _Asked:
    """An asyncio future seen from the writer: all answers of one commit go home in one hop.

    A hop per answer (asyncio.wrap_future) costs a system call each, a quarter of a posting's CPU.
    """

    __slots__ = ("future", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()

    def set_running_or_notify_cancel(self) -> bool:
        return not self.future.cancelled()


@dataclass(slots=True)
class _Waiting:
    command: Any
    future: Future[Any] | _Asked
    result: Any = None
    error: BaseException | None = None


@dataclass(slots=True)
class Committed:
    """What one physical commit has to tell: topics to wake and facts in commit order."""

    wakes: set[str] = field(default_factory=set)
    news: list[Any] = field(default_factory=list)


class Database:
    """The doors' and the engine's only way to the tables."""

    def __init__(self, url: str, clock: Clock, synchronous: str = "FULL", batch: int = 256) -> None:
        self.url = url
        self.clock = clock
        self.on_commit: Callable[[Committed], None] = lambda _: None
        self._batch = batch
        self._writer_engine = sqlite_engine(url, synchronous, writer=True)
        self._reader_engine = sqlite_engine(url, synchronous, writer=False)
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="read")
        self._thread = threading.Thread(target=self._write_loop, name="writer", daemon=True)
        self._thread.start()

    # -- asking ------------------------------------------------------------------------------
    def submit(self, command: Command[T] | Together[Any, T]) -> Future[T]:
        """Queue a command; the future answers after its commit is durable."""
        future: Future[T] = Future()
        self._queue.put(_Waiting(command, future))
        return future

    async def write(self, command: Command[T] | Together[Any, T]) -> T:
        """Run `command` in a transaction and wait for the durable commit.

        Raises:
            AppError: what the command refused, or `busy` when the database could not commit.
        """
        asked = _Asked()
        self._queue.put(_Waiting(command, asked))
        answer: T = await asked.future
        return answer

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
        self._queue.put(None)
        self._thread.join()
        self._readers.shutdown()
        self._writer_engine.dispose()
        self._reader_engine.dispose()

    # -- the Writer --------------------------------------------------------------------------
    def _write_loop(self) -> None:
        before = 0
        while (first := self._queue.get()) is not None:
            batch, stop = self._gather(first, before)
            self._write_batch(batch)
            before = len(batch)
            if stop:
                return

    def _gather(self, first: _Waiting, before: int) -> tuple[list[_Waiting], bool]:
        """All that waits now; in a rush also what comes within `LINGER`: (batch, told to stop).

        A rush is known by the batch before. Those just answered are about to ask again, and one
        commit for all of them is cheaper than two that take turns; whoever is alone never waits.
        """
        batch = [first]
        while len(batch) < self._batch:
            try:
                if self._queue.empty() and len(batch) < before:
                    following = self._queue.get(timeout=LINGER)
                else:
                    following = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
            if following is None:
                return batch, True
            batch.append(following)
        return batch, False

    def _write_batch(self, everything: list[_Waiting]) -> None:
        # From here on nobody can cancel: an abandoned request is either never begun or fully done.
        batch = [each for each in everything if each.future.set_running_or_notify_cancel()]
        committed = Committed()
        try:
            with self._writer_engine.connect() as conn:
                conn.begin()
                shared: dict[str, Any] = {}
                for group in _grouped(batch):
                    self._run_group(conn, group, shared, committed)
                conn.commit()
        except Exception as problem:  # noqa: BLE001  # handed to every waiting caller
            for waiting in batch:
                waiting.error = waiting.error or _as_refusal(problem)
            committed = Committed()
        if committed.wakes or committed.news:
            self.on_commit(committed)
        _answer(batch)

    def _run_group(
        self, conn: Connection, group: list[_Waiting], shared: dict[str, Any], committed: Committed
    ) -> None:
        first = group[0].command
        if not isinstance(first, Together):
            try:
                group[0].result = self._savepoint(conn, first, shared, committed)
            except _TransactionLostError:
                raise
            except Exception as problem:  # noqa: BLE001  # handed to its caller
                group[0].error = _as_refusal(problem)
            return
        items = [waiting.command.item for waiting in group]
        try:
            answers = self._savepoint(conn, lambda tx: first.run_many(tx, items), shared, committed)
        except _TransactionLostError:
            raise
        except Exception as problem:  # noqa: BLE001  # handed to its caller
            if len(group) == 1:
                group[0].error = _as_refusal(problem)
                return
            for waiting in group:  # one bad item must not fail its neighbours
                self._run_group(conn, [waiting], shared, committed)
            return
        for waiting, answer in zip(group, answers, strict=True):
            if isinstance(answer, AppError):
                waiting.error = answer
            else:
                waiting.result = answer

    def _savepoint(
        self, conn: Connection, command: Command[T], shared: dict[str, Any], committed: Committed
    ) -> T:
        tx = Tx(conn, self.clock.now(), shared)
        driver = _driver(conn)
        driver.execute("SAVEPOINT command")
        try:
            result = command(tx)
        except BaseException as problem:
            shared.clear()
            if not driver.in_transaction:
                raise _TransactionLostError from problem
            driver.execute("ROLLBACK TO command")
            driver.execute("RELEASE command")
            raise
        driver.execute("RELEASE command")
        committed.wakes |= tx.wakes
        committed.news += tx.news
        return result


def _answer(batch: list[_Waiting]) -> None:
    """Hand out results: threads one by one, each event loop with one call for all its askers."""
    loops: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
    for waiting in batch:
        if isinstance(waiting.future, _Asked):
            loops.setdefault(waiting.future.loop, []).append(waiting)
        else:
            _settle(waiting.future, waiting)
    for loop, home in loops.items():
        try:
            loop.call_soon_threadsafe(_answer_here, home)
        except RuntimeError:  # the loop was closed meanwhile: nobody is left to hear it
            log.warning("answers_unheard", extra={"unheard": len(home)})


def _answer_here(home: list[_Waiting]) -> None:
    for waiting in home:
        assert isinstance(waiting.future, _Asked)
        if not waiting.future.future.done():
            _settle(waiting.future.future, waiting)


def _settle(future: Future[Any] | asyncio.Future[Any], waiting: _Waiting) -> None:
    if waiting.error is not None:
        future.set_exception(waiting.error)
    else:
        future.set_result(waiting.result)


class _TransactionLostError(Exception):
    """The database threw the whole transaction away (full disk, I/O error): nobody was served."""


def _as_refusal(problem: BaseException) -> BaseException:
    """A full disk, a lock or a vanished server is `busy` to the person; a bug stays a bug."""
    if isinstance(problem, OperationalError | sqlite3.OperationalError | _TransactionLostError):
        log.error("database_unavailable", exc_info=problem)
        refusal = AppError(BUSY)
        refusal.__cause__ = problem
        return refusal
    return problem


def _grouped(batch: list[_Waiting]) -> list[list[_Waiting]]:
    """Neighbouring set-based commands of one kind form a group; every other stands alone."""
    groups: list[list[_Waiting]] = []
    for waiting in batch:
        command = waiting.command
        if groups and isinstance(command, Together):
            before = groups[-1][0].command
            if isinstance(before, Together) and before.run_many is command.run_many:
                groups[-1].append(waiting)
                continue
        groups.append([waiting])
    return groups


def _driver(conn: Connection) -> sqlite3.Connection:
    raw = conn.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


__all__ = ["Big", "Command", "Committed", "Database", "Together", "Tx", "metadata"]
