"""The task that a transfer opens at either side. Only what it says and whom it asks.

Apart from the verb, so that a preview shows the very task that will be opened. Not for opening it.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from core import catalog
from core.orders.measure import goods_named
from core.orders.move_cards import transfer_task
from core.orders.transfer_book import Transfer
from core.tasks.policies import policy_of
from core.tasks.task import NewTask


def task_of(conn: Connection, made: Transfer, step: str) -> NewTask:
    """`step` send: for the warehouse that has the goods; receive: for the one that waits."""
    sending = step == "send"
    here, there = made.from_warehouse, made.to_warehouse
    if not sending:
        here, there = there, here
    first = made.lines[0]
    quantity = first.quantity if sending else first.sent
    goods = goods_named(conn, first.item_id, quantity, here)
    if len(made.lines) > 1:
        goods = replace(goods, amount=f"{goods.amount} 等 {len(made.lines)} 行")
    return transfer_task(
        policy_of(conn, "transfer"),
        goods,
        transfer_id=made.id,
        code=made.code,
        other=catalog.warehouse(conn, there).name,
        step=step,
        urgent=made.urgent,
    )
