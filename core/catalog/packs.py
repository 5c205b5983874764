"""Packs and barcodes: one box is twelve pieces, and this printed number means that box.

Factors are exact fractions (museum: erpnext #40218). A GTIN is checked when it is added and kept
with 14 digits, so a scan finds it however many zeros the scanner shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from core.catalog.gtin import LENGTHS, candidates, is_gtin, stored_form
from core.catalog.items import ask_for, check_code, check_name, item, item_by_code_or_none
from core.catalog.partners import ask_for_partner
from core.catalog.places import ask_for_location, ask_for_warehouse
from core.catalog.tables import barcodes, packs
from core.db import Tx
from core.errors import INVALID, NOT_FOUND, AppError, define
from core.people import Actor, Thing, insert_row, record, require
from core.quantity import Factor

BARCODE_TAKEN = define(
    "barcode_taken",
    409,
    "没保存：条码 {code} 已经属于货品 {item}。先核对实物上的条码，再决定改哪一个。",
    "Not saved: barcode {code} already belongs to item {item}. Check the label first.",
)

MOST_FACTOR = 1_000_000_000  # with a quantity of 9e15 micro a product still fits in Python and SQL


@dataclass(frozen=True, slots=True)
class Pack:
    """A way an item is packed: `factor` base units each."""

    id: int
    item_id: int
    name: str
    gtin: str | None
    factor: Factor


@dataclass(frozen=True, slots=True)
class Barcode:
    """What a scan means. `pack_id` None: the base unit itself, factor 1."""

    code: str
    item_id: int
    pack_id: int | None
    pack_name: str
    factor: Factor


_BY_ID = select(packs).where(packs.c.id == bindparam("id_"))
_OF_ITEM = select(packs).where(packs.c.item_id == bindparam("item_")).order_by(packs.c.id)
_OF_ITEM = _OF_ITEM.limit(100)
_FIND = (
    select(
        barcodes.c.code,
        barcodes.c.item_id,
        barcodes.c.pack_id,
        packs.c.name,
        packs.c.numerator,
        packs.c.denominator,
    )
    .outerjoin(packs, packs.c.id == barcodes.c.pack_id)
    .where(barcodes.c.code.in_([bindparam("raw_"), bindparam("filled_")]))
    .limit(2)
)


def add_pack(
    tx: Tx, actor: Actor, item_id: int, name: str, factor: Factor, *, gtin: str | None = None
) -> int:
    """A new pack of an item; answers its id. With a `gtin` that number scans as this pack.

    Raises:
        AppError(forbidden, not_found, invalid, barcode_taken).
    """
    require(actor, "item.write", Thing("item", str(item_id)))
    of_item = item(tx.conn, item_id)
    check_name("包装名称", name, 32)
    if max(factor.numerator, factor.denominator) > MOST_FACTOR:
        raise AppError(INVALID, field="换算比例", why="分子和分母都不能超过 10 亿")
    if name == of_item.unit or any(each.name == name for each in packs_of(tx.conn, item_id)):
        raise AppError(INVALID, field="包装名称", why=f"{of_item.code} 已经有「{name}」")
    code = None if gtin is None else _checked_gtin(tx, gtin)
    exact = factor.reduced()
    row = {
        "item_id": item_id,
        "name": name,
        "gtin": code,
        "numerator": exact.numerator,
        "denominator": exact.denominator,
    }
    pack_id = insert_row(tx, packs, row)
    if code is not None:
        tx.add(barcodes, {"code": code, "item_id": item_id, "pack_id": pack_id})
    record(tx, actor, "item.write", f"item:{item_id}", after={"pack": row})
    return pack_id


def add_barcode(
    tx: Tx, actor: Actor, item_id: int, code: str, *, pack_id: int | None = None
) -> str:
    """Let a printed number (a GTIN or one of our own) mean an item or a pack; answers the form
    in which it is kept.

    Raises:
        AppError(forbidden, not_found, invalid, barcode_taken).
    """
    require(actor, "item.write", Thing("item", str(item_id)))
    item(tx.conn, item_id)
    check_code("条码", code, 128)
    if pack_id is not None and pack(tx.conn, pack_id).item_id != item_id:
        raise AppError(INVALID, field="包装", why="这个包装属于另一个货品")
    # Eight digits with a wrong check digit are a usual in-house number; longer ones are typos.
    looks_like_gtin = code.isascii() and code.isdigit() and len(code) in LENGTHS[1:]
    kept = _checked_gtin(tx, code) if looks_like_gtin else _free(tx, stored_form(code))
    row = {"code": kept, "item_id": item_id, "pack_id": pack_id}
    tx.add(barcodes, row)
    record(tx, actor, "item.write", f"item:{item_id}", after={"barcode": row})
    return kept


def remove_barcode(tx: Tx, actor: Actor, code: str) -> None:
    """A printed number means nothing any more; unknown is fine."""
    found = find_barcode(tx.conn, code)
    require(actor, "item.write", Thing("item", str(found.item_id) if found else ""))
    if found is not None:
        tx.execute(barcodes.delete().where(barcodes.c.code == found.code))
        if found.pack_id is not None:
            same = (packs.c.id == found.pack_id) & (packs.c.gtin == found.code)
            tx.execute(packs.update().where(same), {"gtin": None})
        before = {"barcode": {"code": found.code, "pack_id": found.pack_id}}
        record(tx, actor, "item.write", f"item:{found.item_id}", before=before)


def find_barcode(conn: Connection, code: str) -> Barcode | None:
    """What a scanned or typed code means: a GTIN of any length, our own barcode, an item code."""
    scanned = code.strip()
    raw, filled = candidates(scanned)
    rows = conn.execute(_FIND, {"raw_": raw, "filled_": filled}).all()
    if rows:
        # The very text comes before the padded form: an in-house number is printed as it is kept.
        return _barcode(next((row for row in rows if row.code == raw), rows[0]))
    found = item_by_code_or_none(conn, scanned)
    if found is None:
        return None
    return Barcode(scanned, found.id, None, found.unit, Factor(1))


def pack(conn: Connection, pack_id: int) -> Pack:
    """The pack.

    Raises:
        AppError(not_found).
    """
    row = conn.execute(_BY_ID, {"id_": pack_id}).first()
    if row is None:
        raise AppError(NOT_FOUND, what="包装", name=pack_id)
    return _pack(row)


def packs_of(conn: Connection, item_id: int) -> list[Pack]:
    """The packs of an item, oldest first (at most 100)."""
    return [_pack(row) for row in conn.execute(_OF_ITEM, {"item_": item_id})]


def ask_ahead(
    conn: Connection,
    item_ids: Iterable[int],
    places: Iterable[str | int] = (),
    *,
    partner_id: int | None = None,
    warehouse_id: int | None = None,
) -> None:
    """Ask for items, their packs, places (by code or id) and others that are looked at later on:
    on PostgreSQL they travel together.
    """
    if partner_id is not None:
        ask_for_partner(conn, partner_id)
    if warehouse_id is not None:
        ask_for_warehouse(conn, warehouse_id)
    for place in places:
        ask_for_location(conn, place)
    for each in dict.fromkeys(item_ids):
        ask_for(conn, each)
        conn.execute(_OF_ITEM, {"item_": each})


def barcodes_of(conn: Connection, item_id: int) -> list[str]:
    """The codes that mean this item or one of its packs (at most 200)."""
    query = select(barcodes.c.code).where(barcodes.c.item_id == item_id)
    return list(conn.execute(query.order_by(barcodes.c.code).limit(200)).scalars())


def _checked_gtin(tx: Tx, text: str) -> str:
    if not is_gtin(text):
        raise AppError(
            INVALID, field="条码", why=f"{text[:20]} 的校验位不对，应是 8、12、13 或 14 位国际条码"
        )
    return _free(tx, stored_form(text))


def _free(tx: Tx, code: str) -> str:
    owner = tx.execute(select(barcodes.c.item_id).where(barcodes.c.code == code)).scalar()
    if owner is not None:
        raise AppError(BARCODE_TAKEN, code=code, item=item(tx.conn, owner).code)
    return code


def _pack(row: Row[Any]) -> Pack:
    return Pack(row.id, row.item_id, row.name, row.gtin, Factor(row.numerator, row.denominator))


def _barcode(row: Any) -> Barcode:
    factor = Factor(1) if row.pack_id is None else Factor(row.numerator, row.denominator)
    return Barcode(row.code, row.item_id, row.pack_id, row.name or "", factor)
