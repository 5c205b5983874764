"""Moving goods from one place to another inside a warehouse: one step, no document."""

from __future__ import annotations

from dataclasses import dataclass

from core import catalog
from core.db import Tx
from core.errors import AppError
from core.orders import dock, replay, rules
from core.orders.measure import base_quantity
from core.orders.replay import post_new, run_once
from core.orders.sales import stage
from core.people import Actor, Thing, require
from core.quantity import Micro
from core.stock import Line, Posting


@dataclass(frozen=True, slots=True)
class Move:
    """Bin to bin inside one warehouse; `quantity` in packs when `pack_id` is given."""

    op_id: str
    item_id: int
    quantity: Micro
    from_location: int
    to_location: int
    lot_id: int = 0
    serials: tuple[str, ...] = ()
    pack_id: int | None = None
    status: str = "ok"  # held goods may be moved aside; they stay held


@dataclass(frozen=True, slots=True)
class Moved:
    """What moved (base units)."""

    op_id: str
    posting_id: int
    quantity: Micro


def move(tx: Tx, actor: Actor, ask: Move) -> Moved:
    """Move goods from one place to another of the same warehouse.

    Raises:
        AppError: forbidden, other_warehouse, bad_quantity, not_whole, stage_taken,
            stage_unclaimed, stage_by_hand, transit_by_hand, key_reused, or a refusal of the ledger.
    """
    replay.ask_ahead(tx, "move", ask)
    catalog.ask_ahead(tx.conn, (ask.item_id,), (ask.from_location, ask.to_location))
    source = catalog.location(tx.conn, ask.from_location)
    require(actor, "transfer", Thing("location", source.code, warehouse_id=source.warehouse_id))
    return run_once(tx, "move", ask, Moved, lambda: _move(tx, actor, ask))


def _move(tx: Tx, actor: Actor, ask: Move) -> Moved:
    source = catalog.location(tx.conn, ask.from_location)
    target = catalog.location(tx.conn, ask.to_location)
    inside = source.is_internal and target.is_internal
    if not inside or source.warehouse_id != target.warehouse_id:
        raise AppError(rules.OTHER_WAREHOUSE, from_code=source.code, to_code=target.code)
    stage.entering(target)
    item = catalog.item(tx.conn, ask.item_id)
    quantity = base_quantity(tx.conn, item, ask.quantity, ask.pack_id)
    goods = stage.Leaving(item.id, ask.lot_id, quantity, target.id, ask.serials)
    stage.leaving(tx, actor, source, goods)
    line = Line(
        item.id,
        quantity,
        source.id,
        target.id,
        lot_id=ask.lot_id,
        from_status=ask.status,
        to_status=ask.status,
        serials=ask.serials,
    )
    posted = post_new(tx, actor, Posting(f"{ask.op_id}:move", "transfer", (line,)))
    dock.left(tx, actor, posted.moves, source)
    if source.kind == stage.STAGE:
        dock.back(tx, actor, posted.moves)
    return Moved(ask.op_id, posted.posting_id, quantity)
