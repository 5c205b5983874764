"""Taking something that was picked out of its order again: it is broken, wrong, or its lot is bad.

It stands in the stage as before and belongs to nobody: it waits to be put back (putback.py), or is
scrapped from there. The order is promised other goods instead, on the same walk while that lasts;
what is nowhere is the buyer's question. Nothing moves here. What is in a box is unpacked first.
"""

from __future__ import annotations

from dataclasses import dataclass

from core import catalog, events
from core.db import Tx
from core.errors import AppError
from core.orders import rules as papers
from core.orders.measure import short_amount
from core.orders.replay import run_once
from core.orders.sales import rules, shortage_task
from core.orders.sales.book import PickLine, pick_line, sale
from core.orders.sales.boxes import packages_of
from core.orders.sales.pick import SAVE_PICK, thing_of
from core.orders.sales.promise import promise_line
from core.orders.sales.putback import Left, leave_in_stage
from core.orders.sales.state import keep_state
from core.orders.sales.tables import sale_lines
from core.orders.sales.wave import walk_to_new
from core.people import Actor, require
from core.quantity import ONE, Micro, check_positive, show


@dataclass(frozen=True, slots=True)
class Unpick:
    """`quantity` 0: all of the stop that is in no box (base units). `serials`: which ones, of goods
    that are kept by serial number.
    """

    op_id: str
    pick_line_id: str
    reason: str
    quantity: Micro = 0
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unpicked:
    """What was taken out, what is promised instead, and what is nowhere (base units)."""

    pick_line_id: str
    quantity: Micro
    elsewhere: Micro
    missing: Micro
    sentence: str


def unpick(tx: Tx, actor: Actor, ask: Unpick) -> Unpicked:
    """Take goods out of an order that were picked for it.

    Raises:
        AppError: forbidden, not_found, reason_needed, unpick_too_much, unpick_serials,
            bad_quantity, key_reused.
    """
    found = pick_line(tx.conn, ask.pick_line_id)
    require(actor, "pick", thing_of(found))
    return run_once(tx, "pick.undo", ask, Unpicked, lambda: _unpick(tx, actor, ask, found))


def _unpick(tx: Tx, actor: Actor, ask: Unpick, stop: PickLine) -> Unpicked:
    reason = papers.require_reason(ask.reason, "退拣")
    quantity = _quantity(tx, ask, stop)
    _lower(tx, ask, stop, quantity, reason)
    made = sale(tx.conn, stop.sale_id)
    line = made.line(stop.sale_line_id)
    got = promise_line(tx, actor, made, line, f"{ask.op_id[:80]}:instead")
    if got:
        walk_to_new(tx, stop)
    after = keep_state(tx, actor, made.id, gone="已退拣")
    missing = after.line(line.id).missing
    shortage_task.keep_task(tx, actor, after, after.line(line.id))
    serials = tuple(dict.fromkeys(ask.serials))  # scanned twice, taken out once
    leave_in_stage(tx, actor, after, [Left(stop, quantity, serials)], why=f"退拣（{reason}）")
    payload = {
        "code": made.code,
        "item": stop.item_id,
        "lot": stop.lot_id,
        "quantity_micro": quantity,
        "reason": reason,
    }
    events.append(tx, "sale.unpicked", f"sale:{made.id}", actor.label, payload)
    words = _sentence(tx, made.code, stop, (quantity, got, missing))
    return Unpicked(stop.id, quantity, got, missing, words)


def _quantity(tx: Tx, ask: Unpick, stop: PickLine) -> Micro:
    loose = stop.picked - stop.packed
    if stop.tracking == "serial":
        quantity = len(set(ask.serials)) * ONE
        if not quantity or ask.quantity not in (0, quantity):
            raise AppError(rules.UNPICK_SERIALS, item=stop.item_name)
        stray = set(ask.serials) - (set(stop.serials) - _boxed(tx, stop))
        if stray:
            name = f"{stop.item_name} {min(stray)[:40]}"
            raise AppError(rules.UNPICK_TOO_MUCH, item=name, loose=f"0 {stop.unit}")
    else:
        quantity = check_positive(ask.quantity) if ask.quantity else loose
    if not 0 < quantity <= loose:
        amount = f"{show(loose)} {stop.unit}"
        raise AppError(rules.UNPICK_TOO_MUCH, item=stop.item_name, loose=amount)
    return quantity


def _boxed(tx: Tx, stop: PickLine) -> set[str]:
    boxes = [each for each in packages_of(tx.conn, stop.sale_id) if each.state != "void"]
    lines = [line for box in boxes for line in box.lines if line.item_id == stop.item_id]
    return {code for line in lines for code in line.serials}


def _lower(tx: Tx, ask: Unpick, stop: PickLine, quantity: Micro, reason: str) -> None:
    """The stop asks for less than it did, so what is still to be picked there stays the same."""
    values = {
        "picked": stop.picked - quantity,
        "quantity": stop.quantity - quantity,
        "serials": [code for code in stop.serials if code not in ask.serials],
        "reason": f"退拣：{reason}"[:400],
    }
    if stop.quantity == quantity:
        values["state"] = "cancelled"
    tx.execute(SAVE_PICK, {"pick_": stop.id, **values})
    mine = sale_lines.update().where(sale_lines.c.id == stop.sale_line_id)
    tx.execute(mine.values(picked=sale_lines.c.picked - quantity))


def _sentence(tx: Tx, code: str, stop: PickLine, much: tuple[Micro, Micro, Micro]) -> str:
    item = catalog.item(tx.conn, stop.item_id)
    quantity, got, missing = (short_amount(tx.conn, item, each) if each else "" for each in much)
    words = f"{code} 退拣 {item.name} {quantity}"
    words += f"，改拣 {got}" if got else ""
    return words + (f"，还差 {missing}，已请采购处理" if missing else "")
