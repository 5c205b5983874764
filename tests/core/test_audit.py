"""The audit log cannot be changed quietly: triggers refuse, and the chain names what was done."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DatabaseError

from core import append_only, audit, events
from core.clock import ManualClock
from core.db import Database, Tx
from core.stock.tables import postings
from tests.tampering import tamper


def write_lines(db: Database, count: int) -> None:
    def lines(tx: Tx) -> None:
        for n in range(count):
            audit.record(
                tx,
                f"person:{n % 3}",
                "desk",
                "item.write",
                f"item:{n}",
                before=None if n == 0 else {"name": f"旧{n}"},
                after={"name": f"新{n}"},
                why="改名",
                device_id=7 if n % 2 else None,
            )

    db.write_now(lines)


def problems(db: Database) -> list[str]:
    return db.read_now(lambda c: list(audit.verify(c)))


def test_lines_are_numbered_chained_and_whole(db: Database) -> None:
    assert problems(db) == []
    write_lines(db, 5)
    write_lines(db, 3)
    assert problems(db) == []
    lines = db.read_now(audit.search)
    assert [line.id for line in lines] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert db.read_now(audit.head) == (8, lines[0].hash)


def test_a_refused_command_leaves_no_line_and_no_gap(db: Database) -> None:
    write_lines(db, 1)

    def fails(tx: Tx) -> None:
        audit.record(tx, "person:1", "desk", "item.write", "item:1")
        raise ValueError("refused later")

    with pytest.raises(ValueError, match="refused later"):
        db.write_now(fails)
    write_lines(db, 1)
    assert problems(db) == []
    assert db.read_now(audit.head)[0] == 2


@pytest.mark.parametrize("table", ["audit", "event"])
@pytest.mark.parametrize("change", ["UPDATE {} SET actor = 'x'", "DELETE FROM {}"])
def test_nobody_changes_or_deletes_a_row(db: Database, table: str, change: str) -> None:
    write_lines(db, 2)
    db.write_now(lambda tx: events.append(tx, "x.y", "x:1", "engine", {}))
    with pytest.raises(DatabaseError, match="append only"):
        db.write_now(lambda tx: tx.conn.exec_driver_sql(change.format(table)))
    assert problems(db) == []


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE audit SET why = '' WHERE id = 3", "audit 3 (item.write item:2) was changed"),
        ("UPDATE audit SET before = '{}' WHERE id = 1", "audit 1 (item.write item:0) was changed"),
        ("DELETE FROM audit WHERE id = 4", "audit 4 is missing (next found: 5)"),
        ("UPDATE audit SET at = at + 1 WHERE id = 5", "audit 5 (item.write item:4) was changed"),
    ],
)
def test_the_first_wrong_row_is_named(db: Database, statement: str, named: str) -> None:
    write_lines(db, 5)
    tamper(db, statement)
    assert problems(db) == [named]


def test_two_lines_that_changed_places_are_named(db: Database) -> None:
    write_lines(db, 4)
    tamper(
        db,
        "UPDATE audit SET id = 99 WHERE id = 2",
        "UPDATE audit SET id = 2 WHERE id = 3",
        "UPDATE audit SET id = 3 WHERE id = 99",
    )
    assert problems(db) == ["audit 2 (item.write item:2) was changed"]


def test_a_rewritten_log_is_caught_only_by_a_head_kept_elsewhere(db: Database) -> None:
    """The honest limit: cutting the end off leaves a good chain; the noted head shows it."""
    write_lines(db, 4)
    noted = db.read_now(audit.head)
    tamper(db, "DELETE FROM audit WHERE id = 4")
    assert problems(db) == []
    assert db.read_now(audit.head) != noted


def test_searching_narrows_and_pages(db: Database, clock: ManualClock) -> None:
    write_lines(db, 6)
    clock.advance(1000)
    later = clock.now()
    db.write_now(lambda tx: audit.record(tx, "engine", "engine", "policy.write", "policy:x"))

    def found(what: audit.Filter, **page: int) -> list[int]:
        return [line.id for line in db.read_now(lambda c: audit.search(c, what, **page))]

    assert found(audit.Filter(actor="person:1")) == [5, 2]
    assert found(audit.Filter(thing="item:3")) == [4]
    assert found(audit.Filter(verb="policy.write")) == [7]
    assert found(audit.Filter(at_from=later)) == [7]
    assert found(audit.Filter(at_to=later), limit=2) == [6, 5]
    assert found(audit.Filter(), before_id=3) == [2, 1]
    assert db.read_now(lambda c: audit.search(c, limit=10_000))[0].device_id is None


def test_a_long_reason_is_cut_not_refused(db: Database) -> None:
    db.write_now(lambda tx: audit.record(tx, "engine", "cli", "x.y", "x:1", why="长" * 2000))
    assert len(db.read_now(audit.search)[0].why) == 512
    assert problems(db) == []


def test_every_append_only_table_has_its_triggers(db: Database) -> None:
    is_sqlite = db.url.startswith("sqlite")
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    query = query if is_sqlite else "SELECT tgname FROM pg_trigger"
    names = db.read_now(lambda c: set(c.exec_driver_sql(query).scalars()))
    assert {"audit", "event"} <= {table.name for table in append_only.ALL}
    kinds = ("update", "delete") if is_sqlite else ("change", "truncate")
    for table in append_only.ALL:
        assert {f"{table.name}_refuse_{kind}" for kind in kinds} <= names


def test_the_statements_for_a_migration_are_plain_sql() -> None:
    sqlite = append_only.statements(postings, "sqlite")
    assert len(sqlite) == 2
    function, *triggers = append_only.statements(postings, "postgresql")
    assert "row of % may not" in function
    assert "%%" not in function
    assert [("ROW" in each, "STATEMENT" in each) for each in triggers] == [
        (True, False),
        (False, True),
    ]
    with pytest.raises(AssertionError):
        append_only.statements(audit.audits, "oracle")


@pytest.mark.sqlite
def test_the_log_is_read_by_index(db: Database) -> None:
    query = select(audit.audits).where(audit.audits.c.thing == "item:1")
    plan = db.read_now(
        lambda c: c.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {query.compile(compile_kwargs={'literal_binds': True})}"
        ).all()
    )
    assert "USING INDEX" in str(plan)
