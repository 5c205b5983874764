"""The Writer: one transaction for all that waits, one savepoint each, one answer each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
from sqlalchemy import func, select, text

from core import events
from core.clock import ManualClock
from core.db import Committed, Database, Together, Tx
from core.errors import NOT_FOUND, AppError


def note(tx: Tx, name: str = "a") -> str:
    events.append(tx, "test.noted", f"thing:{name}", "system", {"name": name})
    return name


def refuse(tx: Tx) -> None:
    note(tx, "refused")
    raise AppError(NOT_FOUND, what="货品", name="X")


class Blocked:
    """Holds the Writer inside one command, so that what is submitted meanwhile forms a batch."""

    def __init__(self, db: Database) -> None:
        running, self._gate = threading.Event(), threading.Event()

        def block(_: Tx) -> None:
            running.set()
            self._gate.wait(5)

        self._future = db.submit(block)
        running.wait(5)

    def release(self) -> None:
        self._gate.set()
        self._future.result()


def count(db: Database) -> int:
    return db.read_now(
        lambda conn: conn.execute(select(func.count()).select_from(events.events))
    ).scalar_one()


async def test_a_refused_command_rolls_back_only_itself(db: Database) -> None:
    answers = await asyncio.gather(
        db.write(note), db.write(refuse), db.write(note), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [str, AppError, str]
    assert [event.seq for event in db.read_now(lambda conn: events.read_after(conn, 0))] == [1, 2]


async def test_a_bug_reaches_its_caller_and_nobody_else(db: Database) -> None:
    def broken(tx: Tx) -> None:
        note(tx, "lost")
        raise ZeroDivisionError

    answers = await asyncio.gather(db.write(broken), db.write(note), return_exceptions=True)
    assert isinstance(answers[0], ZeroDivisionError)
    assert answers[1] == "a"


@pytest.mark.sqlite  # on PostgreSQL only set-based commands do
async def test_many_waiting_commands_share_commits(db: Database) -> None:
    commits: list[Committed] = []
    db.on_commit = commits.append
    await asyncio.gather(*(db.write(note) for _ in range(100)))
    assert sum(len(commit.news) for commit in commits) == 100
    assert len(commits) < 100
    told = [event.seq for commit in commits for event in commit.news]
    assert told == list(range(1, 101)), "facts are told in commit order"


async def test_nothing_is_told_of_what_was_rolled_back(db: Database) -> None:
    commits: list[Committed] = []
    db.on_commit = commits.append
    with pytest.raises(AppError):
        await db.write(refuse)
    assert commits == []


async def test_an_abandoned_request_is_never_half_done(db: Database) -> None:
    blocked = Blocked(db)
    abandoned = db.submit(note)
    assert abandoned.cancel()
    blocked.release()
    await db.write(note)
    assert count(db) == 1


def test_a_set_of_commands_runs_as_one(db: Database) -> None:
    sizes: list[int] = []

    def note_many(tx: Tx, names: Sequence[str]) -> list[str | AppError]:
        sizes.append(len(names))
        for name in names:
            if name != "bad":
                note(tx, name)
        return [AppError(NOT_FOUND) if name == "bad" else name for name in names]

    blocked = Blocked(db)
    futures = [db.submit(Together(note_many, name)) for name in ("a", "bad", "c")]
    blocked.release()
    assert futures[0].result() == "a"
    assert isinstance(futures[1].exception(), AppError)
    assert futures[2].result() == "c"
    assert sizes == [3]


def test_a_set_that_crashes_is_retried_one_by_one(db: Database) -> None:
    def crash_on_bad(tx: Tx, names: Sequence[str]) -> list[str | AppError]:
        for name in names:
            note(tx, name)
            if name == "bad":
                raise KeyError(name)
        return list(names)

    blocked = Blocked(db)
    futures = [db.submit(Together(crash_on_bad, name)) for name in ("a", "bad", "c")]
    blocked.release()
    assert futures[0].result() == "a"
    assert isinstance(futures[1].exception(), KeyError)
    assert futures[2].result() == "c"
    assert count(db) == 2


@pytest.mark.sqlite
def test_a_full_disk_says_so_and_takes_nobody_s_work_for_done(db: Database) -> None:
    """SQLite throws the whole transaction away; every caller of the batch must hear of it."""
    pages = db.write_now(lambda tx: tx.execute(text("PRAGMA page_count")).scalar_one())
    db.write_now(lambda tx: tx.execute(text(f"PRAGMA max_page_count={pages + 4}")).scalar_one())
    blocked = Blocked(db)
    small = db.submit(note)
    big = db.submit(
        lambda tx: events.append(tx, "test.big", "thing:b", "system", {"x": "y" * 200_000})
    )
    blocked.release()
    outcomes = [small.exception(), big.exception()]
    assert isinstance(outcomes[1], AppError)
    assert outcomes[1].code == "disk_full"
    stored = count(db)
    assert stored == (0 if outcomes[0] else 1), "an answer of success means the row is there"


def test_readers_cannot_write(db: Database) -> None:
    with pytest.raises(Exception, match=r"read-?only"):
        db.read_now(lambda conn: conn.execute(text("DELETE FROM event")))


def test_close_finishes_what_waits(fresh_url: str, clock: ManualClock) -> None:
    db = Database(fresh_url, clock, synchronous="OFF")
    futures = [db.submit(note) for _ in range(50)]
    db.close()
    assert [future.result() for future in futures] == ["a"] * 50
    again = Database(fresh_url, clock, synchronous="OFF")
    assert count(again) == 50
    again.close()
