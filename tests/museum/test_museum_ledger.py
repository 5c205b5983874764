"""Published defects of other systems' ledgers, each a test named after its public thread.

Counting, receiving and scanning have their own museum rooms; this one is balances, reservations,
serials, units and back-dating.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from core import stock
from core.catalog import tables as catalog
from core.clock import DAY, HOUR, MINUTE, ManualClock, perf
from core.db import Database, Together, Tx
from core.errors import AppError
from core.people import ENGINE
from core.quantity import ONE, Factor, parse, show
from core.stock import Line, Posting, Reserve
from tests.core.stock_yard import Yard


@pytest.fixture
def yard(db: Database) -> Yard:
    return Yard(db)


def refused(code: str, run: Callable[[], object]) -> AppError:
    with pytest.raises(AppError) as caught:
        run()
    assert caught.value.code == code
    return caught.value


def at_once(jobs: Sequence[Callable[[], object]], threads: int = 0) -> Counter[str]:
    gate = threading.Barrier(threads or len(jobs))

    def run(share: Sequence[Callable[[], object]]) -> list[str]:
        gate.wait()
        ended = []
        for job in share:
            try:
                job()
                ended.append("ok")
            except AppError as refusal:
                ended.append(refusal.code)
        return ended

    count = threads or len(jobs)
    with ThreadPoolExecutor(count) as pool:
        shares = [jobs[start::count] for start in range(count)]
        return Counter(code for codes in pool.map(run, shares) for code in codes)


def posting(yard: Yard, op: str, kind: str, *lines: Line) -> Callable[[], object]:
    asked = Posting(op, kind, lines)
    return lambda: yard.db.write_now(Together(stock.post_many, (ENGINE, asked)))


def reserving(yard: Yard, wish: Reserve) -> Callable[[], object]:
    return lambda: yard.do(lambda tx: stock.reserve(tx, ENGINE, wish))


# -- races ---------------------------------------------------------------------------------------
def test_odoo_pr_32857_twenty_workers_reserve_ten_units(yard: Yard) -> None:
    """There: "20 concurrent process can reserve successfully, even if you only have 10"."""
    item = yard.item("DESK")
    yard.move(item, "10", "SUPPLIER>A-1")
    wishes = [Reserve(f"reserve-{n:03d}", item, ONE) for n in range(20)]
    assert at_once([reserving(yard, each) for each in wishes])["ok"] == 10
    yard.assert_proven()


def test_odoo_pr_268942_one_serial_reserved_by_two_transactions(yard: Yard) -> None:
    item = yard.item("DRILL", "serial")
    yard.move(item, "1", "SUPPLIER>A-1", serials=("SN-1",))
    wishes = [Reserve(f"reserve-{n:03d}", item, ONE, serials=("SN-1",)) for n in range(2)]
    assert at_once([reserving(yard, each) for each in wishes]) == {"ok": 1, "serial_taken": 1}
    yard.assert_proven()


def test_inventree_pr_12478_two_requests_take_all_five(yard: Yard) -> None:
    item = yard.item("RESISTOR")
    yard.move(item, "5", "SUPPLIER>A-1")
    line = yard.line(item, "5", "A-1>CUSTOMER")
    jobs = [posting(yard, f"take-{n:05d}", "issue", line) for n in range(2)]
    assert at_once(jobs) == {"ok": 1, "not_enough": 1}
    assert yard.here(item, "A-1") == 0


def test_inventree_pr_12718_take_stock_sent_twice_in_parallel(yard: Yard) -> None:
    """The same count result arriving twice corrects the balance once."""
    item = yard.item("CABLE")
    yard.move(item, "10", "SUPPLIER>A-1")
    line = yard.line(item, "3", "A-1>COUNT")
    jobs = [posting(yard, "count-1:line-1", "count", line) for _ in range(8)]
    assert at_once(jobs) == {"ok": 8}
    assert yard.here(item, "A-1") == 7 * ONE
    yard.assert_proven()


def test_erpnext_pr_53638_crossing_lines_never_deadlock(yard: Yard) -> None:
    """Eight threads touch the same items in opposite orders, 2,000 postings: none is lost."""
    items = [yard.item(f"I-{n}") for n in range(8)]
    for item in items:
        yard.move(item, "10000", "SUPPLIER>A-1")
    jobs = []
    for number in range(2_000):
        pair = [items[number % 8], items[(number * 3 + 1) % 8]]
        ordered = pair if number % 2 else pair[::-1]
        lines = [yard.line(each, "1", "A-1>A-2") for each in ordered]
        jobs.append(posting(yard, f"cross-{number:05d}", "transfer", *lines))
    assert at_once(jobs, threads=8) == {"ok": 2_000}
    assert sum(yard.here(each, "A-2") for each in items) == 4_000 * ONE
    yard.assert_proven()


def test_macrozheng_mall_376_thousand_units_five_thousand_buyers(yard: Yard) -> None:
    item = yard.item("PRESALE")
    yard.move(item, "1000", "SUPPLIER>A-1")
    wishes = [Reserve(f"buyer-{n:05d}", item, ONE) for n in range(5_000)]
    ended = at_once([reserving(yard, each) for each in wishes], threads=32)
    assert ended == {"ok": 1_000, "not_enough": 4_000}
    yard.assert_proven()


# -- never below zero, never clamped -------------------------------------------------------------
def test_greaterwms_134_over_pick_is_refused_and_never_clamped_to_zero(yard: Yard) -> None:
    item = yard.item("BOLT")
    yard.move(item, "3", "SUPPLIER>A-1")
    refusal = refused("not_enough", lambda: yard.move(item, "5", "A-1>CUSTOMER"))
    assert (refusal.facts["available"], refusal.facts["asked"]) == ("3", "5")
    assert yard.here(item, "A-1") == 3 * ONE
    yard.assert_proven()


def test_erpnext_9256_toggling_the_negative_policy_leaves_balances_alone(yard: Yard) -> None:
    item = yard.item("SOUP", allow_negative=True)

    def allow(value: bool) -> None:
        change = catalog.items.update().where(catalog.items.c.id == item)

        def run(tx: Tx) -> None:
            tx.execute(change.values(allow_negative=value))

        yard.do(run)

    yard.move(item, "2", "A-1>CUSTOMER", reason="先出后补")
    for value in (False, True, False):
        allow(value)
        assert yard.here(item, "A-1") == -2 * ONE
    refused("not_enough", lambda: yard.move(item, "1", "A-1>CUSTOMER", reason="先出后补"))
    yard.move(item, "5", "SUPPLIER>A-1")
    assert yard.here(item, "A-1") == 3 * ONE
    yard.assert_proven()


def test_erpnext_pr_57975_back_dated_cancel_may_not_go_below_zero_in_silence(
    yard: Yard, clock: ManualClock
) -> None:
    item = yard.item("FLOUR")
    yard.move(item, "10", "SUPPLIER>A-1", op="receipt-1")
    clock.advance(DAY)
    yard.move(item, "8", "A-1>CUSTOMER")
    refused(
        "not_enough",
        lambda: yard.do(lambda tx: stock.reverse(tx, ENGINE, "receipt-1", "cancel-01", "错单")),
    )
    assert yard.here(item, "A-1") == 2 * ONE
    yard.assert_proven()


# -- time ----------------------------------------------------------------------------------------
def test_erpnext_53773_back_dated_receipt_before_22364_later_entries(
    yard: Yard, clock: ManualClock
) -> None:
    """There: a repost of every later row, beyond a 1,500 s limit. Here: one row, at any depth."""
    item = yard.item("RICE")
    monday = clock.now()
    clock.advance(HOUR)
    line = yard.line(item, "1", "SUPPLIER>A-1")
    later = [(ENGINE, Posting(f"later-{n:06d}", "receive", (line,))) for n in range(22_364)]
    for start in range(0, len(later), 2_000):
        batch = later[start : start + 2_000]
        yard.do(lambda tx, batch=batch: stock.post_many(tx, batch))  # type: ignore[misc]
    clock.advance(DAY)
    began = perf()
    answer = yard.move(item, "5", "SUPPLIER>A-1", at=monday)
    took = perf() - began
    assert took < 0.5
    assert answer.posting_id == 22_365
    then = yard.db.read_now(lambda c: stock.as_of(c, item, monday, "happened"))
    assert {row.location_id: row.on_hand for row in then}[yard.places["A-1"]] == 5 * ONE
    proof = yard.prove()
    assert (proof.problems, proof.moves) == ((), 22_365)


def test_erpnext_51269_same_instant_order_is_stable(yard: Yard, clock: ManualClock) -> None:
    """Purchase, sale and cancellation in one microsecond keep the order they were posted in."""
    item = yard.item("EGG")
    now = clock.now()

    def cancel(original: str, op: str) -> None:
        yard.do(lambda tx: stock.reverse(tx, ENGINE, original, op, "退"))

    for number in range(5):
        yard.move(item, "10", "SUPPLIER>A-1", op=f"buy-{number:06d}", at=now)
        yard.move(item, "10", "A-1>CUSTOMER", op=f"sell-{number:05d}", at=now)
        cancel(f"sell-{number:05d}", f"back-{number:05d}")
    card = yard.db.read_now(lambda c: stock.movements(c, item))
    assert [each.kind for each in reversed(card)] == ["receive", "issue", "reverse"] * 5
    assert all(left.move_id > right.move_id for left, right in pairwise(card))
    assert len({each.happened_at for each in card[1::3]}) == 1
    yard.assert_proven()


# -- exact numbers -------------------------------------------------------------------------------
def test_odoo_pr_65453_what_is_left_after_a_decimal_can_be_reserved(yard: Yard) -> None:
    item = yard.item("OIL")
    yard.move(item, "3140.0", "SUPPLIER>A-1")
    yard.move(item, "3106.40", "A-1>CUSTOMER")
    assert yard.reserve(item, "33.60").quantity == parse("33.6")
    assert yard.available(item) == 0


def test_erpnext_57064_a_decimal_is_counted_to_zero(yard: Yard) -> None:
    item = yard.item("FISH")
    for _ in range(5):
        yard.move(item, "5.513", "SUPPLIER>A-1")
    assert yard.here(item, "A-1") == parse("27.565")
    yard.move(item, "27.565", "A-1>COUNT", kind="count")
    assert yard.here(item, "A-1") == 0
    refused("not_enough", lambda: yard.move(item, 1, "A-1>COUNT", kind="count"))
    yard.assert_proven()


def test_erpnext_40218_plate_is_400_square_feet_is_100_pounds(yard: Yard) -> None:
    """Base unit: square foot. One plate holds 400, one pound is 4; every way round is exact."""
    item = yard.item("PLATE")
    plate, pound = Factor(400), Factor(4)
    yard.move(item, plate.to_base(parse("3")), "SUPPLIER>A-1")
    yard.move(item, pound.to_base(parse("100")), "A-1>CUSTOMER")
    left = yard.here(item, "A-1")
    assert (show(plate.from_base(left)), show(pound.from_base(left))) == ("2", "200")
    third = Factor(1, 3)
    assert third.from_base(third.to_base(parse("1.000002"))) == parse("1.000002")


def test_erpnext_41716_two_hundred_sent_out_stay_two_hundred(yard: Yard) -> None:
    """100 come back good, 100 rejected: nothing is left outside, nothing has multiplied."""
    item = yard.item("SHEET")
    yard.move(item, "200", "SUPPLIER>A-1")
    yard.move(item, "200", "A-1>TRANSIT")  # at the subcontractor
    yard.move(item, "100", "TRANSIT>A-2")
    yard.move(item, "100", "TRANSIT>A-3", status=("ok", "rejected"))
    assert yard.here(item, "TRANSIT") == 0
    assert yard.here(item, "A-2") + yard.here(item, "A-3", "rejected") == 200 * ONE
    refused("not_enough", lambda: yard.move(item, "1", "TRANSIT>A-2"))
    yard.assert_proven()


# -- lots ----------------------------------------------------------------------------------------
def test_odoo_pr_77261_fefo_follows_an_edited_expiry_date(yard: Yard) -> None:
    item = yard.item("YOGURT", "lot")
    first, second = yard.lot(item, "L-1", "2026-05-01"), yard.lot(item, "L-2", "2026-06-01")
    yard.move(item, "5", "SUPPLIER>A-1", lot=first)
    yard.move(item, "5", "SUPPLIER>A-2", lot=second)
    assert yard.reserve(item, "1").parts[0].lot_id == first
    change = catalog.lots.update().where(catalog.lots.c.id == second)
    yard.do(lambda tx: tx.execute(change.values(expires_on="2026-04-01")).rowcount)
    assert yard.reserve(item, "1").parts[0].lot_id == second


def test_odoo_pr_117138_a_lot_that_expires_before_shipping_is_skipped(yard: Yard) -> None:
    item = yard.item("YOGURT", "lot")
    soon, later = yard.lot(item, "L-1", "2026-03-10"), yard.lot(item, "L-2", "2026-04-01")
    yard.move(item, "5", "SUPPLIER>A-1", lot=soon)
    yard.move(item, "5", "SUPPLIER>A-1", lot=later)
    held = yard.reserve(item, "5", ship_on="2026-03-11")
    assert [part.lot_id for part in held.parts] == [later]
    refused("not_enough", lambda: yard.reserve(item, "1", ship_on="2026-03-11"))
    assert yard.reserve(item, "5", ship_on="2026-03-10").parts[0].lot_id == soon


def test_odoo_43163_another_lot_can_be_reserved_after_the_first_was_given_back(
    yard: Yard,
) -> None:
    item = yard.item("YOGURT", "lot")
    first, second = yard.lot(item, "L-1", "2026-05-01"), yard.lot(item, "L-2", "2026-06-01")
    yard.move(item, "5", "SUPPLIER>A-1", lot=first)
    yard.move(item, "5", "SUPPLIER>A-1", lot=second)

    def give_back(reservation_id: int) -> None:
        yard.do(lambda tx: stock.release(tx, ENGINE, reservation_id))

    for _ in range(3):
        held = yard.reserve(item, "5", lot=first)
        give_back(held.reservation_id)
        other = yard.reserve(item, "5", lot=second)
        give_back(other.reservation_id)
    yard.fulfil(yard.reserve(item, "10").reservation_id)
    yard.assert_proven()


# -- volume, replay, time-outs -------------------------------------------------------------------
def test_odoo_22476_five_thousand_serials_in_under_ten_seconds(yard: Yard) -> None:
    item = yard.item("MODEM", "serial")
    codes = tuple(f"SN-{number:08d}" for number in range(5_000))
    began = perf()
    yard.move(item, "5000", "SUPPLIER>DOCK", serials=codes)
    assert perf() - began < 10
    refused("serial_elsewhere", lambda: yard.move(item, "1", "SUPPLIER>A-1", serials=codes[:1]))


def test_open_msupply_8654_a_replayed_sync_cannot_subtract_twice(yard: Yard) -> None:
    item = yard.item("VACCINE")
    yard.move(item, "100", "SUPPLIER>A-1")
    queue = [(f"offline-{n:04d}", str(n + 1)) for n in range(10)]
    for _ in range(3):  # the device lost every answer and sends its whole queue again
        for op, quantity in queue:
            yard.move(item, quantity, "A-1>CUSTOMER", op=op)
    assert yard.here(item, "A-1") == 45 * ONE
    yard.assert_proven()


def test_dujiao_next_105_an_abandoned_hold_frees_its_stock(yard: Yard, clock: ManualClock) -> None:
    item = yard.item("TICKET")
    yard.move(item, "1", "SUPPLIER>A-1")
    yard.reserve(item, "1", expires_at=clock.now() + 15 * MINUTE)
    refused("not_enough", lambda: yard.reserve(item, "1"))
    clock.advance(15 * MINUTE)
    yard.do(stock.expire)
    assert yard.reserve(item, "1").quantity == ONE
    yard.assert_proven()


def test_odoo_62139_one_key_has_one_balance(yard: Yard) -> None:
    """There duplicate quants were merged every ten minutes; here a second row cannot exist."""
    item = yard.item("NUT")
    line = yard.line(item, "1", "SUPPLIER>A-1")
    jobs = [posting(yard, f"first-{n:04d}", "receive", line) for n in range(20)]
    assert at_once(jobs) == {"ok": 20}
    rows = yard.db.read_now(lambda c: stock.on_hand(c, item))
    assert [row.on_hand for row in rows] == [20 * ONE]
