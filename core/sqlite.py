"""SQLite as the product needs it: durable, guarded, one commit shared by all that wait.

A durable commit costs an fsync. So the one Writer runs each command in a savepoint of one
transaction and commits once (perf.md §3); a command that fails rolls back only itself.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import (
    Connection,
    Dialect,
    Engine,
    Row,
    Select,
    Table,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from core.checkpoint import Checkpoints
from core.clock import Clock
from core.durable import make_folder
from core.errors import BUSY, DISK_FULL, AppError
from core.ready import ReadyConnection
from core.trip import Trip, sql_of
from core.tx import Command, Committed, Tx
from core.writer import Store, Waiting, as_command, grouped, hand_out

log = logging.getLogger(__name__)

READERS = 8


def sqlite_engine(url: str, synchronous: str, *, writer: bool) -> Engine:
    """An engine whose transactions we begin ourselves: IMMEDIATE to write, DEFERRED to read."""
    parsed = make_url(url)
    assert parsed.database, "an in-memory database cannot be shared by the writer and the readers"
    make_folder(Path(parsed.database).parent)
    engine = create_engine(
        parsed,
        pool_size=1 if writer else READERS,
        max_overflow=0 if writer else READERS,
        pool_use_lifo=True,  # few readers stay warm: each has pages and statements of its own
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        connect_args={"check_same_thread": False, "timeout": 30, "cached_statements": 512},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "busy_timeout=30000",
            "temp_store=MEMORY",
            "wal_autocheckpoint=32000",  # 128 MB: long before, core/checkpoint.py has done it
            "cache_size=-65536" if writer else "cache_size=-8192",
            "mmap_size=268435456",
            "query_only=OFF" if writer else "query_only=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # On the driver: without SQLAlchemy's 25 µs.
        _driver(connection).execute("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


class SqliteTx(Tx):
    """The only writer there is: what this connection sees is the newest."""

    __slots__ = ()

    def newest(self, statement: Select[Any]) -> Row[Any] | None:
        return self.conn.execute(statement).first()

    def newest_of(self, statement: Select[Any]) -> Trip[Row[Any] | None]:
        return _Newest(sql_of(statement, self.conn.dialect))

    def numbers_of(self, *wanted: tuple[Table, int]) -> _Numbers:
        return _Numbers(self, wanted)

    def whole_turn(self) -> None:
        """There is one writer."""

    def turn(self, name: str) -> None:
        """The transaction itself is the turn."""

    def alone(self, name: str) -> bool:  # noqa: ARG002  # nobody else can write meanwhile
        return True


class _Numbers:
    """The next ones after the highest: there is one writer. Nothing travels."""

    def __init__(self, tx: SqliteTx, wanted: tuple[tuple[Table, int], ...]) -> None:
        self._tx, self._wanted = tx, wanted

    def send(self, _driver: Any, _dialect: Dialect) -> list[Any]:
        return []

    def made(self, _sent: list[Any]) -> list[list[int]]:
        taken, shared = [], self._tx.shared
        for table, count in self._wanted:
            name = f"numbers of {table.name}"
            if name not in shared:
                sql = sql_of(_highest(table), self._tx.conn.dialect)
                shared[name] = _driver(self._tx.conn).execute(sql).fetchone()[0] or 0
            last: int = shared[name]
            shared[name] = last + count
            taken.append(list(range(last + 1, last + count + 1)))
        return taken


class _Newest:
    """Read by the driver: SQLAlchemy's execution costs more than the posting of a line."""

    def __init__(self, sql: str) -> None:
        self._sql = sql

    def send(self, driver: Any, _dialect: Dialect) -> list[Any]:
        return [driver.execute(self._sql)]

    def made(self, sent: list[Any]) -> Any:
        return sent[0].fetchone()


@lru_cache(maxsize=64)
def _highest(table: Table) -> Select[Any]:
    return select(func.max(table.c.id))


def open_store(url: str, synchronous: str, clock: Clock) -> Store:
    """One Writer whose commits are shared, and readers on snapshots."""
    readers = sqlite_engine(url, synchronous, writer=False)
    writing = sqlite_engine(url, synchronous, writer=True)
    return Store(
        engines=(readers, writing),
        ordinary=(SharedCommit(writing, clock, Checkpoints(readers)),),
        together=None,
        is_shared=False,
        read_failed=lambda problem, _tried: problem,
        takes_writes=lambda _: True,
        at_leisure=lambda: sqlite_engine(url, synchronous, writer=False),
    )


class TransactionLostError(Exception):
    """The database threw the whole transaction away (full disk, I/O error): nobody was served."""


class SharedCommit:
    """Runs a batch in one transaction: a savepoint each, one commit for all."""

    def __init__(self, engine: Engine, clock: Clock, checkpoints: Checkpoints) -> None:
        self._engine = engine
        self._clock = clock
        self._checkpoints = checkpoints
        self._conn: ReadyConnection | None = None  # the Writer's, kept from batch to batch

    def run(self, batch: list[Waiting]) -> Committed:
        committed = Committed()
        try:
            conn = self._writing()
            conn.begin()
            groups = grouped(batch)
            if len(groups) > 1 or not self._run_alone(conn, groups[0], committed):
                shared: dict[str, Any] = {}
                for group in groups:
                    self._run_group(conn, group, shared, committed)
            conn.commit()
        except Exception as problem:  # noqa: BLE001  # handed to every waiting caller
            self._drop()
            for waiting in batch:
                waiting.error = waiting.error or _as_refusal(problem)
            return Committed()
        self._checkpoints.committed(_driver(conn).total_changes)
        return committed

    def close(self) -> None:
        self._drop()
        self._checkpoints.close()

    def _drop(self) -> None:
        """Whatever state the connection is in, the next batch begins on a sound one."""
        if self._conn is not None:
            with suppress(Exception):
                self._conn.close()
            self._conn = None

    def _writing(self) -> ReadyConnection:
        if self._conn is None:
            self._conn = ReadyConnection(self._engine)
        return self._conn

    def _run_alone(self, conn: Connection, group: list[Waiting], committed: Committed) -> bool:
        """Without neighbours the transaction itself is the savepoint: SQLite copies no page for it.

        False: one of several failed, nothing is done, and each wants a savepoint of its own.
        """
        tx = SqliteTx(conn, self._clock.now(), {})
        try:
            answers = as_command(group)(tx)
            tx.finish()
        except Exception as problem:  # handed to its caller
            if not _driver(conn).in_transaction:
                raise TransactionLostError from problem
            conn.rollback()
            conn.begin()
            if len(group) == 1:
                group[0].error = _as_refusal(problem)
            return len(group) == 1
        hand_out(group, answers)
        committed.wakes |= tx.wakes
        committed.news += tx.news
        return True

    def _run_group(
        self,
        conn: ReadyConnection,
        group: list[Waiting],
        shared: dict[str, Any],
        committed: Committed,
    ) -> None:
        try:
            answers = self._savepoint(conn, as_command(group), shared, committed)
        except TransactionLostError:
            raise
        except Exception as problem:  # noqa: BLE001  # handed to its caller
            if len(group) == 1:
                group[0].error = _as_refusal(problem)
                return
            for waiting in group:  # one bad item must not fail its neighbours
                self._run_group(conn, [waiting], shared, committed)
            return
        hand_out(group, answers)

    def _savepoint(
        self,
        conn: ReadyConnection,
        command: Command[Any],
        shared: dict[str, Any],
        committed: Committed,
    ) -> Any:
        tx = SqliteTx(conn, self._clock.now(), shared)
        driver = _driver(conn)
        driver.execute("SAVEPOINT command")
        try:
            result = command(tx)
            tx.finish()
        except BaseException as problem:
            shared.clear()
            if not driver.in_transaction:
                raise TransactionLostError from problem
            conn.settle(drop=True)  # what it was told of tables that it had written to
            driver.execute("ROLLBACK TO command")
            driver.execute("RELEASE command")
            raise
        driver.execute("RELEASE command")
        committed.wakes |= tx.wakes
        committed.news += tx.news
        return result


def _as_refusal(problem: BaseException) -> BaseException:
    """A full disk or a lock is for the person to wait out; a bug stays a bug."""
    if isinstance(problem, OperationalError | sqlite3.OperationalError | TransactionLostError):
        is_full = _is_full(problem)
        if is_full:  # said for every posting until there is room
            log.error("disk_full")
        else:
            log.error("database_unavailable", exc_info=problem)
        refusal = AppError(DISK_FULL if is_full else BUSY)
        refusal.__cause__ = problem
        return refusal
    return problem


def _is_full(problem: BaseException | None) -> bool:
    """Whether SQLite said so, itself or at the root of what came of it."""
    while problem is not None:
        if getattr(problem, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return True
        problem = problem.__cause__
    return False


def _driver(conn: Connection) -> sqlite3.Connection:
    raw = conn.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw
