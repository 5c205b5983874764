"""The stage and transit by hand: what stands there belongs to papers that live.

Goods come to `<warehouse>-OUT` by picking and leave by shipping. By hand only what waits to be put
back (putback.py) may leave, to wherever it is carried; nothing may be put there. What stands in
`<warehouse>-TRANSIT` comes and goes by its transfer alone. Verbs that move goods
from or to a place that a person chose ask here; in the same transaction, before they post.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from core import catalog
from core.catalog import Item, Location
from core.db import Tx
from core.errors import AppError
from core.orders.sales import rules
from core.orders.sales.putback import Drawn, Waiting, draw, waiting
from core.orders.sales.tables import pick_lines, sale_lines, sales
from core.people import Actor
from core.quantity import ONE, Micro, show
from core.stock import refusals
from core.stock.papers import OF_PAPERS

STAGE = "stage"
TRANSIT = "transit"
_OWNER = (
    select(sales.c.code)
    .join(pick_lines, pick_lines.c.sale_id == sales.c.id)
    .join(sale_lines, sale_lines.c.id == pick_lines.c.sale_line_id)
    .where(
        sales.c.warehouse_id == bindparam("warehouse"),
        sales.c.state.in_(("picking", "picked", "packed")),
        pick_lines.c.item_id == bindparam("item"),
        pick_lines.c.lot_id == bindparam("lot"),
        sale_lines.c.picked > sale_lines.c.shipped,
        pick_lines.c.picked > 0,
    )
    .order_by(sales.c.id)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Leaving:
    """Goods that somebody carries away (base units), and whereto (a location id)."""

    item_id: int
    lot_id: int
    quantity: Micro
    to_location: int
    serials: tuple[str, ...] = ()


def leaving(tx: Tx, actor: Actor, place: Location, goods: Leaving) -> None:
    """Goods leave `place` by hand: from the stage only what waits there to be put back.

    Raises:
        AppError: stage_taken (names an order that owns them), stage_unclaimed, transit_by_hand,
            lot_needed.
    """
    if place.kind == TRANSIT:
        raise AppError(refusals.TRANSIT_BY_HAND, location=place.code)
    if place.kind != STAGE:
        return
    item = catalog.item(tx.conn, goods.item_id)
    if item.tracking == "lot" and not goods.lot_id:
        raise AppError(refusals.LOT_NEEDED, item=item.code)
    assert place.warehouse_id is not None, "a stage stands in a warehouse"
    rows = waiting(tx.conn, place.warehouse_id, goods.item_id, goods.lot_id)
    drawn = _drawn(rows, goods)
    if sum(each[1] for each in drawn) < goods.quantity:
        raise _refusal(tx.conn, place, item, goods, sum(each.left for each in rows))
    draw(tx, actor, drawn)


def entering(place: Location) -> None:
    """Nobody puts goods into the stage or into transit by hand.

    Raises:
        AppError(stage_by_hand, transit_by_hand)
    """
    if place.kind in OF_PAPERS:
        raise AppError(OF_PAPERS[place.kind], location=place.code)


def _drawn(rows: Sequence[Waiting], goods: Leaving) -> list[Drawn]:
    """Which rows give what, the oldest first. A serial number is taken from the row it is on."""
    named = {row.id: tuple(code for code in goods.serials if code in row.serials) for row in rows}
    mine = [(row.id, len(named[row.id]) * ONE if goods.serials else row.left) for row in rows]
    by_id = {row.id: row for row in rows}
    parts = rules.shares(goods.quantity, mine)
    return [(by_id[key], part, named[key], goods.to_location) for key, part in parts]


def _refusal(
    conn: Connection, place: Location, item: Item, goods: Leaving, left: Micro
) -> AppError:
    asked = {"warehouse": place.warehouse_id, "item": item.id, "lot": goods.lot_id}
    owner = conn.execute(_OWNER, asked).scalar()
    facts = {"place": place.code, "item": item.name, "left": f"{show(left)} {item.unit}"}
    facts |= {"asked": f"{show(goods.quantity)} {item.unit}"}
    if owner is None:
        return AppError(rules.STAGE_UNCLAIMED, **facts)
    return AppError(rules.STAGE_TAKEN, code=owner, **facts)
