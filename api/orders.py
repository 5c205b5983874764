"""Routes of the documents that make stock move: purchase, receipt, inspection, putaway, transfer,
count, issue and return. Every body is the core's own dataclass; no rule lives here.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response
from sqlalchemy import Connection

from api.deps import PAGE, App, Once, Size, as_json, asked
from api.doors import allow, writes
from api.routers import json_router
from api.wire import Id, page_of, schema, wire
from core.orders.combined import ReceivedLineAll, ReceiveLineAll, receive_line
from core.orders.count import (
    CancelCount,
    Count,
    FinishCount,
    Finished,
    OpenCount,
    RecordCount,
    Recorded,
    ReviewLine,
    SheetLine,
    cancel_count,
    count,
    finish,
    open_count,
    record,
    review,
    sheet,
)
from core.orders.decision import Decide, Decided, decide
from core.orders.inspection import Inspect, Inspection, inspect, inspection
from core.orders.purchase import (
    NewPurchase,
    Order,
    OrderLine,
    create_order,
    open_lines,
    order,
    orders,
)
from core.orders.putaway import Bin, PutAway, PutAwayDone, put_away, suggest
from core.orders.quick import Issue, QuickDone, ReturnToStock, issue, return_to_stock
from core.orders.receipt import (
    ClosedShort,
    CloseShort,
    Receipt,
    ReceiptLine,
    Receive,
    ReceiveRest,
    close_short,
    receipt,
    receive,
    receive_rest,
    waiting_lines,
)
from core.orders.transfer import (
    AskTransfer,
    ClosedTransfer,
    CloseTransfer,
    Move,
    Moved,
    ReceiveTransfer,
    SendTransfer,
    Transfer,
    ask_transfer,
    close_transfer,
    move,
    receive_transfer,
    send_transfer,
    transfer,
)
from core.people import Actor, Thing, may, require
from core.quantity import parse

router = json_router("/api", tags=["orders"])

Reader = Annotated[Actor, allow("order.read")]


def _order_thing(found: Order) -> Thing:
    return Thing("order", found.id, partner_id=found.supplier_id, warehouse_id=found.warehouse_id)


# -- purchase orders -----------------------------------------------------------------------------
@router.post("/orders", status_code=201, response_model=schema(Order))
async def create(
    ask: Annotated[NewPurchase, asked(NewPurchase)], by: Annotated[Once, writes("order.write")]
) -> Response:
    """Order goods from a supplier; opens the warehouse's task to receive them."""
    return await by.answer("order", ask, lambda tx: create_order(tx, by.actor, ask), 201)


@router.get("/orders", response_model=page_of(Order))
async def list_orders(
    actor: Reader,
    jieli: App,
    state: Annotated[str, Query(max_length=16)] = "",
    cursor: Annotated[str, Query(max_length=64)] = "",
    limit: Size = PAGE,
) -> Response:
    """Purchase orders, newest first, that this person may see."""
    require(actor, "order.read")
    found = await jieli.db.read(lambda conn: orders(conn, state=state, cursor=cursor, limit=limit))
    seen = [each for each in found if may(actor, "order.read", _order_thing(each))]
    return as_json({"items": wire(seen), "next": found[-1].id if len(found) == limit else None})


@router.get("/orders/{order_id}", response_model=schema(Order))
async def one_order(order_id: str, actor: Reader, jieli: App) -> Response:
    """One purchase order with its lines."""
    found = await jieli.db.read(lambda conn: order(conn, order_id))
    require(actor, "order.read", _order_thing(found))
    return as_json(wire(found))


@router.get("/open-lines", response_model=page_of(OrderLine))
async def list_open_lines(
    actor: Reader, jieli: App, warehouse_id: Id, item_id: Id | None = None, limit: Size = PAGE
) -> Response:
    """What may still arrive at a warehouse."""
    require(actor, "order.read", Thing("warehouse", str(warehouse_id), warehouse_id=warehouse_id))
    found = await jieli.db.read(lambda conn: open_lines(conn, warehouse_id, item_id, limit))
    return as_json({"items": wire(found), "next": None})


# -- arrivals ------------------------------------------------------------------------------------
@router.post("/receipts", status_code=201, response_model=schema(Receipt))
async def receive_goods(
    ask: Annotated[Receive, asked(Receive)], by: Annotated[Once, writes("receive")]
) -> Response:
    """Goods of an order arrive at the dock."""
    return await by.answer("receive", ask, lambda tx: receive(tx, by.actor, ask), 201)


@router.post("/receipts/rest", status_code=201, response_model=schema(Receipt))
async def receive_the_rest(
    ask: Annotated[ReceiveRest, asked(ReceiveRest)], by: Annotated[Once, writes("receive")]
) -> Response:
    """Everything still open on an order arrives."""
    return await by.answer("receive-rest", ask, lambda tx: receive_rest(tx, by.actor, ask), 201)


@router.post("/receipts/combined", status_code=201, response_model=schema(ReceivedLineAll))
async def receive_inspect_put_away(
    ask: Annotated[ReceiveLineAll, asked(ReceiveLineAll)], by: Annotated[Once, writes("receive")]
) -> Response:
    """Receive, inspect and put away one line in one transaction."""
    return await by.answer("receive-all", ask, lambda tx: receive_line(tx, by.actor, ask), 201)


@router.post("/orders/close-short", response_model=schema(ClosedShort))
async def close_the_rest(
    ask: Annotated[CloseShort, asked(CloseShort)], by: Annotated[Once, writes("order.write")]
) -> Response:
    """What is still missing will not come."""
    return await by.answer("close-short", ask, lambda tx: close_short(tx, by.actor, ask))


@router.get("/receipts/{receipt_id}", response_model=schema(Receipt))
async def one_receipt(receipt_id: str, actor: Reader, jieli: App) -> Response:
    """What one arrival brought."""
    found = await jieli.db.read(lambda conn: receipt(conn, receipt_id))
    require(actor, "order.read", Thing("receipt", found.id, warehouse_id=found.warehouse_id))
    return as_json(wire(found))


@router.get("/waiting-lines", response_model=page_of(ReceiptLine))
async def list_waiting(
    actor: Reader, jieli: App, warehouse_id: Id, item_id: Id | None = None, limit: Size = PAGE
) -> Response:
    """What stands on the dock: to inspect, or to put away."""
    require(actor, "order.read", Thing("warehouse", str(warehouse_id), warehouse_id=warehouse_id))
    found = await jieli.db.read(lambda conn: waiting_lines(conn, warehouse_id, item_id, limit))
    return as_json({"items": wire(found), "next": None})


# -- quality -------------------------------------------------------------------------------------
@router.post("/inspections", status_code=201, response_model=schema(Inspection))
async def inspect_goods(
    ask: Annotated[Inspect, asked(Inspect)], by: Annotated[Once, writes("inspect")]
) -> Response:
    """Accept part, reject part; a rejection holds the stock and asks everybody concerned."""
    return await by.answer("inspect", ask, lambda tx: inspect(tx, by.actor, ask), 201)


@router.get("/inspections/{inspection_id}", response_model=schema(Inspection))
async def one_inspection(inspection_id: str, actor: Reader, jieli: App) -> Response:
    """One inspection and where it stands."""
    found = await jieli.db.read(lambda conn: inspection(conn, inspection_id))
    require(actor, "order.read", Thing("inspection", found.id, warehouse_id=found.warehouse_id))
    return as_json(wire(found))


@router.post("/decisions", status_code=201, response_model=schema(Decided))
async def decide_on_goods(
    ask: Annotated[Decide, asked(Decide)], by: Annotated[Once, writes("decide")]
) -> Response:
    """What becomes of rejected goods: return, concession or scrap."""
    return await by.answer("decide", ask, lambda tx: decide(tx, by.actor, ask), 201)


# -- inside the warehouse ------------------------------------------------------------------------
@router.get("/putaways/suggest", response_model=page_of(Bin))
async def suggest_bins(
    *,
    actor: Annotated[Actor, allow("putaway")],
    jieli: App,
    item_id: Id,
    quantity: Annotated[str, Query(max_length=32)],
    warehouse_id: Id,
    lot_id: Id = 0,
) -> Response:
    """The three best bins for what is in hand, and why."""
    require(actor, "putaway", Thing("warehouse", str(warehouse_id), warehouse_id=warehouse_id))
    amount = parse(quantity)
    found = await jieli.db.read(lambda conn: suggest(conn, item_id, lot_id, amount, warehouse_id))
    return as_json({"items": wire(found), "next": None})


@router.post("/putaways", status_code=201, response_model=schema(PutAwayDone))
async def put_goods_away(
    ask: Annotated[PutAway, asked(PutAway)], by: Annotated[Once, writes("putaway")]
) -> Response:
    """From the dock to a bin."""
    return await by.answer("putaway", ask, lambda tx: put_away(tx, by.actor, ask), 201)


@router.post("/moves", status_code=201, response_model=schema(Moved))
async def move_goods(
    ask: Annotated[Move, asked(Move)], by: Annotated[Once, writes("transfer")]
) -> Response:
    """From bin to bin inside one warehouse."""
    return await by.answer("move", ask, lambda tx: move(tx, by.actor, ask), 201)


@router.post("/transfers", status_code=201, response_model=schema(Transfer))
async def ask_for_transfer(
    ask: Annotated[AskTransfer, asked(AskTransfer)], by: Annotated[Once, writes("transfer")]
) -> Response:
    """Ask another warehouse for goods; opens its task to send them."""
    return await by.answer("transfer", ask, lambda tx: ask_transfer(tx, by.actor, ask), 201)


@router.post("/transfers/send", response_model=schema(Transfer))
async def send_goods(
    ask: Annotated[SendTransfer, asked(SendTransfer)], by: Annotated[Once, writes("transfer")]
) -> Response:
    """Goods leave for the other warehouse and are in transit."""
    return await by.answer("transfer-send", ask, lambda tx: send_transfer(tx, by.actor, ask))


@router.post("/transfers/receive", response_model=schema(Transfer))
async def receive_sent_goods(
    ask: Annotated[ReceiveTransfer, asked(ReceiveTransfer)],
    by: Annotated[Once, writes("transfer")],
) -> Response:
    """Goods in transit arrive."""
    return await by.answer("transfer-receive", ask, lambda tx: receive_transfer(tx, by.actor, ask))


@router.post("/transfers/close", response_model=schema(ClosedTransfer))
async def close_unfinished_transfer(
    ask: Annotated[CloseTransfer, asked(CloseTransfer)], by: Annotated[Once, writes("transfer")]
) -> Response:
    """The rest is not sent; with `lost`, what is on the road does not come and is written off."""
    return await by.answer("transfer-close", ask, lambda tx: close_transfer(tx, by.actor, ask))


@router.get("/transfers/{transfer_id}", response_model=schema(Transfer))
async def one_transfer(transfer_id: str, actor: Reader, jieli: App) -> Response:
    """One transfer: what was asked, sent and received."""
    found = await jieli.db.read(lambda conn: transfer(conn, transfer_id))
    ends = (found.from_warehouse, found.to_warehouse)
    if not any(may(actor, "order.read", Thing("transfer", warehouse_id=end)) for end in ends):
        require(actor, "order.read", Thing("transfer", found.id, warehouse_id=ends[0]))
    return as_json(wire(found))


# -- counting ------------------------------------------------------------------------------------
@router.post("/counts", status_code=201)
async def start_count(
    ask: Annotated[OpenCount, asked(OpenCount)], by: Annotated[Once, writes("count")]
) -> Response:
    """Start a blind count of some bins."""
    return await by.answer(
        "count", ask, lambda tx: {"count_id": open_count(tx, by.actor, ask)}, 201
    )


def _may_read_count(conn: Connection, actor: Actor, verb: str, count_id: str) -> None:
    found = count(conn, count_id)
    require(actor, verb, Thing("count", found.id, warehouse_id=found.warehouse_id))


@router.get("/counts/{count_id}/sheet", response_model=page_of(SheetLine))
async def count_sheet(
    count_id: str, actor: Annotated[Actor, allow("count")], jieli: App
) -> Response:
    """The counter's sheet: places and goods, never what the books expect."""

    def ask(conn: Connection) -> list[SheetLine]:
        _may_read_count(conn, actor, "count", count_id)
        return sheet(conn, count_id)

    return as_json({"items": wire(await jieli.db.read(ask)), "next": None})


@router.get("/counts/{count_id}/review", response_model=page_of(ReviewLine))
async def count_review(
    count_id: str, actor: Annotated[Actor, allow("count.approve")], jieli: App
) -> Response:
    """The approver's sheet: expected, counted and the difference."""

    def ask(conn: Connection) -> list[ReviewLine]:
        _may_read_count(conn, actor, "count.approve", count_id)
        return review(conn, count_id)

    return as_json({"items": wire(await jieli.db.read(ask)), "next": None})


@router.post("/counts/record", response_model=schema(Recorded))
async def record_count(
    ask: Annotated[RecordCount, asked(RecordCount)], by: Annotated[Once, writes("count")]
) -> Response:
    """What a person saw."""
    return await by.answer("count-record", ask, lambda tx: record(tx, by.actor, ask))


@router.post("/counts/finish", response_model=schema(Finished))
async def finish_count(
    ask: Annotated[FinishCount, asked(FinishCount)], by: Annotated[Once, writes("count")]
) -> Response:
    """Apply what was counted; what moved meanwhile is named and left alone."""
    return await by.answer("count-finish", ask, lambda tx: finish(tx, by.actor, ask))


@router.post("/counts/cancel", response_model=schema(Count))
async def give_count_up(
    ask: Annotated[CancelCount, asked(CancelCount)], by: Annotated[Once, writes("count")]
) -> Response:
    """Nobody counts this any more; nothing is posted, and its tasks end."""
    return await by.answer("count-cancel", ask, lambda tx: cancel_count(tx, by.actor, ask))


# -- without a document --------------------------------------------------------------------------
@router.post("/issues", status_code=201, response_model=schema(QuickDone))
async def issue_goods(
    ask: Annotated[Issue, asked(Issue)], by: Annotated[Once, writes("issue")]
) -> Response:
    """Goods leave for a customer, production or scrap."""
    return await by.answer("issue", ask, lambda tx: issue(tx, by.actor, ask), 201)


@router.post("/returns", status_code=201, response_model=schema(QuickDone))
async def return_goods(
    ask: Annotated[ReturnToStock, asked(ReturnToStock)], by: Annotated[Once, writes("return")]
) -> Response:
    """Goods come back into stock."""
    return await by.answer("return", ask, lambda tx: return_to_stock(tx, by.actor, ask), 201)
