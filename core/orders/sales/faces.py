"""Pick faces: bins that are picked from, kept full out of the reserve. Who says so, and when.

A face has a lowest and a highest amount of one item. When picking leaves less than the lowest, the
reserve's first expiring goods are promised to the face and the warehouse is asked to carry them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, select

from core import catalog
from core.clock import DAY
from core.db import Tx
from core.errors import INVALID, AppError
from core.orders.measure import goods_named, short_amount
from core.orders.replay import run_once
from core.orders.sales import cards
from core.orders.sales.tables import pick_faces as table
from core.people import ENGINE, Actor, Thing, record, require
from core.quantity import Micro, plain
from core.stock import (
    BalanceRow,
    Reserve,
    Reserved,
    fulfil,
    on_hand,
    reservation,
    reserve,
)
from core.tasks import board
from core.tasks.policies import policy_of

MOST = 500
_FACE = (
    select(table)
    .where(table.c.location_id == bindparam("place"), table.c.item_id == bindparam("item"))
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Face:
    """From this bin this item is picked; `min_micro` < `max_micro`, base units."""

    location_id: int
    item_id: int
    min_micro: Micro
    max_micro: Micro


@dataclass(frozen=True, slots=True)
class Replenish:
    """The goods of a replenishment task were carried to the face."""

    op_id: str
    location_id: int
    item_id: int
    reservation_id: int


@dataclass(frozen=True, slots=True)
class Replenished:
    """What was carried (base units), in words too."""

    op_id: str
    quantity: Micro
    sentence: str


def save_face(tx: Tx, actor: Actor, new: Face) -> Face:
    """Make a bin the face of an item, or change how much it should hold.

    Raises:
        AppError: forbidden, invalid, not_found.
    """
    place = catalog.location(tx.conn, new.location_id)
    require(actor, "location.write", Thing("location", place.code, warehouse_id=place.warehouse_id))
    item = catalog.item(tx.conn, new.item_id)
    if place.kind != "bin":
        raise AppError(INVALID, field="拣货位", why=f"{place.code} 不是货位")
    if not 0 < new.min_micro < new.max_micro:
        raise AppError(INVALID, field="拣货位", why="最少要大于 0，最多要大于最少")
    same = and_(table.c.location_id == place.id, table.c.item_id == item.id)
    row = {"min_micro": new.min_micro, "max_micro": new.max_micro}
    if not tx.execute(table.update().where(same).values(**row)).rowcount:
        tx.add(table, {"location_id": place.id, "item_id": item.id, **row})
    after = {"item": item.code, "min": plain(new.min_micro), "max": plain(new.max_micro)}
    record(tx, actor, "location.write", f"location:{place.id}", after=after)
    keep_full(tx, actor, place.id, item.id)
    return new


def drop_face(tx: Tx, actor: Actor, location_id: int, item_id: int) -> None:
    """The bin is no face of this item any more. Repeatable."""
    place = catalog.location(tx.conn, location_id)
    require(actor, "location.write", Thing("location", place.code, warehouse_id=place.warehouse_id))
    same = and_(table.c.location_id == location_id, table.c.item_id == item_id)
    if tx.execute(table.delete().where(same)).rowcount:
        record(tx, actor, "location.write", f"location:{place.id}", before={"item": item_id})


def faces_of(conn: Connection, item_id: int) -> list[Face]:
    """The bins that this item is picked from."""
    query = select(table).where(table.c.item_id == item_id).order_by(table.c.location_id)
    return [Face(*row) for row in conn.execute(query.limit(MOST))]


def keep_full(tx: Tx, actor: Actor, location_id: int, item_id: int) -> None:
    """Ask for goods when a face holds less than its lowest; nothing where there is no face."""
    row = tx.execute(_FACE, {"place": location_id, "item": item_id}).first()
    if row is None:
        return
    here = _good_at(tx.conn, item_id, location_id)
    place = catalog.location(tx.conn, location_id)
    key = f"replenish:{location_id}:{item_id}"
    about = board.tasks_of(tx.conn, f"location:{place.code}")
    if here >= row.min_micro or any(each.dedupe_key == key for each in about):
        return
    promised = _from_reserve(tx, item_id, place, row.max_micro - here)
    if promised is not None:
        _ask(tx, actor, place, promised, urgent=here == 0)


def _good_at(conn: Connection, item_id: int, location_id: int) -> Micro:
    rows = on_hand(conn, item_id, location_id, limit=100)
    return sum(each.on_hand for each in rows if each.status == "ok")


def _from_reserve(tx: Tx, item_id: int, place: catalog.Location, wanted: Micro) -> Reserved | None:
    faces = {each.location_id for each in faces_of(tx.conn, item_id)}
    bins = [each for each in _free(tx.conn, item_id, place) if each.location_id not in faces]
    if not bins or wanted <= 0:
        return None
    wish = Reserve(
        f"replenish:{tx.new_id()}",
        item_id,
        wanted,
        location_ids=tuple(sorted({each.location_id for each in bins})),
        for_=f"replenish:{place.code}",
        expires_at=tx.now + DAY,
        partial=True,
    )
    try:
        return reserve(tx, ENGINE, wish)
    except AppError as refusal:
        if refusal.code != "not_enough":
            raise
        return None


def _free(conn: Connection, item_id: int, place: catalog.Location) -> Sequence[BalanceRow]:
    rows = on_hand(conn, item_id, warehouse_id=place.warehouse_id, limit=200)
    return [each for each in rows if each.available > 0 and each.location_kind == "bin"]


def _ask(
    tx: Tx, actor: Actor, place: catalog.Location, promised: Reserved, *, urgent: bool
) -> None:
    warehouse_id = place.warehouse_id
    assert warehouse_id is not None, "a bin stands in a warehouse"
    sources = {catalog.location(tx.conn, part.location_id).code for part in promised.parts}
    new = cards.replenish_task(
        policy_of(tx.conn, "replenish"),
        goods_named(tx.conn, promised.item_id, promised.quantity, warehouse_id),
        from_code="、".join(sorted(sources)),
        to_code=place.code,
        key=f"replenish:{place.id}:{promised.item_id}",
        context={
            "location_id": place.id,
            "item_id": promised.item_id,
            "reservation_id": promised.reservation_id,
        },
        urgent=urgent,
    )
    board.open_task(tx, actor, new)


def replenish(tx: Tx, actor: Actor, ask: Replenish) -> Replenished:
    """Book what was carried from the reserve to the face.

    Raises:
        AppError: forbidden, not_found, not_enough (somebody else took it), key_reused, or a
            refusal of the ledger.
    """
    place = catalog.location(tx.conn, ask.location_id)
    require(actor, "replenish", Thing("location", place.code, warehouse_id=place.warehouse_id))
    return run_once(tx, "replenish", ask, Replenished, lambda: _replenish(tx, actor, ask, place))


def _replenish(tx: Tx, actor: Actor, ask: Replenish, place: catalog.Location) -> Replenished:
    promised = reservation(tx.conn, ask.reservation_id)
    item = catalog.item(tx.conn, ask.item_id)
    if promised.state not in ("open", "fulfilled"):  # a day went by: promise anew what was carried
        wanted = min(promised.quantity, _room(tx, place, item.id))
        if wanted <= 0:
            words = f"{place.code} 的 {item.name} 已经够了，没有再记一次"
            return Replenished(ask.op_id, 0, words)
        promised = _from_reserve(tx, item.id, place, wanted) or promised
    posted = fulfil(
        tx,
        actor,
        promised.reservation_id,
        f"{ask.op_id}:replenish",
        place.id,
        kind="replenish",
    )
    quantity = sum(move.quantity for move in posted.moves)
    words = f"{item.name} {short_amount(tx.conn, item, quantity)} 补到 {place.code}"
    return Replenished(ask.op_id, quantity, words)


def _room(tx: Tx, place: catalog.Location, item_id: int) -> Micro:
    """What a face still takes; nothing when the bin is no face of this item any more."""
    row = tx.execute(_FACE, {"place": place.id, "item": item_id}).first()
    return 0 if row is None else row.max_micro - _good_at(tx.conn, item_id, place.id)
