"""Reservations and holds: promising, picking in parts, giving back, expiring, stopping a lot."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core import events, stock
from core.clock import HOUR, ManualClock
from core.db import Database
from core.errors import AppError
from core.people import ENGINE, Actor
from core.quantity import ONE
from core.stock import Posting, Reserve
from tests.core.stock_yard import Yard


@pytest.fixture
def yard(db: Database) -> Yard:
    return Yard(db)


def refused(code: str, run: Callable[[], object]) -> AppError:
    with pytest.raises(AppError) as caught:
        run()
    assert caught.value.code == code
    return caught.value


def kinds_of(yard: Yard, subject: str) -> list[str]:
    return [each.kind for each in yard.db.read_now(lambda c: events.of_subject(c, subject))]


def test_reserve_fulfil_in_parts_and_end(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "10", "SUPPLIER>A-1")
    held = yard.reserve(sugar, "6")
    assert yard.available(sugar) == 4 * ONE
    yard.fulfil(held.reservation_id, quantity="2")
    assert yard.available(sugar) == 4 * ONE
    yard.fulfil(held.reservation_id)
    now = yard.db.read_now(lambda c: stock.reservation(c, held.reservation_id))
    assert (now.state, now.remaining) == ("fulfilled", 0)
    assert yard.here(sugar, "CUSTOMER") == 6 * ONE
    refused("reservation_closed", lambda: yard.fulfil(held.reservation_id))
    yard.assert_proven()


def test_reserved_stock_cannot_be_taken_by_others(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "10", "SUPPLIER>A-1")
    yard.reserve(sugar, "8")
    refusal = refused("not_enough", lambda: yard.move(sugar, "3", "A-1>CUSTOMER"))
    assert refusal.facts["available"] == "2"
    refusal = refused("not_enough", lambda: yard.reserve(sugar, "3"))
    assert (refusal.facts["available"], refusal.facts["asked"]) == ("2", "3")
    yard.assert_proven()


def test_a_partial_wish_takes_what_there_is(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "4", "SUPPLIER>A-1")
    assert yard.reserve(sugar, "10", partial=True).quantity == 4 * ONE
    refused("not_enough", lambda: yard.reserve(sugar, "1", partial=True))


def test_repeats_of_every_verb_change_nothing(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "10", "SUPPLIER>A-1")
    held = yard.reserve(sugar, "6", op="reserve-1")
    place = yard.places["CUSTOMER"]

    def pick() -> object:
        return yard.do(
            lambda tx: stock.fulfil(
                tx, ENGINE, held.reservation_id, "pick-0001", place, quantity=2 * ONE
            )
        )

    first = pick()
    for _ in range(100):
        assert pick() == first
        assert yard.reserve(sugar, "6", op="reserve-1").reservation_id == held.reservation_id
    assert yard.here(sugar, "CUSTOMER") == 2 * ONE
    refused("key_reused", lambda: yard.reserve(sugar, "5", op="reserve-1"))
    refused(
        "key_reused",
        lambda: yard.do(
            lambda tx: stock.fulfil(
                tx, ENGINE, held.reservation_id, "pick-0001", place, quantity=ONE
            )
        ),
    )
    for _ in range(3):
        yard.do(lambda tx: stock.release(tx, ENGINE, held.reservation_id))
    assert yard.available(sugar) == 8 * ONE
    yard.assert_proven()


def test_picking_more_than_remains_is_refused(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "10", "SUPPLIER>A-1")
    held = yard.reserve(sugar, "6")
    refusal = refused("reservation_short", lambda: yard.fulfil(held.reservation_id, quantity="7"))
    assert refusal.facts["remaining"] == "6"


def test_fefo_takes_the_earliest_expiry_first(yard: Yard) -> None:
    milk = yard.item("MILK", "lot")
    late, soon = yard.lot(milk, "L-1", "2026-09-01"), yard.lot(milk, "L-2", "2026-04-01")
    yard.move(milk, "5", "SUPPLIER>A-1", lot=late)
    yard.move(milk, "5", "SUPPLIER>A-2", lot=soon)
    held = yard.reserve(milk, "7")
    assert [(part.lot_id, part.quantity) for part in held.parts] == [
        (soon, 5 * ONE),
        (late, 2 * ONE),
    ]
    yard.fulfil(held.reservation_id)
    yard.assert_proven()


def test_a_named_lot_and_named_places_narrow_the_choice(yard: Yard) -> None:
    milk = yard.item("MILK", "lot")
    late, soon = yard.lot(milk, "L-1", "2026-09-01"), yard.lot(milk, "L-2", "2026-04-01")
    yard.move(milk, "5", "SUPPLIER>A-1", lot=late)
    yard.move(milk, "5", "SUPPLIER>A-2", lot=soon)
    assert yard.reserve(milk, "2", lot=late).parts[0].lot_id == late
    wish = Reserve(yard.op(), milk, ONE, location_ids=(yard.places["A-1"],), warehouse_id=1)
    assert yard.do(lambda tx: stock.reserve(tx, ENGINE, wish)).parts[0].lot_id == late
    elsewhere = Reserve(yard.op(), milk, ONE, warehouse_id=2)
    refused("not_enough", lambda: yard.do(lambda tx: stock.reserve(tx, ENGINE, elsewhere)))


def test_an_abandoned_reservation_frees_its_stock_on_time(yard: Yard, clock: ManualClock) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "10", "SUPPLIER>A-1")
    until = clock.now() + HOUR
    held = yard.reserve(sugar, "10", expires_at=until)
    assert yard.db.read_now(stock.next_expiry) == until
    clock.move_to(until - 1)
    assert yard.do(stock.expire) == 0
    clock.move_to(until)
    assert yard.do(stock.expire) == 1
    assert yard.do(stock.expire) == 0
    assert yard.available(sugar) == 10 * ONE
    assert yard.db.read_now(stock.next_expiry) is None
    subject = f"reservation:{held.reservation_id}"
    assert kinds_of(yard, subject) == ["stock.reserved", "stock.reservation_expired"]
    refused("reservation_closed", lambda: yard.fulfil(held.reservation_id))
    refused("invalid", lambda: yard.reserve(sugar, "1", expires_at=clock.now()))


def test_releasing_asks_for_permission_only_by_hand(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "10", "SUPPLIER>A-1")
    viewer = Actor(7, "看客", frozenset({"viewer"}))
    wish = Reserve(yard.op(), sugar, ONE)
    refused("forbidden", lambda: yard.do(lambda tx: stock.reserve_by_hand(tx, viewer, wish)))
    held = yard.do(lambda tx: stock.reserve(tx, viewer, wish))
    refused(
        "forbidden",
        lambda: yard.do(lambda tx: stock.release_by_hand(tx, viewer, held.reservation_id)),
    )


# -- holding a lot -------------------------------------------------------------------------------
def test_holding_a_lot_stops_all_of_it_and_breaks_its_reservations(yard: Yard) -> None:
    milk = yard.item("MILK", "lot")
    bad, good = yard.lot(milk, "L-1", "2026-06-01"), yard.lot(milk, "L-2", "2026-07-01")
    yard.move(milk, "5", "SUPPLIER>A-1", lot=bad)
    yard.move(milk, "3", "SUPPLIER>DOCK", lot=bad, status=("ok", "inspect"))
    yard.move(milk, "4", "SUPPLIER>A-2", lot=good)
    mixed, only_bad = yard.reserve(milk, "4", lot=0), yard.reserve(milk, "1")
    both = yard.reserve(milk, "2", lot=good)
    held = yard.do(lambda tx: stock.hold_lot(tx, ENGINE, bad, "hold-0001", "菌落超标"))
    assert held.quantity == 8 * ONE
    assert set(held.broken_reservations) == {mixed.reservation_id, only_bad.reservation_id}
    assert yard.here(milk, "A-1", "hold") == 5 * ONE
    assert yard.here(milk, "DOCK", "hold") == 3 * ONE
    assert yard.available(milk) == 2 * ONE
    subject = f"reservation:{only_bad.reservation_id}"
    assert kinds_of(yard, subject) == ["stock.reserved", "stock.reservation_broken"]
    state = yard.db.read_now(lambda c: stock.reservation(c, both.reservation_id)).state
    assert state == "open"
    again = yard.do(lambda tx: stock.hold_lot(tx, ENGINE, bad, "hold-0001", "菌落超标"))
    assert again == held
    assert again.replayed
    yard.assert_proven()


def test_a_held_lot_takes_nothing_in_and_gives_nothing_out(yard: Yard) -> None:
    milk = yard.item("MILK", "lot")
    lot = yard.lot(milk, "L-1", "2026-06-01")
    yard.move(milk, "5", "SUPPLIER>A-1", lot=lot)
    yard.do(lambda tx: stock.hold_lot(tx, ENGINE, lot, "hold-0001", "菌落超标"))
    refused("lot_held", lambda: yard.move(milk, "1", "SUPPLIER>A-1", lot=lot))
    refused(
        "bad_status", lambda: yard.move(milk, "1", "A-1>CUSTOMER", lot=lot, status=("hold", "ok"))
    )
    refused("not_enough", lambda: yard.reserve(milk, "1"))
    yard.move(milk, "2", "SUPPLIER>DOCK", lot=lot, status=("ok", "hold"))
    yard.move(milk, "5", "A-1>SUPPLIER", lot=lot, status=("hold", "ok"), kind="return")
    freed = yard.do(lambda tx: stock.release_lot(tx, ENGINE, lot, "free-0001", "复检合格"))
    assert freed.quantity == 2 * ONE
    yard.move(milk, "2", "DOCK>A-1", lot=lot)
    assert yard.available(milk) == 2 * ONE
    yard.assert_proven()


def test_holding_needs_a_reason_a_lot_and_by_hand_a_right(yard: Yard) -> None:
    milk = yard.item("MILK", "lot")
    lot = yard.lot(milk, "L-1")
    viewer = Actor(7, "看客", frozenset({"viewer"}))
    refused(
        "invalid", lambda: yard.do(lambda tx: stock.hold_lot(tx, ENGINE, lot, "hold-0001", " "))
    )
    refused(
        "not_found", lambda: yard.do(lambda tx: stock.hold_lot(tx, ENGINE, 99, "hold-0001", "x"))
    )
    refused(
        "forbidden",
        lambda: yard.do(lambda tx: stock.hold_lot_by_hand(tx, viewer, lot, "hold-0001", "x")),
    )
    empty = yard.do(lambda tx: stock.hold_lot(tx, ENGINE, lot, "hold-0001", "未到货先停"))
    assert (empty.posted, empty.quantity) == (None, 0)
    refused("lot_held", lambda: yard.move(milk, "1", "SUPPLIER>A-1", lot=lot))


# -- serials -------------------------------------------------------------------------------------
def test_a_serial_is_in_one_place_and_its_place_is_guarded(yard: Yard) -> None:
    phone = yard.item("PHONE", "serial")
    yard.move(phone, "2", "SUPPLIER>A-1", serials=("S-1", "S-2"))
    yard.move(phone, "1", "A-1>A-2", serials=("S-1",))
    refusal = refused(
        "serial_elsewhere", lambda: yard.move(phone, "1", "A-1>CUSTOMER", serials=("S-1",))
    )
    assert refusal.facts["actual"] == "A-2"
    refused("serial_unknown", lambda: yard.move(phone, "1", "A-1>A-2", serials=("S-9",)))
    refused("serial_elsewhere", lambda: yard.move(phone, "1", "SUPPLIER>A-1", serials=("S-1",)))
    refused("serials_needed", lambda: yard.move(phone, "2", "A-1>A-2", serials=("S-2",)))
    refused("serial_twice", lambda: yard.move(phone, "2", "A-1>A-2", serials=("S-2", "S-2")))
    yard.move(phone, "1", "A-2>CUSTOMER", serials=("S-1",))
    yard.move(phone, "1", "CUSTOMER>A-1", serials=("S-1",), status=("ok", "inspect"), kind="return")
    life = yard.db.read_now(lambda c: stock.movements_of_serial(c, phone, "S-1"))
    assert [each.to_location for each in life] == ["A-1", "CUSTOMER", "A-2", "A-1"]
    sugar = yard.item("SUGAR")
    refused("serials_not_kept", lambda: yard.move(sugar, "1", "SUPPLIER>A-1", serials=("S-7",)))
    yard.assert_proven()


def test_a_reserved_serial_moves_only_with_its_reservation(yard: Yard) -> None:
    phone = yard.item("PHONE", "serial")
    yard.move(phone, "3", "SUPPLIER>A-1", serials=("S-1", "S-2", "S-3"))
    held = yard.reserve(phone, "2", serials=("S-1", "S-2"))
    refused("serial_taken", lambda: yard.move(phone, "1", "A-1>CUSTOMER", serials=("S-1",)))
    refused("serial_taken", lambda: yard.reserve(phone, "1", serials=("S-2",)))
    refused("serial_unknown", lambda: yard.reserve(phone, "1", serials=("S-9",)))
    yard.fulfil(held.reservation_id)
    rows = yard.db.read_now(lambda c: stock.serials_of(c, phone))
    assert [(row.code, row.location_code) for row in rows] == [
        ("S-1", "CUSTOMER"),
        ("S-2", "CUSTOMER"),
        ("S-3", "A-1"),
    ]
    other = yard.reserve(phone, "1", serials=("S-3",))
    yard.do(lambda tx: stock.release(tx, ENGINE, other.reservation_id))
    yard.move(phone, "1", "A-1>A-2", serials=("S-3",))
    yard.assert_proven()


def test_a_lot_of_serials_can_be_held_whole(yard: Yard) -> None:
    phone = yard.item("PHONE", "serial")
    lot = yard.lot(phone, "B-1")
    yard.move(phone, "2", "SUPPLIER>A-1", lot=lot, serials=("S-1", "S-2"))
    yard.reserve(phone, "1", serials=("S-1",))
    held = yard.do(lambda tx: stock.hold_lot(tx, ENGINE, lot, "hold-0001", "电池鼓包"))
    assert held.posted is not None
    assert held.posted.moves[0].serials == ("S-1", "S-2")
    assert {row.status for row in yard.db.read_now(lambda c: stock.serials_of(c, phone))} == {
        "hold"
    }
    yard.assert_proven()


def test_a_reversal_brings_serials_back(yard: Yard) -> None:
    phone = yard.item("PHONE", "serial")
    line = yard.line(phone, "2", "SUPPLIER>A-1", serials=("S-1", "S-2"))
    posting = Posting("receive-1", "receive", (line,))
    yard.do(lambda tx: stock.post(tx, ENGINE, posting))
    yard.do(lambda tx: stock.reverse(tx, ENGINE, "receive-1", "reverse-1", "扫错"))
    rows = yard.db.read_now(lambda c: stock.serials_of(c, phone))
    assert {row.location_code for row in rows} == {"SUPPLIER"}
    yard.move(phone, "1", "SUPPLIER>A-2", serials=("S-1",))
    yard.assert_proven()
