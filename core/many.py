"""One statement for many rows, made of the one for a single row of VALUES.

For core/bulk.py and core/ready.py, which execute it. On PostgreSQL the rows are one array per
column. On SQLite the row is repeated: a row by itself (executemany) gives the interpreter away once
per row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from core.courier import array_text

MOST_ROWS = 128  # of one statement; their values stay far below SQLite's 32,766 parameters
Rows = Sequence[tuple[Any, ...]]

_ROW = re.compile(r"VALUES \((?P<row>[^()]*)\)")
_TYPED = re.compile(r"%s::[A-Z ]+")


class ManyRows:
    """`sql` for any number of rows; what stands around the row may be anything.

    Raises:
        ValueError: there is no row of plain values in it.
    """

    def __init__(self, sql: str) -> None:
        found = _ROW.search(sql)
        if found is None:
            raise ValueError(f"no row of values in: {sql}")
        self._before, self._row, self._after = (
            sql[: found.start()],
            found["row"],
            sql[found.end() :],
        )
        self._repeated: dict[int, str] = {}
        values = self.values = self._row.split(", ")
        arrays = ", ".join(f"{each}[]" for each in values)
        # Text of our own making, no values.
        as_table = f"{self._before}SELECT * FROM unnest({arrays}){self._after}"  # noqa: S608
        # "": the values do not say their types.
        self.as_arrays = as_table if all(map(_TYPED.fullmatch, values)) else ""

    def repeated(self, size: int) -> str:
        """The text for so many rows."""
        sql = self._repeated.get(size)
        if sql is None:
            rows = ", ".join([f"({self._row})"] * size)
            sql = self._repeated[size] = f"{self._before}VALUES {rows}{self._after}"
        return sql


def columns(rows: Rows) -> tuple[str, ...]:
    """The values of `as_arrays`."""
    return tuple(map(array_text, zip(*rows, strict=True)))


def powers_of_two(rows: Rows) -> Iterator[Rows]:
    """Pieces whose sizes are powers of two: SQLite meets eight statements, not 128."""
    start, left = 0, len(rows)
    while left:
        size = min(MOST_ROWS, 1 << (left.bit_length() - 1))
        yield rows[start : start + size]
        start, left = start + size, left - size
