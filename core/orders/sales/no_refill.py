"""A replenishment that nobody can do: the goods are not where the books say, or not needed.

The promise is let go and the task ends. Where the books still hold free goods that were not found,
those go to hold and the bins are counted, so that nobody is sent there again; see short.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from core import catalog
from core.db import Tx
from core.orders import rules as papers
from core.orders.replay import run_once
from core.orders.sales.cards import FACE_IS_FULL
from core.orders.sales.doubt import count_bins, hold
from core.people import Actor, Thing, require
from core.stock import BalanceRow, Reserved, on_hand, release, reservation


@dataclass(frozen=True, slots=True)
class NotRefilled:
    """Nothing was carried to the face. `reason`: 「备货区是空的」; 「架上还够」 doubts no books."""

    op_id: str
    location_id: int
    item_id: int
    reservation_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """`count_id`: of the bins in doubt, empty when there are none."""

    op_id: str
    count_id: str
    sentence: str


def not_refilled(tx: Tx, actor: Actor, ask: NotRefilled) -> LeftAlone:
    """Give up a replenishment, with a reason.

    Raises:
        AppError: forbidden, not_found, reason_needed, key_reused.
    """
    place = catalog.location(tx.conn, ask.location_id)
    require(actor, "replenish", Thing("location", place.code, warehouse_id=place.warehouse_id))
    reason = papers.require_reason(ask.reason, "不补货")
    return run_once(
        tx, "replenish.none", ask, LeftAlone, lambda: _not_refilled(tx, actor, ask, reason)
    )


def _not_refilled(tx: Tx, actor: Actor, ask: NotRefilled, reason: str) -> LeftAlone:
    promised = reservation(tx.conn, ask.reservation_id)
    if promised.state == "open":
        release(tx, actor, promised.reservation_id, reason)
    words = f"没补 {catalog.item(tx.conn, ask.item_id).name}：{reason}"
    rows = [] if reason == FACE_IS_FULL else _in_doubt(tx, promised)
    if not rows:
        return LeftAlone(ask.op_id, "", words)
    hold(tx, actor, ask.op_id, [(each, each.available) for each in rows], reason)
    bins = sorted({(each.location_id, each.location_code) for each in rows})
    warehouse_id = catalog.location(tx.conn, bins[0][0]).warehouse_id
    assert warehouse_id is not None, "a bin stands in a warehouse"
    count_id = count_bins(tx, ask.op_id, warehouse_id, bins)
    where = "、".join(code for _, code in bins)
    return LeftAlone(ask.op_id, count_id, f"{words}。账上 {where} 还有货，已请人盘点")


def _in_doubt(tx: Tx, promised: Reserved) -> list[BalanceRow]:
    """Free good stock of the lots and bins that were promised: nobody found it."""
    rows = []
    for location_id, lot_id in sorted({(part.location_id, part.lot_id) for part in promised.parts}):
        found = on_hand(tx.conn, promised.item_id, location_id, lot_id=lot_id, limit=10)
        rows += [row for row in found if row.available > 0 and row.lot_id == lot_id]
    return rows
