"""Blind counting: recount by somebody else, approval, conflicts by name, evidence kept."""

from __future__ import annotations

import re
from dataclasses import asdict, replace

import pytest

from core import stock
from core.clock import ManualClock
from core.db import Database, Tx
from core.errors import AppError
from core.orders.count import (
    CountedLine,
    FinishCount,
    Finished,
    OpenCount,
    RecordCount,
    Recorded,
    SendBack,
    approve,
    finish,
    lines_of,
    open_count,
    record,
    review,
    send_back,
    sheet,
)
from core.people import ENGINE
from tests.core.orders_world import BASE, CUP, MILK, SCALE, Trader, q, trader


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    return trader(db, clock)


def opened(t: Trader, *items: str, percent: int = 5) -> str:
    ask = OpenCount(
        t.op(), f"PD-{t.ops}", t.warehouses["张江仓"],
        item_ids=tuple(t.items[name] for name in items), threshold_percent=percent,
    )  # fmt: skip
    return t.do(lambda tx: open_count(tx, t.people["赵主管"], ask))


def saw(
    t: Trader,
    count_id: str,
    place: str,
    name: str,
    quantity: str,
    *,
    by: str = "李某",
    lot: int = 0,
) -> Recorded:
    seen = CountedLine(t.places[place], t.items[name], q(quantity), lot_id=lot)
    ask = RecordCount(t.op(), count_id, (seen,))
    return t.do(lambda tx: record(tx, t.people[by], ask))


def done(t: Trader, count_id: str, by: str = "李某", reason: str = "") -> Finished:
    ask = FinishCount(t.op(), count_id, reason)
    return t.do(lambda tx: finish(tx, t.people[by], ask))


def states(t: Trader, count_id: str) -> list[str]:
    return [line.state for line in t.db.read_now(lambda conn: lines_of(conn, count_id))]


def shows_what_is_there(said: object) -> bool:
    """137 as pieces or micro-units anywhere in it; the same digits inside an id say nothing."""
    return re.search(r"(?<![0-9a-f])137(000000)?(?![0-9a-f])", str(said)) is not None


def test_what_a_sheet_must_not_show_is_found_where_it_is() -> None:
    assert shows_what_is_there({"facts": [["账上", "137个"]]})
    assert shows_what_is_there({"quantity": 137_000_000})
    assert not shows_what_is_there({"id": "070009639013764091db2"})


def test_the_sheet_never_shows_what_the_books_expect(t: Trader) -> None:
    t.put(CUP, "137", "ZJ-A-1")
    count_id = opened(t)
    [line] = t.db.read_now(lambda conn: sheet(conn, count_id))
    assert not shows_what_is_there(asdict(line))
    assert line.counted is None
    for event in t.events("count.opened") + t.events("task.opened"):
        assert not shows_what_is_there(event.payload)
    saw(t, count_id, "ZJ-A-1", CUP, "90")
    [line] = t.db.read_now(lambda conn: sheet(conn, count_id))
    assert line.state == "recount"
    assert line.counted is None, "the second counter must not see the first one's number"
    assert not any(shows_what_is_there(event.payload) for event in t.events("count.recorded"))


def test_a_small_difference_is_applied_at_once(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    count_id = opened(t)
    assert saw(t, count_id, "ZJ-A-1", CUP, "98") == Recorded(count_id, 0, 0)
    result = done(t, count_id)
    assert (result.applied, result.same, result.done) == (1, 0, True)
    assert t.stands(CUP) == {"ZJ-A-1/ok": "98"}
    assert t.tasks("count") == []
    t.proven()


def test_a_big_difference_is_counted_again_by_somebody_else(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    count_id = opened(t)
    assert saw(t, count_id, "ZJ-A-1", CUP, "60").recount == 1
    assert "recount" in t.inbox("王师傅")
    with pytest.raises(AppError) as refusal:
        saw(t, count_id, "ZJ-A-1", CUP, "60")
    assert refusal.value.code == "count_same_person"
    assert "ZJ-A-1 的 纸杯" in refusal.value.say("zh")
    with pytest.raises(AppError) as refusal:
        done(t, count_id)
    assert refusal.value.code == "count_unfinished"
    saw(t, count_id, "ZJ-A-1", CUP, "99", by="王师傅")
    assert done(t, count_id).done
    assert t.stands(CUP) == {"ZJ-A-1/ok": "99"}


def test_a_confirmed_difference_waits_for_approval(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    t.put(CUP, "50", "ZJ-A-2")
    count_id = opened(t)
    saw(t, count_id, "ZJ-A-1", CUP, "60")
    saw(t, count_id, "ZJ-A-2", CUP, "50")
    saw(t, count_id, "ZJ-A-1", CUP, "61", by="王师傅")
    result = done(t, count_id)
    assert (result.same, result.applied, result.waiting_approval) == (1, 0, 1)
    assert t.stands(CUP) == {"ZJ-A-1/ok": "100", "ZJ-A-2/ok": "50"}
    task = t.task("count_approve")
    assert ("差异", "100→61 件 ZJ-A-1 纸杯") in [(f.label, f.value) for f in task.card.facts]
    told = t.press("赵主管", task, "approve", face="desk", reason="搬库时破损")
    assert told.sentence == "入账 1 格，相符 0 格"
    assert t.stands(CUP) == {"ZJ-A-1/ok": "61", "ZJ-A-2/ok": "50"}
    [line, _] = t.db.read_now(lambda conn: review(conn, count_id))
    assert line.sentence == "ZJ-A-1 纸杯：已入账，账面 100 实盘 61 件，盘亏 39，搬库时破损"
    t.proven()


def test_the_approver_sees_the_largest_differences_and_how_many_more(t: Trader) -> None:
    for place, quantity in (
        ("ZJ-A-1", "100"),
        ("ZJ-A-2", "50"),
        ("ZJ-A-3", "20"),
        ("ZJ-A-4", "40"),
    ):
        t.put(CUP, quantity, place)
    count_id = opened(t)
    found = (("ZJ-A-1", "80"), ("ZJ-A-2", "10"), ("ZJ-A-3", "5"), ("ZJ-A-4", "90"))
    for by in ("李某", "王师傅"):
        for place, quantity in found:
            saw(t, count_id, place, CUP, quantity, by=by)
    assert done(t, count_id).waiting_approval == 4
    told = [(fact.label, fact.value) for fact in t.task("count_approve").card.facts]
    assert told[1:4] == [
        ("差异", "40→90 件 ZJ-A-4 纸杯"),
        ("差异", "50→10 件 ZJ-A-2 纸杯"),
        ("另有", "2 格"),
    ]


def test_the_approver_may_send_it_back(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    count_id = opened(t)
    saw(t, count_id, "ZJ-A-1", CUP, "60")
    saw(t, count_id, "ZJ-A-1", CUP, "61", by="王师傅")
    back = SendBack(t.op(), count_id, "再数一次")
    assert t.refused(lambda tx: send_back(tx, t.people["李某"], back)).code == "forbidden"
    t.press("赵主管", t.task("count_approve"), "send_back", reason="再数一次")
    assert states(t, count_id) == ["recount"]
    saw(t, count_id, "ZJ-A-1", CUP, "100")
    assert done(t, count_id).done


def test_a_supervisor_who_finishes_must_say_why(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    count_id = opened(t)
    saw(t, count_id, "ZJ-A-1", CUP, "60")
    saw(t, count_id, "ZJ-A-1", CUP, "60", by="王师傅")
    with pytest.raises(AppError) as refusal:
        done(t, count_id, by="赵主管")
    assert refusal.value.code == "reason_needed"
    assert done(t, count_id, by="赵主管", reason="虫蛀").done
    bare = FinishCount(t.op(), count_id, "晚了")
    assert t.refused(lambda tx: approve(tx, t.people["赵主管"], bare)).code == "wrong_state"


def test_found_goods_are_added_to_the_sheet(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    lot_id = t.put(MILK, "5", "ZJ-A-2", "M-1")
    count_id = opened(t, CUP)
    saw(t, count_id, "ZJ-A-1", CUP, "100")
    saw(t, count_id, "ZJ-A-3", MILK, "2", lot=lot_id)
    saw(t, count_id, "ZJ-A-3", MILK, "2", lot=lot_id, by="王师傅")
    assert done(t, count_id, by="赵主管", reason="漏记的一箱").done
    assert t.stands(MILK) == {"ZJ-A-2/ok": "5", "ZJ-A-3/ok": "2"}
    with pytest.raises(AppError) as refusal:
        saw(t, opened(t, CUP), "SJ-A-1", CUP, "1")
    assert refusal.value.code == "other_warehouse"


def test_promised_stock_is_not_counted_away(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    wish = stock.Reserve(t.op(), t.items[CUP], q("98"), location_ids=(t.places["ZJ-A-1"],))
    t.do(lambda tx: stock.reserve(tx, ENGINE, wish))
    count_id = opened(t)
    saw(t, count_id, "ZJ-A-1", CUP, "96")
    result = done(t, count_id)
    assert result.conflicts == ("ZJ-A-1 的 纸杯：有 98 已被预留，数到 96 不够，请先释放预留。",)
    assert result.done is False
    assert t.inbox("李某") == ["count"]


def test_a_stopped_lot_does_not_grow_by_counting(t: Trader) -> None:
    lot_id = t.put(BASE, "100", "ZJ-A-1", "L-1")
    count_id = opened(t)
    saw(t, count_id, "ZJ-A-1", BASE, "100", lot=lot_id)
    t.do(lambda tx: stock.hold_lot(tx, ENGINE, lot_id, t.op(), "抽检不合格"))
    [conflict] = done(t, count_id).conflicts
    assert "盘点后账上有变动（100 → 0）" in conflict


def test_serials_are_counted_by_name(t: Trader) -> None:
    t.put(SCALE, "2", "ZJ-A-1", serials=("S1", "S2"))
    t.put(SCALE, "1", "ZJ-A-2", serials=("S9",))
    count_id = opened(t)
    place, item = t.places["ZJ-A-1"], t.items[SCALE]

    def scan(codes: tuple[str, ...], by: str) -> Recorded:
        seen = CountedLine(place, item, q(len(codes)), serials=codes)
        ask = RecordCount(t.op(), count_id, (seen,))
        return t.do(lambda tx: record(tx, t.people[by], ask))

    seen_there = CountedLine(t.places["ZJ-A-2"], item, q(1), serials=("S9",))
    ask = RecordCount(t.op(), count_id, (seen_there,))
    t.do(lambda tx: record(tx, t.people["李某"], ask))
    scan(("S1", "S9"), "李某")
    [conflict] = done(t, count_id).conflicts
    assert "序列号 S9 账上在 ZJ-A-2" in conflict
    scan(("S1", "S3"), "李某")
    assert done(t, count_id).done
    at_a1 = t.db.read_now(lambda conn: stock.serials_of(conn, item, place))
    assert sorted(each.code for each in at_a1) == ["S1", "S3"]
    t.proven()


def test_a_line_that_was_applied_is_not_counted_again(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    t.put(CUP, "100", "ZJ-A-2")
    count_id = opened(t)
    saw(t, count_id, "ZJ-A-1", CUP, "100")
    done(t, count_id)
    with pytest.raises(AppError) as refusal:
        saw(t, count_id, "ZJ-A-1", CUP, "99")
    assert refusal.value.code == "count_changed"
    assert states(t, count_id) == ["same", "open"]


def test_counts_are_opened_once_and_with_sense(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    li = t.people["李某"]
    ask = OpenCount("count-00001", "PD-1", t.warehouses["张江仓"])
    first = t.do(lambda tx: open_count(tx, li, ask))
    assert t.do(lambda tx: open_count(tx, li, ask)) == first
    twin = replace(ask, op_id="count-00002")
    assert t.refused(lambda tx: open_count(tx, li, twin)).code == "duplicate_code"
    odd = replace(ask, op_id="count-00003", code="PD-3", threshold_percent=101)
    assert t.refused(lambda tx: open_count(tx, li, odd)).code == "invalid"
    empty = replace(ask, op_id="count-00004", code="PD-4", warehouse_id=t.warehouses["松江仓"])
    assert t.refused(lambda tx: open_count(tx, li, empty)).code == "empty_document"
    assert t.refused(lambda tx: open_count(tx, t.people["陈晨"], ask)).code == "forbidden"


def test_quantities_may_be_counted_in_boxes(t: Trader) -> None:
    lot_id = t.put(BASE, "120", "ZJ-A-1", "L-1")
    count_id = opened(t)
    seen = CountedLine(t.places["ZJ-A-1"], t.items[BASE], q("10"), lot_id=lot_id, pack_id=t.box)
    ask = RecordCount(t.op(), count_id, (seen,))

    def command(tx: Tx) -> Recorded:
        return record(tx, t.people["李某"], ask)

    t.do(command)
    assert done(t, count_id).same == 1
