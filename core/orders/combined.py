"""Receive + inspect + put away one line as ONE command in one transaction (mission B3).

Three postings with derived op ids, one answer. What is not judged or not shelved now gets its task
as if the steps had been taken one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core import catalog
from core.catalog import Item
from core.db import Tx
from core.orders import progress
from core.orders.inspection import Inspect, Inspection, inspect_now
from core.orders.measure import dock_of, short_amount
from core.orders.order_book import order, order_line
from core.orders.putaway import PutAway, PutAwayDone, put_away_now
from core.orders.receipt import Receipt, Receive, ReceiveLine, receipt, receive_now
from core.orders.replay import run_once
from core.people import Actor, Thing, require
from core.quantity import Micro


@dataclass(frozen=True, slots=True)
class ReceiveLineAll:
    """Quantities in packs when `pack_id` is given. `accepted`/`rejected` None: not judged now.

    `bin_id` None: the accepted goods stay on the dock and get a putaway task.
    """

    op_id: str
    order_line_id: str
    quantity: Micro
    lot_code: str = ""
    made_on: str | None = None
    expires_on: str | None = None
    serials: tuple[str, ...] = ()
    accepted: Micro | None = None
    rejected: Micro | None = None
    reason: str = ""
    checks: dict[str, str] = field(default_factory=dict)
    photos: tuple[str, ...] = ()
    rejected_serials: tuple[str, ...] = ()
    bin_id: int | None = None
    pack_id: int | None = None
    over_reason: str = ""


@dataclass(frozen=True, slots=True)
class ReceivedLineAll:
    """What each step made, and one sentence for the person who scanned."""

    receipt: Receipt
    inspection: Inspection | None
    putaway: PutAwayDone | None
    sentence: str


def receive_line(tx: Tx, actor: Actor, ask: ReceiveLineAll) -> ReceivedLineAll:
    """Book one line from the lorry to the shelf in one go, or nothing of it.

    The judgement is needed only where the item asks for inspection or something is rejected; goods
    of a held lot land in hold unjudged.

    Raises:
        AppError: whatever `receive`, `inspect` or `put_away` refuse.
    """
    made = order(tx.conn, order_line(tx.conn, ask.order_line_id).order_id)
    thing = Thing("order", made.id, warehouse_id=made.warehouse_id)
    require(actor, "receive", thing)
    if _is_judged(ask):
        require(actor, "inspect", thing)
    if ask.bin_id is not None:
        require(actor, "putaway", thing)
    return run_once(
        tx, "receive.line", ask, ReceivedLineAll, lambda: _receive_line(tx, actor, ask, made.id)
    )


def _is_judged(ask: ReceiveLineAll) -> bool:
    return ask.accepted is not None or ask.rejected is not None


def _receive_line(tx: Tx, actor: Actor, ask: ReceiveLineAll, order_id: str) -> ReceivedLineAll:
    arrived = ReceiveLine(
        ask.order_line_id,
        ask.quantity,
        lot_code=ask.lot_code,
        made_on=ask.made_on,
        expires_on=ask.expires_on,
        serials=ask.serials,
        over_reason=ask.over_reason,
        pack_id=ask.pack_id,
        look_at=bool(ask.rejected),
    )
    command = Receive(ask.op_id, order_id, (arrived,))
    made = receive_now(tx, actor, command, open_tasks=False)
    line_id = made.lines[0].id
    judged = _judge(tx, actor, ask, line_id)
    shelved = _shelve(tx, actor, ask, line_id)
    progress.open_due_tasks(tx, actor, progress.line(tx.conn, line_id))
    item = catalog.item(tx.conn, made.lines[0].item_id)
    return ReceivedLineAll(
        receipt(tx.conn, made.id), judged, shelved, _sentence(tx, item, line_id, shelved)
    )


def _judge(tx: Tx, actor: Actor, ask: ReceiveLineAll, line_id: str) -> Inspection | None:
    line = progress.line(tx.conn, line_id)
    if not line.to_inspect or not _is_judged(ask):  # no inspection asked, or its lot is held
        return None
    return inspect_now(
        tx,
        actor,
        Inspect(
            ask.op_id,
            line_id,
            ask.accepted or 0,
            ask.rejected or 0,
            reason=ask.reason,
            checks=ask.checks,
            photos=ask.photos,
            rejected_serials=ask.rejected_serials,
            pack_id=ask.pack_id,
        ),
        line,
        open_tasks=False,
    )


def _shelve(tx: Tx, actor: Actor, ask: ReceiveLineAll, line_id: str) -> PutAwayDone | None:
    line = progress.line(tx.conn, line_id)
    if ask.bin_id is None or not line.to_stock:
        return None
    return put_away_now(
        tx,
        actor,
        PutAway(
            ask.op_id,
            line.item_id,
            line.lot_id,
            line.to_stock,
            dock_of(tx.conn, line.warehouse_id),
            ask.bin_id,
            serials=tuple(code for code in line.serials if code not in ask.rejected_serials),
            receipt_line_id=line.id,
        ),
    )


def _sentence(tx: Tx, item: Item, line_id: str, shelved: PutAwayDone | None) -> str:
    """「收 24 箱：合格 20 箱，放到 A-01；冻结 4 箱，等采购定」."""
    line = progress.line(tx.conn, line_id)
    amount = {
        name: short_amount(tx.conn, item, getattr(line, name))
        for name in ("quantity", "to_inspect", "accepted", "rejected")
    }
    parts = []
    if line.accepted:
        where = f"放到 {shelved.to_code}" if shelved else "待上架"
        parts.append(f"合格 {amount['accepted']}，{where}")
    if line.rejected:
        parts.append(f"冻结 {amount['rejected']}，等采购定")
    if line.to_inspect:
        parts.append(f"待检 {amount['to_inspect']}")
    return f"收 {amount['quantity']}：" + "；".join(parts)
