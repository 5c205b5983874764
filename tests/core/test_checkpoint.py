"""SQLite's log goes home beside the writer, and every row is there whenever one looks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, func, insert, select

from core.checkpoint import ROWS, Checkpoints
from core.clock import ManualClock
from core.db import Database
from core.sqlite import sqlite_engine
from tests.conftest import MONDAY_0900

notes = Table("note", MetaData(), Column("id", Integer, primary_key=True), Column("words", String))


def write(db: Database, rows: int) -> None:
    words = [{"words": "字" * 500}] * rows
    db.write_now(lambda tx: tx.conn.execute(insert(notes), words))


def count(conn: Connection) -> int:
    return conn.execute(select(func.count()).select_from(notes)).scalar_one()


@pytest.fixture
def db(tmp_path: Path) -> Database:
    db = Database(f"sqlite:///{tmp_path}/home.db", ManualClock(MONDAY_0900))
    db.write_now(lambda tx: notes.create(tx.conn))
    return db


def test_a_log_goes_home_before_the_writer_has_to_do_it(db: Database, tmp_path: Path) -> None:
    """Read in the file alone, while another connection keeps the last one from tidying up."""
    with closing(sqlite3.connect(tmp_path / "home.db")) as other:
        other.execute("SELECT * FROM note").fetchall()
        write(db, ROWS - 1)
        assert (tmp_path / "home.db").stat().st_size < 100_000
        write(db, 1)
        db.close()
        assert (tmp_path / "home.db").stat().st_size > ROWS * 1500


def test_whoever_reads_keeps_his_snapshot_meanwhile(db: Database) -> None:
    with db.at_leisure() as reader:
        assert count(reader) == 0
        for _ in range(3):
            write(db, ROWS)
        assert count(reader) == 0  # his snapshot is his
    write(db, ROWS)
    assert db.read_now(count) == 4 * ROWS
    db.close()


def test_the_log_begins_anew_when_all_of_it_is_home(db: Database, tmp_path: Path) -> None:
    readers = sqlite_engine(db.url, "FULL", writer=False)
    log, sizes = tmp_path / "home.db-wal", []
    for _ in range(12):
        write(db, ROWS - 1)  # too few for the database's own
        with closing(Checkpoints(readers)) as checkpoints:
            checkpoints.committed(ROWS)
        sizes.append(log.stat().st_size)
    assert max(sizes) < 4 * sizes[0]
    assert db.read_now(count) == 12 * (ROWS - 1)
    readers.dispose()
    db.close()
