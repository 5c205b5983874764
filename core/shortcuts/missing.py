"""What the task somebody looks at is short of: the item, how much, and where it is wanted.

A task may say so itself, in its context (`item_id`, `missing` in base units as text); a customer's
order that is not wholly promised, a transfer that cannot be sent and a delivery that has not come
are worked out from their documents. Reads only.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from core.clock import Instant
from core.errors import AppError
from core.orders.order_book import order
from core.orders.sales.book import line_of
from core.orders.transfer_book import transfer
from core.people import Actor, require
from core.quantity import Micro, parse
from core.stock import available
from core.stock.ledger import local_date
from core.tasks import board
from core.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Missing:
    """`item_id` 0: the task is about no goods; `quantity` 0: nothing is known to be missing."""

    title: str
    warehouse_id: int | None
    item_id: int = 0
    quantity: Micro = 0


def missing_of(conn: Connection, actor: Actor, task_id: str, now: Instant) -> Missing:
    """What that task is short of at `now`.

    Raises:
        AppError(not_found). AppError(forbidden): the person may not read it.
    """
    task = board.task(conn, task_id)
    require(actor, "task.read", task.thing)
    item_id, quantity = _said(task) or _worked_out(conn, task, now)
    return Missing(task.title, task.warehouse_id, item_id, quantity)


def _said(task: Task) -> tuple[int, Micro] | None:
    item_id, missing = task.context.get("item_id"), task.context.get("missing")
    if not isinstance(item_id, int):
        return None
    try:
        return item_id, max(parse(str(missing)), 0) if missing else 0
    except AppError:  # an older task's words
        return item_id, 0


def _worked_out(conn: Connection, task: Task, now: Instant) -> tuple[int, Micro]:
    """The line with the largest gap; nothing when the task is about no goods."""
    if "transfer_id" in task.context and task.context.get("step") == "send":
        made = transfer(conn, str(task.context["transfer_id"]))
        gaps = []
        for line in made.lines:
            here = available(conn, line.item_id, made.from_warehouse, local_date(now))
            gaps.append((line.quantity - line.sent - max(here, 0), line.item_id))
    elif "sale_line_id" in task.context:
        short = line_of(conn, str(task.context["sale_line_id"]))
        gaps = [(short.missing, short.item_id)]
    elif "order_id" in task.context:
        found = order(conn, str(task.context["order_id"]))
        gaps = [(line.open_quantity, line.item_id) for line in found.lines]
    else:
        return 0, 0
    gap, item_id = max(gaps, default=(0, 0))
    return item_id, max(gap, 0)
