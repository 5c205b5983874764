"""Routes of the ledger: post, reverse, reserve, fulfil, release, hold; and what stands where.

`POST /api/postings` is the hot route: the door called by hand, the body parsed once, the set-based
command, the answer written by hand; its operation id is the posting's own key, kept for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, TypeAdapter, ValidationError
from sqlalchemy import Connection

from api.deps import KEY_PARAMETER, PAGE, App, Once, Size, as_json, asked
from api.doors import WriteDoor, allow, declared, writes
from api.reach import check_reach, in_reach
from api.routers import json_router
from api.wire import (
    Id,
    Moment,
    Quantity,
    Text,
    Wire,
    core_of,
    page_of,
    schema,
    schema_alone,
    wire,
)
from core.catalog import locations_by_id
from core.clock import iso
from core.db import Together, Tx
from core.errors import NOT_FOUND, AppError
from core.orders import lot_release
from core.orders.by_hand import fulfil_by_hand, reverse_by_hand
from core.people import Actor, Thing, require
from core.quantity import plain
from core.stock import (
    VIRTUAL,
    AsOf,
    BalanceRow,
    Held,
    Movement,
    Posted,
    Posting,
    Promise,
    Reserve,
    Reserved,
    as_of,
    hold_lot_by_hand,
    movements,
    near_expiry,
    on_hand,
    post_many_by_hand,
    posted,
    promise,
    release_by_hand,
    reservation,
    reserve_by_hand,
)

router = json_router("/api", tags=["stock"])

Reader = Annotated[Actor, allow("stock.read")]
Poster = Annotated[Once, writes("stock.post")]
Reserver = Annotated[Once, writes("stock.reserve")]
Holder = Annotated[Once, writes("stock.hold")]
Day = Annotated[date, Query(ge=date(2000, 1, 1), le=date(2200, 1, 1))]

_POST = WriteDoor("stock.post")
_BODY = schema(Posting, ("op_id",))
_PARSE = TypeAdapter(_BODY)


class Reason(Wire):
    """Why; everybody who looks at the card of the item reads it."""

    reason: Text = ""


class Fulfil(Wire):
    """Take what was reserved; all that is left of it when no quantity is given."""

    to_location: Id
    quantity: Quantity | None = None
    serials: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()


def posted_wire(done: Posted) -> dict[str, Any]:
    """A posting as it was accepted; equal on every repeat."""
    return {
        "posting_id": done.posting_id,
        "op_id": done.op_id,
        "kind": done.kind,
        "doc": done.doc,
        "happened_at": iso(done.happened_at),
        "recorded_at": iso(done.recorded_at),
        "moves": [
            {**row._asdict(), "quantity": plain(row.quantity), "serials": list(row.serials)}
            for row in done.moves
        ],
    }


# -- posting -------------------------------------------------------------------------------------
@router.post(
    "/postings",
    status_code=201,
    openapi_extra={
        "parameters": [KEY_PARAMETER],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema_alone(_BODY)}},
        },
    },
)
@declared(_POST)
async def post_stock(request: Request) -> Response:
    """Move stock: one to many lines, whole or not at all."""
    return await post_body(request, await request.body())


async def post_body(request: Request, content: bytes) -> Response:
    """`post_stock` for whoever has read the body already (api/hot.py)."""
    by = await _POST(request, request.headers.get("idempotency-key"))
    try:
        body = _PARSE.validate_json(content)
    except ValidationError as problem:
        raise RequestValidationError(problem.errors(include_url=False)) from problem
    posting = core_of(Posting, body, op_id=by.key)
    if by.actor.warehouse_ids:
        places = {each for line in posting.lines for each in (line.from_location, line.to_location)}
        await by.jieli.db.read(lambda conn: check_reach(conn, by.actor, "stock.post", places))
    done: Posted = await by.jieli.db.write(Together(post_many_by_hand, (by.actor, posting)))
    return as_json(posted_wire(done), 201)


@router.get("/postings/{op_id}")
async def one_posting(op_id: str, actor: Reader, jieli: App) -> Response:
    """What was posted under an operation id; how a client asks "did it arrive?".

    Its lines that touch the warehouses of whoever asks.
    """

    def ask(conn: Connection) -> Posted:
        found = posted(conn, op_id)
        if found is None:
            raise AppError(NOT_FOUND, what="过账", name=op_id[:96])
        ends = [(row.from_location, row.to_location) for row in found.moves]
        return replace(found, moves=tuple(in_reach(conn, actor, found.moves, ends)))

    return as_json(posted_wire(await jieli.db.read(ask)))


@router.post("/postings/{op_id}/reverse", status_code=201)
async def reverse_posting(op_id: str, body: Reason, by: Poster) -> Response:
    """Undo a posting by its mirror image; the original stays."""

    def run(tx: Tx) -> object:
        original = posted(tx.conn, op_id)
        if original is not None:
            moves = original.moves
            places = {each for row in moves for each in (row.from_location, row.to_location)}
            check_reach(tx.conn, by.actor, "stock.post", places)
        return posted_wire(reverse_by_hand(tx, by.actor, op_id, by.key, body.reason))

    return await by.answer(f"reverse:{op_id}", body, run, 201)


# -- promising -----------------------------------------------------------------------------------
@router.post("/reservations", status_code=201, response_model=schema(Reserved))
async def reserve_stock(wish: Annotated[Reserve, asked(Reserve)], by: Reserver) -> Response:
    """Promise stock to somebody: first expiring first."""

    def run(tx: Tx) -> object:
        warehouse = wish.warehouse_id
        require(by.actor, "stock.reserve", Thing("warehouse", warehouse_id=warehouse))
        check_reach(tx.conn, by.actor, "stock.reserve", wish.location_ids)
        if warehouse is None and len(by.actor.warehouse_ids) == 1:
            [warehouse] = by.actor.warehouse_ids
        made = reserve_by_hand(tx, by.actor, replace(wish, warehouse_id=warehouse))
        check_reach(tx.conn, by.actor, "stock.reserve", [each.location_id for each in made.parts])
        return made

    return await by.answer("reserve", wish, run, 201)


@router.get("/reservations/{reservation_id}", response_model=schema(Reserved))
async def one_reservation(reservation_id: Id, actor: Reader, jieli: App) -> Response:
    """One reservation and what is left of it; its parts in the warehouses of whoever asks."""

    def ask(conn: Connection) -> Reserved:
        found = reservation(conn, reservation_id)
        places = [(part.location_id,) for part in found.parts]
        return replace(found, parts=tuple(in_reach(conn, actor, found.parts, places)))

    return as_json(wire(await jieli.db.read(ask)))


def _check_parts(tx: Tx, by: Once, reservation_id: int) -> None:
    parts = reservation(tx.conn, reservation_id).parts
    check_reach(tx.conn, by.actor, "stock.reserve", [part.location_id for part in parts])


@router.post("/reservations/{reservation_id}/fulfil", status_code=201)
async def fulfil_reservation(reservation_id: Id, body: Fulfil, by: Reserver) -> Response:
    """Move what was promised to where it goes."""

    def run(tx: Tx) -> object:
        require(by.actor, "stock.reserve")
        _check_parts(tx, by, reservation_id)
        check_reach(tx.conn, by.actor, "stock.reserve", [body.to_location])
        done = fulfil_by_hand(
            tx,
            by.actor,
            reservation_id,
            by.key,
            body.to_location,
            quantity=body.quantity,
            serials=body.serials,
        )
        return posted_wire(done)

    return await by.answer(f"fulfil:{reservation_id}", body, run, 201)


@router.post("/reservations/{reservation_id}/release", response_model=schema(Reserved))
async def release_reservation(reservation_id: Id, body: Reason, by: Reserver) -> Response:
    """Nobody waits for it any more."""

    def run(tx: Tx) -> object:
        _check_parts(tx, by, reservation_id)
        return release_by_hand(tx, by.actor, reservation_id, body.reason)

    return await by.answer(f"release:{reservation_id}", body, run)


@router.post("/lots/{lot_id}/hold", response_model=schema(Held))
async def hold(lot_id: Id, body: Reason, by: Holder) -> Response:
    """Stop a whole lot wherever it lies."""
    return await by.answer(
        f"hold:{lot_id}",
        body,
        lambda tx: hold_lot_by_hand(tx, by.actor, lot_id, by.key, body.reason),
    )


@router.post("/lots/{lot_id}/release", response_model=schema(Held))
async def release_held(lot_id: Id, body: Reason, by: Holder) -> Response:
    """Let a stopped lot go again; what failed an inspection stays for the buyer to decide."""
    return await by.answer(
        f"release-lot:{lot_id}",
        body,
        lambda tx: lot_release.release_by_hand(tx, by.actor, lot_id, by.key, body.reason),
    )


# -- asking --------------------------------------------------------------------------------------
@router.get("/stock", response_model=page_of(BalanceRow))
async def stock_on_hand(
    *,
    actor: Reader,
    jieli: App,
    item_id: Id | None = None,
    location_id: Id | None = None,
    lot_id: Id | None = None,
    warehouse_id: Id | None = None,
    cursor: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Size = PAGE,
) -> Response:
    """What lies where, in which lot and quality status."""
    where = (item_id, location_id, lot_id, warehouse_id)

    def ask(conn: Connection) -> list[BalanceRow]:
        found = {} if location_id is None else locations_by_id(conn, (location_id,))
        is_virtual = any(place.kind in VIRTUAL for place in found.values())
        return on_hand(conn, *where, virtual=is_virtual, limit=limit, after=cursor)

    found = await jieli.db.read(ask)
    rows = [{**wire(each), "available": plain(each.available)} for each in _seen(actor, found)]
    return as_json({"items": rows, "next": str(found[-1].id) if len(found) == limit else None})


def _seen(actor: Actor, rows: list[BalanceRow]) -> list[BalanceRow]:
    """The rows in reach of a person bound to warehouses."""
    if not actor.warehouse_ids:
        return rows
    return [row for row in rows if row.warehouse_id in (None, *actor.warehouse_ids)]


@router.get("/items/{item_id}/promise", response_model=schema(Promise))
async def stock_promise(
    *,
    actor: Reader,
    jieli: App,
    item_id: Id,
    warehouse_id: Id | None = None,
    on_date: Day | None = None,
) -> Response:
    """What of an item is there and what may be promised, in the warehouses of whoever asks."""
    require(actor, "stock.read", Thing("warehouse", warehouse_id=warehouse_id))
    day = on_date.isoformat() if on_date is not None else None
    own = [warehouse_id] if warehouse_id is not None else sorted(actor.warehouse_ids)
    houses: Sequence[int | None] = own or [None]

    def ask(conn: Connection) -> Promise:
        found = [astuple(promise(conn, item_id, house, day))[1:] for house in houses]
        return Promise(item_id, *map(sum, zip(*found, strict=True)))

    return as_json(wire(await jieli.db.read(ask)))


@router.get("/items/{item_id}/as-of", response_model=page_of(AsOf))
async def stock_as_of(
    *,
    actor: Reader,
    jieli: App,
    item_id: Id,
    at: Annotated[Moment, Query(description="ISO 8601 with a zone")],
    by: Literal["recorded", "happened"] = "recorded",
) -> Response:
    """What stood where at a moment: as the books said then, or as we know it today."""
    reach = actor.warehouse_ids
    found = await jieli.db.read(lambda conn: as_of(conn, item_id, at, by, reach=reach))
    return as_json({"items": wire(found), "next": None})


@router.get("/items/{item_id}/movements", response_model=page_of(Movement))
async def stock_movements(
    *,
    actor: Reader,
    jieli: App,
    item_id: Id,
    lot_id: Id | None = None,
    cursor: Id | None = None,
    limit: Size = PAGE,
) -> Response:
    """The card of an item, newest first."""
    reach = actor.warehouse_ids
    found = await jieli.db.read(
        lambda conn: movements(conn, item_id, cursor, limit, lot_id=lot_id, reach=reach)
    )
    more = str(found[-1].move_id) if len(found) == limit else None
    return as_json({"items": wire(found), "next": more})


@router.get("/near-expiry", response_model=page_of(BalanceRow))
async def stock_near_expiry(
    *,
    actor: Reader,
    jieli: App,
    on_date: Day,
    days: Annotated[int, Query(ge=0, le=3650)] = 30,
    warehouse_id: Id | None = None,
) -> Response:
    """Stock whose last good day is near or past; earliest first."""
    day, reach = on_date.isoformat(), actor.warehouse_ids
    found = await jieli.db.read(
        lambda conn: near_expiry(conn, day, days, warehouse_id, PAGE * 4, reach=reach)
    )
    return as_json({"items": wire(found), "next": None})
