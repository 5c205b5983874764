"""Sales orders: what a customer wants, promised first expiring first for the day it ships.

What cannot be promised becomes the buyer's question (shortage.py). Nothing moves here: picking is
`pick.py`, giving an order up is `cancel.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, select

from core import catalog, events, people
from core.clock import Instant
from core.db import Tx
from core.errors import INVALID, AppError
from core.orders import rules as papers
from core.orders.measure import base_quantity
from core.orders.replay import run_once
from core.orders.sales import shortage_task
from core.orders.sales.book import MOST_LINES, Sale, SaleLine, sale
from core.orders.sales.carriers import cut_off_for
from core.orders.sales.promise import promise_line
from core.orders.sales.tables import sale_lines, sales
from core.people import Actor, Thing, person, record, require
from core.quantity import Micro, plain

_OF_CODE = select(sales.c.id).where(sales.c.code == bindparam("code_"))
SAVE = sales.update().where(sales.c.id == bindparam("sale_"))


@dataclass(frozen=True, slots=True)
class NewSaleLine:
    """`quantity` is in packs when `pack_id` is given, else in base units; price per base unit."""

    item_id: int
    quantity: Micro
    pack_id: int | None = None
    price_micro: Micro = 0


@dataclass(frozen=True, slots=True)
class NewSale:
    """`ship_on` is an ISO date; `carrier` a registered code or empty: whoever fetches it."""

    op_id: str
    code: str
    customer_id: int
    warehouse_id: int
    lines: tuple[NewSaleLine, ...]
    ship_on: str
    seller_id: int
    carrier: str = ""
    urgent: bool = False
    note: str = ""


def create_sale(tx: Tx, actor: Actor, new: NewSale) -> Sale:
    """Write the order and promise its goods; what is missing becomes the buyer's task.

    Raises:
        AppError: forbidden, duplicate_code, empty_document, not_found, carrier_unknown, invalid,
            bad_quantity, not_whole, key_reused.
    """
    require(actor, "sale.write", Thing("sale", warehouse_id=new.warehouse_id))
    return run_once(tx, "sale.create", new, Sale, lambda: create_now(tx, actor, new))


def create_now(tx: Tx, actor: Actor, new: NewSale, *, ask_buyer: bool = True) -> Sale:
    """`create_sale` inside another command; `ask_buyer` False: that command asks him itself."""
    new = _checked(tx, new)
    cut_off = cut_off_for(tx.conn, new.carrier, new.ship_on, tx.now)
    sale_id = tx.new_id()
    tx.add(sales, _header(tx, actor, new, sale_id, cut_off))
    tx.add(sale_lines, _rows(tx, new, sale_id))
    made = sale(tx.conn, sale_id)
    for line in made.lines:
        promise_line(tx, actor, made, line, f"{new.op_id}:r{line.line_no}")
    made = sale(tx.conn, sale_id)
    say(tx, actor, "sale.created", made, {"ship_on": made.ship_on, "urgent": made.urgent})
    after = {
        "code": made.code,
        "lines": [[each.item_code, plain(each.quantity)] for each in made.lines],
    }
    record(tx, actor, "sale.write", f"sale:{made.id}", after=after)
    if ask_buyer:
        for line in made.lines:
            shortage_task.keep_task(tx, actor, made, line)
    return made


def _checked(tx: Tx, new: NewSale) -> NewSale:
    """The order, if it can be made, with its day as days are kept."""
    if not new.lines:
        raise AppError(papers.EMPTY_DOCUMENT, what="销售单")
    if len(new.lines) > MOST_LINES:
        raise AppError(INVALID, field="销售单", why=f"一张单最多 {MOST_LINES} 行")
    if not new.code.strip() or len(new.code) > 64:
        raise AppError(INVALID, field="单号", why="不能为空，最多 64 个字")
    ship_on = papers.check_date(new.ship_on, "发货日")
    taken = tx.execute(_OF_CODE, {"code_": new.code})
    items = (line.item_id for line in new.lines)
    catalog.ask_ahead(tx.conn, items, partner_id=new.customer_id, warehouse_id=new.warehouse_id)
    people.ask_for(tx.conn, new.seller_id)
    if taken.first():
        raise AppError(papers.DUPLICATE_CODE, what="销售单", code=new.code)
    customer = catalog.partner(tx.conn, new.customer_id)
    if customer.kind == "supplier":
        raise AppError(INVALID, field="客户", why=f"{customer.name} 登记的是供应商")
    catalog.warehouse(tx.conn, new.warehouse_id)
    person(tx.conn, new.seller_id)
    return replace(new, ship_on=ship_on)


def _header(
    tx: Tx, actor: Actor, new: NewSale, sale_id: str, cut_off: Instant | None
) -> dict[str, Any]:
    return {
        "id": sale_id,
        "op_id": new.op_id,
        "code": new.code,
        "customer_id": new.customer_id,
        "warehouse_id": new.warehouse_id,
        "seller_id": new.seller_id,
        "ship_on": new.ship_on,
        "carrier": new.carrier,
        "cut_off": cut_off,
        "urgent": new.urgent,
        "state": "open",
        "note": new.note[:400],
        "created_by": actor.person_id,
        "created_at": tx.now,
    }


def _rows(tx: Tx, new: NewSale, sale_id: str) -> list[dict[str, Any]]:
    rows = []
    for line_no, line in enumerate(new.lines, 1):
        item = catalog.item(tx.conn, line.item_id)
        if line.price_micro < 0:
            raise AppError(INVALID, field=f"第 {line_no} 行单价", why="不能是负数")
        quantity = base_quantity(tx.conn, item, line.quantity, line.pack_id)
        rows.append(
            {
                "id": tx.new_id(),
                "sale_id": sale_id,
                "line_no": line_no,
                "item_id": item.id,
                "quantity": quantity,
                "pack_id": line.pack_id,
                "price_micro": line.price_micro,
                "missing": quantity,
            }
        )
    return rows


def say(tx: Tx, actor: Actor, kind: str, made: Sale, also: dict[str, Any]) -> None:
    """An event about a sale."""
    payload = {
        "code": made.code,
        "customer_id": made.customer_id,
        "warehouse_id": made.warehouse_id,
        "lines": [[line.item_id, line.quantity] for line in made.lines],
        **also,
    }
    events.append(tx, kind, f"sale:{made.id}", actor.label, payload)


__all__ = ["NewSale", "NewSaleLine", "Sale", "SaleLine", "create_sale"]
