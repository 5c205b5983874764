"""Real threads against one database: nobody wins twice, nothing is lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest
from sqlalchemy import select

from core import stock
from core.bulk import MissingRowsError
from core.clock import ManualClock, perf
from core.db import Database, Together
from core.errors import AppError
from core.people import ENGINE
from core.quantity import ONE
from core.stock import Posting, Reserve
from core.stock.tables import balances
from core.stock.writing import _CHANGE_BALANCE
from core.trip import one_trip
from tests.core.stock_yard import Yard


@pytest.fixture
def yard(db: Database) -> Yard:
    return Yard(db)


def at_once(jobs: Sequence[Callable[[], object]]) -> Counter[str]:
    """Run all jobs on threads of their own that start together; how they ended, by code."""
    gate = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> str:
        gate.wait()
        try:
            job()
        except AppError as refusal:
            return refusal.code
        return "ok"

    with ThreadPoolExecutor(len(jobs)) as pool:
        return Counter(pool.map(run, jobs))


def reserving(yard: Yard, wish: Reserve) -> Callable[[], object]:
    return lambda: yard.do(lambda tx: stock.reserve(tx, ENGINE, wish))


def posting(yard: Yard, asked: Posting) -> Callable[[], object]:
    return lambda: yard.db.write_now(Together(stock.post_many, (ENGINE, asked)))


def test_twenty_workers_reserve_ten_units(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "10", "SUPPLIER>A-1")
    wishes = [Reserve(f"reserve-{n:03d}", sugar, ONE) for n in range(20)]
    assert at_once([reserving(yard, wish) for wish in wishes]) == {"ok": 10, "not_enough": 10}
    assert yard.available(sugar) == 0
    yard.assert_proven()


def test_reservations_and_postings_race_for_the_same_stock(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "10", "SUPPLIER>A-1")
    jobs = [reserving(yard, Reserve(f"reserve-{n:03d}", sugar, ONE)) for n in range(12)]
    line = yard.line(sugar, "1", "A-1>CUSTOMER")
    jobs += [posting(yard, Posting(f"issue-{n:05d}", "issue", (line,))) for n in range(12)]
    assert at_once(jobs) == {"ok": 10, "not_enough": 14}
    yard.assert_proven()


def test_one_serial_reserved_by_two_and_moved_by_two(yard: Yard) -> None:
    phone = yard.item("PHONE", "serial")
    yard.move(phone, "2", "SUPPLIER>A-1", serials=("S-1", "S-2"))
    wishes = [Reserve(f"reserve-{n:03d}", phone, ONE, serials=("S-1",)) for n in range(2)]
    ended = at_once([reserving(yard, wish) for wish in wishes])
    assert ended == {"ok": 1, "serial_taken": 1}
    lines = [yard.line(phone, "1", f"A-1>{to}", serials=("S-2",)) for to in ("A-2", "A-3")]
    moves = [Posting(f"move-{n:05d}", "transfer", (line,)) for n, line in enumerate(lines)]
    ended = at_once([posting(yard, each) for each in moves])
    assert ended == {"ok": 1, "serial_elsewhere": 1}
    yard.assert_proven()


def test_the_same_operation_from_many_threads_happens_once(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    asked = Posting("scan-00001", "receive", (yard.line(sugar, "1", "SUPPLIER>A-1"),))
    assert at_once([posting(yard, asked) for _ in range(16)]) == {"ok": 16}
    assert yard.here(sugar, "A-1") == ONE
    yard.assert_proven()


def test_ten_thousand_postings_on_disjoint_items_lose_nothing(yard: Yard) -> None:
    items = [yard.item(f"I-{number}") for number in range(20)]

    def work(item_id: int) -> int:
        line = yard.line(item_id, "1", "SUPPLIER>A-1")
        futures = [
            yard.db.submit(
                Together(
                    stock.post_many, (ENGINE, Posting(f"r-{item_id}-{n:06d}", "receive", (line,)))
                )
            )
            for n in range(500)
        ]
        return len({future.result().posting_id for future in futures})

    with ThreadPoolExecutor(len(items)) as pool:
        assert list(pool.map(work, items)) == [500] * len(items)
    assert {yard.here(item_id, "A-1") for item_id in items} == {500 * ONE}
    proof = yard.prove()
    assert (proof.problems, proof.postings, proof.moves) == ((), 10_000, 10_000)


def test_five_thousand_serials_are_received_in_seconds(yard: Yard) -> None:
    phone = yard.item("PHONE", "serial")
    codes = tuple(f"SN-{number:08d}" for number in range(5_000))
    began = perf()
    yard.move(phone, "5000", "SUPPLIER>DOCK", serials=codes)
    yard.move(phone, "5000", "DOCK>A-1", serials=codes)
    assert perf() - began < 10
    assert yard.here(phone, "A-1") == 5_000 * ONE
    yard.assert_proven()


def test_two_processes_on_one_file_share_one_truth(yard: Yard, clock: ManualClock) -> None:
    """A second Database on the same file is what a second process is: its own writer, no memory."""
    sugar = yard.item("SUGAR")
    yard.move(sugar, "50", "SUPPLIER>A-1")
    line = yard.line(sugar, "1", "A-1>CUSTOMER")
    other = Database(yard.db.url, clock, synchronous="OFF")
    try:
        jobs: list[Callable[[], object]] = []
        for number in range(80):
            asked = Posting(f"issue-{number:05d}", "issue", (line,))
            db = (yard.db, other)[number % 2]
            jobs.append(partial(db.write_now, Together(stock.post_many, (ENGINE, asked))))
        assert at_once(jobs) == {"ok": 50, "not_enough": 30}
    finally:
        other.close()
    proof = yard.prove()
    assert (proof.problems, proof.postings) == ((), 51)


@pytest.mark.parametrize(
    ("on_hand", "reserved", "free", "written"),
    [(-10, 0, 0, 1), (-11, 0, 0, 0), (-11, 0, 1, 0), (-8, -2, 0, 1), (-10, -4, 1, 1), (1, 0, 0, 1)],
)
def test_the_database_itself_guards_a_balance(
    yard: Yard, on_hand: int, reserved: int, free: int, written: int
) -> None:
    """Whatever a book in memory believed: 10 are there, 2 of 12 reserved ones may not be taken."""
    sugar = yard.item("SUGAR")
    yard.move(sugar, "0.000012", "SUPPLIER>A-1")
    yard.reserve(sugar, "0.000002")
    row = yard.db.read_now(lambda conn: stock.on_hand(conn, sugar))[0]
    change = [(row.id, on_hand, reserved, free)]
    allowed = reserved >= -2  # more than is reserved can never be drawn
    assert yard.do(lambda tx: _CHANGE_BALANCE.run(tx, change)) == (written if allowed else 0)


def test_an_update_that_must_find_every_row_undoes_everything(yard: Yard) -> None:
    tea = yard.item("TEA")
    yard.move(tea, "5", "SUPPLIER>A-1")
    here = yard.db.read_now(lambda conn: conn.execute(select(balances.c.id)).scalars().all())
    rows = [(here[0], 0, 0, 1), (999_999, 0, 0, 1)]
    with pytest.raises((MissingRowsError, psycopg.errors.DivisionByZero)):
        yard.do(lambda tx: one_trip(tx.conn, _CHANGE_BALANCE.all_of(rows)))
    assert yard.do(lambda tx: one_trip(tx.conn, _CHANGE_BALANCE.all_of(rows[:1])))
    yard.assert_proven()


def test_two_processes_that_post_in_turns_and_at_once_write_one_log(
    yard: Yard, clock: ManualClock
) -> None:
    """Each goes on from where it left the log itself, and finds out when the other was there."""
    tea = yard.item("TEA")
    other = Database(yard.db.url, clock, synchronous="OFF")

    def post(db: Database, number: int) -> str:
        line = yard.line(tea, "1", "SUPPLIER>A-1")
        asked = Posting(f"in-turns-{number:04d}", "receive", (line,))
        answer = db.write_now(Together(stock.post_many, (ENGINE, asked)))
        assert not isinstance(answer, AppError)
        return answer.op_id

    for number in range(60):  # alone for a while, then one after the other
        post((yard.db, other)[number // 7 % 2 if number < 30 else number % 2], number)
    jobs = [partial(post, (yard.db, other)[n % 2], 100 + n) for n in range(120)]
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda job: job(), jobs))) == 120
    other.close()
    assert yard.here(tea, "A-1") == 180 * ONE
    yard.assert_proven()
