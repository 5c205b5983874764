"""Putaway: from the dock to a bin that the system suggests and says why.

The person decides: any bin with room may be scanned, the suggestion is only that.
"""

from __future__ import annotations

from dataclasses import dataclass

from core import catalog, events
from core.catalog import Item, Location
from core.db import Tx
from core.errors import AppError
from core.orders import dock, progress, replay, rules
from core.orders.lying import DOCK, Goods, amount, lying, most_free, parts_of
from core.orders.measure import base_quantity, short_amount
from core.orders.progress import ReceiptLine
from core.orders.replay import post_new, run_once
from core.orders.sales import stage
from core.orders.suggestion import Bin, ask_for_bin_room, bin_room, suggest
from core.people import Actor, Thing, require
from core.quantity import ONE, Micro, show
from core.stock import Line, Posting, refusals
from core.stock.rules import STATE_WORDS

__all__ = ["Bin", "PutAway", "PutAwayDone", "put_away", "put_away_now", "suggest"]


@dataclass(frozen=True, slots=True)
class PutAway:
    """`quantity` in packs when `pack_id` is given; the receipt line is found when not named."""

    op_id: str
    item_id: int
    lot_id: int
    quantity: Micro
    from_location: int
    to_location: int
    serials: tuple[str, ...] = ()
    receipt_line_id: str = ""
    pack_id: int | None = None


@dataclass(frozen=True, slots=True)
class PutAwayDone:
    """Where the goods are now (base units)."""

    op_id: str
    posting_id: int
    item_id: int
    lot_id: int
    quantity: Micro
    to_location: int
    to_code: str


def put_away(tx: Tx, actor: Actor, ask: PutAway) -> PutAwayDone:
    """Move accepted goods from the dock into a bin; the lines they came with are kept in step.

    Raises:
        AppError: forbidden, not_a_bin, bin_full, other_warehouse, not_on_dock, too_much_put_away,
            bad_quantity, not_whole, stage_taken, stage_unclaimed, key_reused, or a refusal of the
            ledger.
    """
    replay.ask_ahead(tx, "putaway", ask)
    ask_for_bin_room(tx.conn, ask.to_location)
    if ask.receipt_line_id:
        progress.ask_for_line(tx.conn, ask.receipt_line_id)
    catalog.ask_ahead(tx.conn, (ask.item_id,), (ask.from_location, ask.to_location))
    source = catalog.location(tx.conn, ask.from_location)
    require(actor, "putaway", Thing("location", source.code, warehouse_id=source.warehouse_id))
    return run_once(tx, "putaway", ask, PutAwayDone, lambda: put_away_now(tx, actor, ask))


def put_away_rest(tx: Tx, actor: Actor, op_id: str, line: ReceiptLine, to: int) -> str:
    """What of a line lies on the dock and is promised to nobody goes to the location `to`, in
    words. The task was answered by that: what is left of the line gets a new one.

    Raises:
        AppError: nothing_open, lot_held, dock_promised, or what `put_away` refuses.
    """
    item = catalog.item(tx.conn, line.item_id)
    if not line.to_stock:
        raise AppError(rules.NOTHING_OPEN, what=f"{item.name} 的上架")
    goods = Goods(line.warehouse_id, line.item_id, line.lot_id)
    rows = lying(tx.conn, goods)
    if amount(rows, "ok", kind=DOCK) < line.to_stock:  # somebody took of it by hand
        dock.settle(tx, actor, goods)
        line = progress.line(tx.conn, line.id)
        if not line.to_stock:
            return f"{item.name} 已不在收货台，不用再上架"
    place, free = most_free(rows)
    quantity = min(line.to_stock, free)
    if not quantity:
        raise _why_not(tx, line, item)
    ask = PutAway(op_id, item.id, line.lot_id, quantity, place, to, receipt_line_id=line.id)
    done = put_away(tx, actor, ask)
    words = f"{item.name} {short_amount(tx.conn, item, quantity)} 放到 {done.to_code}"
    after = progress.line(tx.conn, line.id)
    if not after.to_stock:
        return words
    progress.open_due_tasks(tx, actor, progress.save(tx, after, putaway_task=""))
    return f"{words}，收货台还有 {short_amount(tx.conn, item, after.to_stock)}"


def _why_not(tx: Tx, line: ReceiptLine, item: Item) -> AppError:
    """Nothing of the line that lies on the dock may go to a shelf now."""
    lot = catalog.lot(tx.conn, line.lot_id) if line.lot_id else None
    if lot is not None and lot.state != "ok":
        state = STATE_WORDS.get(lot.state, lot.state)
        return AppError(refusals.LOT_HELD, item=item.code, lot=lot.code, state=state)
    here = catalog.dock_code(catalog.warehouse(tx.conn, line.warehouse_id).code)
    return AppError(rules.DOCK_PROMISED, item=item.name, place=here)


def put_away_now(tx: Tx, actor: Actor, ask: PutAway) -> PutAwayDone:
    """`put_away` for a verb that is itself done once and has asked for permission."""
    source = catalog.location(tx.conn, ask.from_location)
    target = catalog.location(tx.conn, ask.to_location)
    item = catalog.item(tx.conn, ask.item_id)
    quantity = base_quantity(tx.conn, item, ask.quantity, ask.pack_id)
    _check_target(tx, source, target, quantity)
    goods = stage.Leaving(item.id, ask.lot_id, quantity, target.id, ask.serials)
    stage.leaving(tx, actor, source, goods)
    parts = _parts(tx, ask, source, quantity)
    line = Line(
        item.id, quantity, source.id, target.id, lot_id=ask.lot_id, serials=_serials(tx, ask, parts)
    )
    doc = f"receipt_line:{parts[0][0].id}" if parts else ""
    posted = post_new(tx, actor, Posting(f"{ask.op_id}:putaway", "putaway", (line,), doc=doc))
    said = f"{short_amount(tx.conn, item, quantity)} 放到 {target.code}"
    for received, part in parts:
        after = progress.save(tx, received, stocked=received.stocked + part)
        progress.settle_stocked(tx, actor, after, said)
    payload = {
        "item_id": item.id,
        "lot_id": ask.lot_id,
        "quantity_micro": quantity,
        "to": target.code,
        "warehouse_id": target.warehouse_id,
        "lines": [[received.id, part] for received, part in parts],
    }
    events.append(tx, "receipt.stocked", f"location:{target.code}", actor.label, payload)
    return PutAwayDone(
        ask.op_id, posted.posting_id, item.id, ask.lot_id, quantity, target.id, target.code
    )


def _check_target(tx: Tx, source: Location, target: Location, quantity: Micro) -> None:
    if target.kind != "bin":
        raise AppError(rules.NOT_A_BIN, code=target.code)
    if source.warehouse_id != target.warehouse_id:
        raise AppError(rules.OTHER_WAREHOUSE, from_code=source.code, to_code=target.code)
    room = bin_room(tx.conn, target.id)
    if room is not None and room < quantity:
        raise AppError(rules.BIN_FULL, code=target.code, room=show(room), asked=show(quantity))


def _parts(
    tx: Tx, ask: PutAway, source: Location, quantity: Micro
) -> list[tuple[ReceiptLine, Micro]]:
    """Which received lines this shelves, the oldest first; goods without paper shelve none."""
    if ask.receipt_line_id:
        line = progress.line(tx.conn, ask.receipt_line_id)
        if source.kind != DOCK or source.warehouse_id != line.warehouse_id:
            here = catalog.dock_code(catalog.warehouse(tx.conn, line.warehouse_id).code)
            raise AppError(rules.NOT_ON_DOCK, place=source.code, dock=here)
        same = (line.item_id, line.lot_id) == (ask.item_id, ask.lot_id)
        if not same or line.to_stock < quantity:
            left = show(line.to_stock) if same else "0"
            raise AppError(rules.TOO_MUCH_PUT_AWAY, left=left, asked=show(quantity))
        return [(line, quantity)]
    if source.kind != "dock" or source.warehouse_id is None:
        return []
    parts: list[tuple[ReceiptLine, Micro]] = []
    for line in progress.waiting(tx.conn, source.warehouse_id, ask.item_id):
        part = min(quantity, line.to_stock)
        if line.lot_id == ask.lot_id and part > 0:
            parts.append((line, part))
            quantity -= part
    return parts


def _serials(tx: Tx, ask: PutAway, parts: list[tuple[ReceiptLine, Micro]]) -> tuple[str, ...]:
    """The serials given, or all that are left of the line when they are shelved together."""
    if ask.serials or len(parts) != 1 or not parts[0][0].serials:
        return ask.serials
    line, part = parts[0]
    if len(line.serials) * ONE == part:
        return line.serials
    goods = Goods(line.warehouse_id, line.item_id, line.lot_id)
    for place, much, left in parts_of(tx.conn, goods, "ok", line.serials):
        if place == ask.from_location and much == part:
            return left
    return ()
