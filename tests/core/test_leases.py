"""A lease has one holder; who does not renew it is replaced, and does not get it back."""

from __future__ import annotations

from core import leases
from core.clock import SECOND, Instant, ManualClock
from core.db import Database


def take(db: Database, owner: str, seconds: int = 30) -> bool:
    until: Instant = db.clock.now() + seconds * SECOND
    return db.write_now(lambda tx: leases.take(tx, "listen:telegram", owner, until))


def holder(db: Database) -> str:
    return db.read_now(lambda conn: leases.holder(conn, "listen:telegram", db.clock.now()))


def test_one_holds_it_and_the_other_waits_until_it_runs_out(
    db: Database, clock: ManualClock
) -> None:
    assert holder(db) == ""
    assert take(db, "a")
    assert not take(db, "b")
    clock.advance(20 * SECOND)
    assert take(db, "a"), "renewed"
    clock.advance(29 * SECOND)
    assert not take(db, "b")
    assert holder(db) == "a"
    clock.advance(SECOND)
    assert holder(db) == ""
    assert take(db, "b")
    assert not take(db, "a")


def test_given_back_it_is_free_at_once(db: Database) -> None:
    assert take(db, "a")
    db.write_now(lambda tx: leases.let_go(tx, "listen:telegram", "b"))
    assert not take(db, "b"), "only its holder gives it back"
    db.write_now(lambda tx: leases.let_go(tx, "listen:telegram", "a"))
    assert take(db, "b")
