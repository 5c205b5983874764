"""Where the goods of a receipt lie: on a dock of their warehouse, or moved aside into a bin of it.

What somebody picked or sent already (the stage, transit) is not here: other papers answer for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, bindparam, select

from core.ahead import ask_ahead
from core.catalog.tables import locations
from core.quantity import ONE, Micro
from core.stock.rules import SELLABLE
from core.stock.tables import balances, serials

DOCK = "dock"
Part = tuple[int, Micro, tuple[str, ...]]  # a location id, how much is taken there, its serials

_LIE = (
    select(
        balances.c.location_id,
        locations.c.kind,
        balances.c.status,
        balances.c.on_hand,
        balances.c.reserved,
    )
    .join(locations, locations.c.id == balances.c.location_id)
    .where(
        balances.c.item_id == bindparam("item"),
        balances.c.lot_id == bindparam("lot"),
        balances.c.live,
        balances.c.owner_id == 0,
        balances.c.on_hand > 0,
        locations.c.warehouse_id == bindparam("warehouse"),
        locations.c.kind.in_(SELLABLE),
    )
    .order_by(balances.c.id)
    .limit(2_000)
)
_SERIALS = (
    select(serials.c.code, serials.c.location_id)
    .where(
        serials.c.item_id == bindparam("item"),
        serials.c.lot_id == bindparam("lot"),
        serials.c.status == bindparam("status"),
        serials.c.owner_id == 0,
        serials.c.code.in_(bindparam("codes", expanding=True)),
    )
    .order_by(serials.c.location_id, serials.c.code)
)


@dataclass(frozen=True, slots=True)
class Goods:
    """One item of one lot (0: none) in one warehouse."""

    warehouse_id: int
    item_id: int
    lot_id: int


@dataclass(frozen=True, slots=True)
class Lying:
    """What stands in one place in one quality status (base units)."""

    location_id: int
    kind: str
    status: str
    on_hand: Micro
    reserved: Micro = 0


def ask_for(conn: Connection, goods: Goods) -> None:
    """`lying` will be wanted."""
    ask_ahead(conn, _LIE, _asked(goods))


def lying(conn: Connection, goods: Goods) -> list[Lying]:
    """Where it lies, docks first."""
    found = [Lying(*row) for row in conn.execute(_LIE, _asked(goods))]
    return sorted(found, key=lambda each: each.kind != DOCK)


def _asked(goods: Goods) -> dict[str, int]:
    return {"warehouse": goods.warehouse_id, "item": goods.item_id, "lot": goods.lot_id}


def amount(rows: Iterable[Lying], status: str, *, kind: str = "") -> Micro:
    """How much stands there in a status, everywhere or in places of one kind."""
    return sum(each.on_hand for each in rows if each.status == status and kind in ("", each.kind))


def most_free(rows: Iterable[Lying]) -> tuple[int, Micro]:
    """The dock with the most good stock that is promised to nobody, and how much that is."""
    docks = [each for each in rows if each.kind == DOCK and each.status == "ok"]
    found = [(each.location_id, max(0, each.on_hand - each.reserved)) for each in docks]
    return max(found, key=lambda each: each[1], default=(0, 0))


def taken(rows: Iterable[Lying], status: str, quantity: Micro) -> tuple[list[Part], list[Lying]]:
    """Where to take `quantity` of what stands in `status` (less when less is there), and what is
    left then.
    """
    found: list[Part] = []
    left: list[Lying] = []
    for row in rows:
        part = min(quantity, row.on_hand) if row.status == status else 0
        if part > 0:
            found.append((row.location_id, part, ()))
            quantity -= part
        left.append(replace(row, on_hand=row.on_hand - part))
    return found, left


def parts_of(conn: Connection, goods: Goods, status: str, codes: Iterable[str]) -> list[Part]:
    """As `taken`, of goods kept by serial number: those of `codes` that stand in `status`."""
    wanted = sorted(set(codes))
    if not wanted:
        return []
    asked = {"item": goods.item_id, "lot": goods.lot_id, "status": status, "codes": wanted}
    by_place: dict[int, list[str]] = defaultdict(list)
    for code, place in conn.execute(_SERIALS, asked):
        by_place[place].append(code)
    return [(place, len(named) * ONE, tuple(named)) for place, named in by_place.items()]
