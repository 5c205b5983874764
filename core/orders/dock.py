"""The dock and its papers: no receipt line waits for goods that are not there any more.

Putting away (putaway.py) is not the only way off a dock: goods are picked, moved, issued, sent,
scrapped and returned from there, in any quality status. Verbs that take goods from a place call
`left` after they posted, and what brings goods back to a dock calls `back`. Both compare the lines
with what really lies there, so a repeat changes nothing, and goods that came without a receipt go
first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core import catalog
from core.catalog import Location
from core.db import Tx
from core.orders import progress
from core.orders.lying import DOCK, Goods, Lying, amount, lying
from core.orders.progress import ReceiptLine
from core.orders.sales.rules import shares
from core.people import Actor
from core.quantity import Micro
from core.stock import MoveRow

STOPPED = ("hold", "recalled")
GONE = "货已不在收货台，不用再上架"
GONE_UNSEEN = "待检的货已移走，不用再检"


@dataclass(frozen=True, slots=True)
class Gone:
    """What lines wait for and nobody has (base units)."""

    to_inspect: Micro
    to_stock: Micro
    held: Micro


def left(tx: Tx, actor: Actor, moves: Iterable[MoveRow], place: Location | None = None) -> None:
    """Goods were taken away: whoever waited for them on a dock does not any more.

    `place`: where all of them stood, when the caller knows it.
    """
    found = list(moves)
    places = {place.id: place} if place else _places(tx, {each.from_location for each in found})
    touched = set()
    for each in found:
        source = places.get(each.from_location)
        if source is None or source.warehouse_id is None:
            continue
        if source.kind == DOCK or each.from_status != "ok":
            touched.add((source.warehouse_id, each.item_id, each.lot_id))
    for warehouse_id, item_id, lot_id in sorted(touched):
        settle(tx, actor, Goods(warehouse_id, item_id, lot_id))


def back(tx: Tx, actor: Actor, moves: Iterable[MoveRow]) -> None:
    """Good stock is on a dock again: the lines it came with wait for a shelf again."""
    found = [each for each in moves if each.to_status == "ok"]
    places = _places(tx, {each.to_location for each in found})
    came: dict[Goods, Micro] = {}
    for each in found:
        target = places.get(each.to_location)
        if target is not None and target.kind == DOCK and target.warehouse_id is not None:
            goods = Goods(target.warehouse_id, each.item_id, each.lot_id)
            came[goods] = came.get(goods, 0) + each.quantity
    for goods, quantity in came.items():
        _wait_again(tx, actor, goods, quantity)


def _places(tx: Tx, ids: set[int]) -> dict[int, Location]:
    wanted = sorted(ids)
    found: dict[int, Location] = {}
    for start in range(0, len(wanted), 500):
        found |= catalog.locations_by_id(tx.conn, wanted[start : start + 500])
    return found


def settle(tx: Tx, actor: Actor, goods: Goods) -> None:
    """Lower what lines wait for to what lies there, the oldest first; tasks done with end."""
    lines = progress.open_lines(tx.conn, goods)
    if not lines:
        return
    rows = lying(tx.conn, goods)
    gone = what_is_gone(lines, rows, stopped=_is_stopped(tx, goods))
    unseen = dict(shares(gone.to_inspect, [(each.id, each.to_inspect) for each in lines]))
    shelved = dict(shares(gone.to_stock, [(each.id, each.to_stock) for each in lines]))
    decided = dict(shares(gone.held, [(each.id, each.held) for each in lines]))
    for line in lines:
        if line.id not in unseen.keys() | shelved.keys() | decided.keys():
            continue
        after = progress.save(
            tx,
            line,
            to_inspect=line.to_inspect - unseen.get(line.id, 0),
            rejected=line.rejected + unseen.get(line.id, 0),
            stocked=line.stocked + shelved.get(line.id, 0),
            held=line.held - decided.get(line.id, 0),
        )
        after = progress.end_inspection(tx, actor, after, GONE_UNSEEN)
        progress.settle_stocked(tx, actor, after, GONE)


def what_is_gone(lines: Sequence[ReceiptLine], rows: Sequence[Lying], *, stopped: bool) -> Gone:
    """What the lines wait for beyond what lies there. Pure.

    `stopped`: the lot is held, so good stock of a line stands on the dock as hold.
    """
    seen = sum(each.to_inspect for each in lines)
    shelf = sum(each.to_stock for each in lines)
    held = sum(each.held for each in lines)
    holding = sum(amount(rows, status) for status in STOPPED)
    no_hold = max(0, held - holding)
    there = amount(rows, "ok", kind=DOCK)
    if stopped:
        on_docks = sum(amount(rows, status, kind=DOCK) for status in STOPPED)
        there += min(on_docks, max(0, holding - held))
    return Gone(max(0, seen - amount(rows, "inspect")), max(0, shelf - there), no_hold)


def _is_stopped(tx: Tx, goods: Goods) -> bool:
    return bool(goods.lot_id) and catalog.lot(tx.conn, goods.lot_id).state != "ok"


def _wait_again(tx: Tx, actor: Actor, goods: Goods, quantity: Micro) -> None:
    """No more than lies there without a line that waits for it."""
    there = amount(lying(tx.conn, goods), "ok", kind=DOCK)
    waits = sum(each.to_stock for each in progress.open_lines(tx.conn, goods))
    lines = {each.id: each for each in progress.stocked_lines(tx.conn, goods)}
    more = min(quantity, max(0, there - waits))
    for line_id, part in shares(more, [(each.id, each.stocked) for each in lines.values()]):
        after = progress.save(tx, lines[line_id], stocked=lines[line_id].stocked - part)
        progress.open_due_tasks(tx, actor, progress.drop_putaway(tx, actor, after))
