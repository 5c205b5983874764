"""Questions about serial numbers: where one stands, and its life. Only reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from core.catalog.tables import locations
from core.stock.card import CARD, Movement
from core.stock.queries import PAGE
from core.stock.tables import move_serials, moves, serials


def movements_of_serial(
    conn: Connection, item_id: int, code: str, limit: int = 100
) -> list[Movement]:
    """The life of one serial, newest first."""
    query = (
        CARD.join(move_serials, move_serials.c.move_id == moves.c.id)
        .join(serials, serials.c.id == move_serials.c.serial_id)
        .where(serials.c.item_id == item_id, serials.c.code == code)
    )
    rows: Any = conn.execute(query.order_by(moves.c.id.desc()).limit(limit))
    return [Movement(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class SerialRow:
    """Where one serial stands, and the reservation that holds it."""

    id: int
    code: str
    lot_id: int
    location_id: int
    location_code: str
    status: str
    owner_id: int
    reservation_id: int | None


def serials_of(
    conn: Connection,
    item_id: int,
    location_id: int | None = None,
    *,
    code: str | None = None,
    limit: int = PAGE,
    after: int = 0,
) -> list[SerialRow]:
    """The serials of an item, at a place or by code; page on with `after` = the last id."""
    query = (
        select(
            serials.c.id,
            serials.c.code,
            serials.c.lot_id,
            serials.c.location_id,
            locations.c.code.label("location_code"),
            serials.c.status,
            serials.c.owner_id,
            serials.c.reservation_id,
        )
        .join(locations, locations.c.id == serials.c.location_id)
        .where(serials.c.item_id == item_id, serials.c.id > after)
    )
    if location_id is not None:
        query = query.where(serials.c.location_id == location_id)
    if code is not None:
        query = query.where(serials.c.code == code)
    rows: Any = conn.execute(query.order_by(serials.c.id).limit(limit))
    return [SerialRow(*row) for row in rows]
