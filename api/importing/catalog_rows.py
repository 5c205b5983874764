"""Rows of items, partners and locations as verbs of the catalog; a known code is updated.

Only the columns that a row fills are changed, so a file with two columns changes two things.
"""

from __future__ import annotations

from typing import Any

from api.importing.rows import Parsed
from core import catalog
from core.catalog import NewItem, NewLocation, NewPartner
from core.db import Tx
from core.people import Actor
from core.quantity import ONE, Factor, check_positive

_ITEM_FIELDS = (
    "name",
    "unit",
    "tracking",
    "name_en",
    "shelf_life_days",
    "near_expiry_days",
    "needs_inspection",
    "zone",
    "over_receipt_percent",
)


def put_item(tx: Tx, actor: Actor, row: Parsed) -> bool:
    """Add or update one item with its barcode and its pack; False when all was so already.

    Raises:
        AppError: what the catalog refuses.
    """
    given: dict[str, Any] = {name: row.get(name) for name in _ITEM_FIELDS if name in row.values}
    known = catalog.item_by_code_or_none(tx.conn, row.get("code"))
    if known is None:
        item_id, changed = catalog.add_item(tx, actor, NewItem(code=row.get("code"), **given)), True
    else:
        item_id = known.id
        changed = catalog.update_item(tx, actor, item_id, given) != known
    changed |= _put_pack(tx, actor, row, item_id)
    barcode = row.get("barcode")
    if barcode is not None and not _means(tx, barcode, item_id, pack_id=None):
        catalog.add_barcode(tx, actor, item_id, barcode)
        changed = True
    return changed


def put_partner(tx: Tx, actor: Actor, row: Parsed) -> bool:
    """Add or update one partner; False when all was so already.

    Raises:
        AppError: what the catalog refuses.
    """
    known = catalog.partner_by_code_or_none(tx.conn, row.get("code"))
    if known is None:
        catalog.add_partner(tx, actor, NewPartner(**row.values))
        return True
    return catalog.update_partner(tx, actor, known.id, row.values) != known


def put_location(tx: Tx, actor: Actor, row: Parsed) -> bool:
    """Add one location; one that is there already, in the same warehouse, stays as it is (False).

    Raises:
        AppError: what the catalog refuses; a code that stands in another warehouse.
    """
    warehouse_id = catalog.warehouse_by_code(tx.conn, row.get("warehouse")).id
    known = catalog.location_by_code_or_none(tx.conn, row.get("code"))
    if known is not None and known.warehouse_id == warehouse_id:
        return False
    new = NewLocation(
        row.get("code"),
        row.get("kind", "bin"),
        row.get("name", ""),
        warehouse_id,
        row.get("zone", ""),
        row.get("capacity"),
    )
    catalog.add_location(tx, actor, new)
    return True


def _put_pack(tx: Tx, actor: Actor, row: Parsed, item_id: int) -> bool:
    name, size, gtin = row.get("pack_name"), row.get("pack_size"), row.get("pack_barcode")
    if name is None or size is None:
        return False
    factor = Factor(check_positive(size), ONE).reduced()
    known = next((each for each in catalog.packs_of(tx.conn, item_id) if each.name == name), None)
    if known is None:
        catalog.add_pack(tx, actor, item_id, name, factor, gtin=gtin)
    elif known.factor != factor:
        # Old receipts were counted with the old factor: the catalog refuses a second one.
        catalog.add_pack(tx, actor, item_id, name, factor)
    elif gtin is not None and not _means(tx, gtin, item_id, known.id):
        catalog.add_barcode(tx, actor, item_id, gtin, pack_id=known.id)
    else:
        return False
    return True


def _means(tx: Tx, code: str, item_id: int, pack_id: int | None) -> bool:
    found = catalog.find_barcode(tx.conn, code)
    return found is not None and (found.item_id, found.pack_id) == (item_id, pack_id)
