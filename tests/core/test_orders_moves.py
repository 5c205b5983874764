"""Transfers, moves inside a warehouse, quick issue and quick return."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core import stock
from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.quick import Issue, QuickDone, ReturnToStock, issue, return_to_stock
from core.orders.transfer import (
    AskLine,
    AskTransfer,
    Move,
    ReceiveTransfer,
    SendLine,
    SendTransfer,
    TakeLoad,
    Transfer,
    ask_transfer,
    move,
    receive_transfer,
    send_transfer,
)
from core.people import ENGINE
from tests.core.orders_world import BASE, CUP, MILK, SCALE, Trader, q, trader


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    return trader(db, clock)


def asked(t: Trader, name: str, quantity: str, *, urgent: bool = False) -> Transfer:
    ask = AskTransfer(
        t.op(), f"DB-{t.ops}", t.warehouses["张江仓"], t.warehouses["松江仓"],
        (AskLine(t.items[name], q(quantity)),), urgent=urgent,
    )  # fmt: skip
    return t.do(lambda tx: ask_transfer(tx, t.people["李某"], ask))


def test_between_warehouses_goods_go_through_transit(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    made = asked(t, CUP, "60", urgent=True)
    task = t.task("transfer")
    assert task.title == "紧急调拨发出 · 纸杯 60 件"
    assert task.priority == "high"
    assert t.press("李某", task, "send").sentence == f"{made.code} 已发出，对方等收"
    assert t.stands(CUP) == {"ZJ-A-1/ok": "40", "SJ-TRANSIT/ok": "60"}
    available = t.db.read_now(lambda conn: stock.available(conn, t.items[CUP]))
    assert available == q("40"), "what is on the road is nobody's to sell"
    t.press("王师傅", t.task("transfer"), "receive")
    assert t.stands(CUP) == {"ZJ-A-1/ok": "40", "SJ-DOCK/ok": "60"}
    assert t.tasks("transfer") == []
    t.proven()


def test_the_earliest_lots_travel_first(t: Trader) -> None:
    late = t.put(MILK, "10", "ZJ-A-1", "late", expires_on="2026-12-31")
    early = t.put(MILK, "10", "ZJ-A-2", "early", expires_on="2026-06-30")
    made = asked(t, MILK, "12")
    li = t.people["李某"]
    sent = t.do(lambda tx: send_transfer(tx, li, SendTransfer(t.op(), made.id)))
    assert {load.lot_id: load.quantity for load in sent.loads} == {early: q("10"), late: q("2")}
    assert t.stands(MILK) == {"ZJ-A-1/ok": "8", "SJ-TRANSIT/ok": "12"}


def test_what_is_missing_stays_on_the_road(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    made = asked(t, CUP, "60")
    li = t.people["李某"]
    part = SendTransfer(
        t.op(), made.id, (SendLine(made.lines[0].id, t.places["ZJ-A-1"], q("50")),), final=True
    )
    sent = t.do(lambda tx: send_transfer(tx, li, part))
    assert sent.state == "sent"
    load = sent.loads[0]
    take = ReceiveTransfer(t.op(), made.id, (TakeLoad(load.id, q("48"), t.places["SJ-A-1"]),))
    after = t.do(lambda tx: receive_transfer(tx, li, take))
    assert after.state == "sent"
    assert t.stands(CUP) == {"ZJ-A-1/ok": "50", "SJ-TRANSIT/ok": "2", "SJ-A-1/ok": "48"}
    assert len(t.tasks("transfer")) == 1
    more = replace(take, op_id=t.op(), loads=(TakeLoad(load.id, q("3"), t.places["SJ-A-1"]),))
    assert t.refused(lambda tx: receive_transfer(tx, li, more)).code == "too_much_taken"
    wrong = replace(more, loads=(TakeLoad(load.id, q("2"), t.places["ZJ-A-1"]),))
    assert t.refused(lambda tx: receive_transfer(tx, li, wrong)).code == "other_warehouse"


def test_more_than_asked_or_more_than_there_is_not_sent(t: Trader) -> None:
    t.put(CUP, "50", "ZJ-A-1")
    made = asked(t, CUP, "60")
    li, line_id, bin_ = t.people["李某"], made.lines[0].id, t.places["ZJ-A-1"]
    over = SendTransfer(t.op(), made.id, (SendLine(line_id, bin_, q("61")),))
    assert t.refused(lambda tx: send_transfer(tx, li, over)).code == "too_much_sent"
    short = SendTransfer(t.op(), made.id)
    assert t.refused(lambda tx: send_transfer(tx, li, short)).code == "not_enough"
    twice = SendTransfer(t.op(), made.id, (SendLine(line_id, bin_, q("40")),) * 2)
    assert t.refused(lambda tx: send_transfer(tx, li, twice)).code == "too_much_sent"
    elsewhere = SendTransfer(t.op(), made.id, (SendLine(line_id, t.places["SJ-A-1"], q("1")),))
    assert t.refused(lambda tx: send_transfer(tx, li, elsewhere)).code == "other_warehouse"
    nothing = ReceiveTransfer(t.op(), made.id)
    assert t.refused(lambda tx: receive_transfer(tx, li, nothing)).code == "nothing_open"
    assert t.stands(CUP) == {"ZJ-A-1/ok": "50"}


def test_a_transfer_is_asked_once_and_between_two_warehouses(t: Trader) -> None:
    made = asked(t, CUP, "5")
    zj = t.warehouses["张江仓"]
    lines = (AskLine(t.items[CUP], q("5")),)
    same = AskTransfer(t.op(), "DB-X", zj, zj, lines)
    li = t.people["李某"]
    assert t.refused(lambda tx: ask_transfer(tx, li, same)).code == "same_warehouse"
    twin = AskTransfer(t.op(), made.code, zj, t.warehouses["松江仓"], lines)
    assert t.refused(lambda tx: ask_transfer(tx, li, twin)).code == "duplicate_code"
    empty = replace(twin, code="DB-Y", lines=())
    assert t.refused(lambda tx: ask_transfer(tx, li, empty)).code == "empty_document"


def test_a_replayed_send_sends_once(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    made = asked(t, CUP, "60")
    li = t.people["李某"]
    ask = SendTransfer("send-00001", made.id)
    first = t.do(lambda tx: send_transfer(tx, li, ask))
    assert t.do(lambda tx: send_transfer(tx, li, ask)) == first
    assert t.stands(CUP)["SJ-TRANSIT/ok"] == "60"
    again = SendTransfer("send-00002", made.id)
    assert t.refused(lambda tx: send_transfer(tx, li, again)).code == "wrong_state"


def test_inside_a_warehouse_one_step_is_enough(t: Trader) -> None:
    lot_id = t.put(BASE, "24", "ZJ-A-1", "L-1")
    li = t.people["李某"]
    ask = Move(
        t.op(), t.items[BASE], q("1"), t.places["ZJ-A-1"], t.places["ZJ-A-2"],
        lot_id=lot_id, pack_id=t.box,
    )  # fmt: skip
    assert t.do(lambda tx: move(tx, li, ask)).quantity == q("12")
    assert t.stands(BASE) == {"ZJ-A-1/ok": "12", "ZJ-A-2/ok": "12"}
    away = replace(ask, op_id=t.op(), to_location=t.places["SJ-A-1"])
    assert t.refused(lambda tx: move(tx, li, away)).code == "other_warehouse"
    sold = replace(ask, op_id=t.op(), to_location=t.places["CUSTOMER"])
    assert t.refused(lambda tx: move(tx, li, sold)).code == "other_warehouse"


def test_held_goods_may_be_moved_aside_and_stay_held(t: Trader) -> None:
    lot_id = t.put(BASE, "24", "ZJ-A-1", "L-1", status="hold")
    ask = Move(
        t.op(), t.items[BASE], q("24"), t.places["ZJ-A-1"], t.places["ZJ-A-2"],
        lot_id=lot_id, status="hold",
    )  # fmt: skip
    t.do(lambda tx: move(tx, t.people["李某"], ask))
    assert t.stands(BASE) == {"ZJ-A-2/hold": "24"}


# -- quick issue and return ------------------------------------------------------------------------
def out(t: Trader, name: str, quantity: str, **more: object) -> QuickDone:
    ask = replace(
        Issue(t.op(), t.items[name], q(quantity), t.places["ZJ-A-1"]),
        **more,  # type: ignore[arg-type]
    )
    return t.do(lambda tx: issue(tx, t.people["李某"], ask))


def test_a_quick_issue_takes_what_expires_first(t: Trader) -> None:
    t.put(MILK, "10", "ZJ-A-1", "old", expires_on="2026-01-31")
    t.put(MILK, "10", "ZJ-A-1", "late", expires_on="2026-12-31")
    t.put(MILK, "10", "ZJ-A-1", "early", expires_on="2026-06-30")
    assert out(t, MILK, "12").sentence == "燕麦奶 12 瓶 出库到客户"
    rows = t.db.read_now(lambda conn: stock.on_hand(conn, t.items[MILK]))
    assert {row.lot_code: row.on_hand for row in rows} == {"old": q("10"), "late": q("8")}
    with pytest.raises(AppError) as refusal:
        out(t, MILK, "9")
    assert refusal.value.code == "not_enough"
    t.proven()


def test_expired_goods_can_only_be_scrapped_with_a_reason(t: Trader) -> None:
    lot_id = t.put(MILK, "10", "ZJ-A-1", "old", expires_on="2026-01-31")
    with pytest.raises(AppError) as refusal:
        out(t, MILK, "10", lot_id=lot_id)
    assert refusal.value.code == "lot_expired"
    with pytest.raises(AppError) as refusal:
        out(t, MILK, "10", lot_id=lot_id, to="scrap")
    assert refusal.value.code == "reason_needed"
    out(t, MILK, "10", lot_id=lot_id, to="scrap", reason="过期")
    assert t.stands(MILK) == {"SCRAP/rejected": "10"}
    with pytest.raises(AppError) as refusal:
        out(t, MILK, "1", to="moon")
    assert refusal.value.code == "unknown_choice"


def test_serials_leave_by_name(t: Trader) -> None:
    t.put(SCALE, "2", "ZJ-A-1", serials=("S1", "S2"))
    out(t, SCALE, "1", serials=("S2",))
    assert t.stands(SCALE) == {"ZJ-A-1/ok": "1"}


def test_returned_goods_land_good_or_held(t: Trader) -> None:
    t.put(CUP, "10", "ZJ-A-1")
    out(t, CUP, "10")
    back = ReturnToStock(t.op(), t.items[CUP], q("6"), t.places["ZJ-A-1"], "客户多订")
    li = t.people["李某"]
    t.do(lambda tx: return_to_stock(tx, li, back))
    bad = replace(back, op_id=t.op(), quantity=q("4"), good=False, reason="压坏")
    assert t.do(lambda tx: return_to_stock(tx, li, bad)).sentence == "纸杯 4 件 从客户退回，已冻结"
    assert t.stands(CUP) == {"ZJ-A-1/ok": "6", "ZJ-A-1/hold": "4"}
    silent = replace(back, op_id=t.op(), reason="")
    assert t.refused(lambda tx: return_to_stock(tx, li, silent)).code == "reason_needed"
    t.proven()


def test_goods_of_a_stopped_lot_come_back_held(t: Trader) -> None:
    lot_id = t.put(BASE, "24", "ZJ-A-1", "L-1")
    out(t, BASE, "12", lot_id=lot_id)
    t.do(lambda tx: stock.hold_lot(tx, ENGINE, lot_id, t.op(), "抽检不合格"))
    back = ReturnToStock(
        t.op(), t.items[BASE], q("12"), t.places["ZJ-A-1"], "客户退", lot_id=lot_id
    )
    t.do(lambda tx: return_to_stock(tx, t.people["李某"], back))
    assert t.stands(BASE) == {"ZJ-A-1/hold": "24"}
    buyer = replace(back, op_id=t.op())
    assert t.refused(lambda tx: return_to_stock(tx, t.people["陈晨"], buyer)).code == "forbidden"


def test_a_replayed_issue_issues_once(t: Trader) -> None:
    t.put(CUP, "10", "ZJ-A-1")
    ask = Issue("issue-0001", t.items[CUP], q("4"), t.places["ZJ-A-1"])
    li = t.people["李某"]
    first = t.do(lambda tx: issue(tx, li, ask))
    assert [t.do(lambda tx: issue(tx, li, ask)) for _ in range(20)] == [first] * 20
    assert t.stands(CUP) == {"ZJ-A-1/ok": "6"}
