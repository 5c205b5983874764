"""Reservations: promising stock. How a promise ends (fulfil, release, expire) is `fulfil.py`.

A reservation promises quantities of named balances, never an item in the abstract, so what is
promised can be picked. `reserve` does NOT ask for a permission (the verb above did);
`reserve_by_hand` requires `stock.reserve`. Moving the goods is `ledger.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    Connection,
    String,
    bindparam,
    exists,
    func,
    or_,
    select,
)

from core import events
from core.bulk import Bulk, given
from core.catalog import tables as catalog
from core.chain import fingerprint
from core.clock import Instant
from core.db import Big, Tx
from core.errors import INVALID, KEY_REUSED, NOT_FOUND, AppError
from core.ids import check_operation_id
from core.people import Actor, require
from core.quantity import ONE, Micro, check_positive, show
from core.stock import papers, refusals
from core.stock.book import serials_at
from core.stock.fefo import FAR, Candidate, Taken, pick_order, take
from core.stock.ledger import local_date
from core.stock.rules import SELLABLE, Key
from core.stock.tables import balances, reservation_parts, reservations, serials
from core.stock.writing import LedgerBrokenError

MOST_CANDIDATES = 2_000


@dataclass(frozen=True, slots=True)
class Reserve:
    """What to promise. `quantity` in micro; `ship_on` an ISO date; `expires_at` an instant."""

    op_id: str
    item_id: int
    quantity: Micro
    warehouse_id: int | None = None
    location_ids: tuple[int, ...] = ()
    lot_id: int = 0
    for_: str = ""
    ship_on: str | None = None
    expires_at: Instant | None = None
    partial: bool = False
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """What one balance gives to a reservation, and what of it is still to come (micro)."""

    id: int
    balance_id: int
    lot_id: int
    location_id: int
    status: str
    owner_id: int
    quantity: Micro
    remaining: Micro


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation as it stands; a replayed `reserve` gets the same reservation."""

    reservation_id: int
    op_id: str
    item_id: int
    quantity: Micro
    remaining: Micro
    state: str
    for_: str
    ship_on: str | None
    expires_at: Instant | None
    parts: tuple[Part, ...]
    replayed: bool = field(default=False, compare=False)


_BY_OP = select(reservations).where(reservations.c.op_id == bindparam("op"))
_BY_ID = select(reservations).where(reservations.c.id == bindparam("id_"))
_PARTS = (
    select(
        reservation_parts.c.id,
        reservation_parts.c.balance_id,
        balances.c.lot_id,
        balances.c.location_id,
        balances.c.status,
        balances.c.owner_id,
        reservation_parts.c.quantity,
        reservation_parts.c.remaining,
    )
    .join(balances, balances.c.id == reservation_parts.c.balance_id)
    .where(reservation_parts.c.reservation_id == bindparam("id_"))
    .order_by(reservation_parts.c.id)
)
_PROMISED = given(id_=int, n=int).c
_PROMISE = Bulk(
    balances.update()
    .where(
        balances.c.id == _PROMISED.id_,
        balances.c.on_hand - balances.c.reserved >= _PROMISED.n,
        balances.c.reserved + _PROMISED.n >= 0,
    )
    .values(reserved=balances.c.reserved + _PROMISED.n)
)


_HOLD_SERIAL = (
    serials.update()
    .where(serials.c.id == bindparam("id_"))
    .values(reservation_id=bindparam("reservation"))
)


_LOTS, _PLACES = catalog.lots, catalog.locations
_EXPIRY = func.coalesce(_LOTS.c.expires_on, FAR)
_WAREHOUSE: BindParameter[int | None] = bindparam("warehouse", type_=Big)
_FREE = (
    balances.c.live,
    balances.c.status == "ok",
    balances.c.owner_id == 0,
    balances.c.on_hand > balances.c.reserved,
    _PLACES.c.kind.in_(SELLABLE),
    func.coalesce(_LOTS.c.state, "ok") == "ok",
)
_CANDIDATES = (
    select(
        balances.c.id,
        balances.c.item_id,
        balances.c.lot_id,
        balances.c.location_id,
        _PLACES.c.code,
        _PLACES.c.kind,
        balances.c.status,
        balances.c.owner_id,
        (balances.c.on_hand - balances.c.reserved).label("free"),
        _LOTS.c.expires_on,
        func.coalesce(_LOTS.c.state, "ok"),
    )
    .join(_PLACES, _PLACES.c.id == balances.c.location_id)
    .outerjoin(_LOTS, _LOTS.c.id == balances.c.lot_id)
    .where(
        balances.c.item_id == bindparam("item"),
        *_FREE,
        bindparam("ship_on", type_=String) <= _EXPIRY,
        or_(_WAREHOUSE.is_(None), _PLACES.c.warehouse_id == _WAREHOUSE),
        or_(bindparam("lot", type_=Big) == 0, balances.c.lot_id == bindparam("lot", type_=Big)),
        or_(
            bindparam("anywhere", type_=Boolean),
            balances.c.location_id.in_(bindparam("places", expanding=True)),
        ),
    )
    .order_by(_EXPIRY, balances.c.id)
    .limit(MOST_CANDIDATES)
    .with_for_update(of=balances)
)
_ITEM_NAME = select(catalog.items.c.code, catalog.items.c.unit).where(
    catalog.items.c.id == bindparam("item")
)
_WAREHOUSE_NAME = select(catalog.warehouses.c.name).where(
    catalog.warehouses.c.id == bindparam("warehouse")
)
_ADD = reservations.insert()
_ADD_PART = Bulk(
    reservation_parts.insert(), ("reservation_id", "balance_id", "quantity", "remaining")
)


def reserve(tx: Tx, actor: Actor, wish: Reserve) -> Reserved:
    """Promise stock: first expired first out, skipping what expires before `ship_on`.

    All or nothing unless `partial`, which promises what there is (at least something).

    Raises:
        AppError(not_enough): with what is available; also bad_quantity, serial_*, key_reused.
    """
    check_operation_id(wish.op_id)
    print_ = fingerprint(wish)
    before: Any = tx.execute(_BY_OP, {"op": wish.op_id}).first()
    if before is not None:
        if before.fingerprint != print_:
            raise AppError(KEY_REUSED, key=wish.op_id)
        return replace(_reserved(tx.conn, before), replayed=True)
    check_positive(wish.quantity)
    if wish.expires_at is not None and wish.expires_at <= tx.now:
        raise AppError(INVALID, field="预留到期时间", why="已经过去了")
    taken, serial_ids = _take_serials(tx, wish) if wish.serials else (_take(tx, wish), [])
    _promise(tx, taken)
    quantity = sum(each.quantity for each in taken)
    row = {
        "op_id": wish.op_id,
        "fingerprint": print_,
        "item_id": wish.item_id,
        "quantity": quantity,
        "remaining": quantity,
        "for_doc": wish.for_,
        "ship_on": wish.ship_on,
        "expires_at": wish.expires_at,
        "state": "open",
        "actor": actor.label,
        "made_at": tx.now,
    }
    key = tx.execute(_ADD, row).inserted_primary_key
    assert key is not None
    reservation_id = int(key[0])
    parts = [(each.candidate.balance_id, each.quantity) for each in taken]
    _ADD_PART.run(tx, [(reservation_id, place, part, part) for place, part in parts])
    if serial_ids:
        held = [{"id_": each, "reservation": reservation_id} for each in serial_ids]
        tx.execute(_HOLD_SERIAL, held)
    payload = {
        "reservation": reservation_id,
        "item": wish.item_id,
        "quantity_micro": quantity,
        "for": wish.for_,
        "parts": parts,
        "expires_us": wish.expires_at,
        "serials": list(wish.serials),
    }
    events.append(tx, "stock.reserved", f"reservation:{reservation_id}", actor.label, payload)
    return reservation(tx.conn, reservation_id)


def promisable(
    item_id: ColumnElement[int], warehouse_id: ColumnElement[int], *days: ColumnElement[str]
) -> ColumnElement[bool]:
    """For a query: whether `reserve` would find anything there that is good on all these days."""
    found = (
        select(balances.c.id)
        .join(_PLACES, _PLACES.c.id == balances.c.location_id)
        .outerjoin(_LOTS, _LOTS.c.id == balances.c.lot_id)
        .where(balances.c.item_id == item_id, _PLACES.c.warehouse_id == warehouse_id, *_FREE)
        .where(*(day <= _EXPIRY for day in days))
    )
    return exists(found)


def reserve_by_hand(tx: Tx, actor: Actor, wish: Reserve) -> Reserved:
    """`reserve` for a person's own wish: requires `stock.reserve`.

    Raises:
        AppError: forbidden, belongs_to_paper (it names one), or as `reserve`.
    """
    require(actor, "stock.reserve")
    if papers.paper_of(wish.for_) and tx.execute(_BY_OP, {"op": wish.op_id}).first() is None:
        papers.check_free(wish.for_)  # a repeat is answered as before
    return reserve(tx, actor, wish)


def reservation(conn: Connection, reservation_id: int) -> Reserved:
    """The reservation as it stands.

    Raises:
        AppError(not_found)
    """
    row: Any = conn.execute(_BY_ID, {"id_": reservation_id}).first()
    if row is None:
        raise AppError(NOT_FOUND, what="预留", name=reservation_id)
    return _reserved(conn, row)


def reservations_for(conn: Connection, doc: str, limit: int = 200) -> list[Reserved]:
    """The reservations made for a document (`for_`), oldest first."""
    query = (
        select(reservations)
        .where(reservations.c.for_doc == doc)
        .order_by(reservations.c.id)
        .limit(limit)
    )
    return [_reserved(conn, row) for row in conn.execute(query)]


def _reserved(conn: Connection, row: Any) -> Reserved:
    parts = tuple(Part(*part) for part in conn.execute(_PARTS, {"id_": row.id}))
    return Reserved(
        row.id,
        row.op_id,
        row.item_id,
        row.quantity,
        row.remaining,
        row.state,
        row.for_doc,
        row.ship_on,
        row.expires_at,
        parts,
    )


def _promise(tx: Tx, taken: Sequence[Taken]) -> None:
    changes = sorted((each.candidate.balance_id, each.quantity) for each in taken)
    if _PROMISE.run(tx, changes) != len(changes):
        raise LedgerBrokenError("a balance changed while the reservation held its lock")


# -- choosing ------------------------------------------------------------------------------------
def _candidates(tx: Tx, wish: Reserve) -> list[Candidate]:
    rows: Any = tx.execute(
        _CANDIDATES,
        {
            "item": wish.item_id,
            "ship_on": _ship_on(tx, wish),
            "warehouse": wish.warehouse_id,
            "lot": wish.lot_id,
            "anywhere": not wish.location_ids,
            "places": wish.location_ids,
        },
    )
    return [Candidate(*row) for row in rows]


def _ship_on(tx: Tx, wish: Reserve) -> str:
    today = local_date(tx.now)
    return max(today, wish.ship_on or today)


def _take(tx: Tx, wish: Reserve) -> list[Taken]:
    ordered = pick_order(_candidates(tx, wish), _ship_on(tx, wish))
    taken = take(ordered, wish.quantity)
    got = sum(each.quantity for each in taken)
    if got == 0 or (got < wish.quantity and not wish.partial):
        raise _not_enough(tx, wish, got)
    return taken


def _not_enough(tx: Tx, wish: Reserve, available: Micro) -> AppError:
    item: Any = tx.execute(_ITEM_NAME, {"item": wish.item_id}).first()
    if item is None:
        return AppError(NOT_FOUND, what="货品", name=wish.item_id)
    where = None
    if wish.warehouse_id is not None:
        where = tx.execute(_WAREHOUSE_NAME, {"warehouse": wish.warehouse_id}).scalar()
    return AppError(
        refusals.NOT_ENOUGH,
        item=item.code,
        unit=item.unit,
        location=where or "可用库存",
        available=show(available),
        asked=show(wish.quantity),
    )


def _take_serials(tx: Tx, wish: Reserve) -> tuple[list[Taken], list[int]]:
    if len(set(wish.serials)) != len(wish.serials) or len(wish.serials) * ONE != wish.quantity:
        raise AppError(
            refusals.SERIALS_NEEDED,
            item=wish.item_id,
            quantity=show(wish.quantity),
            count=len(set(wish.serials)),
        )
    loaded = serials_at(tx.conn, wish.item_id, wish.serials)
    usable = {
        Key(each.item_id, each.lot_id, each.location_id, each.status, each.owner_id): each
        for each in pick_order(_candidates(tx, wish), _ship_on(tx, wish))
    }
    counts: dict[Key, int] = {}
    for code in wish.serials:
        at = loaded.book.serials.get((wish.item_id, code))
        if at is None:
            raise AppError(refusals.SERIAL_UNKNOWN, item=wish.item_id, serial=code)
        if at.reservation_id is not None or at.key not in usable:
            raise AppError(
                refusals.SERIAL_TAKEN,
                item=wish.item_id,
                serial=code,
                reservation=at.reservation_id or "—",
            )
        counts[at.key] = counts.get(at.key, 0) + 1
    taken = [Taken(usable[key], count * ONE) for key, count in counts.items()]
    for each in taken:
        if each.quantity > each.candidate.free:
            raise _not_enough(tx, wish, each.candidate.free)
    return taken, list(loaded.serial_ids.values())
