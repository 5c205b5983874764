"""Goods on their way belong to their transfer: nobody takes them out of transit by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core import stock
from core.clock import ManualClock
from core.db import Database
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
from core.orders.quick import Issue, ReturnToStock, issue, return_to_stock
from core.orders.sales.returns import (
    CustomerReturn,
    Scrap,
    SupplierReturn,
    customer_return,
    scrap,
    supplier_return,
)
from core.orders.transfer import AskLine, AskTransfer, SendTransfer, ask_transfer, send_transfer
from tests.core.orders_world import CUP, q
from tests.core.sales_world import Shop, shop

BOSS = "赵主管"


@pytest.fixture
def s(db: Database, clock: ManualClock) -> Shop:
    """Ten cups are on the road to 松江."""
    found = shop(db, clock)
    t, by = found.t, found.t.people["李某"]
    t.put(CUP, "30", "ZJ-A-1")
    houses = (t.warehouses["张江仓"], t.warehouses["松江仓"])
    ask = AskTransfer(t.op(), "DB-1", *houses, (AskLine(t.items[CUP], q(10)),))
    made = t.do(lambda tx: ask_transfer(tx, by, ask))
    t.do(lambda tx: send_transfer(tx, by, SendTransfer(t.op(), made.id)))
    return found


def refused(s: Shop, verb: Callable[..., Any], ask: Any) -> str:
    refusal = s.t.refused(lambda tx: verb(tx, s.t.people[BOSS], ask))
    assert refusal.code == "transit_by_hand"
    return refusal.say("zh")


def test_goods_do_not_leave_transit_by_hand_and_the_transfer_is_received(s: Shop) -> None:
    t = s.t
    item, road = t.items[CUP], t.places["SJ-TRANSIT"]
    said = refused(s, move, Move(t.op(), item, q(10), road, t.places["SJ-A-1"]))
    assert "收下那张调拨" in said
    refused(s, issue, Issue(t.op(), item, q(1), road))
    refused(s, issue, Issue(t.op(), item, q(1), road, "scrap", reason="碎了"))
    refused(s, scrap, Scrap(t.op(), item, q(1), road, "碎了"))
    refused(s, supplier_return, SupplierReturn(t.op(), t.supplier, item, q(1), road, "送错了"))
    away = stock.Line(item, q(1), road, t.places["CUSTOMER"])
    refused(s, stock.post_by_hand, stock.Posting(t.op(), "issue", (away,)))
    t.press("王师傅", t.task("transfer"), "receive")
    assert t.stands(CUP) == {"ZJ-A-1/ok": "20", "SJ-DOCK/ok": "10"}


def test_nothing_is_put_into_transit_by_hand(s: Shop) -> None:
    t = s.t
    item, road = t.items[CUP], t.places["ZJ-TRANSIT"]
    refused(s, move, Move(t.op(), item, q(1), t.places["ZJ-A-1"], road))
    refused(s, return_to_stock, ReturnToStock(t.op(), item, q(1), road, "多领"))
    made = s.sell((CUP, "5"))
    s.walk(s.release(made))
    s.pack(made, ((CUP, "5"),))
    s.ship(made)
    line = s.again(made).lines[0]
    refused(
        s,
        customer_return,
        CustomerReturn(t.op(), made.id, line.id, q(1), "退", "good", to_location=road),
    )
    promised = t.do(lambda tx: stock.reserve(tx, t.people[BOSS], stock.Reserve(t.op(), item, q(2))))
    number, op, by = promised.reservation_id, t.op(), t.people[BOSS]
    problem = t.refused(lambda tx: stock.fulfil_by_hand(tx, by, number, op, road))
    assert problem.code == "transit_by_hand"


def test_what_was_lost_on_the_road_is_counted(s: Shop) -> None:
    t = s.t
    road, by = t.places["SJ-TRANSIT"], t.people[BOSS]
    sheet = OpenCount(t.op(), "PD-1", t.warehouses["松江仓"], (road,), threshold_percent=100)
    count_id = t.do(lambda tx: open_count(tx, by, sheet))
    seen = RecordCount(t.op(), count_id, (CountedLine(road, t.items[CUP], q(7)),))
    t.do(lambda tx: record(tx, t.people["王师傅"], seen))
    t.do(lambda tx: approve(tx, by, FinishCount(t.op(), count_id, "路上丢了")))
    assert t.stands(CUP) == {"ZJ-A-1/ok": "20", "SJ-TRANSIT/ok": "7"}
    t.proven()
