"""A count with one place that cannot be booked: the others are, and somebody is asked about it."""

from __future__ import annotations

from typing import Any

import pytest

from core import catalog, stock
from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.count import (
    CountedLine,
    FinishCount,
    Finished,
    OpenCount,
    RecordCount,
    finish,
    open_count,
    record,
    review,
    sheet,
)
from core.orders.sales.pack import PackRest, pack_rest
from core.people import ENGINE
from tests.core.orders_world import BASE, CUP, MILK, SCALE, Trader, q
from tests.core.sales_world import KEEPER, Shop, shop


@pytest.fixture
def s(db: Database, clock: ManualClock) -> Shop:
    return shop(db, clock)


def opened(t: Trader, *places: str) -> str:
    house, bins = t.warehouses["张江仓"], tuple(t.places[each] for each in places)
    ask = OpenCount(t.op(), f"PD-{t.ops}", house, bins)
    return t.do(lambda tx: open_count(tx, t.people["赵主管"], ask))


def saw(t: Trader, count_id: str, place: str, name: str, quantity: str, **more: Any) -> None:
    by = t.people[more.pop("by", KEEPER)]
    item = more.pop("item", None) or t.items[name]
    ask = RecordCount(t.op(), count_id, (CountedLine(t.places[place], item, q(quantity), **more),))
    t.do(lambda tx: record(tx, by, ask))


def refused(t: Trader, count_id: str, place: str, name: str, quantity: str, **more: Any) -> str:
    with pytest.raises(AppError) as refusal:
        saw(t, count_id, place, name, quantity, **more)
    return refusal.value.code


def done(t: Trader, count_id: str, op: str = "") -> Finished:
    ask = FinishCount(op or t.op(), count_id)
    return t.do(lambda tx: finish(tx, t.people[KEEPER], ask))


def states(t: Trader, count_id: str) -> dict[str, str]:
    rows = t.db.read_now(lambda conn: sheet(conn, count_id))
    return {each.location_code: each.state for each in rows}


def test_a_serial_that_was_sold_and_lies_there_is_asked_about(s: Shop) -> None:
    """An empty box was sold, or the label is wrong: the cups beside it are booked all the same."""
    t = s.t
    t.put(SCALE, "2", "ZJ-A-1", serials=("S1", "S2"))
    t.put(CUP, "100", "ZJ-A-2")
    sale = s.sell((SCALE, "1"))
    s.pick(s.release(sale).lines[0], serials=("S1",))
    t.do(lambda tx: pack_rest(tx, t.people[KEEPER], PackRest(t.op(), sale.id)))
    s.ship(sale)
    count_id = opened(t, "ZJ-A-1", "ZJ-A-2")
    saw(t, count_id, "ZJ-A-2", CUP, "98")
    saw(t, count_id, "ZJ-A-1", SCALE, "1", serials=("S1",))
    result = done(t, count_id)
    assert (result.applied, result.done) == (1, False)
    assert t.stands(CUP) == {"ZJ-A-2/ok": "98"}
    [conflict] = result.conflicts
    assert conflict == (
        "ZJ-A-1 的 电子秤：序列号 S1 账上在 CUSTOMER，核对标签；"
        "真是这一件，先做客户退货，再数这一格。"
    )
    assert states(t, count_id) == {"ZJ-A-1": "conflict", "ZJ-A-2": "applied"}
    assert t.inbox(KEEPER) == ["count"]
    t.proven()


def test_a_serial_that_was_counted_away_is_found_again(s: Shop) -> None:
    t = s.t
    t.put(SCALE, "2", "ZJ-A-1", serials=("S1", "S2"))
    t.put(SCALE, "9", "ZJ-A-2", serials=tuple(f"T{n}" for n in range(9)))
    first = opened(t, "ZJ-A-1")
    for by in (KEEPER, "王师傅"):
        saw(t, first, "ZJ-A-1", SCALE, "1", serials=("S1",), by=by)
    t.press("赵主管", t.task("count_approve"), "approve", face="desk", reason="正常损耗")
    again = opened(t, "ZJ-A-1")
    for by in (KEEPER, "王师傅"):
        saw(t, again, "ZJ-A-1", SCALE, "2", serials=("S1", "S2"), by=by)
    t.press("赵主管", t.task("count_approve"), "approve", face="desk", reason="收发漏记")
    assert t.stands(SCALE) == {"ZJ-A-1/ok": "2", "ZJ-A-2/ok": "9"}
    t.proven()


def test_a_closed_bin_that_holds_more_is_asked_about(s: Shop) -> None:
    t = s.t
    t.put(CUP, "100", "ZJ-A-1")
    t.put(CUP, "100", "ZJ-A-2")
    t.put(CUP, "100", "ZJ-A-3")
    boss = t.people["赵主管"]
    for place in ("ZJ-A-2", "ZJ-A-3"):
        t.do(lambda tx, at=t.places[place]: catalog.set_location_active(tx, boss, at, False))  # type: ignore[misc]
    count_id = opened(t, "ZJ-A-1", "ZJ-A-2", "ZJ-A-3")
    saw(t, count_id, "ZJ-A-1", CUP, "98")
    saw(t, count_id, "ZJ-A-2", CUP, "101")
    saw(t, count_id, "ZJ-A-3", CUP, "99")
    result = done(t, count_id)
    assert result.applied == 2
    assert result.conflicts == (
        "ZJ-A-2 的 纸杯：库位已停用，多出来的记不进去，请主管启用它，或把货移走再数这一格。",
    )
    assert t.stands(CUP) == {"ZJ-A-1/ok": "98", "ZJ-A-2/ok": "100", "ZJ-A-3/ok": "99"}
    assert t.inbox(KEEPER) == ["count"]
    t.do(lambda tx: catalog.set_location_active(tx, boss, t.places["ZJ-A-2"], True))
    saw(t, count_id, "ZJ-A-2", CUP, "101")
    assert done(t, count_id).done
    assert t.stands(CUP)["ZJ-A-2/ok"] == "101"
    t.proven()


def test_a_promised_serial_that_is_missing_stops_only_its_place(s: Shop) -> None:
    """Nobody foresaw this refusal: it is the ledger's own, in its words."""
    t = s.t
    t.put(SCALE, "40", "ZJ-A-1", serials=tuple(f"S{n}" for n in range(40)))
    t.put(CUP, "100", "ZJ-A-2")
    wish = stock.Reserve(t.op(), t.items[SCALE], q(1), serials=("S7",))
    t.do(lambda tx: stock.reserve(tx, ENGINE, wish))
    count_id = opened(t, "ZJ-A-1", "ZJ-A-2")
    there = tuple(f"S{n}" for n in range(40) if n != 7)
    saw(t, count_id, "ZJ-A-1", SCALE, "39", serials=there)
    saw(t, count_id, "ZJ-A-2", CUP, "99")
    result = done(t, count_id)
    assert result.applied == 1
    [conflict] = result.conflicts
    assert conflict.startswith("ZJ-A-1 的 电子秤：序列号 S7")
    assert "释放" in conflict
    assert "没入账" not in conflict
    assert t.stands(CUP) == {"ZJ-A-2/ok": "99"}
    [line] = [
        each
        for each in t.db.read_now(lambda conn: review(conn, count_id))
        if each.state == "conflict"
    ]
    assert "没入账" in line.sentence
    t.proven()


def test_what_no_ledger_would_book_is_not_written_down(s: Shop) -> None:
    t = s.t
    lot_id = t.put(BASE, "100", "ZJ-A-1", "L-1")
    other = t.put(MILK, "5", "ZJ-A-2", "M-1")
    count_id = opened(t, "ZJ-A-1")
    assert refused(t, count_id, "ZJ-A-1", CUP, "0", lot_id=4711) == "not_found"
    assert refused(t, count_id, "ZJ-A-1", CUP, "0", item=4711) == "not_found"
    assert refused(t, count_id, "ZJ-A-1", BASE, "1", lot_id=other) == "lot_of_other_item"
    assert refused(t, count_id, "ZJ-A-1", BASE, "1") == "lot_needed"
    assert refused(t, count_id, "ZJ-A-1", CUP, "1", status="gone") == "invalid"
    saw(t, count_id, "ZJ-A-1", BASE, "100", lot_id=lot_id)
    assert done(t, count_id).done


def test_a_finish_that_comes_twice_books_each_place_once(s: Shop) -> None:
    t = s.t
    t.put(CUP, "100", "ZJ-A-1")
    t.put(CUP, "100", "ZJ-A-2")
    count_id = opened(t, "ZJ-A-1", "ZJ-A-2")
    saw(t, count_id, "ZJ-A-1", CUP, "99")
    saw(t, count_id, "ZJ-A-2", CUP, "101")
    first = done(t, count_id, "finish-0001")
    assert (first.applied, first.done) == (2, True)
    assert done(t, count_id, "finish-0001") == first
    assert t.stands(CUP) == {"ZJ-A-1/ok": "99", "ZJ-A-2/ok": "101"}
    cards = t.db.read_now(lambda conn: stock.movements(conn, t.items[CUP]))
    assert sorted(each.op_id for each in cards if each.kind == "count") == [
        "finish-0001:count:1",
        "finish-0001:count:2",
    ]


def test_a_place_that_is_told_twice_in_one_go_is_refused(s: Shop) -> None:
    """60 and 40: two heaps, or one counted twice? Nobody guesses, and neither number is lost."""
    t = s.t
    t.put(CUP, "100", "ZJ-A-1")
    count_id = opened(t, "ZJ-A-1")
    place, item = t.places["ZJ-A-1"], t.items[CUP]
    heaps = (CountedLine(place, item, q(60)), CountedLine(place, item, q(40)))
    ask = RecordCount(t.op(), count_id, heaps)
    refusal = t.refused(lambda tx: record(tx, t.people[KEEPER], ask))
    assert refusal.code == "count_twice"
    assert "ZJ-A-1 的 纸杯" in refusal.say("zh")
    assert states(t, count_id) == {"ZJ-A-1": "open"}
    saw(t, count_id, "ZJ-A-1", CUP, "100")
    saw(t, count_id, "ZJ-A-1", CUP, "99")
    assert done(t, count_id).applied == 1, "told again later, the last number stands"
    assert t.stands(CUP) == {"ZJ-A-1/ok": "99"}
