"""Rows of opening stock and of purchase orders as verbs of the ledger and of purchasing.

Opening stock comes out of the count difference, so the books stay double entry from the first day.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from api.importing.rows import Parsed
from core import catalog
from core.catalog import Item
from core.chain import fingerprint
from core.db import Tx
from core.errors import INVALID, KEY_REUSED, AppError, define
from core.orders.purchase import NewLine, NewPurchase, create_order, order_by_code_or_none
from core.people import Actor, person_by_login
from core.quantity import Micro, check_positive
from core.stock import Line, Posting, post

OPENING_TAKEN = define(
    "opening_taken",
    409,
    "没导入：{item} 在 {place} 的期初已经导入过，这次数量不同。要改数量请做一次盘点。",
    "Not imported: opening stock of {item} at {place} is in already with another quantity. "
    "Count it to change the quantity.",
)

COUNT = "COUNT"
_BETWEEN_SERIALS = re.compile(r"[\s,;\u3001\uff0c\uff1b]+")


def put_opening(tx: Tx, actor: Actor, row: Parsed) -> bool:
    """Post one line of opening stock; False when exactly this was posted before.

    The operation id names item, place and lot, not the file: a corrected file that is sent again
    must never double the rows that were right the first time.

    Raises:
        AppError(opening_taken): posted before with another quantity.
        AppError: what catalog or ledger refuses.
    """
    item = catalog.item_by_code(tx.conn, row.get("item"))
    to = catalog.location_by_code(tx.conn, row.get("location"))
    if not to.is_internal:
        raise AppError(INVALID, field="库位", why=f"{to.code} 不是仓库里的库位")
    pack_id = _pack(tx, item, row)
    line = Line(
        item.id,
        _in_base(tx, row.get("quantity"), pack_id),
        catalog.location_by_code(tx.conn, COUNT).id,
        to.id,
        lot_id=_lot(tx, item, row),
        serials=tuple(filter(None, _BETWEEN_SERIALS.split(row.get("serials", "")))),
    )
    place = [item.code, to.code, row.get("lot", "")]
    op_id = f"opening:{fingerprint(place)[:40]}"
    try:
        return not post(tx, actor, Posting(op_id, "opening", (line,), reason="期初导入")).replayed
    except AppError as refusal:
        if refusal.kind is KEY_REUSED:
            raise AppError(OPENING_TAKEN, item=item.code, place=to.code) from refusal
        raise


def put_order(tx: Tx, actor: Actor, rows: Sequence[Parsed]) -> bool:
    """Create one purchase order from all rows that carry its number; False when it is there.

    Raises:
        AppError: what purchasing refuses; rows of one order that contradict each other.
    """
    first = rows[0]
    for key, title in (
        ("supplier", "供应商"),
        ("warehouse", "仓库"),
        ("due_on", "到货日"),
        ("buyer", "采购员"),
    ):
        if len({row.get(key) for row in rows}) > 1:
            raise AppError(INVALID, field=title, why=f"同一张单 {first.get('code')} 写了不同的值")
    new = NewPurchase(
        op_id=f"import:{fingerprint([row.values for row in rows])[:40]}",
        code=first.get("code"),
        supplier_id=catalog.partner_by_code(tx.conn, first.get("supplier")).id,
        warehouse_id=catalog.warehouse_by_code(tx.conn, first.get("warehouse")).id,
        lines=tuple(_order_line(tx, row) for row in rows),
        due_on=first.get("due_on"),
        buyer_id=_buyer(tx, actor, first.get("buyer")),
    )
    if _is_there(tx, new):
        return False
    create_order(tx, actor, new)
    return True


def _is_there(tx: Tx, new: NewPurchase) -> bool:
    """An order of this number with the same supplier, place and goods is the same order."""
    known = order_by_code_or_none(tx.conn, new.code)
    if known is None:
        return False
    ordered = [(line.item_id, _in_base(tx, line.quantity, line.pack_id)) for line in new.lines]
    return (known.supplier_id, known.warehouse_id) == (new.supplier_id, new.warehouse_id) and (
        sorted((line.item_id, line.quantity) for line in known.lines) == sorted(ordered)
    )


def _order_line(tx: Tx, row: Parsed) -> NewLine:
    item = catalog.item_by_code(tx.conn, row.get("item"))
    quantity = check_positive(row.get("quantity"))
    return NewLine(item.id, quantity, _pack(tx, item, row), row.get("price", 0))


def _buyer(tx: Tx, actor: Actor, login: str | None) -> int:
    if login is None:
        return actor.person_id
    found = person_by_login(tx.conn, login)
    if found is None or not found.active:
        raise AppError(INVALID, field="采购员", why=f"没有登录名为「{login[:40]}」的在职人员")
    return found.id


def _pack(tx: Tx, item: Item, row: Parsed) -> int | None:
    """The pack a row counts in; None for the base unit."""
    name = row.get("pack")
    if name is None or name == item.unit:
        return None
    packs = catalog.packs_of(tx.conn, item.id)
    for pack in packs:
        if pack.name == name:
            return pack.id
    known = "、".join([item.unit, *(pack.name for pack in packs)])
    raise AppError(INVALID, field="单位", why=f"{item.code} 没有「{name[:20]}」，可用：{known}")


def _in_base(tx: Tx, quantity: Micro, pack_id: int | None) -> Micro:
    if pack_id is None:
        return check_positive(quantity)
    return check_positive(catalog.pack(tx.conn, pack_id).factor.to_base(check_positive(quantity)))


def _lot(tx: Tx, item: Item, row: Parsed) -> int:
    code, supplier = row.get("lot"), row.get("supplier")
    if code is None:
        if item.tracking == "lot":
            raise AppError(INVALID, field="批号", why=f"{item.code} 按批次管理，必须填")
        return 0
    if item.tracking == "none":
        raise AppError(INVALID, field="批号", why=f"{item.code} 不按批次管理，请留空")
    if item.shelf_life_days and not (row.get("expires_on") or row.get("made_on")):
        known = catalog.lot_by_code_or_none(tx.conn, item.id, code)
        if known is None or known.expires_on is None:
            why = f"{item.code} 有保质期，到期日或生产日期必填"
            raise AppError(INVALID, field="到期日", why=why)
    return catalog.ensure_lot(
        tx,
        item.id,
        code,
        made_on=row.get("made_on"),
        expires_on=row.get("expires_on"),
        supplier_id=None if supplier is None else catalog.partner_by_code(tx.conn, supplier).id,
    )
