"""A lot is held by hand and let go again: receipts, inspections and tasks stay right."""

from __future__ import annotations

import pytest

from core import stock
from core.clock import ManualClock
from core.db import Database
from core.orders.decision import Decide, decide
from core.orders.lot_release import release_by_hand
from core.orders.move import Move, move
from core.stock import Held
from tests.core.orders_world import BASE, MILK, SCALE, Trader, q, trader
from tests.core.sales_world import Shop

BOSS = "赵主管"


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    return trader(db, clock)


def hold(t: Trader, lot_id: int) -> Held:
    return t.do(lambda tx: stock.hold_lot_by_hand(tx, t.people[BOSS], lot_id, t.op(), "疑似"))


def let_go(t: Trader, lot_id: int, op: str = "") -> Held:
    op = op or t.op()
    return t.do(lambda tx: release_by_hand(tx, t.people[BOSS], lot_id, op, "没事"))


def let_go_refused(t: Trader, lot_id: int) -> str:
    by, op = t.people[BOSS], t.op()
    return t.refused(lambda tx: release_by_hand(tx, by, lot_id, op, "没事")).code


def decided(t: Trader, inspection_id: str, how: str) -> str:
    ask = Decide(t.op(), inspection_id, how, "谈妥")
    return t.do(lambda tx: decide(tx, t.people["陈晨"], ask)).sentence


def test_goods_that_wait_for_inspection_still_wait_after_a_hold(t: Trader) -> None:
    shop = Shop(t)
    made = t.order((BASE, "24"))
    [got] = t.arrive(made, t.bring(made, 0, "24", "L-1")).lines
    hold(t, got.lot_id)
    assert t.stands(BASE) == {"ZJ-DOCK/inspect": "24"}
    task = t.task("inspect")
    refusal = t.press_refused("李某", task, "pass", **{"check.seal": "ok", "check.temp": "4"})
    assert refusal.code == "lot_held"
    let_go(t, got.lot_id)
    assert t.stands(BASE) == {"ZJ-DOCK/inspect": "24"}
    assert shop.sell((BASE, "24")).lines[0].promised == 0
    t.judge(got, "24")
    assert t.stands(BASE) == {"ZJ-DOCK/ok": "24"}
    assert t.tasks("inspect") == []
    t.proven()


def test_a_lot_that_is_not_held_is_not_released(t: Trader) -> None:
    made = t.order((BASE, "24"))
    [got] = t.arrive(made, t.bring(made, 0, "24", "L-1")).lines
    failed = t.judge(got, "20", "4")
    assert let_go_refused(t, got.lot_id) == "lot_not_held"
    assert t.stands(BASE) == {"ZJ-DOCK/ok": "20", "ZJ-DOCK/hold": "4"}
    decided(t, failed.id, "return")
    assert t.stands(BASE) == {"ZJ-DOCK/ok": "20"}


def test_what_failed_stays_for_the_buyer_when_its_lot_is_let_go(t: Trader) -> None:
    t.put(BASE, "12", "ZJ-A-1", "L-1")
    made = t.order((BASE, "24"))
    [got] = t.arrive(made, t.bring(made, 0, "24", "L-1")).lines
    failed = t.judge(got, "20", "4")
    held = hold(t, got.lot_id)
    assert held.quantity == q("32")
    assert t.stands(BASE) == {"ZJ-DOCK/hold": "24", "ZJ-A-1/hold": "12"}
    assert let_go(t, got.lot_id).quantity == q("32")
    assert t.stands(BASE) == {"ZJ-DOCK/ok": "20", "ZJ-DOCK/hold": "4", "ZJ-A-1/ok": "12"}
    t.press("李某", t.task("putaway"), "put_away", bin="ZJ-A-1")
    assert decided(t, failed.id, "concession") == "让步接收 · 低糖基料 4 件"
    assert t.stands(BASE) == {"ZJ-DOCK/ok": "4", "ZJ-A-1/ok": "32"}
    t.proven()


def test_goods_that_came_while_their_lot_was_held_are_looked_at_afterwards(t: Trader) -> None:
    lot = t.put(BASE, "12", "ZJ-A-1", "L-1")
    hold(t, lot)
    made = t.order((BASE, "24"))
    [got] = t.arrive(made, t.bring(made, 0, "24", "L-1")).lines
    assert t.stands(BASE) == {"ZJ-A-1/hold": "12", "ZJ-DOCK/hold": "24"}
    op = t.op()
    first = let_go(t, lot, op)
    assert let_go(t, lot, op).posted == first.posted, "once, however often it is sent"
    assert t.stands(BASE) == {"ZJ-A-1/ok": "12", "ZJ-DOCK/inspect": "24"}
    line = t.line(got)
    assert (line.to_inspect, line.rejected, line.held) == (q("24"), 0, 0)
    assert t.task("inspect").title == "质检 · 低糖基料 2 箱"
    t.judge(got, "24")
    t.press("李某", t.task("putaway"), "put_away", bin="ZJ-A-1")
    assert t.stands(BASE) == {"ZJ-A-1/ok": "36"}
    t.proven()


def test_goods_that_nobody_inspects_go_to_the_shelf_afterwards(t: Trader) -> None:
    """They were moved aside meanwhile, but for a few: only those wait on the dock."""
    lot = t.put(MILK, "5", "ZJ-A-1", "M-1")
    hold(t, lot)
    made = t.order((MILK, "10"))
    [got] = t.arrive(made, t.bring(made, 0, "10", "M-1")).lines
    aside = Move(
        t.op(), t.items[MILK], q(6), t.places["ZJ-DOCK"], t.places["ZJ-A-4"], lot, status="hold"
    )
    t.do(lambda tx: move(tx, t.people["李某"], aside))
    let_go(t, lot)
    assert t.stands(MILK) == {"ZJ-A-1/ok": "5", "ZJ-DOCK/ok": "4", "ZJ-A-4/ok": "6"}
    line = t.line(got)
    assert (line.accepted, line.stocked, line.held) == (q("10"), q("6"), 0)
    assert t.task("putaway").title == "上架 · 燕麦奶 4 瓶"
    t.press("李某", t.task("putaway"), "put_away", bin="ZJ-A-1")
    assert t.tasks("putaway") == []
    t.proven()


def test_a_lot_that_failed_as_a_whole_is_the_buyers(t: Trader) -> None:
    failed = t.fail_a_lot("L-7", "24")
    assert let_go_refused(t, failed.lot_id) == "lot_undecided"
    assert t.lot(BASE, "L-7").state == "held"
    decided(t, failed.id, "return")
    let_go(t, failed.lot_id)
    assert t.lot(BASE, "L-7").state == "ok", "the next delivery is welcome again"


def test_two_warehouses_and_goods_that_failed_in_one(t: Trader) -> None:
    here, there = t.order((BASE, "24")), t.order((BASE, "12"), at="松江仓")
    [got] = t.arrive(here, t.bring(here, 0, "24", "L-1")).lines
    failed = t.judge(got, "20", "4")
    hold(t, got.lot_id)
    [late] = t.arrive(there, t.bring(there, 0, "12", "L-1"), by="王师傅").lines
    let_go(t, got.lot_id)
    assert t.stands(BASE) == {
        "ZJ-DOCK/ok": "20",
        "ZJ-DOCK/hold": "4",
        "SJ-DOCK/inspect": "12",
    }
    assert t.line(late).to_inspect == q("12")
    decided(t, failed.id, "scrap")
    t.proven()


def test_serial_numbers_that_failed_stay_by_their_numbers(t: Trader) -> None:
    made = t.order((SCALE, "5"))
    some = t.bring(made, 0, "3", "L-1", serials=("S1", "S2", "S3"))
    [got] = t.arrive(made, some).lines
    failed = t.judge(got, "2", "1", rejected_serials=("S2",))
    hold(t, got.lot_id)
    t.arrive(made, t.bring(made, 0, "2", "L-1", serials=("S4", "S5")))
    let_go(t, got.lot_id)
    rows = t.db.read_now(lambda conn: stock.serials_of(conn, t.items[SCALE]))
    assert {each.code: each.status for each in rows} == {
        "S1": "ok", "S2": "hold", "S3": "ok", "S4": "inspect", "S5": "inspect",
    }  # fmt: skip
    decided(t, failed.id, "return")
    t.proven()
