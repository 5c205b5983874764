"""Real threads at one order: a stop is picked once, goods are promised once, boxes leave once."""

from __future__ import annotations

from collections import Counter

import pytest

from core.clock import ManualClock
from core.db import Database
from core.orders.sales.pick import Pick, pick
from core.orders.sales.ship import Ship, ship
from core.orders.sales.short import ShortPick, short_pick
from core.orders.sales.wave import Release, release
from core.quantity import plain
from tests.core.orders_world import CUP, q
from tests.core.sales_world import BOSS, KEEPER, Shop, shop
from tests.core.test_stock_races import at_once


@pytest.fixture
def s(db: Database, clock: ManualClock) -> Shop:
    return shop(db, clock)


def test_eight_workers_pick_one_stop_once(s: Shop) -> None:
    """OCA/wms PR 536: two workers on one line."""
    s.t.put(CUP, "50", "ZJ-A-1")
    stop = s.release(s.sell((CUP, "10"))).lines[0]
    keeper = s.t.people[KEEPER]
    asks = [Pick(s.t.op(), stop.id) for _ in range(8)]
    ended = at_once([lambda a=ask: s.t.do(lambda tx: pick(tx, keeper, a)) for ask in asks])  # type: ignore[misc]
    assert ended == Counter({"ok": 1, "already_picked": 7})
    assert s.t.stands(CUP) == {"ZJ-A-1/ok": "40", "ZJ-OUT/ok": "10"}
    s.t.proven()


def test_a_pick_and_a_short_of_one_stop(s: Shop) -> None:
    s.t.put(CUP, "10", "ZJ-A-1")
    stop = s.release(s.sell((CUP, "10"))).lines[0]
    keeper = s.t.people[KEEPER]
    whole, part = Pick(s.t.op(), stop.id), ShortPick(s.t.op(), stop.id, q(3), "missing")
    ended = at_once(
        [
            lambda: s.t.do(lambda tx: pick(tx, keeper, whole)),
            lambda: s.t.do(lambda tx: short_pick(tx, keeper, part)),
        ]
    )
    assert ended == Counter({"ok": 1, "already_picked": 1})
    s.t.proven()


def test_ten_sellers_sell_the_last_ten(s: Shop) -> None:
    """odoo PR 32857: what is promised is never more than there is."""
    s.t.put(CUP, "10", "ZJ-A-1")
    codes = [f"SO-R{n}" for n in range(10)]
    ended = at_once([lambda c=code: s.sell((CUP, "3"), op=f"sell-{c}", code=c) for code in codes])  # type: ignore[misc]
    assert ended == Counter({"ok": 10})
    found = [s.by_code(code).lines[0] for code in codes]
    assert plain(sum(line.promised for line in found)) == "10"
    assert plain(sum(line.missing for line in found)) == "20"
    s.t.proven()


def test_one_order_goes_into_one_wave(s: Shop) -> None:
    s.t.put(CUP, "10", "ZJ-A-1")
    made = s.sell((CUP, "10"))
    boss, house = s.t.people[BOSS], s.t.warehouses["张江仓"]
    asks = [Release(s.t.op(), house, (made.id,), code=f"W-{n}") for n in range(6)]
    ended = at_once([lambda a=ask: s.t.do(lambda tx: release(tx, boss, a)) for ask in asks])  # type: ignore[misc]
    assert ended == Counter({"ok": 1, "sale_state": 5})


def test_boxes_leave_once(s: Shop) -> None:
    s.t.put(CUP, "10", "ZJ-A-1")
    made = s.sell((CUP, "10"))
    s.walk(s.release(made))
    s.pack(made, ((CUP, "10"),))
    keeper = s.t.people[KEEPER]
    asks = [Ship(s.t.op(), made.id) for _ in range(6)]
    ended = at_once([lambda a=ask: s.t.do(lambda tx: ship(tx, keeper, a)) for ask in asks])  # type: ignore[misc]
    assert ended == Counter({"ok": 1, "nothing_open": 5})
    assert s.t.stands(CUP) == {}
    s.t.proven()
