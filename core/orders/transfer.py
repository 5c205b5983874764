"""Transfers between warehouses: two steps, through transit. One step inside a warehouse: move.py.

Here: asking and sending. Receiving is transfer_take.py, giving up transfer_close.py.

Goods on their way stand in `<destination>-TRANSIT`: they belong to nobody's available stock, and
what is lost on the road stays there until somebody counts it or closes the transfer.
"""

from __future__ import annotations

from dataclasses import dataclass

from core import catalog
from core.catalog.items import check_code
from core.db import Tx
from core.errors import AppError, define
from core.orders import dock, replay, rules
from core.orders.measure import base_quantity
from core.orders.move import Move, Moved, move
from core.orders.replay import post_new, run_once
from core.orders.sales import stage
from core.orders.tables import transfer_lines, transfer_loads
from core.orders.tables import transfers as table
from core.orders.transfer_book import Load, Transfer, TransferLine, transfer, transfer_by_code
from core.orders.transfer_close import ClosedTransfer, CloseTransfer, close_transfer
from core.orders.transfer_keep import keep, say, transit_of
from core.orders.transfer_take import ReceiveTransfer, TakeLoad, receive_transfer
from core.people import Actor, Thing, require
from core.quantity import Micro, show
from core.stock import Line, MoveRow, Posting, Reserve, fulfil, refusals, reserve

__all__ = [
    "AskLine",
    "AskTransfer",
    "CloseTransfer",
    "ClosedTransfer",
    "Load",
    "Move",
    "Moved",
    "ReceiveTransfer",
    "SendLine",
    "SendTransfer",
    "TakeLoad",
    "Transfer",
    "TransferLine",
    "ask_transfer",
    "close_transfer",
    "move",
    "receive_transfer",
    "send_transfer",
    "transfer",
    "transfer_by_code",
]


NOTHING_SENT = define(
    "nothing_sent",
    409,
    "没有改动：调拨单 {code} 一件都没发。不发了就写上原因结案，要发就填发了哪些。",
    "Nothing changed: nothing of transfer {code} was sent. Close it with a reason, or say what "
    "was sent.",
)


@dataclass(frozen=True, slots=True)
class AskLine:
    """`lot_id` 0: the sender picks, first expiring first."""

    item_id: int
    quantity: Micro
    lot_id: int = 0
    pack_id: int | None = None


@dataclass(frozen=True, slots=True)
class AskTransfer:
    """Goods wanted from another warehouse."""

    op_id: str
    code: str
    from_warehouse: int
    to_warehouse: int
    lines: tuple[AskLine, ...]
    urgent: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SendLine:
    """What was really put on the lorry for a line (base units)."""

    line_id: str
    from_location: int
    quantity: Micro
    lot_id: int = 0
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SendTransfer:
    """`lines` empty: everything still open, first expiring first. `final`: the rest stays here;
    without lines, all of it.
    """

    op_id: str
    transfer_id: str
    lines: tuple[SendLine, ...] = ()
    final: bool = False


def ask_transfer(tx: Tx, actor: Actor, ask: AskTransfer) -> Transfer:
    """Ask another warehouse for goods: a task to send them opens there.

    Raises:
        AppError: forbidden, same_warehouse, empty_document, duplicate_code, bad_quantity,
            not_whole, not_found, invalid, lot_of_other_item, key_reused.
    """
    require(actor, "transfer")  # both warehouses are named; either side may ask
    return run_once(tx, "transfer.ask", ask, Transfer, lambda: _ask(tx, actor, ask))


def _ask(tx: Tx, actor: Actor, ask: AskTransfer) -> Transfer:
    if ask.from_warehouse == ask.to_warehouse:
        raise AppError(rules.SAME_WAREHOUSE)
    check_code("调拨单号", ask.code)
    if not ask.lines:
        raise AppError(rules.EMPTY_DOCUMENT, what="调拨单")
    if transfer_by_code(tx.conn, ask.code) is not None:
        raise AppError(rules.DUPLICATE_CODE, what="调拨单", code=ask.code)
    transfer_id = tx.new_id()
    header = {
        "id": transfer_id,
        "op_id": ask.op_id,
        "code": ask.code,
        "from_warehouse": catalog.warehouse(tx.conn, ask.from_warehouse).id,
        "to_warehouse": catalog.warehouse(tx.conn, ask.to_warehouse).id,
        "state": "asked",
        "urgent": ask.urgent,
        "reason": ask.reason[:400],
        "asked_by": actor.person_id,
        "asked_at": tx.now,
    }
    tx.add(table, header)
    rows = []
    catalog.ask_ahead(tx.conn, (line.item_id for line in ask.lines))
    for line_no, line in enumerate(ask.lines, 1):
        item = catalog.item(tx.conn, line.item_id)
        _check_lot(tx, item, line.lot_id)
        rows.append(
            {
                "id": tx.new_id(),
                "transfer_id": transfer_id,
                "line_no": line_no,
                "item_id": item.id,
                "lot_id": line.lot_id,
                "quantity": base_quantity(tx.conn, item, line.quantity, line.pack_id),
            }
        )
    tx.add(transfer_lines, rows)
    made = keep(tx, actor, transfer(tx.conn, transfer_id))
    say(tx, actor, made, "asked", [(line.item_id, line.quantity) for line in made.lines])
    return made


def _check_lot(tx: Tx, item: catalog.Item, lot_id: int) -> None:
    """What could never be sent is not asked for."""
    if not lot_id:
        return
    lot = catalog.lot(tx.conn, lot_id)
    if lot.item_id != item.id:
        raise AppError(refusals.LOT_OF_OTHER_ITEM, item=item.code, lot=lot.code)


def send_transfer(tx: Tx, actor: Actor, ask: SendTransfer) -> Transfer:
    """Take goods from the bins into transit; a task to receive them opens at the other side.

    Raises:
        AppError: forbidden, wrong_state, nothing_sent, too_much_sent, bad_quantity, stage_taken,
            stage_unclaimed, key_reused, or a refusal of the ledger (not_enough names the bin).
    """
    replay.ask_ahead(tx, "transfer.send", ask)
    made = transfer(tx.conn, ask.transfer_id)
    require(actor, "transfer", Thing("transfer", made.id, warehouse_id=made.from_warehouse))
    return run_once(tx, "transfer.send", ask, Transfer, lambda: _send(tx, actor, ask, made))


def _send(tx: Tx, actor: Actor, ask: SendTransfer, made: Transfer) -> Transfer:
    if made.state != "asked":
        raise AppError(
            rules.WRONG_STATE, what="调拨单", code=made.code, state=made.state_zh, verb="发出"
        )
    if ask.final and not ask.lines and not made.loads:
        raise AppError(NOTHING_SENT, code=made.code)
    sent = _sent(tx, actor, ask, made)
    rows = [
        {
            "id": tx.new_id(),
            "transfer_id": made.id,
            "line_id": line_id,
            "item_id": row.item_id,
            "lot_id": row.lot_id,
            "serials": list(row.serials),
            "quantity": row.quantity,
            "received": 0,
        }
        for line_id, row in sent
    ]
    if rows:
        tx.add(transfer_loads, rows)
    for line_id, row in sent:
        tx.execute(
            transfer_lines.update()
            .where(transfer_lines.c.id == line_id)
            .values(sent=transfer_lines.c.sent + row.quantity)
        )
    dock.left(tx, actor, [row for _, row in sent])
    words = "" if sent else "剩下的不再发"
    after = keep(tx, actor, made, no_more=ask.final, words=words)
    say(tx, actor, after, "sent", [(row.item_id, row.quantity) for _, row in sent])
    return after


def _sent(tx: Tx, actor: Actor, ask: SendTransfer, made: Transfer) -> list[tuple[str, MoveRow]]:
    """What leaves now, each posted line with the line that asked for it."""
    if ask.lines:
        return _send_named(tx, actor, ask, made)
    return [] if ask.final else _send_rest(tx, actor, ask, made)


def _send_named(
    tx: Tx, actor: Actor, ask: SendTransfer, made: Transfer
) -> list[tuple[str, MoveRow]]:
    transit = transit_of(tx.conn, made)
    open_now = {line.id: line.quantity - line.sent for line in made.lines}
    items = {line.id: line for line in made.lines}
    lines = []
    for each in ask.lines:
        line = items.get(each.line_id)
        left = open_now.get(each.line_id, 0)
        if line is None or each.quantity > left:
            item = catalog.item(tx.conn, line.item_id).name if line else "这一行"
            raise AppError(
                rules.TOO_MUCH_SENT, item=item, left=show(left), asked=show(each.quantity)
            )
        place = catalog.location(tx.conn, each.from_location)
        if place.warehouse_id != made.from_warehouse:
            here = catalog.warehouse(tx.conn, made.from_warehouse).code
            raise AppError(rules.OTHER_WAREHOUSE, from_code=place.code, to_code=here)
        open_now[each.line_id] = left - each.quantity
        lot_id = each.lot_id or line.lot_id
        goods = stage.Leaving(line.item_id, lot_id, each.quantity, transit, each.serials)
        stage.leaving(tx, actor, place, goods)
        lines.append(
            Line(
                line.item_id,
                each.quantity,
                place.id,
                transit,
                lot_id=lot_id,
                serials=each.serials,
            )
        )
    doc = f"transfer:{made.id}"
    posted = post_new(tx, actor, Posting(f"{ask.op_id}:send", "transfer", tuple(lines), doc=doc))
    return [(each.line_id, row) for each, row in zip(ask.lines, posted.moves, strict=True)]


def _send_rest(
    tx: Tx, actor: Actor, ask: SendTransfer, made: Transfer
) -> list[tuple[str, MoveRow]]:
    """Let the ledger pick each line's goods: first expiring first, nothing that is promised."""
    transit = transit_of(tx.conn, made)
    sent: list[tuple[str, MoveRow]] = []
    for line_no, line in enumerate(made.lines, 1):
        left = line.quantity - line.sent
        if left <= 0:
            continue
        wish = Reserve(
            f"{ask.op_id}:pick{line_no}",
            line.item_id,
            left,
            warehouse_id=made.from_warehouse,
            lot_id=line.lot_id,
            for_=f"transfer:{made.id}",
        )
        promised = reserve(tx, actor, wish)
        posted = fulfil(
            tx,
            actor,
            promised.reservation_id,
            f"{ask.op_id}:send{line_no}",
            transit,
            kind="transfer",
        )
        sent += [(line.id, row) for row in posted.moves]
    if not sent:
        raise AppError(rules.NOTHING_OPEN, what=f"调拨单 {made.code}")
    return sent
