"""What may be sent instead of what: master data, and what of it is there now. Moves nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, select

from core import catalog
from core.catalog.tables import items
from core.db import Tx
from core.errors import INVALID, AppError
from core.orders.sales import rules
from core.orders.sales.tables import substitutes as table
from core.people import Actor, record, require
from core.quantity import ONE, Factor, Micro
from core.stock import available

MOST = 50


@dataclass(frozen=True, slots=True)
class Substitute:
    """`numerator`/`denominator`: base units of the other per base unit of the item."""

    item_id: int
    other_id: int
    numerator: int = 1
    denominator: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """A substitute with what would be needed of it and what may be promised of it (Micro)."""

    item_id: int
    code: str
    wanted: Micro
    available: Micro


def save_substitute(tx: Tx, actor: Actor, new: Substitute) -> Substitute:
    """Say that `other_id` may go instead of `item_id`; again: with another factor.

    Raises:
        AppError: forbidden, invalid, not_found.
    """
    require(actor, "substitute.write")
    if new.item_id == new.other_id:
        raise AppError(INVALID, field="替代品", why="不能是它自己")
    if not (0 < new.numerator <= 10**6 and 0 < new.denominator <= 10**6):
        raise AppError(INVALID, field="换算", why="应是正的比例，例如 1 比 1")
    for each in (new.item_id, new.other_id):
        catalog.item(tx.conn, each)
    same = and_(table.c.item_id == new.item_id, table.c.other_id == new.other_id)
    row = {
        "numerator": new.numerator,
        "denominator": new.denominator,
        "note": new.note.strip()[:200],
    }
    if not tx.execute(table.update().where(same).values(**row)).rowcount:
        tx.add(table, {"item_id": new.item_id, "other_id": new.other_id, **row})
    record(
        tx, actor, "substitute.write", f"item:{new.item_id}", after={"other": new.other_id, **row}
    )
    return new


def drop_substitute(tx: Tx, actor: Actor, item_id: int, other_id: int) -> None:
    """It may not go instead any more. Repeatable."""
    require(actor, "substitute.write")
    same = and_(table.c.item_id == item_id, table.c.other_id == other_id)
    if tx.execute(table.delete().where(same)).rowcount:
        record(tx, actor, "substitute.write", f"item:{item_id}", before={"other": other_id})


def substitutes_of(conn: Connection, item_id: int) -> list[Substitute]:
    """What may go instead of an item, by code."""
    query = (
        select(table)
        .join(items, items.c.id == table.c.other_id)
        .where(table.c.item_id == item_id)
        .order_by(items.c.code)
        .limit(MOST)
    )
    return [
        Substitute(row.item_id, row.other_id, row.numerator, row.denominator, row.note)
        for row in conn.execute(query)
    ]


def options_for(
    conn: Connection, item_id: int, quantity: Micro, warehouse_id: int, ship_on: str
) -> list[Option]:
    """What could go instead of `quantity`, those that suffice first; what is gone is left out."""
    found = []
    for each in substitutes_of(conn, item_id):
        other = catalog.item(conn, each.other_id)
        whole = 1 if quantity % ONE else ONE  # weighed goods are not rounded up to a kilogram
        wanted = rules.in_substitute(quantity, Factor(each.numerator, each.denominator), whole)
        free = available(conn, other.id, warehouse_id, ship_on)
        if free > 0:
            found.append(Option(other.id, other.code, wanted, free))
    return sorted(found, key=lambda each: (each.available < each.wanted, each.code))
