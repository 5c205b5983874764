"""Receiving: goods of an order arrive at the dock; partial, over with a reason, or closed short.

Not judging them (inspection.py) and not shelving them (putaway.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select

from core import catalog, events
from core.catalog import Item, Lot
from core.db import Tx
from core.errors import NOT_FOUND, AppError
from core.orders import progress, replay, rules
from core.orders.closing import ClosedShort, CloseShort, close_if_done, close_short
from core.orders.measure import base_quantity
from core.orders.order_book import Order, OrderLine, order
from core.orders.progress import ReceiptLine
from core.orders.replay import post_new, run_once
from core.orders.suggestion import Shelves
from core.orders.tables import order_lines, orders, receipt_lines, receipts
from core.people import Actor, Thing, require
from core.quantity import Micro, show
from core.stock import Line, Posting

SUPPLIER = "SUPPLIER"  # where goods come from

_RECEIVE = (
    order_lines.update()
    .where(order_lines.c.id == bindparam("line_"))
    .values(received=order_lines.c.received + bindparam("more_"))
)
_RECEIPT = (
    select(receipts, orders.c.code, orders.c.state)
    .join(orders, orders.c.id == receipts.c.order_id)
    .where(receipts.c.id == bindparam("receipt_"))
    .limit(1)
)

__all__ = [
    "CloseShort",
    "ClosedShort",
    "Receipt",
    "ReceiptLine",
    "Receive",
    "ReceiveLine",
    "ReceiveRest",
    "close_short",
    "receipt",
    "receipt_line",
    "receive",
    "receive_now",
    "receive_rest",
    "waiting_lines",
]


@dataclass(frozen=True, slots=True)
class ReceiveLine:
    """`quantity` in packs when `pack_id` is given, else base units; dates are ISO dates."""

    order_line_id: str
    quantity: Micro
    lot_code: str = ""
    made_on: str | None = None
    expires_on: str | None = None
    serials: tuple[str, ...] = ()
    over_reason: str = ""
    pack_id: int | None = None
    look_at: bool = False  # inspect although the item does not ask for it: it looks bad


@dataclass(frozen=True, slots=True)
class Receive:
    """Some lines of one order that arrived together."""

    op_id: str
    order_id: str
    lines: tuple[ReceiveLine, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one arrival brought."""

    id: str
    op_id: str
    order_id: str
    order_code: str
    warehouse_id: int
    lines: tuple[ReceiptLine, ...]
    order_done: bool


@dataclass(frozen=True, slots=True)
class ReceiveRest:
    """Everything that is still open on an order; lots by order line id where items need one."""

    op_id: str
    order_id: str
    lot_codes: dict[str, str] = field(default_factory=dict)
    expires_on: dict[str, str] = field(default_factory=dict)


def receive(tx: Tx, actor: Actor, ask: Receive) -> Receipt:
    """Book what arrived onto the dock: to inspect, straight to ok, or to hold for a held lot.

    Raises:
        AppError: forbidden, order_closed, other_order, too_much_received, lot_code_needed,
            expiry_needed, bad_quantity, not_whole, key_reused, or a refusal of the ledger.
    """
    replay.ask_ahead(tx, "receive", ask)
    made = order(tx.conn, ask.order_id)
    require(actor, "receive", _thing(made))
    return run_once(tx, "receive", ask, Receipt, lambda: _receive(tx, actor, ask, made))


def receive_rest(tx: Tx, actor: Actor, ask: ReceiveRest) -> Receipt:
    """Receive exactly what is still open: 5 of 10 came before → 5 more, never 10 more.

    Raises:
        AppError: nothing_open, and whatever `receive` refuses.
    """
    replay.ask_ahead(tx, "receive.rest", ask)
    made = order(tx.conn, ask.order_id)
    require(actor, "receive", _thing(made))

    def run() -> Receipt:
        lines = tuple(
            ReceiveLine(
                line.id,
                line.open_quantity,
                lot_code=ask.lot_codes.get(line.id, ""),
                expires_on=ask.expires_on.get(line.id),
            )
            for line in made.lines
            if line.open_quantity
        )
        if not lines:
            raise AppError(rules.NOTHING_OPEN, what=f"采购单 {made.code}")
        return _receive(tx, actor, Receive(ask.op_id, ask.order_id, lines), made)

    return run_once(tx, "receive.rest", ask, Receipt, run)


def _thing(made: Order) -> Thing:
    return Thing("order", made.id, warehouse_id=made.warehouse_id)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """One line with everything decided: where it lands and under which status."""

    asked: ReceiveLine
    line: OrderLine
    item: Item
    lot: Lot | None
    quantity: Micro
    status: str
    over_reason: str

    @property
    def lot_id(self) -> int:
        return self.lot.id if self.lot else 0


def receive_now(tx: Tx, actor: Actor, ask: Receive, *, open_tasks: bool = True) -> Receipt:
    """`receive` for a verb that is itself done once and has asked for permission."""
    return _receive(tx, actor, ask, order(tx.conn, ask.order_id), open_tasks=open_tasks)


def _receive(
    tx: Tx, actor: Actor, ask: Receive, made: Order, *, open_tasks: bool = True
) -> Receipt:
    if not ask.lines:
        raise AppError(rules.EMPTY_DOCUMENT, what="收货单")
    arrivals: list[_Arrival] = []
    asked_for = {each.order_line_id for each in ask.lines}
    items = (each.item_id for each in made.lines if each.id in asked_for)
    places = (SUPPLIER, catalog.dock_code(made.warehouse_code))
    catalog.ask_ahead(tx.conn, items, places, warehouse_id=made.warehouse_id)
    if open_tasks:
        progress.ask_ahead(tx.conn)
    for asked in ask.lines:
        arrivals.append(_arrival(tx, actor, made, asked, arrivals))
    receipt_id = tx.new_id()
    delivery = _Delivery(made, ask.op_id, receipt_id, tuple(arrivals))
    _post(tx, actor, delivery)
    _write(tx, actor, delivery)
    done = close_if_done(tx, actor, made.id)
    if open_tasks:
        lines = progress.lines_of_receipt(tx.conn, receipt_id)
        shelves = Shelves(tx.conn, made.warehouse_id)
        shelves.ask_ahead((line.item_id, line.lot_id) for line in lines if line.to_stock)
        for line in lines:
            progress.open_due_tasks(tx, actor, line, shelves, first=True)
    _say(tx, actor, delivery, done)
    return receipt(tx.conn, receipt_id)


def _arrival(
    tx: Tx, actor: Actor, made: Order, asked: ReceiveLine, before: list[_Arrival]
) -> _Arrival:
    line = next((each for each in made.lines if each.id == asked.order_line_id), None)
    if line is None:
        raise AppError(rules.OTHER_ORDER, code=made.code)
    if made.state != "open" and not asked.over_reason.strip():
        raise AppError(rules.ORDER_CLOSED, code=made.code)
    item = catalog.item(tx.conn, line.item_id)
    quantity = base_quantity(tx.conn, item, asked.quantity, asked.pack_id)
    earlier = sum(each.quantity for each in before if each.line.id == line.id)
    _check_most(actor, made, asked, line=line, item=item, now=quantity, before=earlier)
    lot = _lot(tx, made, item, asked)
    status = rules.status_on_arrival(
        lot.state if lot else "ok", item.needs_inspection or asked.look_at
    )
    return _Arrival(asked, line, item, lot, quantity, status, asked.over_reason.strip()[:400])


def _check_most(
    actor: Actor,
    made: Order,
    asked: ReceiveLine,
    *,
    line: OrderLine,
    item: Item,
    now: Micro,
    before: Micro,
) -> None:
    """`now` comes with this line, `before` with earlier lines of the same command."""
    most = rules.most_receivable(
        line.quantity, line.received + before, line.short, item.over_receipt_percent
    )
    if now <= most:
        return
    if not asked.over_reason.strip():
        raise AppError(
            rules.TOO_MUCH_RECEIVED,
            item=item.name,
            most=f"{show(most)} {item.unit}",
            asked=f"{show(now)} {item.unit}",
        )
    require(actor, "receive.over", _thing(made))


def _lot(tx: Tx, made: Order, item: Item, asked: ReceiveLine) -> Lot | None:
    """The lot of a line, made when it is new. A lot on an item kept without lots says nothing."""
    code = asked.lot_code.strip()
    if item.tracking == "none" or (item.tracking == "serial" and not code):
        return None
    if not code:
        raise AppError(rules.LOT_CODE_NEEDED, item=item.name)
    lot_id = catalog.ensure_lot(
        tx,
        item.id,
        code,
        made_on=asked.made_on or None,
        expires_on=asked.expires_on or None,
        supplier_id=made.supplier_id,
    )
    lot = catalog.lot(tx.conn, lot_id)
    if item.shelf_life_days and not lot.expires_on:
        raise AppError(rules.EXPIRY_NEEDED, item=item.name, lot=code)
    return lot


@dataclass(frozen=True, slots=True)
class _Delivery:
    """Everything that one command books."""

    order: Order
    op_id: str
    receipt_id: str
    arrivals: tuple[_Arrival, ...]


def _post(tx: Tx, actor: Actor, delivery: _Delivery) -> None:
    supplier = catalog.location_by_code(tx.conn, SUPPLIER).id
    dock_code = catalog.dock_code(delivery.order.warehouse_code)
    dock = catalog.location_by_code(tx.conn, dock_code).id
    arrivals = delivery.arrivals
    lines = tuple(
        Line(
            each.item.id,
            each.quantity,
            supplier,
            dock,
            lot_id=each.lot_id,
            to_status=each.status,
            serials=each.asked.serials,
        )
        for each in arrivals
    )
    why = "；".join(each.over_reason for each in arrivals if each.over_reason)
    op_id, doc = f"{delivery.op_id}:receive", f"receipt:{delivery.receipt_id}"
    post_new(tx, actor, Posting(op_id, "receive", lines, doc=doc, reason=why[:400]))


def _write(tx: Tx, actor: Actor, delivery: _Delivery) -> None:
    made, arrivals = delivery.order, delivery.arrivals
    header = {
        "id": delivery.receipt_id,
        "op_id": delivery.op_id,
        "order_id": made.id,
        "warehouse_id": made.warehouse_id,
        "received_by": actor.person_id,
        "received_at": tx.now,
    }
    tx.add(receipts, header)
    rows = [_row(tx, delivery, line_no, each) for line_no, each in enumerate(arrivals, 1)]
    tx.add(receipt_lines, rows)
    for each in arrivals:
        tx.execute(_RECEIVE, {"line_": each.line.id, "more_": each.quantity})


def _row(tx: Tx, delivery: _Delivery, line_no: int, each: _Arrival) -> dict[str, Any]:
    held = each.quantity if each.status in ("hold", "recalled") else 0
    return {
        "id": tx.new_id(),
        "receipt_id": delivery.receipt_id,
        "line_no": line_no,
        "order_line_id": each.line.id,
        "warehouse_id": delivery.order.warehouse_id,
        "item_id": each.item.id,
        "lot_id": each.lot_id,
        "serials": list(each.asked.serials),
        "over_reason": each.over_reason,
        "quantity": each.quantity,
        "to_inspect": each.quantity if each.status == "inspect" else 0,
        "accepted": each.quantity if each.status == "ok" else 0,
        "rejected": held,
        "held": held,
        "stocked": 0,
    }


def _say(tx: Tx, actor: Actor, delivery: _Delivery, done: bool) -> None:
    made = delivery.order
    events.append(
        tx,
        "receipt.received",
        f"receipt:{delivery.receipt_id}",
        actor.label,
        {
            "order": made.id,
            "order_code": made.code,
            "supplier_id": made.supplier_id,
            "warehouse_id": made.warehouse_id,
            "lines": [
                {
                    "order_line": each.line.id,
                    "item_id": each.item.id,
                    "lot_id": each.lot_id,
                    "quantity_micro": each.quantity,
                    "status": each.status,
                    "over_reason": each.over_reason,
                }
                for each in delivery.arrivals
            ],
            "order_done": done,
        },
    )


# -- reading -----------------------------------------------------------------------------------
def receipt(conn: Connection, receipt_id: str) -> Receipt:
    """One receipt with its lines as they stand. Raises AppError(not_found)."""
    found = conn.execute(_RECEIPT, {"receipt_": receipt_id})
    lines = progress.lines_of_receipt(conn, receipt_id)
    row = found.first()
    if row is None:
        raise AppError(NOT_FOUND, what="收货单", name=receipt_id)
    return Receipt(
        id=row.id,
        op_id=row.op_id,
        order_id=row.order_id,
        order_code=row.code,
        warehouse_id=row.warehouse_id,
        lines=lines,
        order_done=row.state != "open",
    )


receipt_line = progress.line
waiting_lines = progress.waiting
