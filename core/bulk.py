"""Hot paths only: Core statements compiled once, for many rows (`Bulk`) or many values (`Lookup`).

The driver's own cursor runs them: SQLAlchemy's execution adds some 60 µs to each statement.
Everywhere else `tx.execute(statement, rows)` is right.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Sequence
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

from core.courier import array_text
from core.db import Tx
from core.many import ManyRows, columns, powers_of_two
from core.trip import Trip, one_trip


def given(**kinds: type[int] | type[str]) -> CTE:
    """The rows that `Bulk` will be handed, as a table to join an UPDATE with: name → kind."""
    columns: list[ColumnClause[Any]] = [column(name, _TYPES[kind]) for name, kind in kinds.items()]
    blank = tuple(kind() for kind in kinds.values())
    return values(*columns, name="given").data([blank]).cte("given")


_TYPES: dict[type, TypeEngine[Any]] = {int: BigInteger(), str: String()}


class Bulk:
    """One statement for many rows of tuples, compiled once per kind of database.

    An insert takes rows in the order of `columns`; an update is joined with `given(...)` and takes
    rows in its order. On SQLite rows go in statements of 128, 64 … 1, so a batch is a few
    statements with one step each: a row by itself (executemany) gives the interpreter away once per
    row. On PostgreSQL they go as one array per column. Values of the columns in `as_json` are JSON
    text already.
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
        self._compiled: dict[str, _Rows | _Arrays] = {}

    def run(self, tx: Tx, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run it for every row; how many rows of the table were written."""
        written: int = one_trip(tx.conn, self.of(rows))[0]
        return written

    def of(self, rows: Sequence[tuple[Any, ...]]) -> Trip[int]:
        """`run` as a part of a round trip."""
        return _Writing(self, rows)

    def all_of(self, rows: Sequence[tuple[Any, ...]]) -> Trip[int]:
        """`of` for an update that must find every row.

        Where it does not, MissingRowsError or PostgreSQL's DivisionByZero: there the statement
        itself fails, because nobody may look at its count before the commit.
        """
        return _Writing(self, rows, whole=True)

    def shaped(self, dialect: Dialect) -> _Rows | _Arrays:
        """The statement as this kind of database takes it."""
        known = self._compiled.get(dialect.name)
        if known is None:
            known = self._compiled[dialect.name] = self._compile(dialect)
        return known

    def _compile(self, dialect: Dialect) -> _Rows | _Arrays:
        columns = list(self._columns) if isinstance(self._statement, Insert) else None
        compiled = self._statement.compile(dialect=dialect, column_keys=columns)
        assert isinstance(compiled, SQLCompiler)
        assert compiled.positional, "the engine must use a positional paramstyle"
        shape = _Arrays if dialect.name == "postgresql" else _Rows
        return shape(compiled, self._as_json)


class _Writing:
    """A bulk and its rows on their way."""

    __slots__ = ("_bulk", "_rows", "_whole")

    def __init__(self, bulk: Bulk, rows: Sequence[tuple[Any, ...]], *, whole: bool = False) -> None:
        self._bulk, self._rows, self._whole = bulk, rows, whole

    def send(self, driver: Any, dialect: Dialect) -> list[Any]:
        if not self._rows:
            return []
        shape = self._bulk.shaped(dialect)
        execute = shape.execute_all if self._whole else shape.execute
        return [execute(driver, part) for part in shape.parts(self._rows)]

    def made(self, sent: list[Any]) -> int:
        return sum(each if isinstance(each, int) else each.rowcount for each in sent)


class MissingRowsError(Exception):
    """An update found fewer rows than it was given; nothing of it may be committed."""


class _Values:
    """A compiled statement around its one row of VALUES."""

    def __init__(self, compiled: SQLCompiler, as_json: tuple[str, ...]) -> None:
        self._many = ManyRows(str(compiled))
        names = list(compiled.positiontup or ())
        width = len(self._many.values)
        constants = [compiled.params[name] for name in names[width:]]
        self._constants = tuple(constants)
        encoders: Any = compiled._bind_processors
        self._encode = [
            (at, encoders[name])
            for at, name in enumerate(names[:width])
            if name in encoders and name not in as_json
        ]

    def _encoded(self, row: tuple[Any, ...]) -> list[Any]:
        whole = list(row)
        for at, encoder in self._encode:
            whole[at] = encoder(whole[at])
        return whole


class _Rows(_Values):
    """The row is repeated for as many rows as come."""

    def execute(self, driver: Any, rows: Sequence[tuple[Any, ...]]) -> int:
        """How many rows were written; sqlite3 does not count what begins with WITH."""
        before = driver.total_changes
        driver.execute(*self.statement(rows)).close()
        return int(driver.total_changes - before)

    def execute_all(self, driver: Any, rows: Sequence[tuple[Any, ...]]) -> int:
        """`execute`, every row or MissingRowsError."""
        written = self.execute(driver, rows)
        if written != len(rows):
            raise MissingRowsError(f"{written} of {len(rows)} rows: {self._many.repeated(1)}")
        return written

    def parts(self, rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Pieces whose sizes are powers of two: the database meets eight statements, not 128."""
        return powers_of_two(rows)

    def statement(self, rows: Sequence[tuple[Any, ...]]) -> tuple[str, tuple[Any, ...]]:
        """The SQL for that many rows, and its values."""
        if self._encode:
            rows = [tuple(self._encoded(row)) for row in rows]
        return self._many.repeated(len(rows)), (*chain.from_iterable(rows), *self._constants)


class _Arrays(_Values):
    """The rows are one array per column: fourteen parameters for any number of moves."""

    def execute(self, driver: Any, rows: Sequence[tuple[Any, ...]]) -> Any:
        """The cursor; in a pipeline it knows its count only later."""
        return driver.execute(*self.statement(rows))

    def execute_all(self, driver: Any, rows: Sequence[tuple[Any, ...]]) -> Any:
        """`execute`; the statement fails by itself when it does not find every row."""
        sql, values = self.statement(rows)
        given, _, update = sql.partition(" UPDATE ")
        counted = f"{given}, done AS (UPDATE {update} RETURNING 1)"
        check = "SELECT 1 / CASE count(*) WHEN %s THEN 1 ELSE 0 END FROM done"
        return driver.execute(f"{counted} {check}", (*values, len(rows)))

    def parts(self, rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
        """One statement for all."""
        yield rows

    def statement(self, rows: Sequence[tuple[Any, ...]]) -> tuple[str, tuple[Any, ...]]:
        """The SQL, and the columns of `rows`."""
        assert self._many.as_arrays, "each value must say its type"
        return self._many.as_arrays, (*columns(rows), *self._constants)


CHUNK = 512


def _row_of(names: list[str]) -> Any:
    return namedtuple("Row", names)  # the names are known at run time only


class Lookup:
    """A select with `IN :many` over any number of values, compiled once per size.

    Values go in sorted chunks, on SQLite each padded to a power of two, so that it meets ten
    statements, not five hundred; on PostgreSQL as one array. Rows come as the driver gives them: no
    JSON, no Boolean columns in it.
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
        found: list[Any] = one_trip(conn, self.of(values, **also))[0]
        return found

    def of(self, values: Iterable[Any], **also: Any) -> Trip[list[Any]]:
        """`rows` as a part of a round trip."""
        return _Reading(self, sorted(set(values)), also)

    def shaped(self, dialect: Dialect, size: int) -> tuple[str, Any]:
        """The SQL for `size` values (0: an array of any length), and what arranges them."""
        known = self._compiled.get((dialect.name, size))
        if known is None:
            known = self._compiled[dialect.name, size] = self._compile(dialect, size)
        return known

    def make(self, rows: Iterable[Any]) -> Iterator[Any]:
        """What is answered for rows as the driver gives them."""
        return map(self._make, rows)

    def _compile(self, dialect: Dialect, size: int) -> tuple[str, Any]:
        compiled = self._statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        if size == 0:
            return _with_array(compiled)
        state = compiled.construct_expanded_state({**compiled.params, "many": [None] * size})
        many = state.parameter_expansion["many"]
        names = state.positiontup

        def arranged(chunk: list[Any], also: dict[str, Any]) -> Any:
            if names == many:
                return tuple(chunk)
            named = dict(zip(many, chunk, strict=True)) | also
            return named if names is None else tuple(named[name] for name in names)

        return state.statement, arranged


class _Reading:
    """A lookup and its values on their way."""

    __slots__ = ("_also", "_lookup", "_wanted")

    def __init__(self, lookup: Lookup, wanted: list[Any], also: dict[str, Any]) -> None:
        self._lookup, self._wanted, self._also = lookup, wanted, also

    def send(self, driver: Any, dialect: Dialect) -> list[Any]:
        wanted, sent = self._wanted, []
        arrays = dialect.name == "postgresql"
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            size = 0 if arrays else 1 << (len(chunk) - 1).bit_length()
            chunk += chunk[-1:] * (size - len(chunk))
            sql, arranged = self._lookup.shaped(dialect, size)
            sent.append(driver.execute(sql, arranged(chunk, self._also)))
        return sent

    def made(self, sent: list[Any]) -> list[Any]:
        found: list[Any] = []
        for cursor in sent:
            found += self._lookup.make(cursor.fetchall())
            cursor.close()
        return found


_IN = re.compile(r" IN \(__\[POSTCOMPILE_many\]\)")


def _with_array(compiled: SQLCompiler) -> tuple[str, Any]:
    """`IN :many` as `= ANY(array)`: one parameter, one statement for any number of values."""
    kind = "TEXT" if isinstance(compiled.binds["many"].type, String) else "BIGINT"
    sql, found = _IN.subn(f" = ANY(%s::{kind}[])", str(compiled))
    assert found == 1, "a Lookup has one IN"
    names = list(compiled.positiontup or ())

    def arranged(chunk: list[Any], also: dict[str, Any]) -> Any:
        values = compiled.params | also | {"many": array_text(chunk)}
        return tuple(values[name] for name in names)

    return sql, arranged
