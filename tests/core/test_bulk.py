"""Bulk and Lookup say on both databases what the same Core statement says, only sooner."""

from __future__ import annotations

import pytest
from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from core.bulk import CHUNK, Bulk, Lookup, given
from core.db import Database, Tx
from core.events import events, meta
from core.many import MOST_ROWS

MANY: BindParameter[list[str]] = bindparam("many", expanding=True)
ADD = Bulk(meta.insert(), ("key", "value"))
GIVEN = given(key_=str, new=str).c
CHANGE = Bulk(
    meta.update().where(meta.c.key == GIVEN.key_, meta.c.value != "locked").values(value=GIVEN.new)
)
FIND = Lookup(
    select(meta.c.key, meta.c.value)
    .where(meta.c.key.in_(MANY), meta.c.value != bindparam("not_"))
    .order_by(meta.c.key)
)
BY_VALUE = Lookup(select(meta.c.value).where(meta.c.value.in_(MANY)))


def test_rows_written_are_counted(db: Database) -> None:
    def run(tx: Tx) -> tuple[int, int, int]:
        added = ADD.run(tx, [("a", "1"), ("b", "locked"), ("c", "3")])
        changed = CHANGE.run(tx, [("a", "9"), ("b", "9"), ("x", "9")])
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


@pytest.mark.parametrize("count", [1, 5, 127, MOST_ROWS, 3 * MOST_ROWS + 77])
def test_any_number_of_rows_is_written_once(db: Database, count: int) -> None:
    rows = [(f"k-{number:05d}", str(number)) for number in range(count)]
    new = [(key, f"{value}!") for key, value in rows]
    assert db.write_now(lambda tx: (ADD.run(tx, rows), CHANGE.run(tx, new))) == (count, count)
    found = db.read_now(lambda conn: FIND.rows(conn, [key for key, _ in rows], not_="0"))
    assert list(map(tuple, found)) == new


def test_on_postgresql_values_travel_as_one_array_each() -> None:
    dialect = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]
    sql, arranged = FIND.shaped(dialect, 0)
    assert "meta.key = ANY(%s::TEXT[])" in sql
    assert sorted(arranged(["a", 'b"'], {"not_": "z"})) == ["z", '{"a","b\\""}']
    shape = CHANGE.shaped(dialect)
    [rows] = shape.parts([("a", "9"), ("b", "9")])
    sql, values = shape.statement(rows)
    assert "SELECT * FROM unnest(%s::VARCHAR[], %s::VARCHAR[])" in sql
    assert values == ('{"a","b"}', '{"9","9"}', "locked")


HARD = ["", " ", "NULL", "{}", "a,b", '"', "\\", '\\"', "两个字", "'", "%s", "\t\n", "a\u2028b"]


def test_hard_texts_come_back_as_they_went(db: Database) -> None:
    rows = [(f"k{number:02d}", text) for number, text in enumerate(HARD)]
    db.write_now(lambda tx: ADD.run(tx, rows))
    found = db.read_now(lambda conn: FIND.rows(conn, [key for key, _ in rows], not_="no"))
    assert list(map(tuple, found)) == rows
    again = db.read_now(lambda conn: BY_VALUE.rows(conn, HARD))
    assert sorted(row.value for row in again) == sorted(HARD)
