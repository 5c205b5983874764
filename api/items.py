"""Routes of the catalog: items, packs, barcodes, lots, warehouses, locations, partners, lookup."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field
from sqlalchemy import Connection

from api.deps import PAGE, App, Once, Size, as_json, asked
from api.doors import allow, writes
from api.routers import json_router
from api.wire import DayText, Id, Text, Wire, core_of, page_of, schema, wire
from core import catalog
from core.catalog import (
    Barcode,
    Check,
    Item,
    Location,
    Lot,
    NewItem,
    NewLocation,
    NewPartner,
    Pack,
    Partner,
    Warehouse,
)
from core.db import Tx
from core.errors import NOT_FOUND, AppError
from core.people import Actor
from core.quantity import Factor

router = json_router("/api", tags=["catalog"])

Reader = Annotated[Actor, allow("lookup")]
ItemWriter = Annotated[Once, writes("item.write")]
PlaceWriter = Annotated[Once, writes("location.write")]
PartnerWriter = Annotated[Once, writes("partner.write")]
Search = Annotated[str, Query(max_length=128)]
After = Annotated[int, Query(ge=0, le=2**53)]
Part = Annotated[int, Field(ge=1, le=1_000_000_000)]


class ItemChange(Wire):
    """What changes of an item; whatever is not sent stays."""

    code: Text | None = None
    name: Text | None = None
    name_en: Text | None = None
    shelf_life_days: Id | None = None
    needs_inspection: bool | None = None
    checklist: Annotated[tuple[schema(Check), ...], Field(max_length=50)] | None = None  # type: ignore[valid-type]
    near_expiry_days: Id | None = None
    allow_negative: bool | None = None
    zone: Text | None = None
    over_receipt_percent: Id | None = None
    active: bool | None = None


class PackBody(Wire):
    """A way an item is packed: numerator/denominator base units each, an exact fraction."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    numerator: Part
    denominator: Part = 1
    gtin: Annotated[str, Field(max_length=14)] | None = None


class BarcodeBody(Wire):
    """A code that means this item, or one of its packs."""

    code: Annotated[str, Field(min_length=1, max_length=128)]
    pack_id: Id | None = None


class LotBody(Wire):
    """A lot of an item; the same code again must carry the same dates."""

    code: Annotated[str, Field(min_length=1, max_length=64)]
    made_on: DayText | None = None
    expires_on: DayText | None = None
    supplier_id: Id | None = None


class LotChange(Wire):
    """A corrected date or state of a lot, with the reason."""

    expires_on: DayText | None = None
    state: Annotated[str, Field(pattern="^(ok|held|recalled)$")] | None = None
    why: Text = ""


class WarehouseBody(Wire):
    """A warehouse; its dock and transit place come with it."""

    code: Annotated[str, Field(min_length=1, max_length=32)]
    name: Annotated[str, Field(min_length=1, max_length=64)]


class PartnerChange(Wire):
    """What changes of a partner."""

    code: Text | None = None
    name: Text | None = None
    kind: Annotated[str, Field(pattern="^(supplier|customer|both)$")] | None = None
    phone: Text | None = None
    active: bool | None = None


class Active(Wire):
    """Whether the place may be used."""

    active: bool


def _page(found: list[Any], limit: int) -> Response:
    more = str(found[-1].id) if len(found) == limit else None
    return as_json({"items": wire(found), "next": more})


# -- items ---------------------------------------------------------------------------------------
@router.get("/items", response_model=page_of(Item))
async def list_items(
    _actor: Reader, jieli: App, q: Search = "", cursor: After = 0, limit: Size = PAGE
) -> Response:
    """Items by id, or the best matches for `q` (code, name or barcode)."""
    if q:
        hits = await jieli.db.read(lambda conn: catalog.search_items(conn, q, limit))
        return as_json({"items": wire(hits), "next": None})
    found = await jieli.db.read(lambda conn: catalog.all_items(conn, after_id=cursor, limit=limit))
    return _page(found, limit)


@router.post("/items", status_code=201, response_model=schema(Item))
async def add_item(new: Annotated[NewItem, asked(NewItem)], by: ItemWriter) -> Response:
    """A new item; its unit and tracking stay for ever."""

    def run(tx: Tx) -> object:
        return catalog.item(tx.conn, catalog.add_item(tx, by.actor, new))

    return await by.answer("item", new, run, 201)


@router.get("/items/{item_id}", response_model=schema(Item))
async def one_item(item_id: Id, _actor: Reader, jieli: App) -> Response:
    """One item with its packs, barcodes and newest lots."""

    def ask(conn: Connection) -> dict[str, Any]:
        return {
            **wire(catalog.item(conn, item_id)),
            "packs": wire(catalog.packs_of(conn, item_id)),
            "barcodes": wire(catalog.barcodes_of(conn, item_id)),
            "lots": wire(catalog.lots_of(conn, item_id)),
        }

    return as_json(await jieli.db.read(ask))


@router.patch("/items/{item_id}", response_model=schema(Item))
async def change_item(item_id: Id, body: ItemChange, by: ItemWriter) -> Response:
    """Change an item."""
    changes = {
        name: getattr(body, name)
        for name in body.model_fields_set
        if getattr(body, name) is not None
    }
    if "checklist" in changes:
        changes["checklist"] = tuple(core_of(Check, each) for each in changes["checklist"])
    return await by.answer(
        f"item:{item_id}", body, lambda tx: catalog.update_item(tx, by.actor, item_id, changes)
    )


@router.post("/items/{item_id}/packs", status_code=201, response_model=schema(Pack))
async def add_pack(item_id: Id, body: PackBody, by: ItemWriter) -> Response:
    """A new pack of an item."""
    factor = Factor(body.numerator, body.denominator)

    def run(tx: Tx) -> object:
        made = catalog.add_pack(tx, by.actor, item_id, body.name, factor, gtin=body.gtin)
        return catalog.pack(tx.conn, made)

    return await by.answer(f"pack:{item_id}", body, run, 201)


@router.post("/items/{item_id}/barcodes", status_code=201)
async def add_barcode(item_id: Id, body: BarcodeBody, by: ItemWriter) -> Response:
    """A code that means this item."""

    def run(tx: Tx) -> object:
        code = catalog.add_barcode(tx, by.actor, item_id, body.code, pack_id=body.pack_id)
        return {"code": code, "item_id": item_id, "pack_id": body.pack_id}

    return await by.answer(f"barcode:{item_id}", body, run, 201)


@router.post("/items/{item_id}/lots", status_code=201, response_model=schema(Lot))
async def add_lot(item_id: Id, body: LotBody, by: ItemWriter) -> Response:
    """A lot that is known before its goods come."""

    def run(tx: Tx) -> object:
        catalog.item(tx.conn, item_id)
        made = catalog.ensure_lot(
            tx,
            item_id,
            body.code,
            made_on=body.made_on or None,
            expires_on=body.expires_on or None,
            supplier_id=body.supplier_id,
        )
        return catalog.lot(tx.conn, made)

    return await by.answer(f"lot:{item_id}", body, run, 201)


@router.get("/lots/{lot_id}", response_model=schema(Lot))
async def one_lot(lot_id: Id, _actor: Reader, jieli: App) -> Response:
    """One lot."""
    return as_json(wire(await jieli.db.read(lambda conn: catalog.lot(conn, lot_id))))


@router.patch("/lots/{lot_id}", response_model=schema(Lot))
async def change_lot(lot_id: Id, body: LotChange, by: ItemWriter) -> Response:
    """Correct a lot's last day or state. Stopping its stock too is POST /api/lots/{id}/hold."""
    return await by.answer(
        f"lot-change:{lot_id}",
        body,
        lambda tx: catalog.update_lot(
            tx,
            by.actor,
            lot_id,
            expires_on=body.expires_on or None,
            state=body.state,
            why=body.why,
        ),
    )


@router.get("/barcodes/{code:path}", response_model=schema(Barcode))
async def look_up(code: str, _actor: Reader, jieli: App) -> Response:
    """What a scanned code means: the item, the pack, how many base units."""
    found = await jieli.db.read(lambda conn: catalog.find_barcode(conn, code))
    if found is None:
        raise AppError(NOT_FOUND, what="条码", name=code[:64])
    return as_json(wire(found))


# -- places --------------------------------------------------------------------------------------
@router.get("/warehouses", response_model=page_of(Warehouse))
async def list_warehouses(actor: Reader, jieli: App) -> Response:
    """The warehouses this person works in."""
    found = await jieli.db.read(catalog.warehouses)
    seen = [each for each in found if not actor.warehouse_ids or each.id in actor.warehouse_ids]
    return as_json({"items": wire(seen), "next": None})


@router.post("/warehouses", status_code=201, response_model=schema(Warehouse))
async def add_warehouse(body: WarehouseBody, by: PlaceWriter) -> Response:
    """A new warehouse with its dock and transit place."""

    def run(tx: Tx) -> object:
        made = catalog.add_warehouse(tx, by.actor, body.code, body.name)
        return catalog.warehouse(tx.conn, made)

    return await by.answer("warehouse", body, run, 201)


@router.get("/warehouses/{warehouse_id}/locations", response_model=page_of(Location))
async def list_locations(
    *, warehouse_id: Id, _actor: Reader, jieli: App, cursor: After = 0, limit: Size = PAGE
) -> Response:
    """The places of a warehouse, by id."""
    found = await jieli.db.read(
        lambda conn: catalog.locations_of(conn, warehouse_id, after_id=cursor, limit=limit)
    )
    return _page(found, limit)


@router.post("/locations", status_code=201, response_model=schema(Location))
async def add_location(
    new: Annotated[NewLocation, asked(NewLocation)], by: PlaceWriter
) -> Response:
    """A new place."""

    def run(tx: Tx) -> object:
        return catalog.location(tx.conn, catalog.add_location(tx, by.actor, new))

    return await by.answer("location", new, run, 201)


@router.get("/locations/{location_id}", response_model=schema(Location))
async def one_location(location_id: Id, _actor: Reader, jieli: App) -> Response:
    """One place."""
    return as_json(wire(await jieli.db.read(lambda conn: catalog.location(conn, location_id))))


@router.post("/locations/{location_id}/active", response_model=schema(Location))
async def close_location(location_id: Id, body: Active, by: PlaceWriter) -> Response:
    """Close a place for new goods, or open it again."""

    def run(tx: Tx) -> object:
        catalog.set_location_active(tx, by.actor, location_id, body.active)
        return catalog.location(tx.conn, location_id)

    return await by.answer(f"active:{location_id}", body, run)


# -- partners ------------------------------------------------------------------------------------
@router.get("/partners", response_model=page_of(Partner))
async def list_partners(_actor: Reader, jieli: App, q: Search = "", limit: Size = PAGE) -> Response:
    """Suppliers and customers whose code or name holds `q`."""
    found = await jieli.db.read(lambda conn: catalog.search_partners(conn, q, limit=limit))
    return as_json({"items": wire(found), "next": None})


@router.post("/partners", status_code=201, response_model=schema(Partner))
async def add_partner(new: Annotated[NewPartner, asked(NewPartner)], by: PartnerWriter) -> Response:
    """A new supplier or customer."""

    def run(tx: Tx) -> object:
        return catalog.partner(tx.conn, catalog.add_partner(tx, by.actor, new))

    return await by.answer("partner", new, run, 201)


@router.get("/partners/{partner_id}", response_model=schema(Partner))
async def one_partner(partner_id: Id, _actor: Reader, jieli: App) -> Response:
    """One partner."""
    return as_json(wire(await jieli.db.read(lambda conn: catalog.partner(conn, partner_id))))


@router.patch("/partners/{partner_id}", response_model=schema(Partner))
async def change_partner(partner_id: Id, body: PartnerChange, by: PartnerWriter) -> Response:
    """Change a partner."""
    changes = body.model_dump(exclude_unset=True, exclude_none=True)
    return await by.answer(
        f"partner:{partner_id}",
        body,
        lambda tx: catalog.update_partner(tx, by.actor, partner_id, changes),
    )
