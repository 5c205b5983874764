"""How far each received line has come: to inspect → accepted or rejected → stocked.

Keeps the paper and its tasks in step: what waits has a task, what is done has none. Always
quantity = to_inspect + accepted + rejected (Micro, base units). Moves no stock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnClause, Connection, bindparam, literal_column, select

from core import ahead, catalog
from core.db import Tx
from core.errors import NOT_FOUND, AppError
from core.orders import cards
from core.orders.lying import Goods
from core.orders.measure import goods_named
from core.orders.suggestion import Shelves
from core.orders.tables import receipt_lines as table
from core.people import Actor
from core.quantity import Micro
from core.tasks import board, policies


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """quantity = to_inspect + accepted + rejected; accepted = stocked + still on the dock."""

    id: str
    receipt_id: str
    line_no: int
    order_line_id: str
    warehouse_id: int
    item_id: int
    lot_id: int
    quantity: Micro
    to_inspect: Micro
    accepted: Micro
    rejected: Micro
    held: Micro
    stocked: Micro
    serials: tuple[str, ...] = ()
    over_reason: str = ""
    inspect_task: str = ""
    putaway_task: str = ""

    @property
    def to_stock(self) -> Micro:
        """Accepted and still on the dock."""
        return self.accepted - self.stocked


_SAVE = table.update().where(table.c.id == bindparam("line_"))
_ONE = select(table).where(table.c.id == bindparam("line")).limit(1)
_OF_RECEIPT = select(table).where(table.c.receipt_id == bindparam("receipt"))
_OF_RECEIPT = _OF_RECEIPT.order_by(table.c.line_no).limit(2_000)
_OF_LOT = (
    select(table)
    .where(table.c.item_id == bindparam("item"), table.c.lot_id == bindparam("lot"))
    .order_by(table.c.id)
    .limit(2_000)
)
_HERE = select(table).where(
    table.c.warehouse_id == bindparam("warehouse"),
    table.c.item_id == bindparam("item"),
    table.c.lot_id == bindparam("lot"),
)
# As the index of them says it: no line is read that waits for nothing any more.
_NOTHING: ColumnClause[int] = literal_column("0")
_WAITS = (table.c.to_inspect > _NOTHING) | (table.c.accepted > table.c.stocked)
_OPEN_HERE = _HERE.where(_WAITS | (table.c.held > _NOTHING)).order_by(table.c.id).limit(2_000)
_STOCKED_HERE = _HERE.where(table.c.stocked > 0).order_by(table.c.id.desc()).limit(200)


def ask_for_line(conn: Connection, line_id: str) -> None:
    """`line` will be wanted."""
    ahead.ask_ahead(conn, _ONE, {"line": line_id})


def line(conn: Connection, line_id: str) -> ReceiptLine:
    """One received line as it stands. Raises AppError(not_found)."""
    row = conn.execute(_ONE, {"line": line_id}).first()
    if row is None:
        raise AppError(NOT_FOUND, what="收货行", name=line_id)
    return _line(row)


def lines_of_receipt(conn: Connection, receipt_id: str) -> tuple[ReceiptLine, ...]:
    """The lines of one receipt in their order."""
    return tuple(_line(row) for row in conn.execute(_OF_RECEIPT, {"receipt": receipt_id}))


def lines_of_lot(conn: Connection, item_id: int, lot_id: int) -> list[ReceiptLine]:
    """Every receipt that ever brought this lot, oldest first."""
    return [_line(row) for row in conn.execute(_OF_LOT, {"item": item_id, "lot": lot_id})]


def open_lines(conn: Connection, goods: Goods) -> list[ReceiptLine]:
    """Lines whose goods wait for anything: a look, a shelf or a decision; oldest first."""
    return [_line(row) for row in conn.execute(_OPEN_HERE, _asked(goods))]


def stocked_lines(conn: Connection, goods: Goods) -> list[ReceiptLine]:
    """The newest lines of which something has left the dock for good, newest first."""
    return [_line(row) for row in conn.execute(_STOCKED_HERE, _asked(goods))]


def _asked(goods: Goods) -> dict[str, int]:
    return {"warehouse": goods.warehouse_id, "item": goods.item_id, "lot": goods.lot_id}


def waiting(
    conn: Connection, warehouse_id: int, item_id: int | None = None, limit: int = 200
) -> list[ReceiptLine]:
    """Lines that still wait for inspection or putaway in this warehouse, oldest first."""
    query = (
        select(table)
        .where(
            table.c.warehouse_id == warehouse_id,
            _WAITS,
        )
        .order_by(table.c.id)
        .limit(limit)
    )
    if item_id is not None:
        query = query.where(table.c.item_id == item_id)
    return [_line(row) for row in conn.execute(query)]


def _line(row: Any) -> ReceiptLine:
    values = dict(row._mapping)
    values["serials"] = tuple(values["serials"])
    return ReceiptLine(**values)


def save(tx: Tx, before: ReceiptLine, **changes: Any) -> ReceiptLine:
    """Write what changed on a line; the sum rule is checked here, once for everybody."""
    after = replace(before, **changes)
    assert after.quantity == after.to_inspect + after.accepted + after.rejected
    assert 0 <= after.stocked <= after.accepted
    assert 0 <= after.held <= after.rejected
    assert after.to_inspect >= 0
    tx.execute(_SAVE, changes | {"line_": before.id})
    return after


def ask_ahead(conn: Connection) -> None:
    """Ask for what `open_due_tasks` looks at, whatever the lines are."""
    for kind in ("inspect", "putaway"):
        policies.ask_for(conn, kind)


def open_due_tasks(
    tx: Tx,
    actor: Actor,
    line: ReceiptLine,
    shelves: Shelves | None = None,
    *,
    first: bool = False,
) -> ReceiptLine:
    """Give what waits on the line its task, unless it has one. `first`: the line is new."""
    if line.to_inspect and not line.inspect_task:
        item = catalog.item(tx.conn, line.item_id)
        goods = _goods(tx, line, line.to_inspect)
        new = cards.inspect_task(
            policies.policy_of(tx.conn, "inspect"), goods, line_id=line.id, checklist=item.checklist
        )
        line = save(tx, line, inspect_task=board.open_task(tx, actor, new, first=first).id)
    if line.to_stock and not line.putaway_task:
        shelves = shelves or Shelves(tx.conn, line.warehouse_id)
        bins = shelves.suggest(line.item_id, line.lot_id, line.to_stock)
        goods = _goods(tx, line, line.to_stock)
        policy = policies.policy_of(tx.conn, "putaway")
        new = cards.putaway_task(policy, goods, line_id=line.id, bins=bins)
        line = save(tx, line, putaway_task=board.open_task(tx, actor, new, first=first).id)
    return line


def _goods(tx: Tx, line: ReceiptLine, quantity: Micro) -> cards.Goods:
    return goods_named(tx.conn, line.item_id, quantity, line.warehouse_id, line.lot_id)


def settle_inspected(tx: Tx, actor: Actor, line: ReceiptLine, sentence: str) -> ReceiptLine:
    """Nothing waits for inspection any more: its task ends, and shelving is asked for afresh."""
    return drop_putaway(tx, actor, end_inspection(tx, actor, line, sentence))


def end_inspection(tx: Tx, actor: Actor, line: ReceiptLine, sentence: str) -> ReceiptLine:
    """Nothing waits for inspection any more: its task ends."""
    if line.inspect_task and not line.to_inspect:
        board.settle_task(
            tx,
            actor,
            line.inspect_task,
            outcome={"accepted_micro": line.accepted, "rejected_micro": line.rejected},
            sentence=sentence,
        )
        line = save(tx, line, inspect_task="")
    return line


def drop_putaway(tx: Tx, actor: Actor, line: ReceiptLine) -> ReceiptLine:
    """The amount to shelve grew: `open_due_tasks` then opens one task with the new amount."""
    if line.putaway_task and line.to_stock:
        board.cancel_task(tx, actor, line.putaway_task, "数量有变，已并入新的上架任务")
        line = save(tx, line, putaway_task="")
    return line


def settle_stocked(tx: Tx, actor: Actor, line: ReceiptLine, sentence: str) -> ReceiptLine:
    """Nothing is left on the dock: the putaway task ends."""
    if line.putaway_task and not line.to_stock:
        outcome = {"stocked_micro": line.stocked}
        board.settle_task(tx, actor, line.putaway_task, outcome=outcome, sentence=sentence)
        line = save(tx, line, putaway_task="")
    return line


def hold_back(tx: Tx, actor: Actor, lines: Sequence[ReceiptLine], why: str) -> None:
    """The whole lot was held: what waits on these lines waits for a decision instead."""
    for line in lines:
        moved = line.to_inspect + line.to_stock
        if not moved:
            continue
        for task_id in (line.inspect_task, line.putaway_task):
            if task_id:
                board.cancel_task(tx, actor, task_id, why)
        save(
            tx,
            line,
            to_inspect=0,
            accepted=line.stocked,
            rejected=line.rejected + moved,
            held=line.held + moved,
            inspect_task="",
            putaway_task="",
        )
