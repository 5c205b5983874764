"""Real threads at one order: a stop is picked once, goods are promised once, boxes leave once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from core.clock import ManualClock
from core.db import Database, Tx
from core.orders.move import Move, move
from core.orders.sales.cancel import CancelSale, cancel_sale
from core.orders.sales.pack import PackRest, pack_rest
from core.orders.sales.pick import Pick, pick
from core.orders.sales.putback import PutBack, put_back
from core.orders.sales.ship import Ship, ship
from core.orders.sales.short import ShortPick, short_pick
from core.orders.sales.wave import Release, release
from core.quantity import plain
from tests.core.orders_world import CUP, q
from tests.core.sales_world import BOSS, KEEPER, SELLER, Shop, shop
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


@pytest.mark.parametrize("done_first", ["", "pick", "pack"])
def test_a_customer_cancels_while_the_floor_goes_on(s: Shop, done_first: str) -> None:
    """Cancel against pick, pack and ship: whoever comes second hears it, nothing is lost."""
    s.t.put(CUP, "10", "ZJ-A-1")
    made = s.sell((CUP, "10"))
    stop = s.release(made).lines[0]
    if done_first:
        s.pick(stop)
    if done_first == "pack":
        s.pack(made, ((CUP, "10"),))
    keeper, seller = s.t.people[KEEPER], s.t.people[SELLER]
    give_up = CancelSale(s.t.op(), made.id, "客户不要了")
    goes_on: dict[str, Callable[[Tx], object]] = {
        "": partial(pick, actor=keeper, ask=Pick(s.t.op(), stop.id)),
        "pick": partial(pack_rest, actor=keeper, ask=PackRest(s.t.op(), made.id)),
        "pack": partial(ship, actor=keeper, ask=Ship(s.t.op(), made.id)),
    }
    ended = at_once(
        [
            lambda: s.t.do(lambda tx: cancel_sale(tx, seller, give_up)),
            lambda: s.t.do(goes_on[done_first]),
        ]
    )
    assert ended["ok"] >= 1
    assert set(ended) <= {"ok", "already_picked", "nothing_open", "sale_state"}
    for task in s.t.tasks("put_back"):
        s.t.press(KEEPER, task, "put_back")
    after = s.again(made)
    assert after.state in ("cancelled", "shipped")
    left = "10" if after.state == "cancelled" else "0"
    assert s.t.stands(CUP) == ({} if left == "0" else {"ZJ-A-1/ok": left})
    s.t.proven()


def test_the_button_and_a_move_put_the_same_goods_back_once(s: Shop) -> None:
    s.t.put(CUP, "10", "ZJ-A-1")
    made = s.sell((CUP, "6"))
    s.walk(s.release(made))
    s.cancel(made)
    keeper, out, bin_ = s.t.people[KEEPER], s.t.places["ZJ-OUT"], s.t.places["ZJ-A-2"]
    everything = PutBack(s.t.op(), made.id)
    asks = [Move(s.t.op(), s.t.items[CUP], q(4), out, bin_) for _ in range(3)]
    runs: list[Callable[[], object]] = [
        lambda: s.t.do(lambda tx: put_back(tx, keeper, everything)),
        *(partial(s.t.do, partial(move, actor=keeper, ask=ask)) for ask in asks),
    ]
    ended = at_once(runs)
    assert ended["ok"] in (1, 2)
    assert set(ended) <= {"ok", "stage_unclaimed", "nothing_open"}
    assert s.waits(made) == {} or ended["ok"] == 1
    assert sum(map(int, s.t.stands(CUP).values())) == 10
    s.t.proven()


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
