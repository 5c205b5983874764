"""Bulk and Lookup say on both databases what the same Core statement says, only sooner."""

from __future__ import annotations

import pytest
from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.engine import make_url

from core.bulk import CHUNK, Bulk, Lookup
from core.db import Database, Tx
from core.events import events, meta

MANY: BindParameter[list[str]] = bindparam("many", expanding=True)
ADD = Bulk(meta.insert(), ("key", "value"))
CHANGE = Bulk(
    meta.update()
    .where(meta.c.key == bindparam("key_"), meta.c.value != "locked")
    .values(value=bindparam("new")),
    ("new", "key_"),
)
FIND = Lookup(
    select(meta.c.key, meta.c.value)
    .where(meta.c.key.in_(MANY), meta.c.value != bindparam("not_"))
    .order_by(meta.c.key)
)


def test_rows_written_are_counted(db: Database) -> None:
    def run(tx: Tx) -> tuple[int, int, int]:
        added = ADD.run(tx, [("a", "1"), ("b", "locked"), ("c", "3")])
        changed = CHANGE.run(tx, [("9", "a"), ("9", "b"), ("9", "x")])
        return added, changed, ADD.run(tx, [])

    assert db.write_now(run) == (3, 1, 0)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 64, 65, CHUNK, CHUNK + 1, 2 * CHUNK + 7])
def test_any_number_of_values_is_found_once(db: Database, count: int) -> None:
    rows = [(f"k-{number:05d}", str(number)) for number in range(count)]
    db.write_now(lambda tx: ADD.run(tx, rows))
    keys = [key for key, _ in rows] * 2 + ["nobody"]
    found = db.read_now(lambda conn: FIND.rows(conn, keys, not_="0"))
    assert [row.key for row in found] == [key for key, value in rows if value != "0"]


def test_json_columns_are_encoded(db: Database) -> None:
    row = (1, "kind", "a:1", "engine", 5, 5, None, {"x": [1]}, "0" * 64)
    db.write_now(lambda tx: Bulk(events.insert(), tuple(events.c.keys())).run(tx, [row]))
    found = db.read_now(lambda conn: conn.execute(select(events)).one())
    assert tuple(found) == row


def test_statements_compile_for_postgresql() -> None:
    dialect = make_url("postgresql+psycopg://").get_dialect()()
    sql, arranged = FIND._compile(dialect, 2)
    named = arranged(["a", "b"], {"not_": "z"})
    assert sorted(named.values()) == ["a", "b", "z"]
    assert all(f"%({name})s" in sql for name in named)
    sql, arranged = CHANGE._compile(dialect)
    named = arranged(("9", "a"))
    assert sorted(named.values()) == ["9", "a", "locked"]
    assert all(f"%({name})s" in sql for name in named)
