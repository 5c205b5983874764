"""The Writer: a thread that takes all that waits, commits once and answers everybody.

Each command runs in a savepoint of the shared transaction, so a durable commit is shared by
everybody who waited for it (perf.md §3), and a command that fails rolls back only itself.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from core.clock import Clock
from core.errors import BUSY, AppError
from core.tx import Command, Committed, Together, Tx

log = logging.getLogger(__name__)

T = TypeVar("T")

LINGER = 0.001  # seconds; measured beside 0.3 and 2 ms, see docs/decisions/0001


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


class Writer:
    """One thread, one connection, one queue."""

    def __init__(
        self, engine: Engine, clock: Clock, batch: int, told: Callable[[Committed], None]
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._batch = batch
        self._told = told
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._conn: Connection | None = None  # the thread's alone
        self._thread = threading.Thread(target=self._write_loop, name="writer", daemon=True)
        self._thread.start()

    def submit(self, command: Command[T] | Together[Any, T]) -> Future[T]:
        """Queue a command; the future answers after its commit is durable."""
        future: Future[T] = Future()
        self._queue.put(_Waiting(command, future))
        return future

    async def write(self, command: Command[T] | Together[Any, T]) -> T:
        """`submit` for an event loop."""
        asked = _Asked()
        self._queue.put(_Waiting(command, asked))
        answer: T = await asked.future
        return answer

    def close(self) -> None:
        """Finish what waits, then stop."""
        self._queue.put(None)
        self._thread.join()

    def _write_loop(self) -> None:
        before = 0
        while (first := self._queue.get()) is not None:
            batch, stop = self._gather(first, before)
            self._write_batch(batch)
            before = len(batch)
            if stop:
                break
        if self._conn is not None:
            self._conn.close()

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
            conn = self._writing()
            conn.begin()
            shared: dict[str, Any] = {}
            for group in _grouped(batch):
                self._run_group(conn, group, shared, committed)
            conn.commit()
        except Exception as problem:  # noqa: BLE001  # handed to every waiting caller
            self._give_up_connection()
            for waiting in batch:
                waiting.error = waiting.error or _as_refusal(problem)
            committed = Committed()
        if committed.wakes or committed.news:
            self._told(committed)
        _answer(batch)

    def _writing(self) -> Connection:
        """The Writer's own connection, kept from batch to batch."""
        if self._conn is None:
            self._conn = self._engine.connect()
        return self._conn

    def _give_up_connection(self) -> None:
        """Whatever state it is in, the next batch begins on a sound one."""
        if self._conn is not None:
            with suppress(Exception):
                self._conn.close()
            self._conn = None

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
        tx = Tx(conn, self._clock.now(), shared)
        driver = _driver(conn)
        driver.execute("SAVEPOINT command")
        try:
            result = command(tx)
            tx.finish()
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
