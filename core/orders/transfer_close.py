"""Ending a transfer that will not come whole: the rest stays, what was lost is written off.

A loss goes where the difference of a count goes. What somebody counted away on the road already is
not written off twice, and what other transfers still expect there is left to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, bindparam, func, select

from core import catalog, events
from core.db import Tx
from core.errors import AppError, define
from core.orders import replay, rules
from core.orders.measure import short_amount
from core.orders.replay import post_new, run_once
from core.orders.tables import transfer_loads
from core.orders.tables import transfers as table
from core.orders.transfer_book import LIVE, Load, Transfer, transfer
from core.orders.transfer_keep import keep, transit_of
from core.orders.transfer_road import Goods, Part, road_of
from core.people import Actor, Thing, may, record, require
from core.quantity import Micro
from core.stock import Line, Posting

LOSS_NEEDS_APPROVAL = define(
    "loss_needs_approval",
    403,
    "没有结案：还有 {amount} 在途，当作丢失核销要能批准盘点差异的人。"
    "到了就先收下，不来的把任务转交或升级给主管。",
    "Not closed: {amount} is still on the road; writing it off takes somebody who may approve "
    "count differences. Receive what came, then hand the task to a supervisor.",
)
MOST_GOODS = 2_000
_OTHERS = (
    select(
        transfer_loads.c.item_id,
        transfer_loads.c.lot_id,
        func.sum(transfer_loads.c.quantity - transfer_loads.c.received),
    )
    .join(table, table.c.id == transfer_loads.c.transfer_id)
    .where(
        table.c.to_warehouse == bindparam("warehouse"),
        table.c.state.in_(LIVE),
        table.c.id != bindparam("mine"),
        transfer_loads.c.item_id.in_(bindparam("items", expanding=True)),
    )
    .group_by(transfer_loads.c.item_id, transfer_loads.c.lot_id)
    .limit(MOST_GOODS)
)


@dataclass(frozen=True, slots=True)
class CloseTransfer:
    """What was not sent is not sent any more. `lost`: nor does what is on the road come."""

    op_id: str
    transfer_id: str
    reason: str
    lost: bool = False


@dataclass(frozen=True, slots=True)
class ClosedTransfer:
    """What is not sent and what was written off, over all lines (base units); `state` now."""

    transfer_id: str
    code: str
    state: str
    unsent: Micro
    written_off: Micro


def close_transfer(tx: Tx, actor: Actor, ask: CloseTransfer) -> ClosedTransfer:
    """End what will not happen any more; tasks that ask for it are settled.

    Either side may end what was not sent; the receiving side what is on the road, and whoever
    writes goods off must be allowed to approve the difference of a count.

    Raises:
        AppError: forbidden, reason_needed, wrong_state, nothing_open, loss_needs_approval,
            key_reused.
    """
    replay.ask_ahead(tx, "transfer.close", ask)
    made = transfer(tx.conn, ask.transfer_id)
    ends = [made.to_warehouse] if ask.lost else [made.from_warehouse, made.to_warehouse]
    things = [Thing("transfer", made.id, warehouse_id=end) for end in ends]
    if not any(may(actor, "transfer", each) for each in things):
        require(actor, "transfer", things[0])
    return run_once(tx, "transfer.close", ask, ClosedTransfer, lambda: _close(tx, actor, ask, made))


def _close(tx: Tx, actor: Actor, ask: CloseTransfer, made: Transfer) -> ClosedTransfer:
    reason = rules.require_reason(ask.reason, "调拨结案")
    if made.state not in LIVE:
        raise AppError(
            rules.WRONG_STATE, what="调拨单", code=made.code, state=made.state_zh, verb="再结案"
        )
    unsent = sum(line.quantity - line.sent for line in made.lines) if made.state == "asked" else 0
    if not unsent and not (ask.lost and made.is_on_the_road):
        what = f"调拨单 {made.code} " + ("要收的货" if ask.lost else "要发的货")
        raise AppError(rules.NOTHING_OPEN, what=what)
    gone = _write_off(tx, actor, replace(ask, reason=reason), made) if ask.lost else []
    over = ask.lost or not made.is_on_the_road
    after = keep(tx, actor, made, no_more=True, over=over, words=f"已结案：{reason}"[:400])
    payload = {
        "code": made.code,
        "from_warehouse": made.from_warehouse,
        "to_warehouse": made.to_warehouse,
        "reason": reason,
        "state": after.state,
        "unsent_micro": unsent,
        "written_off": [[part.load.item_id, part.load.lot_id, part.quantity] for part in gone],
    }
    events.append(tx, "transfer.closed", f"transfer:{made.id}", actor.label, payload)
    lost = sum(part.quantity for part in gone)
    return ClosedTransfer(made.id, made.code, after.state, unsent, lost)


def _write_off(tx: Tx, actor: Actor, ask: CloseTransfer, made: Transfer) -> list[Part]:
    """Post what still stands on the road for this transfer to where count differences go."""
    coming = [load for load in made.loads if load.left]
    if not coming:
        return []
    road = road_of(tx.conn, transit_of(tx.conn, made), coming)
    gone = [
        part
        for load, much, codes in road.there(coming, _spoken_for(tx.conn, made, coming))
        for part in road.take(load, much, codes)
    ]
    if not gone:
        return []
    thing = Thing("transfer", made.id, warehouse_id=made.to_warehouse)
    if not may(actor, "count.approve", thing):
        raise AppError(LOSS_NEEDS_APPROVAL, amount=_in_words(tx.conn, gone))
    difference = catalog.location_by_code(tx.conn, "COUNT").id
    lines = tuple(_lost(part, road.place, difference) for part in gone)
    doc, op_id = f"transfer:{made.id}", f"{ask.op_id}:lost"
    post_new(tx, actor, Posting(op_id, "count", lines, doc=doc, reason=ask.reason))
    after = {"lines": len(lines)}
    record(tx, actor, "count.approve", doc, after=after, why=ask.reason)
    return gone


def _spoken_for(conn: Connection, made: Transfer, loads: Sequence[Load]) -> dict[Goods, Micro]:
    """What other transfers to the same warehouse still expect from the road."""
    items = sorted({load.item_id for load in loads})
    asked = {"warehouse": made.to_warehouse, "mine": made.id, "items": items}
    return {(row[0], row[1]): int(row[2]) for row in conn.execute(_OTHERS, asked)}


def _lost(part: Part, road: int, difference: int) -> Line:
    return Line(
        part.load.item_id,
        part.quantity,
        road,
        difference,
        lot_id=part.load.lot_id,
        from_status=part.status,
        to_status=part.status,
        serials=part.serials,
    )


def _in_words(conn: Connection, gone: Sequence[Part]) -> str:
    """「纸杯 4 件」, 「纸杯 4 件 等 3 笔」."""
    item = catalog.item(conn, gone[0].load.item_id)
    words = f"{item.name} {short_amount(conn, item, gone[0].quantity)}"
    return words if len(gone) == 1 else f"{words} 等 {len(gone)} 笔"
