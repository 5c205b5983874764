"""Counting where the books have nothing: somebody is sent to look, and says what there is."""

from __future__ import annotations

from typing import Any

import pytest

from core import catalog, stock
from core.clock import ManualClock
from core.db import Database
from core.orders.conflict import settle_conflict
from core.orders.count import (
    CountedLine,
    FinishCount,
    Finished,
    OpenCount,
    RecordCount,
    Recorded,
    finish,
    lines_of,
    open_count,
    record,
    review,
    sheet,
)
from core.orders.count_book import MOST_LINES
from core.people import ENGINE
from tests.core.orders_world import BASE, CUP, MILK, Trader, q, trader

LI, WANG, BOSS = "李某", "王师傅", "赵主管"


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    return trader(db, clock)


def asked(t: Trader, *places: str, house: str = "张江仓", items: tuple[str, ...] = ()) -> OpenCount:
    bins, goods = tuple(t.places[each] for each in places), tuple(t.items[each] for each in items)
    return OpenCount(t.op(), f"PD-{t.ops}", t.warehouses[house], bins, goods)


def opened(t: Trader, *places: str, items: tuple[str, ...] = ()) -> str:
    ask = asked(t, *places, items=items)
    return t.do(lambda tx: open_count(tx, t.people[BOSS], ask))


def saw(
    t: Trader, count_id: str, place: str, *seen: tuple[str, str, int], by: str = LI
) -> Recorded:
    """(item, quantity, lot) for each kind of goods; nothing at all when none is named."""
    lines = tuple(
        CountedLine(t.places[place], t.items[name], q(much), lot) for name, much, lot in seen
    )
    nothing = (CountedLine(t.places[place], 0, 0),)
    ask = RecordCount(t.op(), count_id, lines or nothing)
    return t.do(lambda tx: record(tx, t.people[by], ask))


def done(t: Trader, count_id: str, by: str = LI, reason: str = "") -> Finished:
    ask = FinishCount(t.op(), count_id, reason)
    return t.do(lambda tx: finish(tx, t.people[by], ask))


def listed(t: Trader, count_id: str) -> list[tuple[str, str, str]]:
    rows = t.db.read_now(lambda conn: sheet(conn, count_id))
    return [(each.location_code, each.item_name, each.state) for each in rows]


def test_a_bin_that_the_books_call_empty_is_looked_at(t: Trader) -> None:
    count_id = opened(t, "ZJ-A-1")
    assert t.task("count").title == "盘点 · 张江仓 1 格"
    assert t.inbox(LI) == ["count"]
    assert listed(t, count_id) == [("ZJ-A-1", "这一格的货", "open")]
    assert t.refused(lambda tx: _finish(tx, t, count_id)).code == "count_unfinished"
    assert saw(t, count_id, "ZJ-A-1") == Recorded(count_id, 0, 0)
    result = done(t, count_id)
    assert (result.applied, result.same, result.done) == (0, 1, True)
    assert t.tasks("count") == []
    [line] = t.db.read_now(lambda conn: review(conn, count_id))
    assert line.sentence == "ZJ-A-1 这一格的货：账实相符，账面 0 实盘 0"
    t.proven()


def _finish(tx: Any, t: Trader, count_id: str) -> Finished:
    return finish(tx, t.people[LI], FinishCount(t.op(), count_id))


def test_goods_that_lie_there_are_found(t: Trader) -> None:
    lot_id = t.put(MILK, "5", "ZJ-A-2", "M-1")
    count_id = opened(t, "ZJ-A-1", "ZJ-A-2")
    assert [each[:2] for each in listed(t, count_id)] == [
        ("ZJ-A-1", "这一格的货"),
        ("ZJ-A-2", MILK),
    ]
    assert saw(t, count_id, "ZJ-A-2", (MILK, "5", lot_id)).left == 1
    for by in (LI, WANG):
        saw(t, count_id, "ZJ-A-1", (CUP, "40", 0), (MILK, "2", lot_id), by=by)
    assert done(t, count_id, by=BOSS, reason="收发漏记").done
    assert t.stands(CUP) == {"ZJ-A-1/ok": "40"}
    assert t.stands(MILK) == {"ZJ-A-2/ok": "5", "ZJ-A-1/ok": "2"}
    t.proven()


def test_one_kind_of_goods_is_looked_for_where_there_should_be_none(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    count_id = opened(t, "ZJ-A-1", "ZJ-A-2", items=(CUP, BASE))
    assert [each[:2] for each in listed(t, count_id)] == [
        ("ZJ-A-1", CUP),
        ("ZJ-A-1", BASE),
        ("ZJ-A-2", CUP),
        ("ZJ-A-2", BASE),
    ]
    lot_id = t.put(BASE, "12", "ZJ-C-1", "L-1")
    saw(t, count_id, "ZJ-A-1", (CUP, "100", 0), (BASE, "0", 0))
    for by in (LI, WANG):
        saw(t, count_id, "ZJ-A-2", (CUP, "0", 0), (BASE, "12", lot_id), by=by)
    assert done(t, count_id, by=BOSS, reason="放错库位").done
    assert t.stands(BASE) == {"ZJ-C-1/ok": "12", "ZJ-A-2/ok": "12"}
    t.proven()


def test_what_is_told_of_a_lot_stands_beside_none_of_any_other(t: Trader) -> None:
    count_id = opened(t, "ZJ-A-1", items=(BASE,))
    lot_id = t.put(BASE, "12", "ZJ-A-1", "L-1")
    saw(t, count_id, "ZJ-A-1", (BASE, "0", 0), (BASE, "12", lot_id))
    assert done(t, count_id).same == 2
    assert t.stands(BASE) == {"ZJ-A-1/ok": "12"}


def test_none_of_one_kind_does_not_say_that_nothing_is_there(t: Trader) -> None:
    count_id = opened(t, "ZJ-A-1")
    assert saw(t, count_id, "ZJ-A-1", (CUP, "0", 0)).left == 1
    assert saw(t, count_id, "ZJ-A-1").left == 0
    assert done(t, count_id).done


def test_nothing_there_is_said_of_what_came_meanwhile_too(t: Trader) -> None:
    """It was booked into the bin after the sheet was written, and is not in it."""
    count_id = opened(t, "ZJ-A-1")
    t.put(CUP, "30", "ZJ-A-1")
    assert saw(t, count_id, "ZJ-A-1").recount == 1
    assert ("ZJ-A-1", CUP, "recount") in listed(t, count_id)
    saw(t, count_id, "ZJ-A-1", (CUP, "30", 0), by=WANG)
    assert done(t, count_id).done
    assert t.stands(CUP) == {"ZJ-A-1/ok": "30"}


def test_goods_without_a_name_are_not_recorded(t: Trader) -> None:
    count_id = opened(t, "ZJ-A-1", items=(BASE,))
    other = opened(t, "ZJ-A-2")
    place, item = t.places["ZJ-A-1"], t.items[BASE]

    def refused(count: str, line: CountedLine) -> str:
        ask = RecordCount(t.op(), count, (line,))
        return t.refused(lambda tx: record(tx, t.people[LI], ask)).code

    assert refused(count_id, CountedLine(place, item, q(3))) == "lot_needed"
    assert refused(count_id, CountedLine(place, 0, 0)) == "not_found"
    assert refused(other, CountedLine(t.places["ZJ-A-2"], 0, q(3))) == "invalid"


def test_only_places_of_the_warehouse_are_counted(t: Trader) -> None:
    for place in ("SJ-A-1", "SUPPLIER", "SCRAP"):
        ask = asked(t, "ZJ-A-1", place)
        refusal = t.refused(lambda tx, ask=ask: open_count(tx, t.people[BOSS], ask))  # type: ignore[misc]
        assert refusal.code == "invalid"
        assert f"{place} 不是 张江仓 的库位" in refusal.say("zh")
    nowhere = OpenCount(t.op(), "PD-X", t.warehouses["张江仓"], (4711,))
    assert t.refused(lambda tx: open_count(tx, t.people[BOSS], nowhere)).code == "not_found"
    nothing = OpenCount(t.op(), "PD-X", t.warehouses["张江仓"], item_ids=(4711,))
    assert t.refused(lambda tx: open_count(tx, t.people[BOSS], nothing)).code == "not_found"


def test_a_sheet_that_is_full_takes_nothing_more(
    t: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_LINES == 2_000
    monkeypatch.setattr("core.orders.count.MOST_LINES", 1)
    t.put(CUP, "100", "ZJ-A-1")
    count_id = opened(t, "ZJ-A-1")
    ask = RecordCount(t.op(), count_id, (CountedLine(t.places["ZJ-A-2"], t.items[CUP], q(1)),))
    refusal = t.refused(lambda tx: record(tx, t.people[LI], ask))
    assert "请另开一张" in refusal.say("zh")


def test_picked_goods_are_no_difference_of_a_count(t: Trader) -> None:
    """What stands where goods leave belongs to sales; a count that differs asks for them."""
    stage = t.db.read_now(lambda conn: catalog.location_by_code(conn, "ZJ-OUT"))
    t.places["ZJ-OUT"] = stage.id
    t.put(CUP, "10", "ZJ-OUT")
    count_id = opened(t, "ZJ-OUT")
    for by in (LI, WANG):
        saw(t, count_id, "ZJ-OUT", (CUP, "4", 0), by=by)
    [conflict] = done(t, count_id, by=BOSS, reason="少了").conflicts
    assert "销售单" in conflict
    saw(t, count_id, "ZJ-OUT", (CUP, "10", 0))
    assert done(t, count_id).done


# -- the hands are right -----------------------------------------------------------------------
def settled(t: Trader, by: str = BOSS, **about: Any) -> str:
    told = {"op_id": "p-late-0001", "code": "not_enough", "arrived": None, **about}
    op = t.op()
    return t.do(lambda tx: settle_conflict(tx, t.people[by], op, told, mine=True))


def test_both_ends_of_a_move_are_counted_each_in_its_warehouse(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    places = [t.places["ZJ-A-1"], t.places["SJ-A-1"], t.places["SUPPLIER"]]
    said = settled(t, places=places, items=[t.items[CUP]], warehouse_id=t.warehouses["张江仓"])
    assert said.count("PD-离线-") == 2
    assert sorted(task.title for task in t.tasks("count")) == [
        "盘点 · 张江仓 1 格",
        "盘点 · 松江仓 1 格",
    ]


def test_goods_that_came_back_to_no_place_are_looked_for_on_the_dock(t: Trader) -> None:
    settled(t, places=[], items=[t.items[CUP]], warehouse_id=t.warehouses["张江仓"])
    task = t.task("count")
    count_id = task.subject.removeprefix("count:")
    assert listed(t, count_id) == [("ZJ-DOCK", CUP, "open")]
    for by in (LI, WANG):
        saw(t, count_id, "ZJ-DOCK", (CUP, "7", 0), by=by)
    assert done(t, count_id, by=BOSS, reason="客户退回").done
    assert t.stands(CUP) == {"ZJ-DOCK/ok": "7"}


def test_what_was_counted_of_a_place_stays_counted(t: Trader) -> None:
    """A question that was answered is not asked again by the next scan of the place."""
    count_id = opened(t, "ZJ-A-1")
    saw(t, count_id, "ZJ-A-1")
    wish = stock.Line(t.items[CUP], q(5), t.places["SUPPLIER"], t.places["ZJ-A-1"])
    t.do(lambda tx: stock.post(tx, ENGINE, stock.Posting(t.op(), "opening", (wish,))))
    saw(t, count_id, "ZJ-A-1", (CUP, "5", 0))
    assert done(t, count_id).done
    lines = t.db.read_now(lambda conn: lines_of(conn, count_id))
    assert [(line.item_id, line.state) for line in lines] == [(0, "same"), (t.items[CUP], "same")]
