"""Purchase orders: what was asked of a supplier, for which warehouse, until when.

Not what came (receipt.py) and not stock: an order moves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from core import catalog, events, people
from core.ahead import ask_ahead
from core.db import Tx
from core.errors import INVALID, AppError
from core.orders import cards, replay, rules
from core.orders.measure import base_quantity, full_amount, short_amount
from core.orders.order_book import (
    MAX_LINES,
    Order,
    OrderLine,
    open_lines,
    order,
    order_by_code,
    order_by_code_or_none,
    order_line,
    orders,
)
from core.orders.replay import run_once
from core.orders.tables import order_lines
from core.orders.tables import orders as table
from core.outbox.card import Field
from core.people import Actor, Thing, person, persons_of_partner, record, require
from core.quantity import Micro, plain
from core.tasks import board, policies

__all__ = [
    "NewLine",
    "NewPurchase",
    "Order",
    "OrderLine",
    "confirm",
    "create_order",
    "goods_of",
    "open_lines",
    "order",
    "order_by_code",
    "order_by_code_or_none",
    "order_line",
    "orders",
    "supplier_people",
]


_OF_CODE = select(table.c.id).where(table.c.code == bindparam("code_"))
_SAVE = table.update().where(table.c.id == bindparam("order_"))


@dataclass(frozen=True, slots=True)
class NewLine:
    """`quantity` is in packs when `pack_id` is given, else in base units; price per base unit."""

    item_id: int
    quantity: Micro
    pack_id: int | None = None
    price_micro: Micro = 0


@dataclass(frozen=True, slots=True)
class NewPurchase:
    """`due_on` is an ISO date; `ask_supplier` opens a confirm_order task for the supplier."""

    op_id: str
    code: str
    supplier_id: int
    warehouse_id: int
    lines: tuple[NewLine, ...]
    due_on: str
    buyer_id: int
    ask_supplier: bool = False


def create_order(tx: Tx, actor: Actor, new: NewPurchase) -> Order:
    """Write the order and open the task to receive it (and, when asked, to confirm it).

    Raises:
        AppError: forbidden, duplicate_code, empty_document, not_found, bad_quantity, not_whole.
    """
    require(actor, "order.write", Thing("order", warehouse_id=new.warehouse_id))
    replay.ask_ahead(tx, "order.create", new)
    if len(new.lines) <= MAX_LINES:
        _ask_ahead(tx.conn, new)
    return run_once(tx, "order.create", new, Order, lambda: _create(tx, actor, new))


def _create(tx: Tx, actor: Actor, new: NewPurchase) -> Order:
    if not new.lines:
        raise AppError(rules.EMPTY_DOCUMENT, what="采购单")
    if len(new.lines) > MAX_LINES:
        raise AppError(INVALID, field="采购单", why=f"一张单最多 {MAX_LINES} 行")
    due_on = rules.check_date(new.due_on, "到货日")
    if tx.execute(_OF_CODE, {"code_": new.code}).first():
        raise AppError(rules.DUPLICATE_CODE, what="采购单", code=new.code)
    catalog.partner(tx.conn, new.supplier_id)
    catalog.warehouse(tx.conn, new.warehouse_id)
    person(tx.conn, new.buyer_id)
    order_id = tx.new_id()
    header = {
        "id": order_id,
        "op_id": new.op_id,
        "code": new.code,
        "supplier_id": new.supplier_id,
        "warehouse_id": new.warehouse_id,
        "buyer_id": new.buyer_id,
        "due_on": due_on,
        "state": "open",
        "created_by": actor.person_id,
        "created_at": tx.now,
    }
    tx.add(table, header)
    tx.add(order_lines, _line_rows(tx, order_id, new.lines))
    made = order(tx.conn, order_id)
    _open_tasks(tx, actor, made, ask_supplier=new.ask_supplier)
    _say(tx, actor, "order.created", made, {"due_on": due_on, "buyer_id": new.buyer_id})
    return order(tx.conn, order_id)


def _ask_ahead(conn: Connection, new: NewPurchase) -> None:
    """Ask for what an order and its task look at: on PostgreSQL the questions travel together."""
    ask_ahead(conn, _OF_CODE, {"code_": new.code})
    items = (line.item_id for line in new.lines)
    catalog.ask_ahead(conn, items, partner_id=new.supplier_id, warehouse_id=new.warehouse_id)
    people.ask_for(conn, new.buyer_id)
    policies.ask_for(conn, "receive")


def _line_rows(tx: Tx, order_id: str, lines: tuple[NewLine, ...]) -> list[dict[str, Any]]:
    rows = []
    for line_no, line in enumerate(lines, 1):
        item = catalog.item(tx.conn, line.item_id)
        if line.price_micro < 0:
            raise AppError(INVALID, field=f"第 {line_no} 行单价", why="不能是负数")
        rows.append(
            {
                "id": tx.new_id(),
                "order_id": order_id,
                "line_no": line_no,
                "item_id": item.id,
                "quantity": base_quantity(tx.conn, item, line.quantity, line.pack_id),
                "pack_id": line.pack_id,
                "price_micro": line.price_micro,
                "state": "open",
            }
        )
    return rows


def _open_tasks(tx: Tx, actor: Actor, made: Order, *, ask_supplier: bool) -> None:
    goods = goods_of(tx.conn, made)
    facts = {
        "id": made.id,
        "code": made.code,
        "due_on": made.due_on,
        "supplier": made.supplier_name,
        "supplier_id": made.supplier_id,
    }
    task = board.open_task(
        tx,
        actor,
        cards.receive_task(
            policies.policy_of(tx.conn, "receive"),
            goods,
            order=facts,
            lot_fields=_lot_fields(tx, made),
        ),
        first=True,
    )
    tx.execute(_SAVE, {"order_": made.id, "receive_task": task.id})
    if ask_supplier:
        policy = policies.policy_of(tx.conn, "confirm_order")
        to = supplier_people(tx.conn, made.supplier_id) or (f"person:{made.buyer_id}",)
        asked = cards.confirm_order_task(policy, goods, order=facts, to=to)
        board.open_task(tx, actor, asked, first=True)


def _lot_fields(tx: Tx, made: Order) -> tuple[Field, ...] | None:
    """What a chat must ask to receive the rest; None when that is more than one lot or serials."""
    tracked = [
        (line, item)
        for line in made.lines
        if (item := catalog.item(tx.conn, line.item_id)).tracking != "none"
    ]
    if not tracked:
        return ()
    line, item = tracked[0]
    if len(tracked) > 1 or item.tracking == "serial":
        return None
    lot = Field(f"lot.{line.id}", f"{line.item_name}批号", "text", required=True)
    expiry = Field(f"expires.{line.id}", "到期日", "text", required=True)
    return (lot, expiry) if item.shelf_life_days else (lot,)


def goods_of(conn: Connection, made: Order) -> cards.Goods:
    """The order's goods in words: its first line, and how many more there are."""
    first = made.lines[0]
    item = catalog.item(conn, first.item_id)
    more = f" 等 {len(made.lines)} 行" if len(made.lines) > 1 else ""
    return cards.Goods(
        first.item_name,
        short_amount(conn, item, first.quantity) + more,
        full_amount(conn, item, first.quantity) + more,
        made.warehouse_name,
        made.warehouse_id,
    )


def supplier_people(conn: Connection, supplier_id: int) -> tuple[str, ...]:
    """Recipient specs of the people who may answer for this supplier in the portal."""
    return tuple(f"person:{each}" for each in persons_of_partner(conn, supplier_id))


def confirm(tx: Tx, actor: Actor, order_id: str, promised_on: str) -> Order:
    """The supplier's word on when it comes; a later date than asked becomes known, not accepted.

    Permission is the task's: only the people it was given to reach this verb (core/actions).
    """
    promised_on = rules.check_date(promised_on, "能交的日期")
    made = order(tx.conn, order_id)
    tx.execute(_SAVE, {"order_": order_id, "promised_on": promised_on})
    _say(tx, actor, "order.promised", made, {"promised_on": promised_on, "due_on": made.due_on})
    return order(tx.conn, order_id)


def _say(tx: Tx, actor: Actor, kind: str, made: Order, also: dict[str, Any]) -> None:
    payload = {
        "order": made.id,
        "code": made.code,
        "supplier_id": made.supplier_id,
        "warehouse_id": made.warehouse_id,
        "lines": [[line.item_id, line.quantity] for line in made.lines],
        **also,
    }
    events.append(tx, kind, f"order:{made.id}", actor.label, payload)
    lines = [_audit_line(line) for line in made.lines]
    record(
        tx,
        actor,
        "order.write",
        f"order:{made.id}",
        after={"code": made.code, "lines": lines, **also},
    )


def _audit_line(line: OrderLine) -> list[str]:
    return [line.item_code, plain(line.quantity)]
