"""Lots: what was made together. Their stock is core/stock's; here are dates, origin and state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select

from core.catalog.items import PAGE, check_code, item
from core.catalog.tables import lots
from core.db import Tx
from core.errors import INVALID, NOT_FOUND, AppError, define
from core.people import Actor, Thing, insert_row, record, require

LOT_CONFLICT = define(
    "lot_conflict",
    409,
    "没保存：批次 {lot} 已登记的{field}是 {known}，这次是 {given}。"
    "核对标签；确实是另一批就在批号后加供应商编号。",
    "Not saved: lot {lot} is known with {field} {known}, now {given} was given. Check the label; "
    "if it is another lot, add the supplier's code to the lot number.",
)

STATES = frozenset({"ok", "held", "recalled"})


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot as stored; dates are ISO days, `expires_on` is the last day it may be used."""

    id: int
    item_id: int
    code: str
    made_on: str | None
    expires_on: str | None
    supplier_id: int | None
    state: str  # ok | held | recalled


_BY_ID = select(lots).where(lots.c.id == bindparam("id_"))
_BY_CODE = select(lots).where(lots.c.item_id == bindparam("item_"), lots.c.code == bindparam("c_"))


def ensure_lot(
    tx: Tx,
    item_id: int,
    code: str,
    *,
    made_on: str | None = None,
    expires_on: str | None = None,
    supplier_id: int | None = None,
) -> int:
    """The id of a lot, made on first sight; what was not known yet is filled in.

    Without `expires_on` it follows from `made_on` and the item's shelf life. Asks no permission:
    the verb that met the lot did.

    Raises:
        AppError(lot_conflict): a date or supplier differs from what is known.
        AppError(invalid): not a day, or expired before it was made. AppError(not_found).
    """
    of_item = item(tx.conn, item_id)
    check_code("批号", code)
    made, expires = _day("生产日期", made_on), _day("到期日", expires_on)
    if expires is None and made is not None and of_item.shelf_life_days:
        expires = made + timedelta(days=of_item.shelf_life_days)
    if made is not None and expires is not None and expires < made:
        raise AppError(INVALID, field="到期日", why=f"{expires} 早于生产日期 {made}")
    given = {
        "made_on": None if made is None else made.isoformat(),
        "expires_on": None if expires is None else expires.isoformat(),
        "supplier_id": supplier_id,
    }
    row = tx.execute(_BY_CODE, {"item_": item_id, "c_": code}).mappings().first()
    if row is None:
        return insert_row(tx, lots, {"item_id": item_id, "code": code, "state": "ok"} | given)
    known = Lot(**dict(row))
    for name, label in (("made_on", "生产日期"), ("expires_on", "到期日"), ("supplier_id", "来源")):
        old, new = getattr(known, name), given[name]
        if old is not None and new is not None and old != new:
            raise AppError(LOT_CONFLICT, lot=code, field=label, known=old, given=new)
    fresh = {k: v for k, v in given.items() if v is not None and getattr(known, k) is None}
    if fresh:
        tx.execute(lots.update().where(lots.c.id == known.id), fresh)
    return known.id


def update_lot(
    tx: Tx,
    actor: Actor,
    lot_id: int,
    *,
    expires_on: str | None = None,
    state: str | None = None,
    why: str = "",
) -> Lot:
    """Correct the expiry date (item.write) or set the state (stock.hold). None leaves it.

    The state is a mark; holding the stock itself is `core.stock.ledger.hold_lot`, which calls this.

    Raises:
        AppError(forbidden, not_found, invalid).
    """
    thing = Thing("lot", str(lot_id))
    before = lot(tx.conn, lot_id)
    changes: dict[str, Any] = {}
    if expires_on is not None:
        require(actor, "item.write", thing)
        day = _day("到期日", expires_on)
        assert day is not None
        if before.made_on is not None and day.isoformat() < before.made_on:
            raise AppError(INVALID, field="到期日", why=f"早于生产日期 {before.made_on}")
        changes["expires_on"] = day.isoformat()
    if state is not None:
        require(actor, "stock.hold", thing)
        assert state in STATES, f"there is no lot state {state}"
        changes["state"] = state
    changed = {name: value for name, value in changes.items() if getattr(before, name) != value}
    if changed:
        tx.execute(lots.update().where(lots.c.id == lot_id), changed)
        was = {name: getattr(before, name) for name in changed}
        verb = "stock.hold" if "state" in changed else "item.write"
        record(tx, actor, verb, f"lot:{lot_id}", before=was, after=changed, why=why)
    return lot(tx.conn, lot_id)


def lot(conn: Connection, lot_id: int) -> Lot:
    """The lot.

    Raises:
        AppError(not_found).
    """
    row = conn.execute(_BY_ID, {"id_": lot_id}).mappings().first()
    if row is None:
        raise AppError(NOT_FOUND, what="批次", name=lot_id)
    return Lot(**dict(row))


def lot_by_code(conn: Connection, item_id: int, code: str) -> Lot:
    """The lot of an item with this code.

    Raises:
        AppError(not_found).
    """
    found = lot_by_code_or_none(conn, item_id, code)
    if found is None:
        raise AppError(NOT_FOUND, what="批次", name=code)
    return found


def lot_by_code_or_none(conn: Connection, item_id: int, code: str) -> Lot | None:
    """As `lot_by_code`, None when there is none."""
    row = conn.execute(_BY_CODE, {"item_": item_id, "c_": code}).mappings().first()
    return None if row is None else Lot(**dict(row))


def lots_by_id(conn: Connection, ids: Iterable[int]) -> dict[int, Lot]:
    """Many lots in one query (at most 500 per call); unknown ids are missing in the answer."""
    wanted = sorted(set(ids))
    assert len(wanted) <= PAGE, "ask in pages"
    rows = conn.execute(select(lots).where(lots.c.id.in_(wanted)).limit(PAGE)).mappings()
    return {row["id"]: Lot(**dict(row)) for row in rows}


def lots_of(conn: Connection, item_id: int, *, after_id: int = 0, limit: int = 200) -> list[Lot]:
    """The lots of an item by id, page by page."""
    query = select(lots).where(lots.c.item_id == item_id, lots.c.id > after_id)
    rows = conn.execute(query.order_by(lots.c.id).limit(min(limit, PAGE))).mappings()
    return [Lot(**dict(row)) for row in rows]


def _day(field: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise AppError(
            INVALID, field=field, why=f"「{text[:20]}」不是日期，应写成 2026-03-02"
        ) from problem
