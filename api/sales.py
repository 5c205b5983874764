"""Routes of goods out: sales, waves, picks, boxes, handing over, returns; and their master data.

Every body is the core's own dataclass; no rule lives here.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from api.deps import PAGE, App, Once, Size, as_json, asked
from api.doors import allow, writes
from api.routers import json_router
from api.wire import Id, page_of, schema, wire
from core.db import Tx
from core.orders.sales.book import Sale, Wave, sale, sales, wave, waves
from core.orders.sales.boxes import Package, packages_of
from core.orders.sales.cancel import CancelSale, cancel_sale
from core.orders.sales.carriers import Carrier, carriers, save_carrier
from core.orders.sales.faces import Face, drop_face, faces_of, save_face
from core.orders.sales.order import NewSale, create_sale
from core.orders.sales.pack import Pack, Packed, PackRest, pack, pack_rest
from core.orders.sales.pick import Pick, Picked, PickRest, pick, pick_rest
from core.orders.sales.plan import Planned
from core.orders.sales.returns import (
    CustomerReturn,
    Judge,
    Returned,
    Scrap,
    SupplierReturn,
    customer_return,
    judge_return,
    scrap,
    supplier_return,
)
from core.orders.sales.rush import Rush, Rushed, rush
from core.orders.sales.ship import Ship, Shipped, ship
from core.orders.sales.short import ShortPick, WentShort, short_pick
from core.orders.sales.shortage import Answered, CutLine, Replace, cut_line, replace
from core.orders.sales.substitutes import (
    Substitute,
    drop_substitute,
    save_substitute,
    substitutes_of,
)
from core.orders.sales.unpack import Unpack, unpack
from core.orders.sales.unpick import Unpick, Unpicked, unpick
from core.orders.sales.wave import Release, release, suggest
from core.people import Actor, Thing, may, require

router = json_router("/api", tags=["sales"])

Reader = Annotated[Actor, allow("order.read")]


def _thing(found: Sale) -> Thing:
    return Thing("sale", found.id, warehouse_id=found.warehouse_id)


# -- orders --------------------------------------------------------------------------------------
@router.post("/sales", status_code=201, response_model=schema(Sale))
async def create(
    ask: Annotated[NewSale, asked(NewSale)], by: Annotated[Once, writes("sale.write")]
) -> Response:
    """Sell goods: they are promised first expiring first; what is missing is the buyer's task."""
    return await by.answer("sale", ask, lambda tx: create_sale(tx, by.actor, ask), 201)


@router.post("/sales/rush", status_code=201, response_model=schema(Rushed))
async def create_rush(
    ask: Annotated[Rush, asked(Rush)], by: Annotated[Once, writes("sale.write")]
) -> Response:
    """A rush order: buyer, warehouse and finance are asked at once."""
    return await by.answer("rush", ask, lambda tx: rush(tx, by.actor, ask), 201)


@router.post("/sales/cancel", response_model=schema(Sale))
async def cancel(
    ask: Annotated[CancelSale, asked(CancelSale)], by: Annotated[Once, writes("sale.write")]
) -> Response:
    """Let go of everything that has not left; what is picked already waits to be put back."""
    return await by.answer("sale-cancel", ask, lambda tx: cancel_sale(tx, by.actor, ask))


@router.post("/sales/cut", response_model=schema(Answered))
async def send_less(
    ask: Annotated[CutLine, asked(CutLine)], by: Annotated[Once, writes("sale.write")]
) -> Response:
    """What is missing of a line will not be sent."""
    return await by.answer("sale-cut", ask, lambda tx: cut_line(tx, by.actor, ask))


@router.post("/sales/replace", response_model=schema(Answered))
async def send_another(
    ask: Annotated[Replace, asked(Replace)], by: Annotated[Once, writes("sale.write")]
) -> Response:
    """Send a registered substitute instead of what is missing."""
    return await by.answer("sale-replace", ask, lambda tx: replace(tx, by.actor, ask))


@router.get("/sales", response_model=page_of(Sale))
async def list_sales(
    actor: Reader,
    jieli: App,
    state: Annotated[str, Query(max_length=16)] = "",
    cursor: Annotated[str, Query(max_length=64)] = "",
    limit: Size = PAGE,
) -> Response:
    """Sales orders, newest first, that this person may see."""
    require(actor, "order.read")
    found = await jieli.db.read(lambda conn: sales(conn, state=state, cursor=cursor, limit=limit))
    seen = [each for each in found if may(actor, "order.read", _thing(each))]
    return as_json({"items": wire(seen), "next": found[-1].id if len(found) == limit else None})


@router.get("/sales/{sale_id}", response_model=schema(Sale))
async def one_sale(sale_id: str, actor: Reader, jieli: App) -> Response:
    """One sales order with its lines and what is promised to them."""
    found = await jieli.db.read(lambda conn: sale(conn, sale_id))
    require(actor, "order.read", _thing(found))
    return as_json(wire(found))


@router.get("/sales/{sale_id}/packages", response_model=page_of(Package))
async def boxes_of_sale(sale_id: str, actor: Reader, jieli: App) -> Response:
    """The boxes of a sales order and what lies in them."""
    found = await jieli.db.read(lambda conn: sale(conn, sale_id))
    require(actor, "order.read", _thing(found))
    boxes = await jieli.db.read(lambda conn: packages_of(conn, sale_id))
    return as_json({"items": wire(boxes), "next": None})


# -- waves ---------------------------------------------------------------------------------------
@router.get("/waves/suggest", response_model=page_of(Planned))
async def suggest_waves(
    actor: Annotated[Actor, allow("wave.write")], jieli: App, warehouse_id: Id
) -> Response:
    """The walks that should be made now: urgent first, then by the carriers' cut-off."""
    require(actor, "wave.write", Thing("warehouse", str(warehouse_id), warehouse_id=warehouse_id))
    found = await jieli.db.read(lambda conn: suggest(conn, warehouse_id))
    return as_json({"items": wire(found), "next": None})


@router.post("/waves", status_code=201, response_model=schema(Wave))
async def release_wave(
    ask: Annotated[Release, asked(Release)], by: Annotated[Once, writes("wave.write")]
) -> Response:
    """Pick these orders in one walk."""
    return await by.answer("wave", ask, lambda tx: release(tx, by.actor, ask), 201)


@router.get("/waves", response_model=page_of(Wave))
async def list_waves(
    actor: Reader, jieli: App, state: Annotated[str, Query(max_length=16)] = "", limit: Size = PAGE
) -> Response:
    """Waves without their lines, newest first, that this person may see."""
    require(actor, "order.read")
    found = await jieli.db.read(lambda conn: waves(conn, state=state, limit=limit))
    seen = [
        each
        for each in found
        if may(actor, "order.read", Thing("wave", each.id, warehouse_id=each.warehouse_id))
    ]
    return as_json({"items": wire(seen), "next": None})


@router.get("/waves/{wave_id}", response_model=schema(Wave))
async def one_wave(wave_id: str, actor: Reader, jieli: App) -> Response:
    """One wave with every stop in the order of the walk."""
    found = await jieli.db.read(lambda conn: wave(conn, wave_id))
    require(actor, "order.read", Thing("wave", found.id, warehouse_id=found.warehouse_id))
    return as_json(wire(found))


# -- floor ---------------------------------------------------------------------------------------
@router.post("/picks", status_code=201, response_model=schema(Picked))
async def pick_goods(
    ask: Annotated[Pick, asked(Pick)], by: Annotated[Once, writes("pick")]
) -> Response:
    """Take what one stop says out of its bin."""
    return await by.answer("pick", ask, lambda tx: pick(tx, by.actor, ask), 201)


@router.post("/picks/rest", response_model=schema(Picked))
async def pick_the_rest(
    ask: Annotated[PickRest, asked(PickRest)], by: Annotated[Once, writes("pick")]
) -> Response:
    """Everything that is still open of a wave was taken as written."""
    return await by.answer("pick-rest", ask, lambda tx: pick_rest(tx, by.actor, ask))


@router.post("/picks/short", status_code=201, response_model=schema(WentShort))
async def pick_short(
    ask: Annotated[ShortPick, asked(ShortPick)], by: Annotated[Once, writes("pick")]
) -> Response:
    """A bin holds less than it should: take it elsewhere, have the bin counted, ask the buyer."""
    return await by.answer("pick-short", ask, lambda tx: short_pick(tx, by.actor, ask), 201)


@router.post("/picks/undo", response_model=schema(Unpicked))
async def take_out_again(
    ask: Annotated[Unpick, asked(Unpick)], by: Annotated[Once, writes("pick")]
) -> Response:
    """Take picked goods out of their order: broken, wrong, or of a bad lot; others go instead."""
    return await by.answer("pick-undo", ask, lambda tx: unpick(tx, by.actor, ask))


@router.post("/packages", status_code=201, response_model=schema(Packed))
async def pack_goods(
    ask: Annotated[Pack, asked(Pack)], by: Annotated[Once, writes("pack")]
) -> Response:
    """Close boxes of what was picked for an order."""
    return await by.answer("pack", ask, lambda tx: pack(tx, by.actor, ask), 201)


@router.post("/packages/rest", status_code=201, response_model=schema(Packed))
async def pack_the_rest(
    ask: Annotated[PackRest, asked(PackRest)], by: Annotated[Once, writes("pack")]
) -> Response:
    """Everything that was picked for an order goes into one box."""
    return await by.answer("pack-rest", ask, lambda tx: pack_rest(tx, by.actor, ask), 201)


@router.post("/packages/unpack", response_model=schema(Packed))
async def unpack_box(
    ask: Annotated[Unpack, asked(Unpack)], by: Annotated[Once, writes("pack")]
) -> Response:
    """Open a box that has not left: its goods wait to be packed again."""
    return await by.answer("unpack", ask, lambda tx: unpack(tx, by.actor, ask))


@router.post("/shipments", status_code=201, response_model=schema(Shipped))
async def ship_goods(
    ask: Annotated[Ship, asked(Ship)], by: Annotated[Once, writes("ship")]
) -> Response:
    """Boxes leave for the customer."""
    return await by.answer("ship", ask, lambda tx: ship(tx, by.actor, ask), 201)


# -- back and away -------------------------------------------------------------------------------
@router.post("/returns/customer", status_code=201, response_model=schema(Returned))
async def return_from_customer(
    ask: Annotated[CustomerReturn, asked(CustomerReturn)], by: Annotated[Once, writes("return")]
) -> Response:
    """A customer sends back what was shipped on a line."""
    return await by.answer(
        "return-customer", ask, lambda tx: customer_return(tx, by.actor, ask), 201
    )


@router.post("/returns/judge", response_model=schema(Returned))
async def judge_returned(
    ask: Annotated[Judge, asked(Judge)], by: Annotated[Once, writes("inspect")]
) -> Response:
    """Returned goods are good, or they are held."""
    return await by.answer("return-judge", ask, lambda tx: judge_return(tx, by.actor, ask))


@router.post("/returns/supplier", status_code=201, response_model=schema(Returned))
async def return_to_supplier(
    ask: Annotated[SupplierReturn, asked(SupplierReturn)], by: Annotated[Once, writes("return")]
) -> Response:
    """Goods go back to a supplier."""
    return await by.answer(
        "return-supplier", ask, lambda tx: supplier_return(tx, by.actor, ask), 201
    )


@router.post("/scraps", status_code=201, response_model=schema(Returned))
async def scrap_goods(
    ask: Annotated[Scrap, asked(Scrap)], by: Annotated[Once, writes("issue")]
) -> Response:
    """Goods are thrown away, with a reason."""
    return await by.answer("scrap", ask, lambda tx: scrap(tx, by.actor, ask), 201)


# -- master data ---------------------------------------------------------------------------------
@router.get("/carriers", response_model=page_of(Carrier))
async def list_carriers(_actor: Reader, jieli: App) -> Response:
    """Carriers and when they leave."""
    found = await jieli.db.read(carriers)
    return as_json({"items": wire(list(found)), "next": None})


@router.put("/carriers", response_model=schema(Carrier))
async def put_carrier(
    ask: Annotated[Carrier, asked(Carrier)], by: Annotated[Once, writes("carrier.write")]
) -> Response:
    """Register a carrier, or change it."""
    return await by.answer("carrier", ask, lambda tx: save_carrier(tx, by.actor, ask))


@router.get("/items/{item_id}/substitutes", response_model=page_of(Substitute))
async def list_substitutes(item_id: Id, _actor: Reader, jieli: App) -> Response:
    """What may be sent instead of an item."""
    found = await jieli.db.read(lambda conn: substitutes_of(conn, item_id))
    return as_json({"items": wire(found), "next": None})


@router.put("/substitutes", response_model=schema(Substitute))
async def put_substitute(
    ask: Annotated[Substitute, asked(Substitute)], by: Annotated[Once, writes("substitute.write")]
) -> Response:
    """Say what may be sent instead of what."""
    return await by.answer("substitute", ask, lambda tx: save_substitute(tx, by.actor, ask))


@router.delete("/items/{item_id}/substitutes/{other_id}")
async def delete_substitute(
    item_id: Id, other_id: Id, by: Annotated[Once, writes("substitute.write")]
) -> Response:
    """It may not be sent instead any more."""

    def run(tx: Tx) -> dict[str, bool]:
        drop_substitute(tx, by.actor, item_id, other_id)
        return {"dropped": True}

    return await by.answer(f"substitute-drop:{item_id}:{other_id}", None, run)


@router.get("/items/{item_id}/faces", response_model=page_of(Face))
async def list_faces(item_id: Id, _actor: Reader, jieli: App) -> Response:
    """The bins that an item is picked from, and how much they should hold."""
    found = await jieli.db.read(lambda conn: faces_of(conn, item_id))
    return as_json({"items": wire(found), "next": None})


@router.put("/faces", response_model=schema(Face))
async def put_face(
    ask: Annotated[Face, asked(Face)], by: Annotated[Once, writes("location.write")]
) -> Response:
    """Make a bin one that an item is picked from."""
    return await by.answer("face", ask, lambda tx: save_face(tx, by.actor, ask))


@router.delete("/items/{item_id}/faces/{location_id}")
async def delete_face(
    item_id: Id, location_id: Id, by: Annotated[Once, writes("location.write")]
) -> Response:
    """The bin is no pick face of this item any more."""

    def run(tx: Tx) -> dict[str, bool]:
        drop_face(tx, by.actor, location_id, item_id)
        return {"dropped": True}

    return await by.answer(f"face-drop:{item_id}:{location_id}", None, run)
