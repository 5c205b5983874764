"""Hot paths only: Core statements compiled once, for many rows (`Bulk`) or many values (`Lookup`).

The driver's own cursor runs them: SQLAlchemy's execution adds some 60 µs to each statement.
Everywhere else `tx.execute(statement, rows)` is right.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnClause,
    Connection,
    Dialect,
    Insert,
    Select,
    String,
    Update,
    column,
    values,
)
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from core.db import Tx

MOST_ROWS = 128  # of one statement; their values stay far below SQLite's 32,766 parameters
_ONE_ROW = re.compile(r"VALUES (\([^()]*\))")


def given(**kinds: type[int] | type[str]) -> CTE:
    """The rows that `Bulk` will be handed, as a table to join an UPDATE with: name → kind."""
    columns: list[ColumnClause[Any]] = [column(name, _TYPES[kind]) for name, kind in kinds.items()]
    blank = tuple(kind() for kind in kinds.values())
    return values(*columns, name="given").data([blank]).cte("given")


_TYPES: dict[type, TypeEngine[Any]] = {int: BigInteger(), str: String()}


class Bulk:
    """One statement for many rows of tuples, compiled once per kind of database.

    An insert takes rows in the order of `columns`; an update is joined with `given(...)` and takes
    rows in its order. Rows go in statements of 128, 64 … 1, so a batch is a few statements with one
    step each: a row by itself (executemany) gives the interpreter away once per row.
    Values of the columns in `as_json` are JSON text already.
    """

    def __init__(
        self,
        statement: Insert | Update,
        columns: tuple[str, ...] = (),
        as_json: tuple[str, ...] = (),
    ) -> None:
        self._statement = statement
        self._columns = columns
        self._as_json = as_json
        self._compiled: dict[str, _Rows] = {}

    def run(self, tx: Tx, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run it for every row; how many rows of the table were written."""
        if not rows:
            return 0
        known = self._compiled.get(tx.conn.dialect.name)
        if known is None:
            known = self._compiled[tx.conn.dialect.name] = self._compile(tx.conn.dialect)
        driver: Any = tx.conn.connection
        cursor = driver.cursor()
        written = 0
        for part in _parts(rows):
            before = getattr(driver, "total_changes", 0)
            cursor.execute(*known.statement(part))
            # sqlite3 does not count what begins with WITH; its connection does.
            count = cursor.rowcount
            written += count if count >= 0 else driver.total_changes - before
        cursor.close()
        return written

    def _compile(self, dialect: Dialect) -> _Rows:
        columns = list(self._columns) if isinstance(self._statement, Insert) else None
        compiled = self._statement.compile(dialect=dialect, column_keys=columns)
        assert isinstance(compiled, SQLCompiler)
        assert compiled.positional, "the engine must use a positional paramstyle"
        return _Rows(compiled, self._as_json)


def _parts(rows: Sequence[tuple[Any, ...]]) -> Iterable[Sequence[tuple[Any, ...]]]:
    """Pieces whose sizes are powers of two: the database meets eight statements, not 128."""
    start, left = 0, len(rows)
    while left:
        size = min(MOST_ROWS, 1 << (left.bit_length() - 1))
        yield rows[start : start + size]
        start, left = start + size, left - size


class _Rows:
    """A compiled statement whose VALUES list is repeated for as many rows as come."""

    def __init__(self, compiled: SQLCompiler, as_json: tuple[str, ...]) -> None:
        sql = str(compiled)
        found = _ONE_ROW.search(sql)
        assert found is not None, f"no row of values in: {sql}"
        self._before, self._row, self._after = sql[: found.start(1)], found[1], sql[found.end(1) :]
        names = list(compiled.positiontup or ())
        width = self._row.count(",") + 1
        constants = [compiled.params[name] for name in names[width:]]
        self._constants = tuple(constants)
        encoders: Any = compiled._bind_processors
        self._encode = [
            (at, encoders[name])
            for at, name in enumerate(names[:width])
            if name in encoders and name not in as_json
        ]
        self._sql: dict[int, str] = {}

    def statement(self, rows: Sequence[tuple[Any, ...]]) -> tuple[str, tuple[Any, ...]]:
        """The SQL for that many rows, and its values."""
        size = len(rows)
        sql = self._sql.get(size)
        if sql is None:
            sql = self._sql[size] = self._before + ", ".join([self._row] * size) + self._after
        if self._encode:
            rows = [tuple(self._encoded(row)) for row in rows]
        return sql, (*chain.from_iterable(rows), *self._constants)

    def _encoded(self, row: tuple[Any, ...]) -> list[Any]:
        whole = list(row)
        for at, encoder in self._encode:
            whole[at] = encoder(whole[at])
        return whole


CHUNK = 512


def _row_of(names: list[str]) -> Any:
    return namedtuple("Row", names)  # the names are known at run time only


class Lookup:
    """A select with `IN :many` over any number of values, compiled once per size.

    Values go in sorted chunks, each padded to a power of two, so the database meets ten statements,
    not five hundred. Rows come as the driver gives them: no JSON, no Boolean columns in it.
    `make` builds what is answered for a row; a named tuple of its columns unless given.
    """

    def __init__(
        self, statement: Select[Any], make: Callable[[tuple[Any, ...]], Any] | None = None
    ) -> None:
        self._statement = statement
        self._make = make or _row_of([column.name for column in statement.selected_columns])._make
        self._compiled: dict[tuple[str, int], tuple[str, Any]] = {}

    def rows(self, conn: Connection, values: Iterable[Any], **also: Any) -> list[Any]:
        """The rows for these values (each once); none for none. `also` are other parameters."""
        wanted = sorted(set(values))
        found: list[Any] = []
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            size = 1 << (len(chunk) - 1).bit_length()
            chunk += chunk[-1:] * (size - len(chunk))
            known = self._compiled.get((conn.dialect.name, size))
            if known is None:
                known = self._compile(conn.dialect, size)
                self._compiled[conn.dialect.name, size] = known
            sql, arranged = known
            if not conn.in_transaction():
                conn.begin()  # a driver's cursor would not begin our kind of transaction
            cursor = conn.connection.cursor()
            cursor.execute(sql, arranged(chunk, also))
            found += map(self._make, cursor.fetchall())
            cursor.close()
        return found

    def _compile(self, dialect: Dialect, size: int) -> tuple[str, Any]:
        compiled = self._statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        state = compiled.construct_expanded_state({**compiled.params, "many": [None] * size})
        many = state.parameter_expansion["many"]
        names = state.positiontup

        def arranged(chunk: list[Any], also: dict[str, Any]) -> Any:
            if names == many:
                return tuple(chunk)
            named = dict(zip(many, chunk, strict=True)) | also
            return named if names is None else tuple(named[name] for name in names)

        return state.statement, arranged
