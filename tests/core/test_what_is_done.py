"""What is still to do costs the same to ask for, however much was done before (counted)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Table, func, select, update

from core.clock import ManualClock
from core.db import Database, Tx
from core.ids import new_id
from core.orders import progress
from core.orders.lying import Goods
from core.orders.order_book import orders
from core.orders.progress import ReceiptLine
from core.orders.tables import orders as order_table
from core.orders.tables import receipt_lines
from tests.core.effort import effort
from tests.core.orders_world import CUP, Trader, trader

DONE = 300


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    return trader(db, clock)


ASKED: dict[str, Callable[[Tx, ReceiptLine], object]] = {
    "on the dock": lambda tx, line: progress.waiting(tx.conn, line.warehouse_id),
    "of an item on the dock": lambda tx, line: progress.waiting(
        tx.conn, line.warehouse_id, line.item_id
    ),
    "of one lot": lambda tx, line: progress.open_lines(
        tx.conn, Goods(line.warehouse_id, line.item_id, line.lot_id)
    ),
}


@pytest.mark.parametrize("what", ASKED)
def test_lines_that_wait_for_nothing_are_not_read(t: Trader, what: str) -> None:
    shelved, waits = _two_lines(t)
    _repeat(t, receipt_lines, shelved.id, {}, 3)
    before, said = effort(t.db, "receipt_line", lambda tx: ASKED[what](tx, waits))
    assert said == [t.line(waits)]
    _repeat(t, receipt_lines, shelved.id, {}, DONE)
    after, says = effort(t.db, "receipt_line", lambda tx: ASKED[what](tx, waits))
    assert says == said
    assert 0 < after <= before * 1.2, (before, after)


def test_lines_of_a_lot_are_found_without_those_of_others(t: Trader) -> None:
    shelved, waits = _two_lines(t)

    def ask(tx: Tx) -> list[ReceiptLine]:
        return progress.lines_of_lot(tx.conn, waits.item_id, waits.lot_id)

    _repeat(t, receipt_lines, shelved.id, {"lot_id": 999}, 3)
    before, said = effort(t.db, "receipt_line", ask)
    assert [each.id for each in said] == [shelved.id, waits.id]
    _repeat(t, receipt_lines, shelved.id, {"lot_id": 999}, DONE)
    after, says = effort(t.db, "receipt_line", ask)
    assert says == said
    assert 0 < after <= before * 1.2, (before, after)


def test_orders_that_are_closed_are_not_read_for_those_that_are_open(t: Trader) -> None:
    old, still = t.order((CUP, "1")), t.order((CUP, "2"))
    closed = update(order_table).where(order_table.c.id == old.id).values(state="closed")
    t.do(lambda tx: tx.conn.execute(closed).close())

    def ask(tx: Tx) -> list[str]:
        return [each.id for each in orders(tx.conn, state="open")]

    _repeat(t, order_table, old.id, {}, 3)
    before, said = effort(t.db, "purchase_order", ask)
    assert said == [still.id]
    _repeat(t, order_table, old.id, {}, DONE)
    after, says = effort(t.db, "purchase_order", ask)
    assert says == said
    assert 0 < after <= before * 1.2, (before, after)


def _two_lines(t: Trader) -> tuple[ReceiptLine, ReceiptLine]:
    """One that was put away, and one that waits for it."""
    made = t.order((CUP, "100"))
    [shelved] = t.arrive(made, t.bring(made, 0, "60")).lines
    t.shelve(shelved, "60", "ZJ-A-1")
    [waits] = t.arrive(made, t.bring(made, 0, "40")).lines
    return t.line(shelved), waits


def _repeat(t: Trader, table: Table, row_id: str, other: dict[str, object], times: int) -> None:
    """As if it had happened so often: copies of a row under ids of their own."""

    def run(tx: Tx) -> None:
        row = dict(tx.conn.execute(select(table).where(table.c.id == row_id)).mappings().one())
        have = tx.conn.execute(select(func.count()).select_from(table)).scalar_one()
        for n in range(times):
            own = new_id(tx.now)
            names = {"id": own, "op_id": own, "code": own, "line_no": have + n + 1}
            fresh = {name: value for name, value in names.items() if name in row}
            tx.conn.execute(table.insert(), [row | fresh | other])

    t.do(run)
