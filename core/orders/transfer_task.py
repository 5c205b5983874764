"""The task that a transfer opens at either side. Only what it says and whom it asks.

Apart from the verb, so that a preview shows the very task that will be opened. Not for opening it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from sqlalchemy import Connection

from core import catalog
from core.orders.measure import goods_named
from core.orders.move_cards import transfer_task
from core.orders.transfer_book import Transfer, TransferLine
from core.quantity import Micro
from core.tasks.policies import policy_of
from core.tasks.task import NewTask


def task_of(conn: Connection, made: Transfer, step: str) -> NewTask:
    """`step` send: for the warehouse that has the goods; receive: for the one that waits."""
    sending = step == "send"
    here, there = made.from_warehouse, made.to_warehouse
    if not sending:
        here, there = there, here
    item_id, quantity, lines = _rest(made) if sending else _on_the_road(made)
    goods = goods_named(conn, item_id, quantity, here)
    if lines > 1:
        goods = replace(goods, amount=f"{goods.amount} 等 {lines} 行")
    return transfer_task(
        policy_of(conn, "transfer"),
        goods,
        transfer_id=made.id,
        code=made.code,
        other=catalog.warehouse(conn, there).name,
        step=step,
        urgent=made.urgent,
        by_serial=sending and any(_is_by_serial(conn, line) for line in made.lines),
    )


def _is_by_serial(conn: Connection, line: TransferLine) -> bool:
    is_open = line.sent < line.quantity
    return is_open and catalog.item(conn, line.item_id).tracking == "serial"


Rest = tuple[int, Micro, int]  # item id and base units of the first line, how many lines


def _rest(made: Transfer) -> Rest:
    """What is still to be sent."""
    open_ = [(each.item_id, each.quantity - each.sent) for each in made.lines]
    return _first([each for each in open_ if each[1]])


def _on_the_road(made: Transfer) -> Rest:
    left: dict[str, Micro] = defaultdict(int)
    for load in made.loads:
        left[load.line_id] += load.left
    return _first([(each.item_id, left[each.id]) for each in made.lines if left[each.id]])


def _first(lines: list[tuple[int, Micro]]) -> Rest:
    item_id, quantity = lines[0]
    return item_id, quantity, len(lines)
