"""Goods were taken or moved aside before anybody judged them or decided: both can still be done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core import stock
from core.clock import ManualClock
from core.db import Database
from core.orders.decision import Decide, decide
from core.orders.inspection import inspection
from core.orders.move import Move, move
from core.orders.progress import ReceiptLine
from core.orders.sales.returns import Scrap, scrap
from tests.core.orders_world import BASE, SCALE, Trader, q
from tests.core.sales_world import BUYER, KEEPER, Shop, shop


@pytest.fixture
def s(db: Database, clock: ManualClock) -> Shop:
    return shop(db, clock)


def arrived(s: Shop, name: str, quantity: str, lot: str = "", **more: object) -> ReceiptLine:
    made = s.t.order((name, quantity))
    return s.t.arrive(made, s.t.bring(made, 0, quantity, lot, **more)).lines[0]


def ended(t: Trader, kind: str) -> str:
    """How the one task of a kind ended."""
    [task] = t.tasks(kind, live=False)
    assert task.state == "done", task.title
    return task.sentence


def got_dock(t: Trader) -> int:
    return t.places["ZJ-DOCK"]


def aside(t: Trader, got: ReceiptLine, much: str, status: str) -> None:
    ask = Move(t.op(), got.item_id, q(much), got_dock(t), t.places["ZJ-A-4"], got.lot_id)
    t.do(lambda tx: move(tx, t.people[KEEPER], replace(ask, status=status)))


def test_goods_scrapped_before_their_inspection(s: Shop) -> None:
    t = s.t
    got = arrived(s, BASE, "24", "L-1")
    for much in (4, 20):
        ask = Scrap(t.op(), got.item_id, q(much), got_dock(t), "摔了", got.lot_id, "inspect")
        t.do(lambda tx, ask=ask: scrap(tx, t.people[KEEPER], ask))  # type: ignore[misc]
        if much == 4:
            assert t.line(got).to_inspect == q(20)
            assert len(t.tasks("inspect")) == 1
    line = t.line(got)
    assert (line.to_inspect, line.rejected, line.held) == (0, q(24), 0)
    assert ended(t, "inspect") == "待检的货已移走，不用再检"


@pytest.mark.parametrize("how", ["return", "concession", "scrap"])
@pytest.mark.parametrize("gone", [1, 4])
def test_goods_scrapped_before_the_buyer_decided(s: Shop, how: str, gone: int) -> None:
    t = s.t
    got = arrived(s, BASE, "24", "L-1")
    failed = t.judge(got, "20", "4")
    ask = Scrap(t.op(), got.item_id, q(gone), got_dock(t), "碎了", got.lot_id, "hold")
    t.do(lambda tx: scrap(tx, t.people[KEEPER], ask))
    assert t.line(got).held == q(4 - gone)
    said = t.press(BUYER, t.task("qc_decide"), how, reason="谈妥").sentence
    assert said.endswith(f"{4 - gone} 件，另有 {gone} 件 已不在库"), said
    assert t.db.read_now(lambda conn: inspection(conn, failed.id)).state == "decided"
    assert "ZJ-DOCK/hold" not in t.stands(BASE)
    assert (t.line(got).held, t.tasks("qc_decide")) == (0, [])
    t.proven()


def test_a_lot_that_failed_as_a_whole_and_was_scrapped_by_hand(s: Shop) -> None:
    t = s.t
    failed = t.fail_a_lot("L-7", "24")
    ask = Scrap(t.op(), failed.item_id, q(24), got_dock(t), "碎了", failed.lot_id, "hold")
    t.do(lambda tx: scrap(tx, t.people[KEEPER], ask))
    t.do(lambda tx: decide(tx, t.people[BUYER], Decide(t.op(), failed.id, "return", "x")))
    assert t.tasks("qc_decide") == []


@pytest.mark.parametrize("how", ["return", "concession", "scrap"])
def test_rejected_goods_that_were_moved_aside_are_decided_where_they_are(s: Shop, how: str) -> None:
    t = s.t
    got = arrived(s, BASE, "24", "L-1")
    t.judge(got, "20", "4")
    aside(t, got, "3", "hold")
    t.press(BUYER, t.task("qc_decide"), how, reason="谈妥")
    left = {"ZJ-DOCK/ok": "20"}
    if how == "concession":
        left = {"ZJ-DOCK/ok": "21", "ZJ-A-4/ok": "3"}
    elif how == "scrap":
        left["SCRAP/rejected"] = "4"
    assert t.stands(BASE) == left
    line = t.line(got)
    assert (line.held, line.to_stock) == (0, q(21) if how == "concession" else q(20))
    t.press(KEEPER, t.task("putaway"), "put_away", bin="ZJ-A-1")
    assert t.tasks("putaway") == []
    t.proven()


def test_goods_that_were_moved_aside_are_judged_where_they_are(s: Shop) -> None:
    t = s.t
    got = arrived(s, BASE, "24", "L-1")
    aside(t, got, "24", "inspect")
    assert t.line(got).to_inspect == q(24)
    t.judge(got, "20", "4")
    assert t.stands(BASE) == {"ZJ-A-4/ok": "20", "ZJ-A-4/hold": "4"}
    assert (t.line(got).to_stock, t.tasks("putaway"), t.tasks("inspect")) == (0, [], [])
    t.press(BUYER, t.task("qc_decide"), "return", reason="谈妥")
    assert t.stands(BASE) == {"ZJ-A-4/ok": "20"}
    t.proven()


def test_serial_numbers_are_judged_without_the_one_that_is_gone(s: Shop) -> None:
    t = s.t
    got = arrived(s, SCALE, "3", serials=("S1", "S2", "S3"))
    ask = Scrap(t.op(), got.item_id, q(1), got_dock(t), "摔了", status="inspect", serials=("S2",))
    t.do(lambda tx: scrap(tx, t.people[KEEPER], ask))
    t.judge(got, "1", "1", rejected_serials=("S3",))
    rows = t.db.read_now(lambda conn: stock.serials_of(conn, t.items[SCALE]))
    assert {each.code: each.status for each in rows} == {
        "S1": "ok", "S2": "rejected", "S3": "hold",
    }  # fmt: skip
    assert t.tasks("inspect") == []
