"""Goods leave the dock otherwise than by putting them away: nobody waits for them any more."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from core import catalog, stock
from core.clock import ManualClock
from core.db import Database, Tx
from core.orders.by_hand import fulfil_by_hand, reverse_by_hand
from core.orders.count import (
    CountedLine,
    FinishCount,
    OpenCount,
    RecordCount,
    approve,
    open_count,
    record,
)
from core.orders.move import Move, move
from core.orders.progress import ReceiptLine
from core.orders.putaway import PutAway, put_away
from core.orders.quick import Issue, issue
from core.orders.sales.returns import Scrap, SupplierReturn, scrap, supplier_return
from core.orders.transfer import AskLine, AskTransfer, SendTransfer, ask_transfer, send_transfer
from core.people import ENGINE
from tests.core.orders_world import CUP, MILK, SCALE, Trader, q
from tests.core.sales_world import KEEPER, Shop, shop


@pytest.fixture
def s(db: Database, clock: ManualClock) -> Shop:
    return shop(db, clock)


def arrived(s: Shop, name: str, quantity: str, lot: str = "", **more: object) -> ReceiptLine:
    made = s.t.order((name, quantity))
    return s.t.arrive(made, s.t.bring(made, 0, quantity, lot, **more)).lines[0]


def ended(t: Trader, kind: str) -> str:
    """How the one task of a kind ended."""
    [task] = t.tasks(kind, live=False)
    assert task.state == "done", task.title
    return task.sentence


# -- picked from the dock --------------------------------------------------------------------------
def test_a_customer_waited_and_the_rest_is_put_away(s: Shop) -> None:
    t = s.t
    sale = s.sell((MILK, "4"))
    got = arrived(s, MILK, "10", "L-1")
    s.fill()
    s.walk(s.release(sale))
    line = t.line(got)
    assert (line.stocked, line.to_stock) == (q(4), q(6))
    t.press(KEEPER, t.task("putaway"), "put_away", bin="ZJ-A-1")
    assert t.stands(MILK) == {"ZJ-A-1/ok": "6", "ZJ-OUT/ok": "4"}
    assert (t.line(got).to_stock, t.tasks("putaway")) == (0, [])
    t.proven()


def test_the_task_ends_with_the_last_of_it(s: Shop) -> None:
    t = s.t
    got = arrived(s, MILK, "10", "L-1")
    sale = s.sell((MILK, "10"))
    wave = s.release(sale)
    refusal = t.press_refused(KEEPER, t.task("putaway"), "put_away", bin="ZJ-A-1")
    assert refusal.code == "dock_promised"
    assert "先去拣货" in refusal.say("zh")
    s.walk(wave)
    assert t.line(got).to_stock == 0
    assert ended(t, "putaway") == "货已不在收货台，不用再上架"


def test_what_is_promised_stays_and_the_free_goods_go_to_the_shelf(s: Shop) -> None:
    t = s.t
    got = arrived(s, MILK, "10", "L-1")
    sale = s.sell((MILK, "4"))
    done = t.press(KEEPER, t.task("putaway"), "put_away", bin="ZJ-A-1")
    assert done.sentence == "燕麦奶 6 瓶 放到 ZJ-A-1，收货台还有 4 瓶"
    assert t.stands(MILK) == {"ZJ-A-1/ok": "6", "ZJ-DOCK/ok": "4"}
    rest = t.task("putaway")
    assert rest.title == "上架 · 燕麦奶 4 瓶"
    s.cancel(sale)
    t.press(KEEPER, rest, "put_away", bin="ZJ-A-1")
    assert (t.line(got).to_stock, t.tasks("putaway")) == (0, [])
    assert t.stands(MILK) == {"ZJ-A-1/ok": "10"}


def test_two_deliveries_the_oldest_first(s: Shop) -> None:
    t = s.t
    first, second = arrived(s, MILK, "5", "L-1"), arrived(s, MILK, "5", "L-1")
    s.walk(s.release(s.sell((MILK, "7"))))
    assert (t.line(first).to_stock, t.line(second).to_stock) == (0, q(3))
    assert [task.context["receipt_line_id"] for task in t.tasks("putaway")] == [second.id]


def test_goods_that_came_without_a_receipt_go_first(s: Shop) -> None:
    t = s.t
    t.put(MILK, "4", "ZJ-DOCK", "L-1")
    got = arrived(s, MILK, "10", "L-1")
    s.walk(s.release(s.sell((MILK, "7"))))
    assert t.line(got).to_stock == q(7)
    t.press(KEEPER, t.task("putaway"), "put_away", bin="ZJ-A-1")
    assert t.stands(MILK) == {"ZJ-A-1/ok": "7", "ZJ-OUT/ok": "7"}


def test_the_order_is_given_up_and_its_goods_go_back_to_the_dock(s: Shop) -> None:
    t = s.t
    got = arrived(s, MILK, "10", "L-1")
    sale = s.sell((MILK, "4"))
    s.walk(s.release(sale))
    s.cancel(sale)
    t.press(KEEPER, t.task("put_back"), "put_back")
    assert t.stands(MILK) == {"ZJ-DOCK/ok": "10"}
    assert t.line(got).to_stock == q(10)
    assert t.task("putaway").title == "上架 · 燕麦奶 10 瓶"
    t.press(KEEPER, t.task("putaway"), "put_away", bin="ZJ-A-1")
    assert t.tasks("putaway") == []
    t.proven()


def test_serial_numbers_that_are_left_are_put_away_together(s: Shop) -> None:
    t = s.t
    got = arrived(s, SCALE, "3", serials=("S1", "S2", "S3"))
    t.judge(got, "3")
    s.pick(s.release(s.sell((SCALE, "1"))).lines[0], serials=("S2",))
    t.press(KEEPER, t.task("putaway"), "put_away", bin="ZJ-A-1")
    assert t.stands(SCALE) == {"ZJ-A-1/ok": "2", "ZJ-OUT/ok": "1"}
    assert t.tasks("putaway") == []


# -- by hand ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["move", "issue", "scrap", "return", "send"])
def test_goods_that_somebody_took_from_the_dock(s: Shop, how: str) -> None:
    t = s.t
    got = arrived(s, CUP, "10")
    item, dock, by = t.items[CUP], t.places["ZJ-DOCK"], t.people[KEEPER]
    if how == "move":
        t.do(lambda tx: move(tx, by, Move(t.op(), item, q(10), dock, t.places["ZJ-A-1"])))
    elif how == "issue":
        t.do(lambda tx: issue(tx, by, Issue(t.op(), item, q(10), dock)))
    elif how == "scrap":
        t.do(lambda tx: scrap(tx, by, Scrap(t.op(), item, q(10), dock, "泡水")))
    elif how == "return":
        away = SupplierReturn(t.op(), t.supplier, item, q(10), dock, "送错了")
        t.do(lambda tx: supplier_return(tx, by, away))
    else:
        houses = (t.warehouses["张江仓"], t.warehouses["松江仓"])
        ask = AskTransfer(t.op(), "DB-1", *houses, (AskLine(item, q(10)),))
        made = t.do(lambda tx: ask_transfer(tx, by, ask))
        t.do(lambda tx: send_transfer(tx, by, SendTransfer(t.op(), made.id)))
    assert t.line(got).to_stock == 0
    assert t.tasks("putaway") == []
    t.proven()


def test_a_mistake_that_is_taken_back_waits_for_its_shelf_again(s: Shop) -> None:
    t = s.t
    got = arrived(s, CUP, "10")
    op = t.op()
    t.do(lambda tx: issue(tx, t.people[KEEPER], Issue(op, t.items[CUP], q(10), got_dock(t))))
    assert t.tasks("putaway") == []
    undo, boss = t.op(), t.people["赵主管"]
    for _ in range(2):
        t.do(lambda tx: reverse_by_hand(tx, boss, f"{op}:issue", undo, "记错了"))
    assert t.line(got).to_stock == q(10)
    t.press(KEEPER, t.task("putaway"), "put_away", bin="ZJ-A-1")
    assert t.stands(CUP) == {"ZJ-A-1/ok": "10"}


def test_goods_promised_by_hand_leave_the_dock(s: Shop) -> None:
    t = s.t
    got = arrived(s, CUP, "10")
    by, op = t.people["赵主管"], t.op()
    promised = t.do(lambda tx: stock.reserve(tx, by, stock.Reserve(t.op(), t.items[CUP], q(10))))
    number, there = promised.reservation_id, t.places["CUSTOMER"]
    t.do(lambda tx: fulfil_by_hand(tx, by, number, op, there))
    assert (t.line(got).to_stock, t.tasks("putaway")) == (0, [])


def test_picked_goods_are_carried_back_to_the_dock_by_hand(s: Shop) -> None:
    t = s.t
    got = arrived(s, CUP, "10")
    sale = s.sell((CUP, "4"))
    s.walk(s.release(sale))
    s.cancel(sale)
    ask = Move(t.op(), t.items[CUP], q(4), t.places["ZJ-OUT"], got_dock(t))
    t.do(lambda tx: move(tx, t.people[KEEPER], ask))
    assert t.task("putaway").title == "上架 · 纸杯 10 件"
    assert t.line(got).to_stock == q(10)


def counted(s: Shop, item: str, lot_id: int, quantity: str) -> None:
    """Somebody counts the dock, another person again, the supervisor approves."""
    t = s.t
    where = (t.places["ZJ-DOCK"],)
    ask = OpenCount(t.op(), f"PD-{t.ops}", t.warehouses["张江仓"], location_ids=where)
    count_id = t.do(lambda tx: open_count(tx, t.people["赵主管"], ask))
    seen = CountedLine(where[0], t.items[item], q(quantity), lot_id=lot_id)
    for by in ("李某", "王师傅"):
        said = RecordCount(t.op(), count_id, (seen,))
        t.do(partial(_record, t, by, said))
    done = FinishCount(t.op(), count_id, "少了")
    t.do(lambda tx: approve(tx, t.people["赵主管"], done))


def _record(t: Trader, by: str, said: RecordCount, tx: Tx) -> None:
    record(tx, t.people[by], said)


def test_what_a_count_does_not_find_on_the_dock_is_waited_for_no_more(s: Shop) -> None:
    t = s.t
    got = arrived(s, MILK, "10", "L-1")
    lot = t.line(got).lot_id
    counted(s, MILK, lot, "7")
    assert t.line(got).to_stock == q(7)
    counted(s, MILK, lot, "9")
    assert t.line(got).to_stock == q(9), "found again, it waits for its shelf again"
    counted(s, MILK, lot, "0")
    assert (t.line(got).to_stock, t.tasks("putaway")) == (0, [])
    t.proven()


def test_a_second_dock_is_a_dock(s: Shop) -> None:
    t = s.t
    got = arrived(s, CUP, "10")
    second = catalog.NewLocation("ZJ-DOCK-2", "dock", "", t.warehouses["张江仓"])
    other = t.do(lambda tx: catalog.add_location(tx, ENGINE, second))
    ask = Move(t.op(), t.items[CUP], q(7), got_dock(t), other)
    t.do(lambda tx: move(tx, t.people[KEEPER], ask))
    assert t.line(got).to_stock == q(10)
    for much in ("7", "3"):
        said = t.press(KEEPER, t.task("putaway"), "put_away", bin="ZJ-A-1").sentence
        assert said.startswith(f"纸杯 {much} 件 放到 ZJ-A-1")
    assert (t.tasks("putaway"), t.stands(CUP)) == ([], {"ZJ-A-1/ok": "10"})


def got_dock(t: Trader) -> int:
    return t.places["ZJ-DOCK"]


def test_a_posting_by_hand_is_noticed_when_the_button_is_pressed(s: Shop) -> None:
    t = s.t
    got = arrived(s, CUP, "10")
    line = stock.Line(t.items[CUP], q(10), got_dock(t), t.places["ZJ-A-1"])
    t.do(lambda tx: stock.post_by_hand(tx, t.people["赵主管"], stock.Posting(t.op(), "x", (line,))))
    done = t.press(KEEPER, t.task("putaway"), "put_away", bin="ZJ-A-1")
    assert done.sentence == "纸杯 已不在收货台，不用再上架"
    assert (t.line(got).to_stock, t.tasks("putaway")) == (0, [])


def test_goods_of_a_held_lot_are_not_put_away_and_wait(s: Shop) -> None:
    t = s.t
    got = arrived(s, MILK, "10", "L-1")
    t.do(lambda tx: stock.hold_lot_by_hand(tx, t.people["赵主管"], got.lot_id, t.op(), "疑似"))
    refusal = t.press_refused(KEEPER, t.task("putaway"), "put_away", bin="ZJ-A-1")
    assert refusal.code == "lot_held"
    away = SupplierReturn(
        t.op(), t.supplier, got.item_id, q(4), got_dock(t), "有异味", got.lot_id, "hold"
    )
    t.do(lambda tx: supplier_return(tx, t.people[KEEPER], away))
    assert t.line(got).to_stock == q(6)
    rest = Scrap(t.op(), got.item_id, q(6), got_dock(t), "有异味", got.lot_id, "hold")
    t.do(lambda tx: scrap(tx, t.people[KEEPER], rest))
    assert t.tasks("putaway") == []


def test_a_line_is_shelved_from_its_own_dock(s: Shop) -> None:
    """Same goods in the other warehouse, by who works there: the line here still waits."""
    t = s.t
    got = arrived(s, MILK, "10", "L-1")
    t.put(MILK, "10", "SJ-A-1", "L-1")
    t.put(MILK, "10", "ZJ-A-1", "L-1")
    spare = catalog.NewLocation("SJ-A-2", "bin", "", t.warehouses["松江仓"])
    other = t.do(lambda tx: catalog.add_location(tx, ENGINE, spare))
    only_there = frozenset({t.warehouses["松江仓"]})
    bound = replace(t.people["王师傅"], warehouse_ids=only_there)
    for who, source, target in (
        (bound, t.places["SJ-A-1"], other),
        (t.people[KEEPER], t.places["ZJ-A-1"], t.places["ZJ-A-2"]),
    ):
        ask = PutAway(t.op(), got.item_id, got.lot_id, q(10), source, target, (), got.id)
        refusal = t.refused(lambda tx, who=who, ask=ask: put_away(tx, who, ask))  # type: ignore[misc]
        assert refusal.code == "not_on_dock"
        assert "ZJ-DOCK" in refusal.say("zh")
    assert t.line(got).to_stock == q(10)
