"""Hot paths only: Core statements compiled once, for many rows (`Bulk`) or many values (`Lookup`).

The driver's own cursor runs them: SQLAlchemy's execution adds some 60 µs to each statement.
Everywhere else `tx.execute(statement, rows)` is right.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, Select, Update
from sqlalchemy.sql.compiler import SQLCompiler

from core.db import Tx


class Bulk:
    """One statement for many rows of tuples, compiled once per kind of database.

    `columns` names the bind parameters in the order of the tuples. For hot paths only.
    """

    def __init__(self, statement: Insert | Update, columns: tuple[str, ...]) -> None:
        self._statement = statement
        self._columns = columns
        self._compiled: dict[str, tuple[str, Callable[[tuple[Any, ...]], Any]]] = {}

    def run(self, tx: Tx, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run it for every row; how many rows of the table were written."""
        if not rows:
            return 0
        known = self._compiled.get(tx.conn.dialect.name)
        if known is None:
            known = self._compiled[tx.conn.dialect.name] = self._compile(tx.conn.dialect)
        sql, arranged = known
        cursor = tx.conn.connection.cursor()
        cursor.executemany(sql, [arranged(row) for row in rows])
        written: int = cursor.rowcount
        cursor.close()
        return written

    def _compile(self, dialect: Dialect) -> tuple[str, Callable[[tuple[Any, ...]], Any]]:
        columns = list(self._columns) if isinstance(self._statement, Insert) else None
        compiled = self._statement.compile(dialect=dialect, column_keys=columns)
        assert isinstance(compiled, SQLCompiler)
        place = {name: index for index, name in enumerate(self._columns)}
        fixed = {name: value for name, value in compiled.params.items() if name not in place}
        for name in fixed:  # constants written in the statement follow the columns
            place[name] = len(place)
        constants = tuple(fixed.values())
        processors: Any = compiled._bind_processors
        encode = [(place[name], encoder) for name, encoder in processors.items()]
        names = list(compiled.positiontup or ()) if compiled.positional else list(place)
        order = [place[name] for name in names]
        straight = compiled.positional and order == list(range(len(self._columns)))

        def arranged(row: tuple[Any, ...]) -> Any:
            if straight and not encode:
                return row
            whole = list(row + constants)
            for index, encoder in encode:
                whole[index] = encoder(whole[index])
            if straight:
                return tuple(whole)
            values = tuple([whole[index] for index in order])
            return values if compiled.positional else dict(zip(names, values, strict=True))

        return str(compiled), arranged


CHUNK = 512


def _row_of(names: list[str]) -> Any:
    return namedtuple("Row", names)  # the names are known at run time only


class Lookup:
    """A select with `IN :many` over any number of values, compiled once per size.

    Values go in sorted chunks, each padded to a power of two, so the database meets ten statements,
    not five hundred. Rows come as the driver gives them: no JSON, no Boolean columns in it.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._row = _row_of([column.name for column in statement.selected_columns])
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
            found += map(self._row._make, cursor.fetchall())
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
