"""Short picks: a bin does not hold what the books say. What becomes of the order, and of the books.

What was found is picked; the rest of that bin's promise is let go. Who looked for twelve and found
four has seen all there is: whatever the books still hold free there goes to `hold`, and so do goods
that are broken. Nobody is promised them again, and a count of that bin is opened. The order takes
from another bin what is there, on the same walk; what is nowhere is the buyer's question.
"""

from __future__ import annotations

from dataclasses import dataclass

from core import catalog, events
from core.db import Tx
from core.errors import AppError
from core.orders import rules as papers
from core.orders.measure import short_amount
from core.orders.replay import run_once
from core.orders.sales import faces, rules, shortage_task
from core.orders.sales.book import PickLine, pick_line, sale, wave_head
from core.orders.sales.doubt import count_bins, hold
from core.orders.sales.pick import SAVE_PICK, after_pick, check_open, take, thing_of
from core.orders.sales.promise import promise_line
from core.orders.sales.wave import walk_to_new
from core.people import ENGINE, Actor, require
from core.quantity import Micro, check_positive, show
from core.stock import PartOf, on_hand, release_part
from core.tasks import talk


@dataclass(frozen=True, slots=True)
class ShortPick:
    """`found`: what the bin did hold (base units, 0: nothing). `reason`: a key of SHORT_REASONS."""

    op_id: str
    pick_line_id: str
    found: Micro
    reason: str
    note: str = ""
    serials: tuple[str, ...] = ()
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WentShort:
    """What was found, what another bin gives instead, and what is nowhere (base units)."""

    pick_line_id: str
    found: Micro
    elsewhere: Micro
    missing: Micro
    count_id: str
    stops_left: int
    sentence: str


def short_pick(tx: Tx, actor: Actor, ask: ShortPick) -> WentShort:
    """Say that a bin holds less than it should.

    Raises:
        AppError: forbidden, already_picked, found_all, unknown_choice, bad_quantity, key_reused,
            or a refusal of the ledger.
    """
    found = pick_line(tx.conn, ask.pick_line_id)
    require(actor, "pick", thing_of(found))
    return run_once(tx, "pick.short", ask, WentShort, lambda: _short(tx, actor, ask, found))


def _short(tx: Tx, actor: Actor, ask: ShortPick, stop: PickLine) -> WentShort:
    check_open(stop)
    if ask.reason not in rules.SHORT_REASONS:
        choices = "、".join(rules.SHORT_REASONS.values())
        raise AppError(
            papers.UNKNOWN_CHOICE, given=ask.reason[:40], what="缺货原因", choices=choices
        )
    if ask.found:
        check_positive(ask.found)
    if ask.found >= stop.left:
        raise AppError(
            rules.FOUND_ALL, item=stop.item_name, asked=show(stop.left), found=show(ask.found)
        )
    if ask.found:
        take(tx, actor, stop, (ask.found, ask.serials), f"{ask.op_id}:found")
    gap = stop.left - ask.found
    reason = rules.SHORT_REASONS[ask.reason] + (f"：{ask.note.strip()}" if ask.note.strip() else "")
    release_part(tx, actor, PartOf(stop.reservation_id, stop.part_id, gap), reason)
    tx.execute(SAVE_PICK, {"pick_": stop.id, "state": "short", "reason": reason[:400]})
    count_id = _doubt(tx, actor, ask, stop, (gap, reason))
    elsewhere, missing = _elsewhere(tx, actor, ask, stop)
    _tell(tx, actor, ask, stop, (gap, reason))
    left = after_pick(tx, actor, stop)
    words = _sentence(tx, stop, gap, elsewhere, missing)
    return WentShort(stop.id, ask.found, elsewhere, missing, count_id, left, words)


def _doubt(tx: Tx, actor: Actor, ask: ShortPick, stop: PickLine, lost: tuple[Micro, str]) -> str:
    """Take what was not found out of what may be promised, and have the bin counted; its count."""
    gap, reason = lost
    if ask.reason not in rules.DOUBTFUL:
        return ""
    most = gap if ask.reason == "damaged" else None
    rows = on_hand(tx.conn, stop.item_id, stop.location_id, lot_id=stop.lot_id, limit=10)
    free = [each for each in rows if each.available and each.lot_id == stop.lot_id]  # one, or none
    goods = [(row, row.available if most is None else min(most, row.available)) for row in free]
    hold(tx, actor, ask.op_id, goods, reason)
    return count_bins(tx, ask.op_id, stop.warehouse_id, [(stop.location_id, stop.bin)])


def _elsewhere(tx: Tx, actor: Actor, ask: ShortPick, stop: PickLine) -> tuple[Micro, Micro]:
    """Promise the gap from other bins and walk there too: (promised, still missing)."""
    made = sale(tx.conn, stop.sale_id)
    line = made.line(stop.sale_line_id)
    got = promise_line(tx, actor, made, line, f"{ask.op_id[:80]}:else", not_from=stop.location_id)
    if not got and ask.reason not in rules.DOUBTFUL:  # it is there: come back later
        again = sale(tx.conn, stop.sale_id)
        got = promise_line(tx, actor, again, again.line(line.id), f"{ask.op_id[:80]}:back")
    if got:
        walk_to_new(tx, stop)
    after = sale(tx.conn, stop.sale_id)
    left = after.line(line.id)
    shortage_task.keep_task(tx, actor, after, left)
    return got, left.missing


def _tell(tx: Tx, actor: Actor, ask: ShortPick, stop: PickLine, lost: tuple[Micro, str]) -> None:
    gap, reason = lost
    payload = {
        "wave": stop.wave_id,
        "item": stop.item_id,
        "lot": stop.lot_id,
        "location": stop.location_id,
        "quantity_micro": gap,
        "reason": ask.reason,
        "note": ask.note[:400],
        "photos": list(ask.photos),
    }
    events.append(tx, "sale.short", f"sale:{stop.sale_id}", actor.label, payload)
    task_id = wave_head(tx.conn, stop.wave_id).task_id
    if task_id:
        words = f"{stop.bin} {stop.item_name} 少 {show(gap)} {stop.unit}：{reason}"
        talk.comment(tx, ENGINE, task_id, words[: talk.LONGEST])
        for photo in ask.photos:
            talk.attach(tx, ENGINE, task_id, photo, note=reason[:200])
    faces.keep_full(tx, actor, stop.location_id, stop.item_id)


def _sentence(tx: Tx, stop: PickLine, gap: Micro, elsewhere: Micro, missing: Micro) -> str:
    item = catalog.item(tx.conn, stop.item_id)
    words = f"{stop.bin} 少 {short_amount(tx.conn, item, gap)}"
    if elsewhere:
        words += f"，改从别的库位拣 {short_amount(tx.conn, item, elsewhere)}"
    if missing:
        words += f"，还差 {short_amount(tx.conn, item, missing)}，已请采购处理"
    return words
