"""The card of an item: its movements, newest first. Only reads; quantities in micro, base unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, or_, select

from core.catalog.tables import locations, lots
from core.clock import Instant
from core.quantity import Micro
from core.stock.queries import EVERYWHERE, Reach
from core.stock.tables import moves, postings


@dataclass(frozen=True, slots=True)
class Movement:
    """One line on the card of an item; `quantity` always above zero, from → to tells the way."""

    move_id: int
    posting_id: int
    op_id: str
    kind: str
    doc: str
    reason: str
    reverses: str | None
    actor: str
    happened_at: Instant
    recorded_at: Instant
    lot_id: int
    lot_code: str | None
    from_location: str
    to_location: str
    from_status: str
    to_status: str
    quantity: Micro


_FROM, _TO = locations.alias("from_place"), locations.alias("to_place")
CARD = (
    select(
        moves.c.id,
        moves.c.posting_id,
        postings.c.op_id,
        postings.c.kind,
        postings.c.doc,
        postings.c.reason,
        postings.c.reverses,
        postings.c.actor,
        moves.c.happened_at,
        moves.c.recorded_at,
        moves.c.lot_id,
        lots.c.code.label("lot_code"),
        _FROM.c.code.label("from_code"),
        _TO.c.code.label("to_code"),
        moves.c.from_status,
        moves.c.to_status,
        moves.c.quantity,
    )
    .join(postings, postings.c.id == moves.c.posting_id)
    .join(_FROM, _FROM.c.id == moves.c.from_location)
    .join(_TO, _TO.c.id == moves.c.to_location)
    .outerjoin(lots, lots.c.id == moves.c.lot_id)
)


def movements(
    conn: Connection,
    item_id: int,
    cursor: int | None = None,
    limit: int = 100,
    *,
    lot_id: int | None = None,
    reach: Reach = EVERYWHERE,
) -> list[Movement]:
    """The card of an item, newest first; page on with `cursor` = the last `move_id` seen.

    A move between two warehouses is on the card of both.
    """
    query = CARD.where(moves.c.item_id == item_id)
    if cursor is not None:
        query = query.where(moves.c.id < cursor)
    if lot_id is not None:
        query = query.where(moves.c.lot_id == lot_id)
    if reach:
        ends = _FROM.c.warehouse_id, _TO.c.warehouse_id
        nowhere = ends[0].is_(None) & ends[1].is_(None)
        query = query.where(or_(ends[0].in_(reach), ends[1].in_(reach), nowhere))
    rows: Any = conn.execute(query.order_by(moves.c.id.desc()).limit(limit))
    return [Movement(*row) for row in rows]
