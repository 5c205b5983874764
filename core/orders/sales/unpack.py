"""Opening a box that was packed wrongly: its goods are picked, and in no box again. No moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core import events
from core.db import Tx
from core.errors import NOT_FOUND, AppError
from core.orders.replay import run_once
from core.orders.sales import rules
from core.orders.sales.book import PickLine, Sale, picks_of, sale
from core.orders.sales.boxes import PackageLine, packages_of
from core.orders.sales.cancel import void
from core.orders.sales.pack import Packed
from core.orders.sales.state import keep_state
from core.orders.sales.tables import pick_lines, sale_lines
from core.people import Actor, Thing, require
from core.quantity import ONE, Micro


@dataclass(frozen=True, slots=True)
class Unpack:
    """Open the box with this code on its label."""

    op_id: str
    sale_id: str
    code: str


def unpack(tx: Tx, actor: Actor, ask: Unpack) -> Packed:
    """Open a box that has not left; the answer names it, void.

    Raises:
        AppError: forbidden, not_found, box_not_here (it left, or was opened before), key_reused.
    """
    made = sale(tx.conn, ask.sale_id)
    require(actor, "pack", Thing("sale", made.id, warehouse_id=made.warehouse_id))
    return run_once(tx, "unpack", ask, Packed, lambda: _unpack(tx, actor, ask, made))


def _unpack(tx: Tx, actor: Actor, ask: Unpack, made: Sale) -> Packed:
    box = next((each for each in packages_of(tx.conn, made.id) if each.code == ask.code), None)
    if box is None:
        raise AppError(NOT_FOUND, what=f"销售单 {made.code} 的箱子", name=ask.code[:40])
    if box.state != "packed":
        zh, en = ("已经交接", "gone") if box.state == "shipped" else ("已经拆过", "open already")
        raise AppError(rules.BOX_NOT_HERE, code=box.code, state=zh, state_en=en)
    void(tx, [box])
    stops = picks_of(tx.conn, made.id)
    for line in box.lines:
        stops = _take_out(tx, line, stops)
    after = keep_state(tx, actor, made.id, gone="已拆箱，重新打包")
    payload = {"code": made.code, "boxes": [box.code]}
    events.append(tx, "sale.unboxed", f"sale:{made.id}", actor.label, payload)
    waits = sum(each.picked - each.packed for each in picks_of(tx.conn, made.id))
    return Packed(made.id, after.state, (replace(box, state="void"),), waits)


def _take_out(tx: Tx, line: PackageLine, stops: Sequence[PickLine]) -> list[PickLine]:
    """Lower what is packed by one line of the box, the last stops first; the stops afterwards."""
    same = [
        each
        for each in reversed(stops)
        if (each.sale_line_id, each.lot_id) == (line.sale_line_id, line.lot_id) and each.packed
    ]
    if line.serials:
        mine = [(each.id, _named(each, line) * ONE) for each in same]
    else:
        mine = [(each.id, each.packed) for each in same]
    taken = dict(rules.shares(line.quantity, mine))
    assert sum(taken.values()) == line.quantity, "a box holds only what was packed"
    for key, part in taken.items():
        _lower(tx, key, part)
    tx.execute(
        sale_lines.update()
        .where(sale_lines.c.id == line.sale_line_id)
        .values(packed=sale_lines.c.packed - line.quantity)
    )
    return [replace(each, packed=each.packed - taken.get(each.id, 0)) for each in stops]


def _named(stop: PickLine, line: PackageLine) -> int:
    return sum(code in stop.serials for code in line.serials)


def _lower(tx: Tx, pick_id: str, part: Micro) -> None:
    mine = pick_lines.c.id == pick_id
    tx.execute(pick_lines.update().where(mine).values(packed=pick_lines.c.packed - part))
