"""Closing purchase orders: by themselves when all has come, or short with a reason."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam

from core import events
from core.db import Tx
from core.errors import AppError
from core.orders import rules
from core.orders.order_book import Order, order
from core.orders.replay import run_once
from core.orders.tables import order_lines, orders
from core.people import Actor, Thing, require
from core.quantity import Micro
from core.tasks import board

_LINES_DONE = (
    order_lines.update()
    .where(order_lines.c.id.in_(bindparam("lines_", expanding=True)))
    .values(state="done")
)
_CLOSE = orders.update().where(orders.c.id == bindparam("order_")).values(state="closed")


@dataclass(frozen=True, slots=True)
class CloseShort:
    """The rest of a line (or of the whole order when `order_line_id` is empty) will not come."""

    op_id: str
    order_id: str
    reason: str
    order_line_id: str = ""


@dataclass(frozen=True, slots=True)
class ClosedShort:
    """What will not come any more, over all lines it was said of (base units)."""

    order_id: str
    quantity: Micro
    order_done: bool


def close_if_done(tx: Tx, actor: Actor, order_id: str) -> bool:
    """Close lines and the order when nothing is open any more; True when the order is done."""
    made = order(tx.conn, order_id)
    done = [line.id for line in made.lines if line.state == "open" and not line.open_quantity]
    if done:
        tx.execute(_LINES_DONE, {"lines_": done})
    if any(line.open_quantity for line in made.lines):
        return False
    if made.state == "open":
        tx.execute(_CLOSE, {"order_": order_id})
        if made.receive_task:
            board.settle_task(
                tx, actor, made.receive_task, outcome={"order_done": True}, sentence="已全部收货"
            )
    return True


def close_short(tx: Tx, actor: Actor, ask: CloseShort) -> ClosedShort:
    """Say that the rest will not come; what came stays as it is.

    Raises:
        AppError: forbidden, reason_needed, nothing_open, other_order.
    """
    made = order(tx.conn, ask.order_id)
    require(actor, "receive", Thing("order", made.id, warehouse_id=made.warehouse_id))
    return run_once(
        tx, "receive.close_short", ask, ClosedShort, lambda: _close_short(tx, actor, made, ask)
    )


def _close_short(tx: Tx, actor: Actor, made: Order, ask: CloseShort) -> ClosedShort:
    reason = rules.require_reason(ask.reason, "短收结案")
    lines = [line for line in made.lines if ask.order_line_id in ("", line.id)]
    if not lines:
        raise AppError(rules.OTHER_ORDER, code=made.code)
    total = sum(line.open_quantity for line in lines)
    if not total:
        raise AppError(rules.NOTHING_OPEN, what=f"采购单 {made.code}")
    for line in lines:
        if line.open_quantity:
            tx.execute(
                order_lines.update()
                .where(order_lines.c.id == line.id)
                .values(short=order_lines.c.short + line.open_quantity, short_reason=reason)
            )
    done = close_if_done(tx, actor, made.id)
    payload = {
        "order_code": made.code,
        "reason": reason,
        "lines": [[line.id, line.item_id, line.open_quantity] for line in lines],
        "order_done": done,
    }
    events.append(tx, "order.closed_short", f"order:{made.id}", actor.label, payload)
    return ClosedShort(made.id, total, done)
