"""What is there costs the same to ask for, however many lots there were before (counted)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text

from core import stock
from core.db import Database, Tx
from core.orders.lying import Goods, lying
from core.orders.suggestion import suggest
from core.people import ENGINE
from core.quantity import ONE
from core.stock import Posting, curve, queries
from core.stock.reserve import Reserve, _candidates
from tests.core.effort import effort
from tests.core.stock_yard import Yard

GONE = 300
ON = "2026-11-30"


@pytest.fixture
def y(db: Database) -> Yard:
    return Yard(db)


def lots_come_and_go(y: Yard, milk: int, prefix: str, times: int) -> None:
    """Every lot is received, put away and sold to the last of it."""
    lots = [y.lot(milk, f"{prefix}{n}", "2027-01-01") for n in range(times)]
    for way in ("SUPPLIER>DOCK", "DOCK>A-1", "A-1>CUSTOMER"):
        for at in range(0, times, 100):
            lines = tuple(y.line(milk, "5", way, lot=lot) for lot in lots[at : at + 100])
            kind = {"SUPPLIER>DOCK": "receive", "A-1>CUSTOMER": "issue"}.get(way, "transfer")
            posting = Posting(y.op(), kind, lines)
            y.do(lambda tx, posting=posting: stock.post(tx, ENGINE, posting))  # type: ignore[misc]


ASKED: dict[str, Callable[[Tx, Yard, int, int], object]] = {
    "where the item lies": lambda tx, _y, milk, _lot: queries.on_hand(tx.conn, milk),
    "where the lot lies": lambda tx, _y, _milk, lot: queries.on_hand(tx.conn, lot_id=lot),
    "what lies on the dock": lambda tx, y, _milk, _lot: queries.on_hand(
        tx.conn, location_id=y.places["DOCK"]
    ),
    "what lies in a bin": lambda tx, y, _milk, _lot: queries.on_hand(
        tx.conn, location_id=y.places["A-1"]
    ),
    "what may be promised": lambda tx, _y, milk, _lot: queries.promise(tx.conn, milk, on_date=ON),
    "what each warehouse may promise": lambda tx, _y, milk, _lot: queries.available_by_warehouse(
        tx.conn, milk, ON
    ),
    "what somebody may see": lambda tx, _y, milk, _lot: queries.in_reach(
        tx.conn, milk, None, frozenset({1}), 50
    ),
    "what expires soon": lambda tx, _y, _milk, _lot: queries.near_expiry(tx.conn, ON, 60),
    "what to promise": lambda tx, _y, milk, _lot: _candidates(
        tx, Reserve("o", milk, ONE, warehouse_id=1)
    ),
    "what of a receipt is there": lambda tx, _y, milk, lot: lying(tx.conn, Goods(1, milk, lot)),
    "where to put it": lambda tx, _y, milk, lot: suggest(tx.conn, milk, lot, ONE, 1),
    "how much there is today": lambda tx, _y, milk, _lot: tx.execute(
        curve._NOW, {"item_": milk}
    ).scalar(),
}


@pytest.mark.parametrize("what", ASKED)
def test_what_is_gone_is_not_read(y: Yard, what: str) -> None:
    milk = y.item("MILK", "lot")
    lot = y.lot(milk, "HERE", "2027-01-01")
    y.move(milk, "8", "SUPPLIER>DOCK", lot=lot)
    y.move(milk, "3", "DOCK>A-1", lot=lot)
    lots_come_and_go(y, milk, "old", 3)
    before, said = effort(y.db, "balance", lambda tx: ASKED[what](tx, y, milk, lot))
    lots_come_and_go(y, milk, "older", GONE)
    after, says = effort(y.db, "balance", lambda tx: ASKED[what](tx, y, milk, lot))
    assert says == said
    assert 0 < after <= before * 1.2, (before, after)


@pytest.mark.postgres
def test_a_change_of_the_amount_writes_no_index(y: Yard) -> None:
    milk = y.item("MILK", "lot")
    lot = y.lot(milk, "HERE", "2027-01-01")
    y.move(milk, "8", "SUPPLIER>DOCK", lot=lot)
    y.move(milk, "3", "DOCK>A-1", lot=lot)
    line = y.line(milk, "2", "DOCK>A-1", lot=lot)

    def updates(tx: Tx) -> tuple[int, int]:
        counted = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables"
        row = tx.conn.execute(text(f"{counted} WHERE relname = 'balance'")).one()
        return row[0], row[1]

    def run(tx: Tx) -> tuple[int, int]:
        all_, hot = updates(tx)
        stock.post(tx, ENGINE, Posting(y.op(), "transfer", (line,)))
        after = updates(tx)
        return after[0] - all_, after[1] - hot

    assert y.do(run) == (2, 2)
