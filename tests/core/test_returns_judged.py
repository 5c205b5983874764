"""What customers sent back is looked at, by door or button alike; never what a lorry brought."""

from __future__ import annotations

import pytest

from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.move import Move, move
from core.orders.sales.book import Sale
from core.orders.sales.pack import PackRest, pack_rest
from core.orders.sales.returns import (
    CustomerReturn,
    Judge,
    Returned,
    Scrap,
    customer_return,
    judge_return,
    scrap,
)
from tests.core.orders_world import BASE, SCALE, Trader, q
from tests.core.sales_world import KEEPER, Shop, shop


@pytest.fixture
def s(db: Database, clock: ManualClock) -> Shop:
    return shop(db, clock)


def sold(s: Shop, quantity: str = "10") -> Sale:
    s.t.put(BASE, quantity, "ZJ-A-1", "L-1")
    made = s.sell((BASE, quantity))
    s.walk(s.release(made))
    s.pack(made, ((BASE, quantity),))
    s.ship(made)
    return s.again(made)


def comes_back(s: Shop, made: Sale, quantity: str, serials: tuple[str, ...] = ()) -> None:
    line = made.lines[0].id
    ask = CustomerReturn(s.t.op(), made.id, line, q(quantity), "送错了", serials=serials)
    s.t.do(lambda tx: customer_return(tx, s.t.people[KEEPER], ask))


def judge(s: Shop, quantity: str, *, good: bool = True, op: str = "") -> Returned:
    t = s.t
    lot, dock = t.lot(BASE, "L-1").id, t.places["ZJ-DOCK"]
    ask = Judge(op or t.op(), t.items[BASE], lot, dock, q(quantity), good, "看过")
    return t.do(lambda tx: judge_return(tx, t.people[KEEPER], ask))


def judge_refused(s: Shop, quantity: str) -> AppError:
    try:
        judge(s, quantity)
    except AppError as refusal:
        return refusal
    raise AssertionError("this should have been refused")


def brought(t: Trader, quantity: str) -> None:
    made = t.order((BASE, quantity))
    t.arrive(made, t.bring(made, 0, quantity, "L-1"))


def test_at_the_door_the_task_ends_too(s: Shop) -> None:
    t = s.t
    comes_back(s, sold(s), "4")
    op = t.op()
    first = judge(s, "4", op=op)
    assert judge(s, "4", op=op) == first
    assert t.stands(BASE) == {"ZJ-DOCK/ok": "4"}
    [task] = t.tasks("return_check", live=False)
    assert (task.state, task.sentence) == ("done", "低糖基料 4 件 完好，可上架")
    t.proven()


def test_what_waits_for_inspection_is_not_judged_as_a_return(s: Shop) -> None:
    t = s.t
    brought(t, "24")
    refusal = judge_refused(s, "24")
    assert refusal.code == "return_not_waiting"
    assert "质检任务" in refusal.say("zh")
    comes_back(s, sold(s), "4")
    assert judge_refused(s, "5").code == "return_not_waiting"
    judge(s, "4")
    assert t.stands(BASE) == {"ZJ-DOCK/inspect": "24", "ZJ-DOCK/ok": "4"}
    assert (len(t.tasks("inspect")), t.tasks("return_check")) == (1, [])


def test_some_are_good_and_the_rest_is_asked_for_again(s: Shop) -> None:
    t = s.t
    made = sold(s)
    comes_back(s, made, "4")
    comes_back(s, made, "3")
    judge(s, "5")
    task = t.task("return_check")
    assert task.title == f"退货检查 · 低糖基料 2 件 · {made.code}"
    t.press(KEEPER, task, "bad", reason="破损")
    assert t.stands(BASE) == {"ZJ-DOCK/ok": "5", "ZJ-DOCK/hold": "2"}
    assert t.tasks("return_check") == []
    t.proven()


@pytest.mark.parametrize("gone", ["1", "4"])
def test_the_button_judges_what_is_still_there(s: Shop, gone: str) -> None:
    t = s.t
    brought(t, "24")
    comes_back(s, sold(s), "4")
    lot, dock = t.lot(BASE, "L-1").id, t.places["ZJ-DOCK"]
    ask = Scrap(t.op(), t.items[BASE], q(gone), dock, "碎了", lot, "inspect")
    t.do(lambda tx: scrap(tx, t.people[KEEPER], ask))
    said = t.press(KEEPER, t.task("return_check"), "good").sentence
    if gone == "4":
        assert said == "低糖基料 已不在待检的货里，不用再看"
    else:
        assert said == "低糖基料 3 件 完好，可上架，另有 1 件 已不在"
    assert t.stands(BASE)["ZJ-DOCK/inspect"] == "24"
    assert t.tasks("return_check") == []


def test_goods_moved_aside_are_judged_where_they_are(s: Shop) -> None:
    t = s.t
    comes_back(s, sold(s), "4")
    lot, dock, aside = t.lot(BASE, "L-1").id, t.places["ZJ-DOCK"], t.places["ZJ-A-4"]
    ask = Move(t.op(), t.items[BASE], q(3), dock, aside, lot, status="inspect")
    t.do(lambda tx: move(tx, t.people[KEEPER], ask))
    t.press(KEEPER, t.task("return_check"), "good")
    assert t.stands(BASE) == {"ZJ-DOCK/ok": "1", "ZJ-A-4/ok": "3"}


def test_serial_numbers_are_judged_one_by_one(s: Shop) -> None:
    t = s.t
    t.put(SCALE, "3", "ZJ-A-1", serials=("S1", "S2", "S3"))
    made = s.sell((SCALE, "3"))
    s.pick(s.release(made).lines[0], serials=("S1", "S2", "S3"))
    t.do(lambda tx: pack_rest(tx, t.people[KEEPER], PackRest(t.op(), made.id)))
    s.ship(made)
    comes_back(s, s.again(made), "3", ("S1", "S2", "S3"))
    ask = Judge(t.op(), t.items[SCALE], 0, t.places["ZJ-DOCK"], q(1), False, "坏", ("S2",))
    t.do(lambda tx: judge_return(tx, t.people[KEEPER], ask))
    task = t.task("return_check")
    assert task.context["serials"] == ["S1", "S3"]
    t.press(KEEPER, task, "good")
    assert t.stands(SCALE) == {"ZJ-DOCK/ok": "2", "ZJ-DOCK/hold": "1"}
    assert t.tasks("return_check") == []
    t.proven()
