"""What comes back, and what is handed out at the counter: only where goods are really kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.clock import ManualClock
from core.db import Database
from core.orders.quick import Issue, ReturnToStock, issue, return_to_stock
from core.orders.sales.book import Sale
from core.orders.sales.returns import (
    CustomerReturn,
    Scrap,
    SupplierReturn,
    customer_return,
    scrap,
    supplier_return,
)
from core.people import Actor
from tests.core.orders_world import CUP, MILK, SCALE, q
from tests.core.sales_world import KEEPER, Shop, shop

NOWHERE = ("SUPPLIER", "CUSTOMER", "COUNT", "PRODUCTION", "SCRAP")


@pytest.fixture
def s(db: Database, clock: ManualClock) -> Shop:
    return shop(db, clock)


def keeper(s: Shop) -> Actor:
    """李某, who works in 张江仓 only."""
    house = frozenset({s.t.warehouses["张江仓"]})
    return replace(s.t.people[KEEPER], warehouse_ids=house)


def refused_at(place: str) -> str:
    """Goods on the road belong to their transfer; elsewhere nobody keeps any."""
    return "transit_by_hand" if place == "ZJ-TRANSIT" else "not_a_stand"


def sent(s: Shop) -> Sale:
    s.t.put(MILK, "10", "ZJ-A-1", "M-1")
    made = s.sell((MILK, "10"))
    s.walk(s.release(made))
    s.pack(made, ((MILK, "10"),))
    s.ship(made)
    return s.again(made)


def test_a_customers_goods_come_back_to_the_warehouse_that_sent_them(s: Shop) -> None:
    t, made, by = s.t, sent(s), keeper(s)

    def back(place: str) -> CustomerReturn:
        to, line = t.places[place], made.lines[0].id
        return CustomerReturn(
            t.op(), made.id, line, q(2), "送错了", condition="good", to_location=to
        )

    for place in ("ZJ-TRANSIT", *NOWHERE):
        ask = back(place)
        refusal = t.refused(lambda tx, ask=ask: customer_return(tx, by, ask))  # type: ignore[misc]
        assert refusal.code == refused_at(place)
    ask = back("SJ-A-1")
    elsewhere = t.refused(lambda tx: customer_return(tx, by, ask))
    assert elsewhere.code == "return_elsewhere"
    assert "先退到张江仓，再调拨过去" in elsewhere.say("zh")
    assert t.stands(MILK) == {}
    for place in ("ZJ-A-2", "ZJ-DOCK"):
        ask = back(place)
        t.do(lambda tx, ask=ask: customer_return(tx, by, ask))  # type: ignore[misc]
    assert t.stands(MILK) == {"ZJ-A-2/ok": "2", "ZJ-DOCK/ok": "2"}


@pytest.mark.parametrize("place", ["ZJ-TRANSIT", *NOWHERE])
def test_at_the_counter_goods_go_to_and_come_from_where_they_are_kept(s: Shop, place: str) -> None:
    """Five cups were handed to a customer out of the supplier's place: nobody had any."""
    t, by = s.t, keeper(s)
    item, there = t.items[CUP], t.places[place]
    asks: tuple[tuple[Any, Any], ...] = (
        (return_to_stock, ReturnToStock(t.op(), item, q(5), there, "没用完")),
        (issue, Issue(t.op(), item, q(5), there)),
        (issue, Issue(t.op(), item, q(5), there, "scrap", reason="坏了")),
    )
    away = SupplierReturn(t.op(), t.supplier, item, q(5), there, "坏了")
    asks += ((supplier_return, away), (scrap, Scrap(t.op(), item, q(5), there, "坏了")))
    for verb, ask in asks:
        refusal = t.refused(lambda tx, verb=verb, ask=ask: verb(tx, by, ask))  # type: ignore[misc]
        assert refusal.code == refused_at(place)
        assert place in refusal.say("zh")
    assert t.stands(CUP) == {}


def sent_scale(s: Shop, serial: str) -> Sale:
    made = s.sell((SCALE, "1"))
    s.pick(s.release(made).lines[0], serials=(serial,))
    s.pack(made, ((SCALE, "1"),))
    s.ship(made)
    return s.again(made)


def test_a_piece_comes_back_on_the_order_that_it_left_with(s: Shop) -> None:
    t = s.t
    t.put(SCALE, "2", "ZJ-A-1", serials=("S1", "S2"))
    one, other = sent_scale(s, "S1"), sent_scale(s, "S2")

    def back(made: Sale, serial: str) -> Any:
        line = made.lines[0].id
        ask = CustomerReturn(t.op(), made.id, line, q(1), "退", "good", serials=(serial,))
        return lambda tx: customer_return(tx, t.people[KEEPER], ask)

    refusal = t.refused(back(one, "S2"))
    assert refusal.code == "serial_not_sent"
    assert f"是 {other.code} 发的" in refusal.say("zh")
    assert t.refused(back(one, "S9")).code == "serial_not_sent"
    t.do(back(other, "S2"))
    t.do(back(one, "S1"))
    again = sent_scale(s, "S1")
    assert t.refused(back(one, "S1")).code == "return_too_much"
    t.do(back(again, "S1"))
    t.proven()


def test_a_piece_that_was_sold_again_comes_back_on_its_last_order(s: Shop) -> None:
    t = s.t
    t.put(SCALE, "2", "ZJ-A-1", serials=("S1", "S2"))
    both = s.sell((SCALE, "2"))
    s.pick(s.release(both).lines[0], serials=("S1", "S2"))
    s.pack(both, ((SCALE, "2"),))
    s.ship(both)

    def back(made: Sale) -> Any:
        line = made.lines[0].id
        ask = CustomerReturn(t.op(), made.id, line, q(1), "退", "good", serials=("S1",))
        return lambda tx: customer_return(tx, t.people[KEEPER], ask)

    t.do(back(both))
    last = sent_scale(s, "S1")
    assert last.code in t.refused(back(both)).say("zh")
    t.do(back(last))
    t.proven()
