"""A firm outgrows SQLite, or wants to look at its books on a laptop: backup here, restore there.

A task opened with a 48 h policy lives on, the books are the same to the last hash.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from api.backup import CannotRestoreError, back_up, put_back
from core import audit, events
from core.clock import HOUR, ManualClock
from core.config import DEFAULT_SECRET, Settings
from core.db import Database
from core.migrations.run import upgrade
from core.outbox import queue
from core.stock import prove
from core.tasks.board import inbox
from tests.api.room import seed
from tests.core.task_room import Room
from tests.databases import DATABASES, MONDAY_0900

pytestmark = pytest.mark.postgres


def settings_of(url: str, folder: Path) -> Settings:
    return Settings(database_url=url, files_dir=folder / "files", _env_file=None)


def heads(db: Database) -> tuple[object, ...]:
    proof = db.read_now(prove)
    assert proof.problems == ()
    assert db.read_now(lambda conn: list(audit.verify(conn))) == []
    return proof.head_hash, proof.postings, proof.moves, db.read_now(audit.head)


def test_a_task_with_48_hours_lives_on_in_the_other_database(
    tmp_path: Path, blank_url: str, clock: ManualClock
) -> None:
    queue.configure(DEFAULT_SECRET)
    small = settings_of(f"sqlite:///{tmp_path}/small/jieli.db", tmp_path / "small")
    db = Database(small.database_url, clock)
    upgrade(db)
    seed(db)
    room = Room(db, clock)
    buyer = room.person("李某", "buyer", phone=False)
    director = room.person("陈总监", "director", phone=False)
    task = room.open(f"person:{buyer.person_id}")
    before = heads(db)
    epoch = db.read_now(events.epoch)
    db.close()
    (small.files_dir / "ab").mkdir(parents=True)
    (small.files_dir / "ab" / "photo").write_bytes(b"pixels")

    back_up(small, tmp_path / "backup")
    large = settings_of(blank_url, tmp_path / "large")
    done = put_back(large, tmp_path / "backup", verify=True, force=False)
    assert done["verified"]
    assert (large.files_dir / "ab" / "photo").read_bytes() == b"pixels"
    moved = Database(blank_url, clock)
    try:
        assert heads(moved) == before
        assert moved.read_now(events.epoch) not in (epoch, "1")
        again = Room(moved, clock)
        newest = again.person("新来的", "buyer", phone=False).person_id
        assert newest > director.person_id, "numbers go on"
        again.after(48 * HOUR - 1)
        assert moved.read_now(lambda conn: inbox(conn, director.person_id)) == []
        again.after(1)
        mine = moved.read_now(lambda conn: inbox(conn, director.person_id))
        assert [view.task.id for view in mine] == [task.id]
        after = heads(moved)
    finally:
        moved.close()

    back_up(large, tmp_path / "backup-2")
    laptop = settings_of(f"sqlite:///{tmp_path}/laptop/jieli.db", tmp_path / "laptop")
    put_back(laptop, tmp_path / "backup-2", verify=True, force=False)
    home = Database(laptop.database_url, clock)
    try:
        assert heads(home) == after
    finally:
        home.close()


def test_nothing_is_put_into_a_database_that_has_something(tmp_path: Path) -> None:
    queue.configure(DEFAULT_SECRET)
    url = DATABASES.copy()
    db = Database(url, ManualClock(MONDAY_0900))
    seed(db)
    upgrade_mark(db)
    db.close()
    back_up(settings_of(url, tmp_path), tmp_path / "backup")
    with pytest.raises(CannotRestoreError, match="不是空的"):
        put_back(settings_of(url, tmp_path), tmp_path / "backup", verify=True, force=True)
    DATABASES.drop(url)


def upgrade_mark(db: Database) -> None:
    """The test's tables were made without migrations: say that they are the newest."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from core.migrations.run import _config

    script = ScriptDirectory.from_config(_config())
    db.write_now(lambda tx: MigrationContext.configure(tx.conn).stamp(script, "head"))
