"""Defects of picking that other products published; each test names the public thread.

Ledger, receiving, scanning and tasks have pages of their own beside this one.
"""

from __future__ import annotations

import pytest

from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.sales.pick import Pick, pick
from core.orders.sales.returns import CustomerReturn, customer_return
from core.quantity import plain
from core.stock import hold_lot, movements
from tests.core.orders_world import CUP, MILK, q
from tests.core.sales_world import BOSS, KEEPER, Shop, shop
from tests.core.test_stock_races import at_once


@pytest.fixture
def s(db: Database, clock: ManualClock) -> Shop:
    return shop(db, clock)


def test_oca_wms_536_two_workers_on_one_line(s: Shop) -> None:
    """The second one hears who was there; nothing leaves twice."""
    s.t.put(CUP, "20", "ZJ-A-1")
    stop = s.release(s.sell((CUP, "10"))).lines[0]
    asks = [(s.t.people[who], Pick(s.t.op(), stop.id)) for who in ("李某", "王师傅")]
    ended = at_once([lambda p=pair: s.t.do(lambda tx: pick(tx, *p)) for pair in asks])  # type: ignore[misc]
    assert ended == {"ok": 1, "already_picked": 1}
    assert s.t.stands(CUP) == {"ZJ-A-1/ok": "10", "ZJ-OUT/ok": "10"}


def test_open_msupply_8654_a_replayed_pick_cannot_subtract_twice(s: Shop) -> None:
    """A hundred replays of one offline fact are one move."""
    s.t.put(CUP, "20", "ZJ-A-1")
    stop = s.release(s.sell((CUP, "10"))).lines[0]
    first = s.pick(stop, op="p-replayed-1")
    for _ in range(100):
        assert s.pick(stop, op="p-replayed-1") == first
    found = s.t.db.read_now(lambda conn: movements(conn, s.t.items[CUP]))
    assert len([each for each in found if each.kind == "pick"]) == 1


def test_greaterwms_134_an_over_pick_is_refused_with_the_number_that_is_left(s: Shop) -> None:
    s.t.put(CUP, "20", "ZJ-A-1")
    stop = s.release(s.sell((CUP, "10"))).lines[0]
    s.pick(stop, "4")
    with pytest.raises(AppError) as refused:
        s.pick(stop, "7")
    assert "还要 6" in refused.value.say("zh")
    assert s.t.stands(CUP) == {"ZJ-A-1/ok": "16", "ZJ-OUT/ok": "4"}


def test_oca_wms_1247_a_place_is_never_guessed(s: Shop) -> None:
    """Another bin than the stop's moves nothing, although the same goods lie there."""
    s.t.put(CUP, "5", "ZJ-A-1")
    stop = s.release(s.sell((CUP, "5"))).lines[0]
    s.t.put(CUP, "5", "ZJ-A-2")
    with pytest.raises(AppError) as refused:
        s.pick(stop, place="ZJ-A-2")
    assert refused.value.code == "pick_wrong_place"
    assert s.t.stands(CUP) == {"ZJ-A-1/ok": "5", "ZJ-A-2/ok": "5"}


def test_odoo_43163_after_the_lot_is_gone_another_one_is_picked(s: Shop) -> None:
    """The promise breaks, the order is filled again, the walk takes the other lot."""
    bad = s.t.put(MILK, "8", "ZJ-A-1", "M-1", expires_on="2026-05-01")
    made = s.sell((MILK, "8"))
    s.t.put(MILK, "8", "ZJ-A-2", "M-2", expires_on="2026-09-01")
    s.t.do(lambda tx: hold_lot(tx, s.t.people[BOSS], bad, s.t.op(), "异味"))
    s.fill()
    assert [stop.lot for stop in s.release(made).lines] == ["M-2"]


def test_macrozheng_mall_136_locked_stock_is_what_leaves(s: Shop) -> None:
    """Two orders share one bin; each takes its own promise, the rest stays promised."""
    s.t.put(CUP, "10", "ZJ-A-1")
    one, two = s.sell((CUP, "6")), s.sell((CUP, "6"))
    assert [plain(each.lines[0].promised) for each in (one, two)] == ["6", "4"]
    s.walk(s.release(one))
    assert plain(s.again(two).lines[0].promised) == "4"
    assert s.t.stands(CUP) == {"ZJ-A-1/ok": "4", "ZJ-OUT/ok": "6"}
    s.t.proven()


def test_a_lot_does_not_come_back_twice_in_place_of_another(s: Shop) -> None:
    """Five of each lot left; five of the first came back; the first is all back."""
    one = s.t.put(MILK, "5", "ZJ-A-1", "M-1", expires_on="2026-05-01")
    other = s.t.put(MILK, "5", "ZJ-A-2", "M-2", expires_on="2026-09-01")
    made = s.sell((MILK, "10"))
    s.walk(s.release(made))
    s.pack(made, ((MILK, "10"),))
    s.ship(made)

    def back(lot: int) -> str:
        line = made.lines[0].id
        ask = CustomerReturn(s.t.op(), made.id, line, q(5), "不要了", "bad", lot_id=lot)
        try:
            s.t.do(lambda tx: customer_return(tx, s.t.people[KEEPER], ask))
        except AppError as refusal:
            return refusal.code
        return "ok"

    assert [back(one), back(one), back(other)] == ["ok", "return_too_much", "ok"]
    s.t.proven()


def test_a_return_never_exceeds_what_left(s: Shop) -> None:
    """Not before it left, and not twice."""
    s.t.put(CUP, "5", "ZJ-A-1")
    made = s.sell((CUP, "5"))
    s.walk(s.release(made))
    line = made.lines[0].id

    def back(quantity: str) -> str:
        ask = CustomerReturn(s.t.op(), made.id, line, q(quantity), "不要了", "bad")
        try:
            s.t.do(lambda tx: customer_return(tx, s.t.people[KEEPER], ask))
        except AppError as refusal:
            return refusal.code
        return "ok"

    assert back("1") == "return_too_much"
    s.pack(made, ((CUP, "5"),))
    s.ship(made)
    assert [back("3"), back("3"), back("2")] == ["ok", "return_too_much", "ok"]
    s.t.proven()
