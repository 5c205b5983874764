"""What one of our papers posted or reserved is left alone by hand: change it through the paper."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from core import stock
from core.clock import ManualClock
from core.db import Database, Together
from core.errors import AppError
from core.orders.count import CountedLine, FinishCount, OpenCount, RecordCount, finish, open_count
from core.orders.count import record as record_count
from core.orders.move import Move, move
from core.orders.transfer import AskLine, AskTransfer, SendTransfer, ask_transfer, send_transfer
from core.stock import Line, Posting, Reserve, papers
from core.stock.tables import postings
from tests.core.orders_world import BASE, CUP, GOOD, MILK, q
from tests.core.sales_world import BOSS, KEEPER, Shop, shop


@pytest.fixture
def s(db: Database, clock: ManualClock) -> Shop:
    return shop(db, clock)


def by_hand(s: Shop, verb: Callable[..., Any], *what: Any, by: str = KEEPER, **more: Any) -> Any:
    """Somebody does it himself, at the ledger's own door."""
    person = s.t.people[by]
    return s.t.do(lambda tx: verb(tx, person, *what, **more))


def refused(s: Shop, code: str, verb: Callable[..., Any], *what: Any, by: str = KEEPER) -> AppError:
    with pytest.raises(AppError) as caught:
        by_hand(s, verb, *what, by=by)
    assert caught.value.code == code, caught.value
    return caught.value


def undo_refused(s: Shop, op_id: str, by: str = KEEPER) -> AppError:
    undo = stock.reverse_by_hand
    return refused(s, "belongs_to_paper", undo, op_id, s.t.op(), "记错了", by=by)


def ops_of(s: Shop, kind: str) -> list[str]:
    """Operation ids of the postings of a kind, oldest first."""
    query = postings.select().where(postings.c.kind == kind).order_by(postings.c.id)
    return s.t.db.read_now(lambda conn: [row.op_id for row in conn.execute(query)])


def test_a_pick_is_not_reversed_by_hand(s: Shop) -> None:
    t = s.t
    t.put(CUP, "10", "ZJ-A-1")
    made = s.sell((CUP, "4"))
    s.walk(s.release(made))
    [taken] = ops_of(s, "pick")
    problem = undo_refused(s, taken)
    assert "这一笔属于销售单" in problem.say("zh")
    assert "取消销售单" in problem.say("zh")
    assert "a sale" in problem.say("en")
    s.pack(made, ((CUP, "4"),))
    s.ship(made)
    undo_refused(s, ops_of(s, "ship")[0])
    t.proven()


def test_nor_by_a_posting_that_leaves_the_paper_unsaid(s: Shop) -> None:
    """A mirror that names the original in `reverses` and no document is the same reversal."""
    t = s.t
    t.put(CUP, "10", "ZJ-A-1")
    s.walk(s.release(s.sell((CUP, "4"))))
    [taken] = ops_of(s, "pick")
    back = Line(t.items[CUP], q(4), t.places["ZJ-OUT"], t.places["ZJ-A-1"])
    posting = Posting(t.op(), "reverse", (back,), reverses=taken, reason="记错了")
    refused(s, "belongs_to_paper", stock.post_by_hand, posting)
    with pytest.raises(AppError, match="belongs_to_paper"):
        t.db.write_now(Together(stock.post_many_by_hand, (t.people[KEEPER], posting)))
    assert t.stands(CUP) == {"ZJ-A-1/ok": "6", "ZJ-OUT/ok": "4"}


def test_what_a_sale_or_a_pick_face_reserved_is_not_let_go_by_hand(s: Shop) -> None:
    t = s.t
    t.put(CUP, "10", "ZJ-A-1")
    t.put(CUP, "90", "ZJ-A-2")
    made = s.sell((CUP, "4"))
    s.face("ZJ-A-3", CUP, "10", "40")
    docs = (f"sale_line:{made.lines[0].id}", "replenish:ZJ-A-3")
    there = t.places["CUSTOMER"]
    for doc, word in zip(docs, ("销售单", "补货"), strict=True):
        [held] = t.db.read_now(partial(stock.reservations_for, doc=doc))
        number = held.reservation_id
        problem = refused(s, "belongs_to_paper", stock.release_by_hand, number, by=BOSS)
        assert word in problem.say("zh")
        refused(s, "belongs_to_paper", stock.fulfil_by_hand, number, t.op(), there)
    s.walk(s.release(made))
    t.press(KEEPER, t.task("replenish"), "replenish")
    undo_refused(s, ops_of(s, "replenish")[0])


def test_nobody_posts_or_reserves_by_hand_in_the_name_of_a_paper(s: Shop) -> None:
    t = s.t
    t.put(CUP, "10", "ZJ-A-1")
    line = Line(t.items[CUP], q(1), t.places["ZJ-A-1"], t.places["ZJ-A-2"])
    for kind in papers.PAPERS:
        posting = Posting(t.op(), "transfer", (line,), doc=f"{kind}:x1")
        refused(s, "belongs_to_paper", stock.post_by_hand, posting)
        wish = Reserve(t.op(), t.items[CUP], q(1), for_=f"{kind}:x1")
        refused(s, "belongs_to_paper", stock.reserve_by_hand, wish)
    for doc in ("", "invoice:7", "sale", "客户 王先生"):
        by_hand(s, stock.post_by_hand, Posting(t.op(), "transfer", (line,), doc=doc))
    assert t.stands(CUP) == {"ZJ-A-1/ok": "6", "ZJ-A-2/ok": "4"}


def test_what_was_done_before_is_answered_as_before(s: Shop) -> None:
    """From before there was this rule: the operation id is known, so nothing is asked anew."""
    t = s.t
    t.put(CUP, "10", "ZJ-A-1")
    keeper = t.people[KEEPER]
    line = Line(t.items[CUP], q(1), t.places["ZJ-A-1"], t.places["ZJ-A-2"])
    old = Posting(t.op(), "transfer", (line,), doc="sale:x1")
    first = t.do(lambda tx: stock.post(tx, keeper, old))
    again = by_hand(s, stock.post_by_hand, old)
    assert (again, again.replayed) == (first, True)
    wish = Reserve(t.op(), t.items[CUP], q(2), for_="sale_line:x1")
    held = t.do(lambda tx: stock.reserve(tx, keeper, wish))
    assert by_hand(s, stock.reserve_by_hand, wish) == held
    number, op, there = held.reservation_id, t.op(), t.places["CUSTOMER"]
    gone = t.do(lambda tx: stock.fulfil(tx, keeper, number, op, there, quantity=q(1)))
    again = by_hand(s, stock.fulfil_by_hand, number, op, there, quantity=q(1))
    assert (again, again.replayed) == (gone, True)
    back, why = t.op(), "记错了"
    undone = t.do(lambda tx: stock.reverse(tx, keeper, old.op_id, back, why))
    again = by_hand(s, stock.reverse_by_hand, old.op_id, back, why)
    assert (again, again.replayed) == (undone, True)
    freed = t.do(lambda tx: stock.release(tx, keeper, number))
    again = by_hand(s, stock.release_by_hand, number)
    assert (again, again.replayed) == (freed, True)
    t.proven()


def test_receipts_inspections_transfers_counts_and_lots_are_guarded(s: Shop) -> None:
    t = s.t
    made = t.order((MILK, "24"), (BASE, "24"))
    t.in_one_go(made, 0, "24", lot_code="M-1", bin_id=t.places["ZJ-A-1"])
    t.in_one_go(made, 1, "24", lot_code="J-1", accepted="24", checks=GOOD)
    lot = t.lot(MILK, "M-1").id
    t.put(CUP, "10", "ZJ-A-3")
    boss, keeper = t.people[BOSS], t.people[KEEPER]
    houses = t.warehouses["张江仓"], t.warehouses["松江仓"]
    ask = AskTransfer(t.op(), "DB-1", *houses, (AskLine(t.items[CUP], q(4)),))
    asked = t.do(lambda tx: ask_transfer(tx, keeper, ask))
    t.do(lambda tx: send_transfer(tx, keeper, SendTransfer(t.op(), asked.id)))
    sheet = OpenCount(t.op(), "PD-1", houses[0], (t.places["ZJ-A-3"],), threshold_percent=100)
    count_id = t.do(lambda tx: open_count(tx, boss, sheet))
    seen = CountedLine(t.places["ZJ-A-3"], t.items[CUP], q(5))
    counted = RecordCount(t.op(), count_id, (seen,))
    t.do(lambda tx: record_count(tx, keeper, counted))
    t.do(lambda tx: finish(tx, keeper, FinishCount(t.op(), count_id)))
    t.do(lambda tx: stock.hold_lot(tx, boss, lot, t.op(), "异味"))
    words = {
        "receive": "收货单",
        "putaway": "收货单",
        "inspect": "检验",
        "transfer": "调拨单",
        "count": "盘点",
        "hold": "批次",
    }
    for kind, word in words.items():
        found = ops_of(s, kind)
        assert found, f"nothing was posted as {kind}"
        for op_id in found:
            problem = undo_refused(s, op_id, BOSS)
            assert word in problem.say("zh"), kind
    t.proven()


def test_the_stage_is_no_place_for_postings_by_hand(s: Shop) -> None:
    t = s.t
    t.put(CUP, "10", "ZJ-A-1")
    s.walk(s.release(s.sell((CUP, "4"))))
    item, bin_, out = t.items[CUP], t.places["ZJ-A-1"], t.places["ZJ-OUT"]
    for way in ((bin_, out), (out, bin_), (out, t.places["CUSTOMER"])):
        posting = Posting(t.op(), "transfer", (Line(item, q(1), *way),))
        problem = refused(s, "stage_by_hand", stock.post_by_hand, posting)
        assert "ZJ-OUT 是出货区" in problem.say("zh")
    wish = Reserve(t.op(), item, q(1), for_="客户 王先生")
    number = by_hand(s, stock.reserve_by_hand, wish).reservation_id
    refused(s, "stage_by_hand", stock.fulfil_by_hand, number, t.op(), out)
    t.proven()


def test_ones_own_moves_are_still_reversed(s: Shop) -> None:
    t = s.t
    t.put(CUP, "10", "ZJ-A-1")
    ask = Move(t.op(), t.items[CUP], q(3), t.places["ZJ-A-1"], t.places["ZJ-A-2"])
    t.do(lambda tx: move(tx, t.people[KEEPER], ask))
    by_hand(s, stock.reverse_by_hand, f"{ask.op_id}:move", t.op(), "记错了")
    assert t.stands(CUP) == {"ZJ-A-1/ok": "10"}
