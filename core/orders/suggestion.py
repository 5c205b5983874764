"""Which bin to put goods into, and why: loads the facts that `rules.rank_places` weighs.

A suggestion is only that (look.md: machine guesses say so); any bin with room may be scanned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, case, exists, func, literal, select

from core import catalog
from core.ahead import ask_ahead
from core.catalog.tables import locations
from core.orders import rules
from core.quantity import Micro
from core.stock.tables import balances

MOST_BINS = 1_000


@dataclass(frozen=True, slots=True)
class Bin:
    """A suggested bin; `why` is a short Chinese sentence, `room` None when nobody set a limit."""

    location_id: int
    code: str
    why: str
    room: Micro | None = None


def _only(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, balances.c.on_hand), else_=0)), 0)


_SAME_ITEM = balances.c.item_id == bindparam("item")
_PLACES = (
    select(
        locations.c.id,
        locations.c.code,
        locations.c.zone,
        locations.c.capacity_micro,
        func.coalesce(func.sum(balances.c.on_hand), 0).label("stock"),
        _only(_SAME_ITEM).label("same_item"),
        _only(and_(_SAME_ITEM, balances.c.lot_id == bindparam("lot"))).label("same_lot"),
    )
    .outerjoin(balances, and_(balances.c.location_id == locations.c.id, balances.c.live))
    .where(locations.c.kind == "bin", locations.c.active)
    .group_by(locations.c.id, locations.c.code, locations.c.zone, locations.c.capacity_micro)
)
_ONE = _PLACES.where(locations.c.id == bindparam("place")).limit(1)

# Candidates come from a few bounded questions, so that 15,000 bins cost a scan no more than 50
# (museum: odoo #8344).
_BINS = (
    select(locations.c.id)
    .where(
        locations.c.warehouse_id == bindparam("warehouse"),
        locations.c.kind == "bin",
        locations.c.active,
    )
    .order_by(locations.c.code)
)
_WITH_ITEM = (
    select(balances.c.location_id)
    .join(locations, locations.c.id == balances.c.location_id)
    .where(
        balances.c.item_id == bindparam("item"),
        balances.c.live,
        balances.c.on_hand > 0,
        locations.c.warehouse_id == bindparam("warehouse"),
        locations.c.kind == "bin",
        locations.c.active,
    )
    .limit(200)
)
_NEAR = _PLACES.where(locations.c.id.in_(_WITH_ITEM)).limit(MOST_BINS)
_NOTHING = literal(0)
_EMPTY = (
    select(
        locations.c.id,
        locations.c.code,
        locations.c.zone,
        locations.c.capacity_micro,
        _NOTHING.label("stock"),
        _NOTHING.label("same_item"),
        _NOTHING.label("same_lot"),
    )
    .where(
        locations.c.warehouse_id == bindparam("warehouse"),
        locations.c.kind == "bin",
        locations.c.active,
        ~exists().where(balances.c.location_id == locations.c.id, balances.c.live),
    )
    .order_by(locations.c.code)
    .limit(20)
)
_IN_ZONE = locations.c.zone == bindparam("zone")


def _added_up(bins: Select[Any]) -> Select[Any]:
    return _PLACES.where(locations.c.id.in_(bins)).limit(MOST_BINS)


_EMPTY_OF_ZONE = _EMPTY.where(_IN_ZONE)
_OF_ZONE = _added_up(_BINS.where(_IN_ZONE).limit(200))
_FIRST, _MANY = _added_up(_BINS.limit(20)), _added_up(_BINS.limit(200))


def suggest(
    conn: Connection,
    item_id: int,
    lot_id: int,
    quantity: Micro,
    warehouse_id: int,
    *,
    limit: int = 3,
) -> list[Bin]:
    """The best bins for `quantity` (base units) of this item and lot, best first; may be empty."""
    return Shelves(conn, warehouse_id).suggest(item_id, lot_id, quantity, limit=limit)


class Shelves:
    """`suggest` for several goods at one time, while no goods move: which bins are empty is asked
    once."""

    def __init__(self, conn: Connection, warehouse_id: int) -> None:
        self._conn, self._warehouse_id = conn, warehouse_id
        self._empty: dict[str | None, Iterable[Any]] = {}
        self._near: dict[tuple[int, int], Any] = {}

    def ask_ahead(self, goods: Iterable[tuple[int, int]]) -> None:
        """What (item id, lot id) will be asked for: on PostgreSQL the questions travel together."""
        for item_id, lot_id in goods:
            asked = {"warehouse": self._warehouse_id, "item": item_id, "lot": lot_id}
            self._near[item_id, lot_id] = self._conn.execute(_NEAR, asked)
            if None not in self._empty and not catalog.item(self._conn, item_id).zone:
                self._empty[None] = self._conn.execute(_EMPTY, asked)

    def suggest(self, item_id: int, lot_id: int, quantity: Micro, *, limit: int = 3) -> list[Bin]:
        """As the function of that name."""
        zone = catalog.item(self._conn, item_id).zone
        asked = {"warehouse": self._warehouse_id, "item": item_id, "lot": lot_id, "zone": zone}
        places: dict[int, rules.Place] = {}
        ranked: list[tuple[rules.Place, str]] = []
        for rows in self._steps(asked):
            found = [_place(row, lot_id) for row in rows]
            if found:
                places |= {each.location_id: each for each in found}
                ranked = rules.rank_places(list(places.values()), quantity, zone, limit)
            if len(ranked) == limit:
                break
        return [Bin(place.location_id, place.code, why, place.room) for place, why in ranked]

    def _steps(self, asked: dict[str, Any]) -> Iterator[Iterable[Any]]:
        """In the order of `rules.rank_places`: whoever finds enough need not look further, and a
        full warehouse does not have every bin added up."""
        ahead = self._near.pop((asked["item"], asked["lot"]), None)
        yield self._conn.execute(_NEAR, asked) if ahead is None else ahead
        if asked["zone"]:
            yield [*self._empties(asked, asked["zone"]), *self._conn.execute(_OF_ZONE, asked)]
        yield self._empties(asked, None)
        yield self._conn.execute(_FIRST, asked)
        yield self._conn.execute(_MANY, asked)

    def _empties(self, asked: dict[str, Any], zone: str | None) -> list[Any]:
        if zone not in self._empty:
            query = _EMPTY if zone is None else _EMPTY_OF_ZONE
            self._empty[zone] = self._conn.execute(query, asked)
        rows = self._empty[zone] = list(self._empty[zone])
        return rows


def ask_for_bin_room(conn: Connection, location_id: int) -> None:
    """`bin_room` will be wanted."""
    ask_ahead(conn, _ONE, _asked_of(location_id))


def bin_room(conn: Connection, location_id: int) -> Micro | None:
    """What still fits into one bin (base units); None when it has no limit."""
    row = conn.execute(_ONE, _asked_of(location_id)).first()
    return None if row is None else _place(row, 0).room


def _asked_of(location_id: int) -> dict[str, Any]:
    return {"place": location_id, "item": 0, "lot": 0}


def _place(row: Any, lot_id: int) -> rules.Place:
    return rules.Place(
        location_id=row.id,
        code=row.code,
        zone=row.zone,
        capacity=row.capacity_micro,
        stock=int(row.stock),  # PostgreSQL sums bigint as numeric
        same_item=int(row.same_item),
        same_lot=int(row.same_lot) if lot_id else 0,
    )
