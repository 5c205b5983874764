"""A customer cancels when the goods are on their way already; a box was packed wrongly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.decision import Decide, decide
from core.orders.move import Move, move
from core.orders.putaway import PutAway, put_away
from core.orders.quick import Issue, ReturnToStock, issue, return_to_stock
from core.orders.sales.book import Sale, picks_of
from core.orders.sales.cancel import CancelSale, cancel_sale
from core.orders.sales.pack import PackRest, pack_rest
from core.orders.sales.pick import Pick, pick
from core.orders.sales.putback import PutBack, put_back
from core.orders.sales.returns import (
    CustomerReturn,
    Scrap,
    SupplierReturn,
    customer_return,
    scrap,
    supplier_return,
)
from core.orders.sales.unpack import Unpack, unpack
from core.orders.sales.unpick import Unpick, Unpicked, unpick
from core.orders.transfer import (
    AskLine,
    AskTransfer,
    SendLine,
    SendTransfer,
    ask_transfer,
    send_transfer,
)
from core.quantity import plain
from core.stock import hold_lot
from tests.core.orders_world import BASE, CUP, MILK, SCALE, q
from tests.core.sales_world import BOSS, BUYER, KEEPER, SELLER, Shop, shop


@pytest.fixture
def s(db: Database, clock: ManualClock) -> Shop:
    return shop(db, clock)


def packed(s: Shop, *wanted: tuple[str, str]) -> Sale:
    """Sold, picked, and everything in one box."""
    made = s.sell(*wanted)
    s.walk(s.release(made))
    s.pack(made, wanted)
    return made


def refused(s: Shop, code: str, verb: Callable[..., Any], ask: Any, by: str = KEEPER) -> AppError:
    refusal = s.t.refused(lambda tx: verb(tx, s.t.people[by], ask))
    assert refusal.code == code, refusal
    return refusal


# -- a lot that turned out bad -------------------------------------------------------------------
def test_what_was_picked_of_a_bad_lot_stays_until_its_order_is_given_up(s: Shop) -> None:
    """Found by the simulator: it went back to the supplier from under its order."""
    t = s.t
    t.put(BASE, "36", "ZJ-A-1", "L-7")
    made = s.sell((BASE, "12"))
    s.walk(s.release(made))
    ask = Decide(t.op(), t.fail_a_lot("L-7").id, "return", "与供应商谈妥")
    done = t.do(lambda tx: decide(tx, t.people[BUYER], ask))
    assert done.sentence.endswith("，另有 1 箱 在出货区或在途，仍冻结")
    assert t.stands(BASE) == {"ZJ-OUT/hold": "12"}
    assert s.cancel(made).state == "cancelled"
    t.press(KEEPER, t.task("put_back"), "put_back")
    assert t.stands(BASE) == {"ZJ-A-1/hold": "12"}
    t.proven()


def test_a_decision_about_goods_that_are_all_picked_says_where_they_are(s: Shop) -> None:
    t = s.t
    t.put(BASE, "12", "ZJ-A-1", "L-7")
    made = s.sell((BASE, "12"))
    s.walk(s.release(made))
    found = t.fail_a_lot("L-7", "1")
    away = SupplierReturn(t.op(), t.supplier, t.items[BASE], q("1"), t.places["ZJ-DOCK"], "x")
    lot = t.lot(BASE, "L-7").id
    t.do(lambda tx: supplier_return(tx, t.people[BOSS], replace(away, lot_id=lot, status="hold")))
    wrong = refused(s, "held_elsewhere", decide, Decide(t.op(), found.id, "scrap", "坏了"), BUYER)
    assert "ZJ-OUT" in wrong.say()


def test_what_is_broken_is_taken_out_and_others_go_instead(s: Shop) -> None:
    """The packer finds two broken ones: the walk goes on to two others, the order stays whole."""
    t = s.t
    t.put(CUP, "10", "ZJ-A-1")
    t.put(CUP, "5", "ZJ-A-2")
    made = s.sell((CUP, "8"))
    walk = s.release(made)
    s.walk(walk)
    done = undo(s, made, Unpick("undo-broken-1", walk.lines[0].id, "压坏了", q("2")))
    assert done.sentence.startswith(f"{made.code} 退拣 纸杯 2 ")
    assert (done.quantity, done.elsewhere, done.missing) == (q("2"), q("2"), 0)
    [line] = s.again(made).lines
    assert (line.picked, line.promised, line.missing) == (q("6"), q("2"), 0)
    assert s.waits(made) == {"ZJ-A-1": "2"}
    assert "压坏了" in t.task("put_back").card.lead
    away = Scrap(t.op(), t.items[CUP], q("2"), t.places["ZJ-OUT"], "压坏了")
    t.do(lambda tx: scrap(tx, t.people[KEEPER], away))
    assert t.tasks("put_back") == []
    s.pack(made, ((CUP, "6"),))
    s.ship(made)
    again = s.release(s.again(made))
    s.walk(again)
    s.pack(made, ((CUP, "2"),))
    s.ship(made)
    assert s.again(made).lines[0].shipped == q("8")
    t.proven()


def test_while_the_walk_lasts_it_goes_to_the_others_too(s: Shop) -> None:
    t = s.t
    t.put(CUP, "20", "ZJ-A-1")
    t.put(MILK, "5", "ZJ-A-2", "M-1")
    made = s.sell((CUP, "8"), (MILK, "5"))
    walk = s.release(made)
    stop = next(each for each in walk.lines if each.item_name == CUP)
    s.pick(stop)
    undo(s, made, Unpick(t.op(), stop.id, "拿错了"))
    after = s.walked(stop)
    assert [(each.state, each.quantity) for each in after.lines if each.item_name == CUP] == [
        ("cancelled", 0),
        ("open", q("8")),
    ]
    assert s.waits(made) == {"ZJ-A-1": "8"}
    for each in after.lines:
        if each.state == "open":
            s.pick(each)
    assert s.again(made).state == "picked"
    t.proven()


def test_what_is_in_a_box_or_nowhere_is_not_taken_out(s: Shop) -> None:
    t = s.t
    t.put(CUP, "8", "ZJ-A-1")
    made = packed(s, (CUP, "8"))
    [stop] = t.db.read_now(lambda conn: picks_of(conn, made.id))
    wrong = refused(s, "unpick_too_much", unpick, Unpick(t.op(), stop.id, "坏了"))
    assert "先拆箱" in wrong.say()
    refused(s, "reason_needed", unpick, Unpick(t.op(), stop.id, " "))


def undo(s: Shop, made: Sale, ask: Unpick) -> Unpicked:
    """Done twice under one id, as a phone without an answer does."""
    first = s.t.do(lambda tx: unpick(tx, s.t.people[KEEPER], ask))
    assert s.t.do(lambda tx: unpick(tx, s.t.people[KEEPER], ask)) == first
    return first


# -- giving up -----------------------------------------------------------------------------------
def test_a_cancelled_order_is_carried_back_to_its_bins(s: Shop) -> None:
    """sell → release → pick → pack one box → cancel → a task, one press, the goods lie in bins."""
    t = s.t
    t.put(CUP, "60", "ZJ-A-1")
    t.put(CUP, "40", "ZJ-A-2")
    t.put(MILK, "24", "ZJ-A-3", "M-1")
    made = s.sell((CUP, "80"), (MILK, "24"))
    s.walk(s.release(made))
    s.pack(made, ((CUP, "30"),))
    after = s.cancel(made)
    assert after.state == "cancelled"
    for line in after.lines:
        assert (line.picked, line.packed, line.missing, line.promised) == (0, 0, 0, 0)
        assert (line.cut, line.cut_reason) == (line.quantity, "客户不要了")
    assert [each.state for each in s.boxes(made)] == ["void"]
    assert t.inbox(KEEPER) == ["put_back"]
    task = t.task("put_back")
    assert task.title.startswith(f"退拣放回 · {made.code} 纸杯 60 ")
    facts = {fact.label: fact.value for fact in task.card.facts}
    assert facts["单号"] == made.code
    assert facts["放回 ZJ-A-3"] == "燕麦奶 24 瓶（批次 M-1）"
    assert s.waits(made) == {"ZJ-A-1": "60", "ZJ-A-2": "20", "ZJ-A-3": "24"}
    said = t.press(KEEPER, task, "put_back").sentence
    assert "已放回 ZJ-A-1、ZJ-A-2、ZJ-A-3" in said
    assert t.stands(CUP) == {"ZJ-A-1/ok": "60", "ZJ-A-2/ok": "40"}
    assert t.stands(MILK) == {"ZJ-A-3/ok": "24"}
    assert t.inbox(KEEPER) == []
    assert s.waits(made) == {}
    assert plain(s.sell((CUP, "100")).lines[0].promised) == "100"
    t.proven()


def test_a_walk_goes_on_without_the_order_that_was_given_up(s: Shop) -> None:
    t = s.t
    t.put(CUP, "50", "ZJ-A-1")
    t.put(MILK, "50", "ZJ-A-2", "M-1")
    made, other = s.sell((CUP, "10"), (MILK, "5")), s.sell((CUP, "3"))
    wave = s.release(made, other)
    stops = {(each.sale_id, each.item_name): each for each in wave.lines}
    s.pick(stops[made.id, CUP], "4")
    s.cancel(made, "改主意了")
    mine = [each for each in s.wave(wave).lines if each.sale_id == made.id]
    assert {(each.state, each.picked, each.reason) for each in mine} == {
        ("cancelled", 0, f"销售单 {made.code} 取消：改主意了")
    }
    assert (s.wave(wave).state, t.inbox(KEEPER)) == ("open", ["pick", "put_back"])
    late = Pick(t.op(), stops[made.id, MILK].id)
    assert "已经取消" in refused(s, "already_picked", pick, late).say("zh")
    s.pick(stops[other.id, CUP])
    assert s.wave(wave).state == "done"
    t.press(KEEPER, t.task("put_back"), "put_back")
    assert t.stands(CUP) == {"ZJ-A-1/ok": "47", "ZJ-OUT/ok": "3"}
    t.proven()


def test_the_last_stop_of_a_walk_is_cancelled_and_the_walk_is_over(s: Shop) -> None:
    t = s.t
    t.put(CUP, "50", "ZJ-A-1")
    made = s.sell((CUP, "10"))
    wave = s.release(made)
    assert s.cancel(made).state == "cancelled"
    assert s.wave(wave).state == "done"
    [task] = t.tasks("pick", live=False)
    assert "取消了，剩下的不用拣" in task.sentence
    assert t.inbox(KEEPER) == []
    assert t.tasks("put_back", live=False) == []
    assert plain(s.sell((CUP, "50")).lines[0].promised) == "50"


def test_what_has_left_stays_gone(s: Shop) -> None:
    """Half is on the lorry, half in a box, and some is not picked yet."""
    t = s.t
    t.put(MILK, "20", "ZJ-A-1", "M-1", expires_on="2026-06-01")
    t.put(MILK, "20", "ZJ-A-2", "M-2", expires_on="2026-07-01")
    made = s.sell((MILK, "30"))
    s.walk(s.release(made))
    s.pack(made, ((MILK, "12"),), ((MILK, "10"),))
    s.ship(made, packages=(f"{made.code}-1",))
    after = s.cancel(made)
    [line] = after.lines
    numbers = (line.picked, line.packed, line.shipped, line.cut)
    assert (after.state, tuple(map(plain, numbers))) == ("shipped", ("12", "12", "12", "18"))
    picks = t.db.read_now(lambda conn: picks_of(conn, made.id))
    assert [(each.lot, plain(each.picked), each.state) for each in picks] == [
        ("M-1", "12", "picked"),
        ("M-2", "0", "cancelled"),
    ]
    assert [each.state for each in s.boxes(made)] == ["shipped", "void"]
    assert t.inbox(KEEPER) == ["put_back"]
    assert s.waits(made) == {"ZJ-A-1": "8", "ZJ-A-2": "10"}
    t.press(KEEPER, t.task("put_back"), "put_back")
    assert t.stands(MILK) == {"ZJ-A-1/ok": "8", "ZJ-A-2/ok": "20"}
    back = CustomerReturn(t.op(), made.id, line.id, q(12), "太晚了", "bad")
    t.do(lambda tx: customer_return(tx, t.people[KEEPER], back))  # of the one lot that left
    t.proven()
    refused(s, "sale_state", cancel_sale, CancelSale(t.op(), made.id, "再来"), SELLER)


def test_a_rush_order_that_is_given_up_asks_nobody_any_more(s: Shop) -> None:
    t = s.t
    t.put(CUP, "10", "ZJ-A-1")
    done = s.rush((CUP, "15"))
    made = s.by_code(done.code)
    s.cancel(made)
    for kind in ("rush_stock", "rush_terms", "shortage", "pick", "pack", "ship"):
        assert t.tasks(kind) == [], kind
    t.proven()


def test_serial_numbers_go_back_to_where_they_came_from(s: Shop) -> None:
    t = s.t
    t.put(SCALE, "2", "ZJ-A-1", serials=("S1", "S2"))
    t.put(SCALE, "2", "ZJ-A-2", serials=("S3", "S4"))
    made = s.sell((SCALE, "4"))
    by_bin = {each.bin: each for each in s.release(made).lines}
    s.pick(by_bin["ZJ-A-1"], serials=("S1", "S2"))
    s.pick(by_bin["ZJ-A-2"], serials=("S3", "S4"))
    s.pack(made, ((SCALE, "1"),))
    s.ship(made)
    s.cancel(made)
    assert s.waits(made) == {"ZJ-A-1": "1", "ZJ-A-2": "2"}
    out, bin_ = t.places["ZJ-OUT"], t.places["ZJ-A-4"]
    gone = Move(t.op(), t.items[SCALE], q(1), out, bin_, serials=("S1",))
    refused(s, "stage_unclaimed", move, gone)  # it left in the box
    mine = Move(t.op(), t.items[SCALE], q(1), out, bin_, serials=("S4",))
    t.do(lambda tx: move(tx, t.people[KEEPER], mine))
    t.press(KEEPER, t.task("put_back"), "put_back")
    assert t.stands(SCALE) == {"ZJ-A-1/ok": "1", "ZJ-A-2/ok": "1", "ZJ-A-4/ok": "1"}
    t.proven()


def test_goods_that_were_held_meanwhile_go_back_held(s: Shop) -> None:
    t = s.t
    lot = t.put(MILK, "20", "ZJ-A-1", "M-1")
    made = packed(s, (MILK, "5"))
    t.do(lambda tx: hold_lot(tx, t.people[BOSS], lot, t.op(), "异味"))
    s.cancel(made)
    t.press(KEEPER, t.task("put_back"), "put_back")
    assert t.stands(MILK) == {"ZJ-A-1/hold": "20"}
    t.proven()


def test_putting_back_once_and_by_who_may(s: Shop) -> None:
    t = s.t
    t.put(CUP, "20", "ZJ-A-1")
    made = packed(s, (CUP, "5"))
    ask = CancelSale(t.op(), made.id, "客户不要了")
    first = t.do(lambda tx: cancel_sale(tx, t.people[SELLER], ask))
    assert t.do(lambda tx: cancel_sale(tx, t.people[SELLER], ask)) == first
    refused(s, "forbidden", put_back, PutBack(t.op(), made.id), SELLER)
    put = PutBack(t.op(), made.id)
    done = t.do(lambda tx: put_back(tx, t.people[KEEPER], put))
    assert plain(done.quantity) == "5"
    assert t.do(lambda tx: put_back(tx, t.people[KEEPER], put)) == done
    refused(s, "nothing_open", put_back, PutBack(t.op(), made.id))
    assert t.inbox(KEEPER) == []
    t.proven()


# -- the stage by hand ---------------------------------------------------------------------------
def test_what_a_live_order_owns_does_not_leave_the_stage_by_hand(s: Shop) -> None:
    t = s.t
    t.put(CUP, "20", "ZJ-A-1")
    t.put(MILK, "20", "ZJ-A-2", "M-1")
    made = packed(s, (CUP, "5"), (MILK, "6"))
    out, item, lot = t.places["ZJ-OUT"], t.items[CUP], t.lot(MILK, "M-1").id
    target = t.places["ZJ-A-3"]
    problem = refused(s, "stage_taken", move, Move(t.op(), item, q(2), out, target))
    assert f"ZJ-OUT 的 纸杯 是销售单 {made.code} 拣出来的" in problem.say("zh")
    assert f"先取消 {made.code}，或打包发货" in problem.say("zh")
    refused(s, "stage_taken", issue, Issue(t.op(), item, q(1), out))
    milk = Issue(t.op(), t.items[MILK], q(1), out, lot_id=lot)
    refused(s, "stage_taken", issue, milk)
    refused(s, "lot_needed", issue, Issue(t.op(), t.items[MILK], q(1), out))
    refused(s, "stage_taken", scrap, Scrap(t.op(), item, q(1), out, "压坏"))
    back = SupplierReturn(t.op(), t.supplier, item, q(1), out, "变形")
    refused(s, "stage_taken", supplier_return, back, "陈晨")
    refused(s, "stage_taken", put_away, PutAway(t.op(), item, 0, q(1), out, target))
    houses = t.warehouses["张江仓"], t.warehouses["松江仓"]
    wish = AskTransfer(t.op(), "DB-1", *houses, (AskLine(item, q(1)),))
    asked = t.do(lambda tx: ask_transfer(tx, t.people[KEEPER], wish))
    load = SendLine(asked.lines[0].id, out, q(1))
    refused(s, "stage_taken", send_transfer, SendTransfer(t.op(), asked.id, (load,)))
    assert t.stands(CUP)["ZJ-OUT/ok"] == "5"
    s.ship(made)
    t.proven()


def test_nothing_is_put_into_the_stage_by_hand(s: Shop) -> None:
    t = s.t
    t.put(CUP, "20", "ZJ-A-1")
    out, item = t.places["ZJ-OUT"], t.items[CUP]
    problem = refused(s, "stage_by_hand", move, Move(t.op(), item, q(2), t.places["ZJ-A-1"], out))
    assert "货只能拣货进去" in problem.say("zh")
    refused(s, "stage_by_hand", return_to_stock, ReturnToStock(t.op(), item, q(1), out, "多领"))
    made = packed(s, (CUP, "5"))
    s.ship(made)
    line = made.lines[0].id
    back = CustomerReturn(t.op(), made.id, line, q(1), "破损", "bad", to_location=out)
    refused(s, "stage_by_hand", customer_return, back)
    assert t.stands(CUP) == {"ZJ-A-1/ok": "15"}


def test_what_waits_to_be_put_back_may_be_carried_elsewhere_and_the_task_ends(s: Shop) -> None:
    t = s.t
    t.put(CUP, "30", "ZJ-A-1")
    given_up, other = packed(s, (CUP, "8")), packed(s, (CUP, "5"))
    s.cancel(given_up)
    out, item, keeper = t.places["ZJ-OUT"], t.items[CUP], t.people[KEEPER]
    ask = Move(t.op(), item, q(3), out, t.places["ZJ-A-4"])
    first = t.do(lambda tx: move(tx, keeper, ask))
    assert t.do(lambda tx: move(tx, keeper, ask)) == first  # a repeat takes nothing more
    assert s.waits(given_up) == {"ZJ-A-1": "5"}
    much = Move(t.op(), item, q(6), out, t.places["ZJ-A-4"])
    problem = refused(s, "stage_taken", move, much)
    assert f"销售单 {other.code}" in problem.say("zh")
    assert "退拣的只有 5 件" in problem.say("zh")
    t.do(lambda tx: scrap(tx, keeper, Scrap(t.op(), item, q(1), out, "压坏")))
    assert t.inbox(KEEPER) == ["put_back", "ship"]
    t.do(lambda tx: issue(tx, keeper, Issue(t.op(), item, q(4), out)))
    assert t.inbox(KEEPER) == ["ship"]
    [task] = t.tasks("put_back", live=False)
    assert task.state == "done"
    refused(s, "stage_taken", move, Move(t.op(), item, q(1), out, t.places["ZJ-A-4"]))
    s.ship(other)
    unclaimed = refused(s, "stage_unclaimed", move, Move(t.op(), item, q(1), out, ask.to_location))
    assert "盘点 ZJ-OUT" in unclaimed.say("zh")
    t.proven()


def test_the_oldest_row_is_drawn_first_and_the_button_puts_back_the_rest(s: Shop) -> None:
    t = s.t
    t.put(CUP, "30", "ZJ-A-1")
    one, two = packed(s, (CUP, "4")), packed(s, (CUP, "6"))
    s.cancel(two)
    s.cancel(one)
    keeper, target = t.people[KEEPER], t.places["ZJ-A-4"]
    ask = Move(t.op(), t.items[CUP], q(7), t.places["ZJ-OUT"], target)
    t.do(lambda tx: move(tx, keeper, ask))
    assert (s.waits(two), s.waits(one)) == ({}, {"ZJ-A-1": "3"})
    task = t.task("put_back")
    assert task.subject == f"sale:{one.id}"
    t.press(KEEPER, task, "put_back")
    assert t.stands(CUP) == {"ZJ-A-1/ok": "23", "ZJ-A-4/ok": "7"}
    t.proven()


def test_a_cancelled_customer_is_not_carried_back_twice(s: Shop) -> None:
    """Its postings name the sale: nobody reverses the way back by hand either."""
    t = s.t
    t.put(CUP, "30", "ZJ-A-1")
    made = packed(s, (CUP, "4"))
    s.cancel(made)
    t.press(KEEPER, t.task("put_back"), "put_back")
    refusal = t.press_refused(KEEPER, t.tasks("put_back", live=False)[0], "put_back")
    assert refusal.code in ("already_done", "stale_card")


# -- opening a box -------------------------------------------------------------------------------
def test_a_wrongly_packed_box_is_opened_and_packed_again(s: Shop) -> None:
    t = s.t
    t.put(CUP, "20", "ZJ-A-1")
    t.put(MILK, "20", "ZJ-A-2", "M-1")
    made = s.sell((CUP, "10"), (MILK, "6"))
    s.walk(s.release(made))
    s.pack(made, ((CUP, "10"),), ((MILK, "6"),))
    assert t.inbox(KEEPER) == ["ship"]
    done = s.unpack(made, f"{made.code}-1")
    assert (done.state, plain(done.unpacked), done.boxes[0].state) == ("picked", "10", "void")
    assert [(plain(e.picked), plain(e.packed)) for e in s.again(made).lines] == [
        ("10", "0"),
        ("6", "6"),
    ]
    assert t.inbox(KEEPER) == ["pack", "ship"]
    again = s.pack(made, ((CUP, "4"),), ((CUP, "6"),))
    assert (again.state, [each.code for each in again.boxes]) == (
        "packed",
        [f"{made.code}-3", f"{made.code}-4"],
    )
    assert s.ship(made).boxes == 3
    assert t.stands(CUP) == {"ZJ-A-1/ok": "10"}
    t.proven()


def test_the_only_box_is_opened_and_nobody_waits_at_the_lorry(s: Shop) -> None:
    t = s.t
    t.put(CUP, "20", "ZJ-A-1")
    made = packed(s, (CUP, "10"))
    s.unpack(made, f"{made.code}-1")
    assert t.inbox(KEEPER) == ["pack"]
    [task] = t.tasks("ship", live=False)
    assert task.sentence == "已拆箱，重新打包"
    t.press(KEEPER, t.task("pack"), "pack_rest")
    t.press(KEEPER, t.task("ship"), "ship")
    assert s.again(made).state == "shipped"
    t.proven()


def test_a_box_is_opened_once_and_only_while_it_is_here(s: Shop) -> None:
    t = s.t
    t.put(CUP, "20", "ZJ-A-1")
    made = packed(s, (CUP, "10"))
    code = f"{made.code}-1"
    ask = Unpack(t.op(), made.id, code)
    first = t.do(lambda tx: unpack(tx, t.people[KEEPER], ask))
    assert t.do(lambda tx: unpack(tx, t.people[KEEPER], ask)) == first
    assert "已经拆过" in refused(s, "box_not_here", unpack, Unpack(t.op(), made.id, code)).say("zh")
    s.pack(made, ((CUP, "10"),))
    s.ship(made)
    gone = Unpack(t.op(), made.id, f"{made.code}-2")
    assert "已经交接" in refused(s, "box_not_here", unpack, gone).say("zh")
    refused(s, "not_found", unpack, Unpack(t.op(), made.id, "XX-1"))
    refused(s, "forbidden", unpack, gone, SELLER)


def test_serials_of_an_opened_box_are_packed_once_more_and_never_twice(s: Shop) -> None:
    t = s.t
    t.put(SCALE, "3", "ZJ-A-1", serials=("S1", "S2", "S3"))
    made = s.sell((SCALE, "3"))
    s.pick(s.release(made).lines[0], serials=("S1", "S2", "S3"))
    s.pack(made, ((SCALE, "1"),), ((SCALE, "1"),))
    rest = t.do(lambda tx: pack_rest(tx, t.people[KEEPER], PackRest(t.op(), made.id)))
    assert rest.boxes[0].lines[0].serials == ("S3",)
    s.unpack(made, f"{made.code}-1")
    again = t.do(lambda tx: pack_rest(tx, t.people[KEEPER], PackRest(t.op(), made.id)))
    assert again.boxes[0].lines[0].serials == ("S1",)
    assert plain(s.ship(made).quantity) == "3"
    assert t.stands(SCALE) == {}
    t.proven()


def test_a_piece_that_was_scanned_twice_is_taken_out_and_put_back_once(s: Shop) -> None:
    t = s.t
    t.put(SCALE, "2", "ZJ-A-1", serials=("S1", "S2"))
    made = s.sell((SCALE, "1"))
    stop = s.release(made).lines[0]
    s.pick(stop, serials=("S1",))
    ask = Unpick(t.op(), stop.id, "坏了", serials=("S1", "S1"))
    assert undo(s, made, ask).quantity == q(1)
    t.press(KEEPER, t.task("put_back"), "put_back")
    assert t.stands(SCALE) == {"ZJ-A-1/ok": "2"}
    t.proven()


def test_a_rush_order_of_which_everything_is_cut_asks_nobody_any_more(s: Shop) -> None:
    t = s.t
    done = s.rush((CUP, "5"))
    t.press(BUYER, t.task("shortage"), "cut", reason="没有")
    assert s.by_code(done.code).state == "cancelled"
    for kind in ("rush_stock", "rush_terms", "shortage", "pick", "pack", "ship"):
        assert t.tasks(kind) == [], kind
