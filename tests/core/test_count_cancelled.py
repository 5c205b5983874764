"""A count that nobody wants any more: nothing is posted, and nobody is asked about it."""

from __future__ import annotations

import pytest

from core.clock import ManualClock
from core.db import Database
from core.orders.count import (
    CancelCount,
    Count,
    CountedLine,
    FinishCount,
    OpenCount,
    RecordCount,
    SendBack,
    cancel_count,
    finish,
    lines_of,
    open_count,
    record,
    send_back,
)
from tests.core.orders_world import CUP, Trader, q, trader

LI, WANG, BOSS, BUYER = "李某", "王师傅", "赵主管", "陈晨"


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    return trader(db, clock)


def opened(t: Trader) -> str:
    t.put(CUP, "100", "ZJ-A-1")
    t.put(CUP, "100", "ZJ-A-2")
    ask = OpenCount(t.op(), f"PD-{t.ops}", t.warehouses["张江仓"])
    return t.do(lambda tx: open_count(tx, t.people[BOSS], ask))


def saw(t: Trader, count_id: str, place: str, quantity: str, by: str = LI) -> None:
    seen = CountedLine(t.places[place], t.items[CUP], q(quantity))
    ask = RecordCount(t.op(), count_id, (seen,))
    t.do(lambda tx: record(tx, t.people[by], ask))


def cancelled(t: Trader, count_id: str, op: str = "") -> Count:
    ask = CancelCount(op or t.op(), count_id, "明天统一盘")
    return t.do(lambda tx: cancel_count(tx, t.people[LI], ask))


def test_its_tasks_end_and_what_was_booked_stays(t: Trader) -> None:
    count_id = opened(t)
    saw(t, count_id, "ZJ-A-1", "99")
    t.do(lambda tx: finish(tx, t.people[LI], FinishCount(t.op(), count_id)))
    saw(t, count_id, "ZJ-A-2", "50")
    assert t.inbox(WANG) == ["recount"]
    done = cancelled(t, count_id, "cancel-0001")
    assert done.state == "cancelled"
    assert cancelled(t, count_id, "cancel-0001") == done
    assert (t.inbox(LI), t.inbox(WANG)) == ([], [])
    assert t.stands(CUP) == {"ZJ-A-1/ok": "99", "ZJ-A-2/ok": "100"}
    lines = t.db.read_now(lambda conn: lines_of(conn, count_id))
    assert [line.state for line in lines] == ["applied", "recount"]
    [event] = t.events("count.cancelled")
    assert event.payload["reason"] == "明天统一盘"
    t.proven()


def test_nothing_goes_on_after_it(t: Trader) -> None:
    count_id = opened(t)
    saw(t, count_id, "ZJ-A-1", "50")
    saw(t, count_id, "ZJ-A-1", "50", by=WANG)
    cancelled(t, count_id)
    seen = RecordCount(t.op(), count_id, (CountedLine(t.places["ZJ-A-2"], t.items[CUP], q(1)),))
    back, end = SendBack(t.op(), count_id, "再数"), FinishCount(t.op(), count_id, "破损")
    again = CancelCount(t.op(), count_id, "又取消")
    for refusal in (
        t.refused(lambda tx: record(tx, t.people[LI], seen)),
        t.refused(lambda tx: send_back(tx, t.people[BOSS], back)),
        t.refused(lambda tx: finish(tx, t.people[BOSS], end)),
        t.refused(lambda tx: cancel_count(tx, t.people[BOSS], again)),
    ):
        assert refusal.code == "wrong_state"
        assert "已取消" in refusal.say("zh")
    assert t.inbox(BOSS) == []


def test_it_needs_a_reason_and_the_right_to_count(t: Trader) -> None:
    count_id = opened(t)
    bare, told = CancelCount(t.op(), count_id, " "), CancelCount(t.op(), count_id, "不盘了")
    assert t.refused(lambda tx: cancel_count(tx, t.people[LI], bare)).code == "reason_needed"
    assert t.refused(lambda tx: cancel_count(tx, t.people[BUYER], told)).code == "forbidden"
    assert t.inbox(LI) == ["count"]


def test_the_approver_may_give_it_up(t: Trader) -> None:
    count_id = opened(t)
    for place in ("ZJ-A-1", "ZJ-A-2"):
        for by in (LI, WANG):
            saw(t, count_id, place, "50", by=by)
    task = t.task("count_approve")
    assert t.press_refused(BOSS, task, "cancel").code == "invalid"
    told = t.press(BOSS, task, "cancel", face="desk", reason="数错了仓")
    assert told.sentence.endswith("已取消，账没有动")
    assert (t.inbox(BOSS), t.inbox(LI)) == ([], [])
    assert t.stands(CUP) == {"ZJ-A-1/ok": "100", "ZJ-A-2/ok": "100"}
