"""Giving an order up, however far it has come: what has left stays gone, all else is let go.

Promises are freed, stops that are not walked yet are cancelled, boxes that have not left are void,
and what stood in the stage for it waits to be put back (putback.py). Nothing moves here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.db import Tx
from core.errors import AppError
from core.orders import rules as papers
from core.orders.replay import run_once
from core.orders.sales import rules
from core.orders.sales.book import PickLine, Sale, SaleLine, picks_of, sale
from core.orders.sales.boxes import Package, packages_of
from core.orders.sales.order import SAVE, say
from core.orders.sales.pick import SAVE_PICK
from core.orders.sales.promise import free
from core.orders.sales.putback import Left, leave_in_stage
from core.orders.sales.state import load_of
from core.orders.sales.tables import packages, sale_lines
from core.orders.sales.wave import end_wave
from core.people import Actor, Thing, record, require
from core.quantity import ONE, Micro
from core.tasks import board

ENDED = ("shipped", "cancelled")
TASKS = ("pack", "ship", "shortage", "rush_stock", "rush_terms")


@dataclass(frozen=True, slots=True)
class CancelSale:
    """The customer does not want it any more."""

    op_id: str
    sale_id: str
    reason: str


def cancel_sale(tx: Tx, actor: Actor, ask: CancelSale) -> Sale:
    """Let go of everything that has not left; the order is shipped then if something has.

    Raises:
        AppError: forbidden, sale_state (all of it has left, or it was given up before),
            reason_needed, not_found, key_reused.
    """
    made = sale(tx.conn, ask.sale_id)
    require(actor, "sale.write", Thing("sale", made.id, warehouse_id=made.warehouse_id))
    return run_once(tx, "sale.cancel", ask, Sale, lambda: _cancel(tx, actor, ask, made))


def _cancel(tx: Tx, actor: Actor, ask: CancelSale, made: Sale) -> Sale:
    reason = papers.require_reason(ask.reason, "取消销售单")
    if made.state in ENDED:
        raise AppError(rules.SALE_STATE, code=made.code, state=made.state_zh, verb="取消")
    why = f"销售单 {made.code} 取消：{reason}"[:400]
    stops, boxes = picks_of(tx.conn, made.id), packages_of(tx.conn, made.id)
    for line in made.lines:
        free(tx, actor, line, why)
        _end_line(tx, line, reason)
    void(tx, [each for each in boxes if each.state == "packed"])
    left = _end_stops(tx, stops, [each for each in boxes if each.state == "shipped"], why)
    _end_tasks(tx, actor, made, why)
    for wave_id in {each.wave_id for each in stops if each.state == "open"}:
        end_wave(tx, actor, wave_id, f"{made.code} 取消了，剩下的不用拣")
    after = sale(tx.conn, made.id)
    state = rules.sale_state(load_of(tx, after))
    tx.execute(SAVE, {"sale_": made.id, "state": state})
    leave_in_stage(tx, actor, made, left)
    after = sale(tx.conn, made.id)
    say(tx, actor, "sale.cancelled", after, {"reason": reason, "state": state})
    record(tx, actor, "sale.write", f"sale:{made.id}", after={"state": state}, why=reason)
    return after


def _end_line(tx: Tx, line: SaleLine, reason: str) -> None:
    """Only what has left was ever picked, as far as the paper is concerned; the rest is cut."""
    cut = line.quantity - line.shipped
    gone = {"picked": line.shipped, "packed": line.shipped, "missing": 0, "cut": cut}
    why = {} if cut == line.cut else {"cut_reason": reason}
    tx.execute(sale_lines.update().where(sale_lines.c.id == line.id), gone | why)


def void(tx: Tx, boxes: Sequence[Package]) -> None:
    """Boxes that have not left are opened: what lay in them lies loose in the stage."""
    for each in boxes:
        tx.execute(packages.update().where(packages.c.id == each.id), {"state": "void"})


def _end_stops(
    tx: Tx, stops: Sequence[PickLine], shipped: Sequence[Package], why: str
) -> list[Left]:
    """Lower every stop to what has left of it; what that leaves behind in the stage."""
    kept = _kept(stops, shipped)
    left: list[Left] = []
    for stop in stops:
        quantity, serials = kept[stop.id]
        open_still = stop.state == "open"
        if stop.picked == quantity and not open_still:
            continue
        behind = tuple(code for code in stop.serials if code not in serials)
        values = {"picked": quantity, "packed": quantity, "serials": list(serials)}
        if open_still or not quantity:
            values |= {"state": "cancelled", "reason": why}
        tx.execute(SAVE_PICK, {"pick_": stop.id, **values})
        if stop.picked > quantity:
            left.append(Left(stop, stop.picked - quantity, behind))
    return left


def _kept(
    stops: Sequence[PickLine], shipped: Sequence[Package]
) -> dict[str, tuple[Micro, tuple[str, ...]]]:
    """Stop → what has left of it, and its serials. A box tells the line and the lot, not the bin:
    of one lot the earlier stops' goods left first."""
    much: Counter[tuple[str, int]] = Counter()
    named: Counter[tuple[int, str]] = Counter()
    for box in shipped:
        for line in box.lines:
            much[line.sale_line_id, line.lot_id] += line.quantity
            named.update((line.item_id, code) for code in line.serials)
    kept: dict[str, tuple[Micro, tuple[str, ...]]] = {}
    for stop in stops:
        if stop.tracking == "serial":
            mine = tuple(code for code in stop.serials if named[stop.item_id, code])
            named.subtract((stop.item_id, code) for code in mine)
            kept[stop.id] = (len(mine) * ONE, mine)
            continue
        key = (stop.sale_line_id, stop.lot_id)
        part = min(stop.packed, much[key])
        much[key] -= part
        kept[stop.id] = (part, ())
    return kept


def _end_tasks(tx: Tx, actor: Actor, made: Sale, why: str) -> None:
    subjects = [f"sale:{made.id}", *(f"sale_line:{line.id}" for line in made.lines)]
    for subject in subjects:
        for task in board.tasks_of(tx.conn, subject):
            if task.kind in TASKS:
                board.cancel_task(tx, actor, task.id, why)
