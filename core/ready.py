"""Statements made ready once: a `Connection` that hands repeated ones straight to the driver.

SQLAlchemy 2.1 compiles a statement once, but each execution still costs it 60 to 95 µs of contexts
and events; a hand-over has eighteen of them (docs/decisions/0006). A statement object that comes
back (one made at module level) is kept here as text, binders and readers, and its rows come as
SQLAlchemy's own `Row`. Whatever is out of the ordinary (options, listeners, defaults in Python, an
empty IN) goes SQLAlchemy's way, and so does every statement that is built anew for each call.

On PostgreSQL the courier carries it, not before somebody looks at a result or commits: writes that
nobody waits for travel with the next question. A refusal may therefore come later than its
statement, but always before the commit.

What is asked of tables that are `SELDOM` written is asked once in a transaction: a receipt of nine
lines opens nine tasks, for the same people, by the same calendar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from sqlalchemy import (
    Connection,
    CursorResult,
    Delete,
    Dialect,
    Insert,
    RootTransaction,
    Select,
    Update,
    exc,
)
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.sql.elements import RollbackToSavepointClause

from core.ahead import AheadConnection
from core.courier import Parcel
from core.forms import Form, compiled_for, is_seldom_written, lists_of, made_ready
from core.many import ManyRows, Rows, columns, powers_of_two
from core.trip import COURIER

TIMES = 8  # a statement object that was executed so often is not built anew each time
MOST_FORMS = 64  # of one statement: sets of columns, sizes of an IN
MOST_KEPT = 1_000  # answers of one transaction
_INSERT = re.compile(r"(INSERT INTO [^()]+ \([^()]*\) VALUES \([^()]*\))(?: RETURNING [\w.]+)?")
_KINDS = (Select, Insert, Update, Delete)


class ReadyConnection(AheadConnection):
    """`ReadyConnection(engine)` instead of `engine.connect()`."""

    _kept: dict[Any, _Answer]
    _kept_in: RootTransaction | None = None

    def execute(
        self, statement: Any, parameters: Any = None, *, execution_options: Any = None
    ) -> Any:
        """As SQLAlchemy's, and soon without it.

        Raises:
            DBAPIError: what the driver refused, of SQLAlchemy's kinds.
        """
        asked = self.asked_ahead(statement, parameters)
        if asked is not None:
            return asked
        if execution_options is None and isinstance(statement, _KINDS):
            if not isinstance(statement, Select) and is_seldom_written(statement.table):
                self._kept_in = None
            form = self._form(statement, parameters)
            if form is not None:
                return form.run(self, parameters)
        elif not isinstance(statement, Select):
            self._kept_in = None
        self.settle(drop=isinstance(statement, RollbackToSavepointClause))
        return super().execute(statement, parameters, execution_options=execution_options)

    def exec_driver_sql(
        self, statement: str, parameters: Any = None, execution_options: Any = None
    ) -> CursorResult[Any]:
        self.settle()
        self._kept_in = None
        self.forget_ahead()
        return super().exec_driver_sql(statement, parameters, execution_options)

    def commit(self) -> None:
        self.settle()
        self.forget_ahead()
        super().commit()
        courier = self.info.get(COURIER)
        if courier is not None:  # whoever held it back may have ended without it
            courier.let_go()

    def rollback(self) -> None:
        self.settle(drop=True)
        super().rollback()

    def close(self) -> None:
        if not self.closed:
            self.settle(drop=True)
        self._kept = {}  # its answers know us: a ring would wait for the collector, rows and all
        super().close()

    def sent(self, statement: Select[Any], parameters: dict[str, Any]) -> Any | None:
        """Nothing travels to SQLite, and a statement that is new goes SQLAlchemy's way."""
        form = self._form(statement, parameters) if COURIER in self.info else None
        return None if form is None else form.run(self, parameters)

    def kept(self) -> dict[Any, _Answer]:
        """What this transaction was told by tables that are seldom written, by question."""
        now = self.get_transaction()
        if self._kept_in is not now or len(self._kept) >= MOST_KEPT:
            self._kept, self._kept_in = {}, now
        return self._kept

    def settle(self, *, drop: bool = False) -> None:
        """What waits is sent, or forgotten with the work it belonged to."""
        if drop:
            self._kept_in = None
            self.forget_ahead()
        if self.invalidated or self.dialect.name != "postgresql":
            return
        courier = self.info[COURIER]
        if drop:
            courier.drop()
        elif courier.is_waiting:
            with _wrapping(self):
                courier.bring()

    def _form(self, statement: Any, parameters: Any) -> _Ready | None:
        known = _KNOWN.get(statement)
        if known is None:
            known = _KNOWN[statement] = _Known()
        if known.seen < TIMES:
            known.seen += 1
            return None
        if self.dispatch.before_cursor_execute or self.dispatch.before_execute:
            return None
        return known.form(statement, self.dialect, parameters)


class Found(IteratorResult[Any]):
    """The rows, and how many were written."""

    def __init__(self, keys: SimpleResultMetaData, rows: Iterator[Any], answer: _Answer) -> None:
        super().__init__(keys, rows)
        self._answer = answer

    @property
    def rowcount(self) -> int:
        return self._answer.rowcount()

    @property
    def inserted_primary_key(self) -> tuple[Any, ...] | None:
        return self._answer.key()


class _Answer(Protocol):
    """What a driver says to one execution."""

    def rows(self) -> list[tuple[Any, ...]]: ...
    def rowcount(self) -> int: ...
    def key(self) -> tuple[Any, ...] | None: ...


class _Here:
    """SQLite has answered already."""

    __slots__ = ("_count", "_key", "_rows")

    def __init__(self, *cursors: Any) -> None:
        self._rows: list[tuple[Any, ...]] = [row for each in cursors for row in each.fetchall()]
        self._count: int = sum(each.rowcount for each in cursors)
        self._key = (cursors[-1].lastrowid,)
        for each in cursors:
            each.close()

    def rows(self) -> list[tuple[Any, ...]]:
        return self._rows

    def rowcount(self) -> int:
        return self._count

    def key(self) -> tuple[Any, ...] | None:
        return self._key


class _OnItsWay:
    """PostgreSQL is asked when somebody wants to know."""

    __slots__ = ("_conn", "_parcels")

    def __init__(self, conn: Connection, parcels: list[Parcel]) -> None:
        self._conn, self._parcels = conn, parcels

    def _arrive(self) -> None:
        if not self._parcels[-1].is_open:
            with _wrapping(self._conn):
                self._parcels[-1].bring()

    def rows(self) -> list[tuple[Any, ...]]:
        self._arrive()
        return [row for parcel in self._parcels for row in parcel.fetchall()]

    def rowcount(self) -> int:
        self._arrive()
        return sum(parcel.rowcount for parcel in self._parcels)

    def key(self) -> tuple[Any, ...] | None:
        return next(iter(self.rows()), None)


@contextmanager
def _wrapping(conn: Connection) -> Iterator[None]:
    """Errors of the driver as SQLAlchemy raises them."""
    driver: Any = conn.connection.driver_connection
    try:
        yield
    except conn.dialect.loaded_dbapi.Error as problem:
        raise _wrapped(conn, driver, problem) from problem


def _wrapped(conn: Connection, driver: Any, problem: Any) -> BaseException:
    """A broken connection and its neighbours in the pool are let go of."""
    dialect = conn.dialect
    lost = dialect.is_disconnect(problem, driver, None)
    if lost and not conn.invalidated:
        conn.invalidate(problem)
        conn.engine.dispose()
    kind: Any = dialect.loaded_dbapi.Error
    said = " ".join(getattr(problem, "__notes__", ()))  # the statement, not its values
    wrapped: BaseException = exc.DBAPIError.instance(
        said, None, problem, kind, connection_invalidated=lost, dialect=dialect
    )
    return wrapped


class _Known:
    """What is known of one statement object."""

    __slots__ = ("_forms", "_lists", "seen")

    def __init__(self) -> None:
        self.seen = 0
        self._lists: dict[str, Any] | None = None  # of each IN: its parameter, its constant
        self._forms: dict[Any, _Ready | None] = {}

    def form(self, statement: Any, dialect: Dialect, parameters: Any) -> _Ready | None:
        """The statement as this dialect takes these parameters; None: not without SQLAlchemy."""
        many = isinstance(parameters, list | tuple)
        if many and not parameters:
            return None
        one: dict[str, Any] = (parameters[0] if many else parameters) or {}
        if many and len(parameters) > 1 and any(row.keys() != one.keys() for row in parameters):
            return None
        if self._lists is None:
            self._lists = lists_of(compiled_for(statement, dialect, one))
        sizes: dict[str, int] = {}
        if self._lists:
            lists = {name: one.get(name, known) for name, known in self._lists.items()}
            if not all(isinstance(each, list | tuple) for each in lists.values()):
                return None
            sizes = {name: _size(each) for name, each in lists.items()}
        key = (dialect.name, many and len(parameters) > 1, *one, *sizes.values())
        if key not in self._forms:
            if len(self._forms) >= MOST_FORMS:
                return None
            made = made_ready(statement, dialect, one, sizes)
            self._forms[key] = None if made is None else _Ready(made)
        form = self._forms[key]
        return None if form is None or (many and form.answers and len(parameters) > 1) else form


_KNOWN: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()


def _size(values: Any) -> int:
    """Of an IN as it is kept: a power of two, 0 for none."""
    return 1 << (len(values) - 1).bit_length() if values else 0


def _many_rows(sql: str) -> ManyRows | None:
    """None when it is not simply an INSERT of one row of values.

    SQLAlchemy asks for the number that one row is given; of many rows nobody can be told it.
    """
    found = _INSERT.fullmatch(sql)
    return None if found is None else ManyRows(found[1])


class _Ready:
    """A statement with one set of parameters, for one kind of database."""

    def __init__(self, form: Form) -> None:
        self._sql, self._values = form.sql, form.values
        self._keys = SimpleResultMetaData(form.keys)
        self._readers = [(at, each) for at, each in enumerate(form.readers) if each is not None]
        self._is_kept = form.is_kept
        self._many = None if self.answers else _many_rows(form.sql)

    @property
    def answers(self) -> bool:
        """Whether it has rows for whoever asked."""
        return bool(self._keys.keys)

    def run(self, conn: ReadyConnection, parameters: Any) -> Found:
        """Execute it, or have it executed with what comes next; autobegins like SQLAlchemy."""
        if not conn.in_transaction():
            conn.begin()
        rows = parameters if isinstance(parameters, list | tuple) else (parameters or {},)
        values = [self._values(row) for row in rows]
        if self._is_kept:
            kept, question = conn.kept(), (self._sql, *values)
            answer = kept.get(question)
            if answer is None:
                answer = kept[question] = self._ask(conn, values)
        else:
            answer = self._ask(conn, values)
        return Found(self._keys, self._rows(answer), answer)

    def _ask(self, conn: Connection, values: list[tuple[Any, ...]]) -> _Answer:
        courier = conn.info.get(COURIER)
        if courier is None:
            return self._directly(conn, values)
        courier.begin()
        if len(values) > 1 and self._many is not None and self._many.as_arrays:
            return _OnItsWay(conn, [courier.execute(self._many.as_arrays, columns(values))])
        return _OnItsWay(conn, [courier.execute(self._sql, each) for each in values])

    def _directly(self, conn: Connection, values: list[tuple[Any, ...]]) -> _Here:
        driver: Any = conn.connection.driver_connection
        try:
            if len(values) == 1:
                return _Here(driver.execute(self._sql, values[0]))
            if self._many is None:
                return _Here(driver.executemany(self._sql, values))
            parts = powers_of_two(values)
            return _Here(*(self._repeated(driver, self._many, part) for part in parts))
        except conn.dialect.loaded_dbapi.Error as problem:
            problem.add_note(self._sql)
            raise _wrapped(conn, driver, problem) from problem

    @staticmethod
    def _repeated(driver: Any, many: ManyRows, rows: Rows) -> Any:
        return driver.execute(many.repeated(len(rows)), tuple(chain.from_iterable(rows)))

    def _rows(self, answer: _Answer) -> Iterator[tuple[Any, ...]]:
        """Nothing is asked before the first one is wanted."""
        if not self.answers:
            return
        for row in answer.rows():
            yield self._read(row) if self._readers else row

    def _read(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        whole = list(row)
        for at, reader in self._readers:
            whole[at] = reader(whole[at])
        return tuple(whole)
