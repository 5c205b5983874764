"""The buyer's task about a line that is not wholly promised follows from the line. No decisions."""

from __future__ import annotations

from sqlalchemy import Connection

from core import catalog
from core.db import Tx
from core.orders.measure import goods_named, short_amount
from core.orders.sales import cards
from core.orders.sales.book import Sale, SaleLine
from core.orders.sales.substitutes import Option, options_for
from core.people import Actor
from core.tasks import board
from core.tasks.policies import policy_of

MOST_CHOICES = 8


def keep_task(tx: Tx, actor: Actor, made: Sale, line: SaleLine) -> None:
    """Ask the buyer when something is missing; end the question when nothing is any more."""
    about = board.tasks_of(tx.conn, f"sale_line:{line.id}")
    live = [each for each in about if each.kind == "shortage"]
    if not line.missing:
        for each in live:
            board.settle_task(tx, actor, each.id, outcome={"missing": "0"}, sentence="已不缺")
        return
    if not live:
        open_task(tx, actor, made, line)


def open_task(tx: Tx, actor: Actor, made: Sale, line: SaleLine) -> None:
    """Ask the buyer what becomes of what is missing on this line."""
    found = options_for(tx.conn, line.item_id, line.missing, made.warehouse_id, made.ship_on)
    new = cards.shortage_task(
        policy_of(tx.conn, "rush_stock" if made.urgent else "shortage"),
        goods_named(tx.conn, line.item_id, line.missing, made.warehouse_id),
        line_id=line.id,
        sale=(made.code, made.customer_name, made.ship_on),
        substitutes=[(each.code, _words(tx.conn, each)) for each in found[:MOST_CHOICES]],
        urgent=made.urgent,
    )
    board.open_task(tx, actor, new)


def _words(conn: Connection, option: Option) -> str:
    item = catalog.item(conn, option.item_id)
    want, have = (short_amount(conn, item, each) for each in (option.wanted, option.available))
    enough = f"可用 {have}" if option.available >= option.wanted else f"只有 {have}"
    return f"{item.name} {want}（{enough}）"
