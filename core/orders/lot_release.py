"""A person lets a held lot go: the stock, the receipt lines it came with, and their tasks.

Good stock becomes ok again. What came while the lot was held was never looked at: it waits for
inspection now, where its item asks for that. What failed an inspection stays in hold for the buyer,
and a lot that failed as a whole is not released by hand at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, select

from core import catalog
from core.db import Tx
from core.errors import AppError
from core.orders import dock, progress, rules
from core.orders.lying import DOCK, Goods
from core.orders.progress import ReceiptLine
from core.orders.sales.rules import shares
from core.orders.tables import inspections
from core.people import Actor
from core.quantity import ONE, Micro
from core.stock import Apart, Held, InHold, release_lot_by_hand
from core.stock.rules import SELLABLE

_UNDECIDED = (
    select(inspections)
    .where(
        inspections.c.item_id == bindparam("item"),
        inspections.c.lot_id == bindparam("lot"),
        inspections.c.state == "failed",
    )
    .order_by(inspections.c.id)
    .limit(2_000)
)


@dataclass(frozen=True, slots=True)
class Waits:
    """What of one receipt line stands in hold (base units), and the serials of each."""

    line: ReceiptLine
    rejected: Micro  # failed, and nobody has decided yet
    unseen: Micro  # came while the lot was held
    bad_serials: frozenset[str]


def release_by_hand(tx: Tx, actor: Actor, lot_id: int, op_id: str, reason: str) -> Held:
    """Let a held lot go; what waits on its receipt lines gets its task.

    Raises:
        AppError: forbidden, not_found, invalid (no reason), lot_not_held, lot_undecided,
            key_reused.
    """
    unseen: list[tuple[ReceiptLine, Micro]] = []

    def exceptions(stands: Sequence[InHold]) -> list[Apart]:
        waits = _waits(tx.conn, lot_id)
        found: list[Apart] = []
        for warehouse_id in sorted({each.line.warehouse_id for each in waits}):
            mine = [each for each in waits if each.line.warehouse_id == warehouse_id]
            here = _at_hand(stands, warehouse_id)
            unseen.extend(granted(here, mine))
            found += apart(here, mine, _looks(tx.conn, mine))
        return found

    done = release_lot_by_hand(tx, actor, lot_id, op_id, reason, exceptions=exceptions)
    _let_go(tx, actor, unseen)
    return done


def _waits(conn: Connection, lot_id: int) -> list[Waits]:
    """What stands in hold by the papers, line by line.

    Raises:
        AppError(lot_undecided): all of the lot waits for a decision.
    """
    lot = catalog.lot(conn, lot_id)
    failed: dict[str, list[Any]] = defaultdict(list)
    for row in conn.execute(_UNDECIDED, {"item": lot.item_id, "lot": lot_id}):
        if row.whole_lot:
            raise AppError(rules.LOT_UNDECIDED, lot=lot.code)
        failed[row.receipt_line_id].append(row)
    found = []
    for line in progress.lines_of_lot(conn, lot.item_id, lot_id):
        mine = failed[line.id]
        rejected = min(line.held, sum(each.rejected for each in mine))
        bad = frozenset(code for each in mine for code in each.rejected_serials)
        if line.held:
            found.append(Waits(line, rejected, line.held - rejected, bad))
    return found


def _at_hand(stands: Sequence[InHold], warehouse_id: int) -> list[InHold]:
    """What lies in one warehouse, docks first: there the goods of receipts stand."""
    ours = [each for each in stands if each.warehouse_id == warehouse_id and not each.owner_id]
    here = [each for each in ours if each.location_kind in SELLABLE]
    return sorted(here, key=lambda each: each.location_kind != DOCK)


def _looks(conn: Connection, waits: Sequence[Waits]) -> bool:
    return catalog.item(conn, waits[0].line.item_id).needs_inspection


def granted(here: Sequence[InHold], waits: Sequence[Waits]) -> list[tuple[ReceiptLine, Micro]]:
    """How much each line gets of the unseen goods that really lie there. Pure."""
    there = sum(each.on_hand for each in here) - sum(each.rejected for each in waits)
    by_id = {each.line.id: each.line for each in waits}
    parts = shares(max(0, there), [(each.line.id, each.unseen) for each in waits])
    return [(by_id[line_id], part) for line_id, part in parts]


def apart(here: Sequence[InHold], waits: Sequence[Waits], looks: bool) -> list[Apart]:
    """What does not become ok: rejected goods stay, unseen ones are looked at if `looks`. Pure."""
    bad = frozenset(code for each in waits for code in each.bad_serials)
    new = frozenset(code for each in waits if each.unseen for code in each.line.serials) - bad
    wanted: list[tuple[Literal["hold", "inspect"], Micro, frozenset[str]]] = [
        ("hold", sum(each.rejected for each in waits), bad)
    ]
    if looks:
        wanted.append(("inspect", sum(part for _, part in granted(here, waits)), new))
    left = {each.location_id: each.on_hand for each in here}
    found = []
    for status, quantity, codes in wanted:
        rest = quantity
        for each in here:
            named = tuple(code for code in each.serials if code in codes)
            part = len(named) * ONE if each.serials else min(rest, left[each.location_id])
            if part:
                found.append(Apart(each.location_id, status, part, named))
                left[each.location_id] -= part
                rest -= part
    return found


def _let_go(tx: Tx, actor: Actor, unseen: Sequence[tuple[ReceiptLine, Micro]]) -> None:
    for line, part in unseen:
        values = {"held": line.held - part, "rejected": line.rejected - part}
        if catalog.item(tx.conn, line.item_id).needs_inspection:
            values["to_inspect"] = line.to_inspect + part
        else:
            values["accepted"] = line.accepted + part
        progress.drop_putaway(tx, actor, progress.save(tx, line, **values))
    touched = [Goods(each.warehouse_id, each.item_id, each.lot_id) for each, _ in unseen]
    for goods in dict.fromkeys(touched):
        dock.settle(tx, actor, goods)  # what was moved aside meanwhile is on a shelf already
    for line, _ in unseen:
        progress.open_due_tasks(tx, actor, progress.line(tx.conn, line.id))
