"""The log is chained and the same operation has one effect."""

from __future__ import annotations

import pytest

from core import events
from core.clock import DAY, ManualClock
from core.db import Database, Tx
from core.errors import NOT_FOUND, AppError
from core.ids import new_id
from core.once import once
from core.retention import retire_now
from tests.tampering import tamper


def append(tx: Tx, n: int) -> int:
    facts = {"n": n, "名": "货"}
    events.append(tx, "test.noted", "thing:1", "system", facts, audience=(3, 1))
    return n


def write(db: Database, n: int) -> int:
    return db.write_now(lambda tx: append(tx, n))


def verify(db: Database) -> list[str]:
    return list(db.read_now(lambda conn: list(events.verify(conn))))


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("UPDATE event SET payload='{}' WHERE seq=7", "event 7 "),
        ("DELETE FROM event WHERE seq=7", "event 7 is missing"),
        ("UPDATE event SET happened_at=happened_at+1 WHERE seq=3", "event 3 "),
        ("UPDATE event SET audience='[1]' WHERE seq=2", "event 2 "),
        ("UPDATE event SET hash=(SELECT hash FROM event e WHERE e.seq=4) WHERE seq=5", "event 5 "),
    ],
)
def test_the_first_wrong_event_is_named(db: Database, statement: str, names: str) -> None:
    for n in range(10):
        write(db, n)
    assert verify(db) == []
    tamper(db, statement)
    assert names in verify(db)[0]


def test_events_come_back_as_they_were_written(db: Database) -> None:
    told: list[events.Event] = []
    db.on_commit = lambda committed: told.extend(committed.news)
    for n in range(5):
        write(db, n)
    assert [(event.seq, event.payload["n"]) for event in told] == [(n + 1, n) for n in range(5)]
    assert db.read_now(lambda conn: events.read_after(conn, 2)) == told[2:]
    assert db.read_now(lambda conn: events.of_subject(conn, "thing:1")) == told
    assert db.read_now(events.head) == 5


def test_an_event_of_a_refused_part_is_never_written(db: Database) -> None:
    def run(tx: Tx) -> None:
        append(tx, 1)
        with pytest.raises(AppError):
            tx.attempt(lambda: refused(tx))
        append(tx, 3)

    def refused(tx: Tx) -> None:
        append(tx, 2)
        raise AppError(NOT_FOUND, what="货品", name="X")

    db.write_now(run)
    kept = db.read_now(lambda conn: events.read_after(conn, 0))
    assert [(event.seq, event.payload["n"]) for event in kept] == [(1, 1), (2, 3)]
    assert verify(db) == []


def test_one_operation_has_one_effect(db: Database) -> None:
    def ask(tx: Tx) -> dict[str, int]:
        return once(tx, "person:1", "op-00000001", {"q": 1}, lambda: {"n": append(tx, 1)})

    assert [db.write_now(ask) for _ in range(100)] == [{"n": 1}] * 100
    assert db.read_now(events.head) == 1


def test_the_same_key_with_other_content_is_refused(db: Database) -> None:
    db.write_now(lambda tx: once(tx, "person:1", "op-00000001", {"q": 1}, dict))
    with pytest.raises(AppError) as refusal:
        db.write_now(lambda tx: once(tx, "person:1", "op-00000001", {"q": 2}, dict))
    assert (refusal.value.code, refusal.value.status) == ("key_reused", 422)
    db.write_now(lambda tx: once(tx, "person:2", "op-00000001", {"q": 2}, dict))


@pytest.mark.parametrize("key", ["", "short", "with space in it", "x" * 129, "日本語のキーです"])
def test_a_malformed_key_is_refused(db: Database, key: str) -> None:
    with pytest.raises(AppError) as refusal:
        db.write_now(lambda tx: once(tx, "person:1", key, {}, dict))
    assert refusal.value.code == "invalid"


def test_old_answers_are_forgotten_and_young_ones_kept(db: Database, clock: ManualClock) -> None:
    db.write_now(lambda tx: once(tx, "p", "op-00000001", {}, dict))
    clock.advance(8 * DAY)
    db.write_now(lambda tx: once(tx, "p", "op-00000002", {}, dict))
    assert db.write_now(retire_now) == 0
    clock.advance(1)
    assert db.write_now(retire_now) == 1


def test_ids_sort_by_time() -> None:
    ids = [new_id(1_790_000_000_000_000 + step) for step in range(0, 5000, 7)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {id_[12] for id_ in ids} == {"7"}
    assert {id_[16] for id_ in ids} <= set("89ab")


def test_ids_of_one_moment_sort_in_the_order_of_making() -> None:
    ids = [new_id(1_790_000_000_000_000) for _ in range(1000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
