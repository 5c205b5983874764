"""Everything of a database into another: whoever points at whom, however slow the disk is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from core import events
from core.clock import SystemClock
from core.copying import PAGE, copy_database
from core.db import Database, Tx
from core.migrations import run as migrations
from core.people.tables import persons


@pytest.fixture
def source(blank_url: str) -> Iterator[Database]:
    db = Database(blank_url, SystemClock())
    migrations.upgrade(db)
    yield db
    db.close()


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Database]:
    db = Database(f"sqlite:///{tmp_path}/copy.db", SystemClock())
    yield db
    db.close()


def test_a_manager_may_have_come_later_than_his_people(source: Database, target: Database) -> None:
    def hire(tx: Tx) -> None:
        names = ("ann", "bob", "cid")
        tx.execute(persons.insert(), [{"login": n, "name": n, "roles": []} for n in names])
        first, second, third = tx.execute(select(persons.c.id).order_by(persons.c.id)).scalars()
        for who, boss in ((first, third), (third, second)):
            tx.execute(persons.update().where(persons.c.id == who), {"manager_id": boss})

    source.write_now(hire)
    copy_database(source, target)
    who = select(persons.c.login, persons.c.manager_id, persons.c.id).order_by(persons.c.id)
    before = source.read_now(lambda conn: conn.execute(who).all())
    assert target.read_now(lambda conn: conn.execute(who).all()) == before
    assert [row.manager_id is None for row in before] == [False, True, False]


@pytest.mark.postgres
def test_a_disk_that_stands_still_breaks_no_backup(source: Database, target: Database) -> None:
    """PostgreSQL ended our session after five seconds, and whoever waited for a lock after three.

    Here somebody who waits does it at once.
    """

    def many(tx: Tx) -> None:
        for n in range(2 * PAGE + 1):
            events.append(tx, "test.noted", "thing:1", "system", {"n": n})

    source.write_now(many)
    limits: list[tuple[str, str]] = []

    def stand_still(_copied: int, _all: int) -> None:
        found = source.read_now(lambda conn: conn.exec_driver_sql(WHO_IDLES).all())
        limits.extend((row[0], row[1]) for row in found)

    assert copy_database(source, target, stand_still) > 2 * PAGE
    assert limits, "somebody idles in a transaction while a page is written"
    assert not [name for name, _ in limits if name.startswith("jieli")], "whom FENCE ends"


WHO_IDLES = """
SELECT application_name, state FROM pg_stat_activity
WHERE datname = current_database() AND state = 'idle in transaction'
"""
