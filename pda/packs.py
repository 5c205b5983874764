"""Work packs: what a scanner needs to judge scans by itself, before the server has heard of them.

A pack holds facts only (codes and how much one scan stands for, lots, dates, checks, bins), never a
decision: the server decides again when the work arrives. Pure reading, bounded in size so that an
answer fits into one frame; goods beyond the bound are asked about one by one (`lookup` `resolve`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from core.catalog import (
    Item,
    barcodes_of,
    find_barcode,
    item,
    items_by_id,
    locations_of,
    lots_of,
    packs_of,
)
from core.orders.count import SheetLine
from core.orders.order_book import OrderLine
from core.orders.suggestion import Bin, Shelves
from core.quantity import ONE, plain
from pda.protocol import encode

MOST_LINES = 100  # lines of one order; the rest come when these are done
MOST_BYTES = 40_000  # of lines in one answer; the frame's limit is 64 KiB
MOST_BINS = 1_000
MOST_LOTS = 30
MOST_CODES = 20
MOST_SHEET = 100


def item_pack(conn: Connection, thing: Item) -> dict[str, Any]:
    """How this item is recognised and what has to be known of it."""
    return {
        "item_id": thing.id,
        "item_code": thing.code,
        "item_name": thing.name,
        "unit": thing.unit,
        "tracking": thing.tracking,
        "needs_expiry": thing.shelf_life_days > 0,
        "needs_inspection": thing.needs_inspection,
        "checklist": [_check(each) for each in thing.checklist] if thing.needs_inspection else [],
        "over_percent": thing.over_receipt_percent,
        "barcodes": _codes(conn, thing),
        "lots": _lots(conn, thing),
    }


def receive_lines(
    conn: Connection, lines: Sequence[OrderLine], warehouse_id: int
) -> list[dict[str, Any]]:
    """Lines with all that one screen needs. A line beyond the bound has no `barcodes`."""
    shelves, found, size = Shelves(conn, warehouse_id), [], 0
    for line in lines[:MOST_LINES]:
        row = line_wire(line)
        if size < MOST_BYTES:
            pack = item_pack(conn, item(conn, line.item_id))
            wanted = max(line.open_quantity, ONE)
            pack["bins"] = bins_wire(shelves.suggest(line.item_id, 0, wanted))
            size += len(encode(pack).encode())
            if size < MOST_BYTES:
                row |= pack
        found.append(row)
    return found


def count_pack(conn: Connection, rows: Sequence[SheetLine], warehouse_id: int) -> dict[str, Any]:
    """Where to count and how the goods there are recognised; what the books expect is left out."""
    goods = items_by_id(conn, {each.item_id for each in rows})
    packs: list[dict[str, Any]] = []
    size = 0
    for thing in goods.values():
        pack = item_pack(conn, thing)
        size += len(encode(pack).encode())
        if size > MOST_BYTES:
            break
        packs.append(pack)
    waiting = [
        {"place": each.location_code, "item_code": each.item_code, "item_name": each.item_name}
        | {"lot": each.lot_code or "", "state": each.state}
        for each in rows
        if each.state in ("open", "recount", "conflict")
    ]
    bins = bin_codes(conn, warehouse_id)
    known = set(bins["codes"])  # a dock is no bin, and is counted too
    codes = sorted({each.location_code for each in rows} - known) + bins["codes"]
    return {"sheet": waiting[:MOST_SHEET], "goods": packs, "bins": bins | {"codes": codes}}


def bin_codes(conn: Connection, warehouse_id: int) -> dict[str, Any]:
    """Codes a scan may mean a bin by; `complete` false: there are more than fit."""
    codes: list[str] = []
    after = 0
    while len(codes) < MOST_BINS:
        page = locations_of(conn, warehouse_id, after_id=after)
        codes += [each.code for each in page if each.kind == "bin"]
        if not page:
            return {"codes": codes, "complete": True}
        after = page[-1].id
    return {"codes": codes[:MOST_BINS], "complete": False}


def bins_wire(bins: Iterable[Bin]) -> list[dict[str, str]]:
    """Suggested bins, best first."""
    return [{"code": each.code, "why": each.why} for each in bins]


def line_wire(line: OrderLine) -> dict[str, Any]:
    """One line of a purchase order. What was received is its version: it only grows."""
    return {
        "id": line.id,
        "order_id": line.order_id,
        "order_code": line.order_code,
        "no": line.line_no,
        "item_code": line.item_code,
        "item_name": line.item_name,
        "unit": line.unit,
        "ordered": plain(line.quantity),
        "received": plain(line.received),
        "open": plain(line.open_quantity),
    }


def _check(check: Any) -> dict[str, Any]:
    limits = {"min": check.min_micro, "max": check.max_micro}
    shown = {name: plain(value) for name, value in limits.items() if value is not None}
    return {"key": check.key, "label": check.label, "kind": check.kind} | shown


def _codes(conn: Connection, thing: Item) -> list[dict[str, str]]:
    packs = {each.id: each for each in packs_of(conn, thing.id)}
    by_gtin = {each.gtin: each for each in packs.values() if each.gtin}
    found = [{"code": thing.code, "per_scan": "1"}]
    for code in barcodes_of(conn, thing.id)[:MOST_CODES]:
        pack = by_gtin.get(code)
        if pack is not None:
            found.append({"code": code, "per_scan": plain(pack.factor.to_base(ONE))})
        elif (known := find_barcode(conn, code)) is not None:
            found.append({"code": code, "per_scan": plain(known.factor.to_base(ONE))})
    return found


def _lots(conn: Connection, thing: Item) -> list[dict[str, str]]:
    if thing.tracking != "lot":
        return []
    return [
        {"code": each.code, "made_on": each.made_on or "", "expires_on": each.expires_on or ""}
        for each in lots_of(conn, thing.id)[-MOST_LOTS:]
    ]
