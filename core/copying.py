"""Everything of one database, as of one moment, into an empty one of the same or the other kind.

What a backup of PostgreSQL is made with, and how a firm that has outgrown SQLite moves. Rows are
copied as they are, so chains of hashes, operation ids and deadlines stay what they were; only the
numbering of new rows is told where to go on. Not for merging: the target must be empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Table, bindparam, func, select, text

from core import events, schema
from core.clock import SystemClock
from core.db import Database, Tx
from core.ids import new_id
from core.migrations import run as migrations

PAGE = 1_000

Progress = Callable[[int, int], None]


class CannotCopyError(Exception):
    """The target is not empty, or the two are not of one schema."""


def copy_database(source: Database, target: Database, say: Progress | None = None) -> int:
    """Copy all rows; answers how many. The target is migrated first; clients get a new epoch.

    Raises:
        CannotCopyError: see there; nothing was written.
    """
    if source.read_now(migrations.current) != migrations.newest():
        raise CannotCopyError("源数据库的结构不是最新的，请先运行 jieli migrate。")
    migrations.upgrade(target)
    tables = schema.whole().sorted_tables
    filled = [each.name for each in tables if target.read_now(lambda c, t=each: _count(c, t))]  # type: ignore[misc]
    if filled:
        raise CannotCopyError(f"目标数据库不是空的（已有 {filled[0]} 等数据），没有复制。")
    with source.at_leisure() as conn:  # the target's disk may stand still
        copied = _copy(conn, target, tables, say)
    epoch = new_id(SystemClock().now())
    target.write_now(lambda tx: events.begin_epoch(tx, epoch))
    if target.is_shared:
        target.write_now(_number_on)
    return copied


def _copy(conn: Connection, target: Database, tables: list[Table], say: Progress | None) -> int:
    """Page by page on one snapshot of the source."""
    whole = sum(_count(conn, table) for table in tables)
    copied = 0
    for table in tables:
        links = _Links(table)
        for page in _pages(conn, table):
            rows = links.taken_from(page)
            target.write_now(lambda tx, t=table, rows=rows: tx.execute(t.insert(), rows).close())  # type: ignore[misc]
            copied += len(page)
            if say is not None:
                say(copied, whole)
        target.write_now(links.put_back)
    return copied


class _Links:
    """What rows of a table say of each other: somebody's manager may have come later than he."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._keys = [column.name for column in table.primary_key.columns]
        self._names = [key.parent.name for key in table.foreign_keys if key.column.table is table]
        self._taken: list[dict[str, Any]] = []

    def taken_from(self, page: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows without their links, which are kept."""
        if not self._names:
            return page
        known = [*self._keys, *self._names]
        self._taken += [
            {f"{name}_": row[name] for name in known}
            for row in page
            if any(row[name] is not None for name in self._names)
        ]
        return [row | dict.fromkeys(self._names) for row in page]

    def put_back(self, tx: Tx) -> None:
        """Every row is there now."""
        if self._taken:
            same = [self._table.c[name] == bindparam(f"{name}_") for name in self._keys]
            links: dict[str, Any] = {name: bindparam(f"{name}_") for name in self._names}
            tx.execute(self._table.update().where(*same).values(links), self._taken)


def _pages(conn: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    names = [column.name for column in table.columns if column.computed is None]
    query = select(table).order_by(*table.primary_key.columns)
    rows = conn.execution_options(yield_per=PAGE).execute(query).mappings()
    for page in rows.partitions(PAGE):
        yield [{name: row[name] for name in names} for row in page]


def _count(conn: Connection, table: Table) -> int:
    return conn.execute(select(func.count()).select_from(table)).scalar() or 0


def _number_on(tx: Tx) -> None:
    """New rows are numbered after the highest that was copied."""
    for table in schema.whole().sorted_tables:
        own = f"{table.name}_numbers"
        sequences = [own] if own in schema.sequences() else []
        if table.autoincrement_column is not None:
            query = text("SELECT pg_get_serial_sequence(:table, 'id')")
            found = tx.execute(query, {"table": table.name}).scalar()
            sequences += [found] if found else []
        for sequence in sequences:
            highest = tx.execute(select(func.max(table.c.id))).scalar() or 0
            tx.execute(
                text("SELECT setval(:sequence, :next, false)"),
                {"sequence": sequence, "next": highest + 1},
            )
