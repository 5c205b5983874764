"""Questions to the ledger: on hand, available, as of, near expiry.

Only reads; every list is bounded. Quantities in micro, base unit. `reach`: the warehouses that
whoever asks is bound to; what stands in no warehouse is everybody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    func,
    or_,
    select,
    union_all,
)

from core.catalog import tables as catalog
from core.clock import Instant
from core.quantity import Micro
from core.stock.rules import SELLABLE, VIRTUAL
from core.stock.tables import HAS_LOT, ZERO, balances, moves

PAGE = 500
FAR = "9999-99-99"
Reach = frozenset[int]
EVERYWHERE: Reach = frozenset()


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """One balance with the names a person reads."""

    id: int
    item_id: int
    item_code: str
    item_name: str
    unit: str
    lot_id: int
    lot_code: str | None
    expires_on: str | None
    lot_state: str | None
    location_id: int
    location_code: str
    location_kind: str
    warehouse_id: int | None
    status: str
    owner_id: int
    on_hand: Micro
    reserved: Micro

    @property
    def available(self) -> Micro:
        """What may be promised of this row alone; 0 unless it is good and in a bin or dock."""
        good = self.status == "ok" and self.owner_id == 0 and (self.lot_state or "ok") == "ok"
        if not good or self.location_kind not in SELLABLE:
            return 0
        return max(self.on_hand - self.reserved, 0)


_ITEMS, _LOTS, _PLACES = catalog.items, catalog.lots, catalog.locations
_ROWS = (
    select(
        balances.c.id,
        balances.c.item_id,
        _ITEMS.c.code.label("item_code"),
        _ITEMS.c.name.label("item_name"),
        _ITEMS.c.unit,
        balances.c.lot_id,
        _LOTS.c.code.label("lot_code"),
        _LOTS.c.expires_on,
        _LOTS.c.state.label("lot_state"),
        balances.c.location_id,
        _PLACES.c.code.label("location_code"),
        _PLACES.c.kind.label("location_kind"),
        _PLACES.c.warehouse_id,
        balances.c.status,
        balances.c.owner_id,
        balances.c.on_hand,
        balances.c.reserved,
    )
    .join(_ITEMS, _ITEMS.c.id == balances.c.item_id)
    .join(_PLACES, _PLACES.c.id == balances.c.location_id)
    .outerjoin(_LOTS, _LOTS.c.id == balances.c.lot_id)
)


def _within(reach: Reach) -> ColumnElement[bool]:
    return or_(_PLACES.c.warehouse_id.in_(reach), _PLACES.c.warehouse_id.is_(None))


# Written once: an IN of its own in each query is a ring that waits for the collector.
_NOT_ZERO = or_(balances.c.on_hand != 0, balances.c.reserved != 0)
_NOT_VIRTUAL = _PLACES.c.kind.not_in(VIRTUAL)
_HOUSE = _PLACES.c.warehouse_id
_IN_REACH = or_(_HOUSE.in_(bindparam("reach_", expanding=True)), _HOUSE.is_(None))


def on_hand(
    conn: Connection,
    item_id: int | None = None,
    location_id: int | None = None,
    lot_id: int | None = None,
    warehouse_id: int | None = None,
    *,
    virtual: bool = False,
    limit: int = PAGE,
    after: int = 0,
) -> list[BalanceRow]:
    """Balances that are not zero, by balance id; page on with `after` = the last id.

    Supplier, customer, production and count are left out unless asked for (`virtual`): that reads
    on until `limit` are found, however many balances there are.
    """
    there = (_NOT_ZERO,) if virtual else (balances.c.live, _NOT_VIRTUAL)
    query = _ROWS.where(balances.c.id > after, *there)
    # One item has fewer balances than one place may have: with an item, no place is looked up.
    place = balances.c.location_id if item_id is None else balances.c.location_id + ZERO
    wanted = (
        (balances.c.item_id, item_id),
        (place, location_id),
        (balances.c.lot_id, lot_id),
        (_PLACES.c.warehouse_id, warehouse_id),
    )
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    if lot_id:
        query = query.where(HAS_LOT)
    return _balance_rows(conn, query.order_by(balances.c.id).limit(limit))


def _balance_rows(
    conn: Connection, query: Select[*tuple[Any, ...]], values: dict[str, Any] | None = None
) -> list[BalanceRow]:
    rows: Any = conn.execute(query, values)
    return [BalanceRow(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Promise:
    """Where an item stands in one warehouse or in all: what is there, and what may be promised."""

    item_id: int
    on_hand: Micro
    reserved: Micro
    inspecting: Micro
    held: Micro  # hold, rejected, recalled, or good stock of a stopped lot
    expired: Micro
    in_transit: Micro
    available: Micro


def _total(condition: Any, value: Any = balances.c.on_hand) -> Any:
    return func.coalesce(func.sum(case((condition, value), else_=0)), 0)


_BOOKS = balances.join(_PLACES, _PLACES.c.id == balances.c.location_id).outerjoin(
    _LOTS, _LOTS.c.id == balances.c.lot_id
)
_HERE = _PLACES.c.kind.in_(SELLABLE)
_GOOD = (balances.c.status == "ok") & (func.coalesce(_LOTS.c.state, "ok") == "ok")
_LATE = func.coalesce(_LOTS.c.expires_on, FAR) < bindparam("on_")
_ANYWHERE = (
    select(
        _total(_HERE),
        _total(_HERE, balances.c.reserved),
        _total(_HERE & (balances.c.status == "inspect")),
        _total(_HERE & (balances.c.status != "inspect") & ~_GOOD),
        _total(_HERE & _GOOD & _LATE),
        _total(_PLACES.c.kind == "transit"),
        _total(_HERE & _GOOD & ~_LATE, balances.c.on_hand - balances.c.reserved),
    )
    .select_from(_BOOKS)
    .where(balances.c.item_id == bindparam("item_"), balances.c.live, balances.c.owner_id == 0)
)
_IN_ONE = _ANYWHERE.where(_PLACES.c.warehouse_id == bindparam("warehouse_"))


def promise(
    conn: Connection, item_id: int, warehouse_id: int | None = None, on_date: str | None = None
) -> Promise:
    """Available to promise for an ISO date: good, ours, in a bin or dock, not expired by then."""
    values = {"item_": item_id, "on_": on_date or ""}
    if warehouse_id is None:
        row = conn.execute(_ANYWHERE, values).one()
    else:
        row = conn.execute(_IN_ONE, values | {"warehouse_": warehouse_id}).one()
    return Promise(item_id, *(int(value) for value in row))


def available(
    conn: Connection, item_id: int, warehouse_id: int | None = None, on_date: str | None = None
) -> Micro:
    """How much of an item may be promised (`promise` without the detail)."""
    return promise(conn, item_id, warehouse_id, on_date).available


_OPEN = balances.c.on_hand - balances.c.reserved
_FREE = (
    select(_total(_GOOD & _HERE & (balances.c.owner_id == 0) & (_OPEN > 0), _OPEN))
    .select_from(_BOOKS)
    .where(balances.c.item_id == bindparam("item_"), balances.c.live)
)


def in_reach(
    conn: Connection, item_id: int, lot_id: int | None, reach: Reach, limit: int
) -> tuple[list[BalanceRow], Micro]:
    """The first `limit` balances of an item (of one lot), and the sum of `available` of all."""
    rows, total = (
        _ROWS.where(balances.c.item_id == bindparam("item_"), balances.c.live, _NOT_VIRTUAL),
        _FREE,
    )
    if lot_id is not None:
        rows, total = (each.where(balances.c.lot_id == lot_id) for each in (rows, total))
    if reach:
        rows, total = (each.where(_IN_REACH) for each in (rows, total))
    values = {"item_": item_id, "reach_": sorted(reach)}
    found = _balance_rows(conn, rows.order_by(balances.c.id).limit(limit), values)
    return found, int(conn.execute(total, values).scalar_one())


_BY_WAREHOUSE = (
    select(_PLACES.c.warehouse_id, func.sum(balances.c.on_hand - balances.c.reserved))
    .select_from(_BOOKS)
    .where(balances.c.item_id == bindparam("item_"), balances.c.live, balances.c.owner_id == 0)
    .where(_GOOD, _HERE, ~_LATE)
    .group_by(_PLACES.c.warehouse_id)
    .limit(PAGE)
)


def available_by_warehouse(conn: Connection, item_id: int, on_date: str) -> dict[int, Micro]:
    """`available` of each warehouse that has the item, in one question."""
    rows = conn.execute(_BY_WAREHOUSE, {"item_": item_id, "on_": on_date})
    return {row[0]: int(row[1]) for row in rows if row[0] is not None}


@dataclass(frozen=True, slots=True)
class AsOf:
    """A balance as the moves up to an instant make it."""

    item_id: int
    lot_id: int
    location_id: int
    status: str
    owner_id: int
    on_hand: Micro


def as_of(
    conn: Connection,
    item_id: int,
    at: Instant,
    by: Literal["recorded", "happened"] = "recorded",
    limit: int = 5_000,
    *,
    reach: Reach = EVERYWHERE,
) -> list[AsOf]:
    """What stood where at `at` (inclusive): as the books said then, or as we know it today.

    `recorded` ignores what was entered later; `happened` puts back-dated facts where they belong.
    """
    when = moves.c.recorded_at if by == "recorded" else moves.c.happened_at
    known = (moves.c.item_id == item_id) & (when <= at)
    taken = select(
        moves.c.lot_id,
        moves.c.from_location.label("location_id"),
        moves.c.from_status.label("status"),
        moves.c.owner_id,
        (-moves.c.quantity).label("quantity"),
    ).where(known)
    given = select(
        moves.c.lot_id,
        moves.c.to_location,
        moves.c.to_status,
        moves.c.to_owner_id,
        moves.c.quantity,
    ).where(known)
    both = union_all(taken, given).subquery()
    total = func.sum(both.c.quantity)
    keys = (both.c.lot_id, both.c.location_id, both.c.status, both.c.owner_id)
    query = select(*keys, total).group_by(*keys).having(total != 0).order_by(*keys).limit(limit)
    if reach:
        query = query.join(_PLACES, _PLACES.c.id == both.c.location_id).where(_within(reach))
    rows: Any = conn.execute(query)
    return [AsOf(item_id, row[0], row[1], row[2], row[3], int(row[4])) for row in rows]


def near_expiry(
    conn: Connection,
    on_date: str,
    days: int,
    warehouse_id: int | None = None,
    limit: int = PAGE,
    *,
    reach: Reach = EVERYWHERE,
) -> list[BalanceRow]:
    """Stock in our hands whose last good day is at most `days` after `on_date`; earliest first.

    What has expired already comes too: it still lies there.
    """
    last = (date.fromisoformat(on_date) + timedelta(days=days)).isoformat()
    query = _ROWS.where(
        _LOTS.c.expires_on <= last,
        balances.c.live,
        balances.c.on_hand > 0,
        _PLACES.c.kind.in_((*SELLABLE, "transit")),
    )
    if warehouse_id is not None:
        query = query.where(_PLACES.c.warehouse_id == warehouse_id)
    if reach:
        query = query.where(_within(reach))
    query = query.order_by(_LOTS.c.expires_on, balances.c.id).limit(limit)
    return _balance_rows(conn, query)
