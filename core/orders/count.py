"""Counting stock blind: the counter never sees what the books expect.

A variance above the threshold is counted again by somebody else, and applied only by a person who
may approve it. A place whose books moved between counting and validation is named as a conflict and
left out; every other place still applies (museum: OCA warehouse #2343). A place without variance
keeps its line as evidence that it was counted (erpnext PR 55066). Opening is
`count_sheet.py`, giving up `count_cancel.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core import catalog, events
from core.db import Tx
from core.errors import INVALID, AppError
from core.orders import count_rules, replay, rules
from core.orders.count_apply import FinishCount, Finished, approve, finish
from core.orders.count_book import (
    MOST_LINES,
    Count,
    CountLine,
    ReviewLine,
    SheetLine,
    books_of,
    count,
    lines_of,
    place_name,
    review,
    sheet,
)
from core.orders.count_cancel import CancelCount, cancel_count
from core.orders.count_sheet import OpenCount, new_line, open_count
from core.orders.count_tasks import keep_tasks
from core.orders.measure import base_quantity
from core.orders.replay import run_once
from core.orders.tables import count_lines
from core.people import Actor, Thing, require
from core.quantity import ONE, Micro
from core.stock import STATUSES, BalanceRow, on_hand, refusals

__all__ = [
    "CancelCount",
    "Count",
    "CountLine",
    "CountedLine",
    "FinishCount",
    "Finished",
    "OpenCount",
    "RecordCount",
    "Recorded",
    "ReviewLine",
    "SendBack",
    "SheetLine",
    "approve",
    "cancel_count",
    "count",
    "finish",
    "lines_of",
    "open_count",
    "record",
    "review",
    "send_back",
    "sheet",
]


@dataclass(frozen=True, slots=True)
class CountedLine:
    """What a person saw in one place; a place not on the sheet is added as found stock."""

    location_id: int
    item_id: int
    quantity: Micro
    lot_id: int = 0
    status: str = "ok"
    serials: tuple[str, ...] = ()
    pack_id: int | None = None


@dataclass(frozen=True, slots=True)
class RecordCount:
    """What one person counted in one go."""

    op_id: str
    count_id: str
    lines: tuple[CountedLine, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many places are still to count, and how many somebody else must count again."""

    count_id: str
    left: int
    recount: int


@dataclass(frozen=True, slots=True)
class SendBack:
    """The approver does not believe the recount: count those places once more."""

    op_id: str
    count_id: str
    reason: str


def record(tx: Tx, actor: Actor, ask: RecordCount) -> Recorded:
    """Write down what was seen. The books of that moment are kept beside it, unseen.

    Raises:
        AppError: forbidden, wrong_state, count_same_person, count_changed, count_twice,
            bad_quantity, not_whole, not_found, lot_needed, lot_of_other_item, invalid, key_reused.
    """
    replay.ask_ahead(tx, "count.record", ask)
    found = count(tx.conn, ask.count_id)
    require(actor, "count", Thing("count", found.id, warehouse_id=found.warehouse_id))
    return run_once(tx, "count.record", ask, Recorded, lambda: _record(tx, actor, ask, found))


def _record(tx: Tx, actor: Actor, ask: RecordCount, found: Count) -> Recorded:
    count_rules.check_open(found.code, found.state, "再记")
    if not ask.lines:
        raise AppError(rules.EMPTY_DOCUMENT, what="盘点记录")
    lines = {_place(line): line for line in lines_of(tx.conn, found.id)}
    _check_once(tx, ask.lines)
    for seen in _spelled_out(tx, ask.lines, lines):
        _record_line(tx, actor, found, (lines, seen))
    keep_tasks(tx, actor, found.id)
    payload = {
        "code": found.code,
        "warehouse_id": found.warehouse_id,
        "places": [[seen.location_id, seen.item_id, seen.lot_id] for seen in ask.lines],
    }
    events.append(tx, "count.recorded", f"count:{found.id}", actor.label, payload)
    return _recorded(tx, found)


def _check_once(tx: Tx, told: Sequence[CountedLine]) -> None:
    """Numbers are absolute: of two for one place the last would win, and the sum be a guess."""
    known: set[_Place] = set()
    for seen in told:
        if _place(seen) in known:
            raise AppError(count_rules.COUNT_TWICE, place=place_name(tx.conn, seen))
        known.add(_place(seen))


def _recorded(tx: Tx, found: Count) -> Recorded:
    states = [line.state for line in lines_of(tx.conn, found.id)]
    left = sum(state in ("open", "conflict") for state in states)
    return Recorded(found.id, left, states.count("recount"))


_Place = tuple[int, int, int, str]
_Lines = dict[_Place, CountLine]


def _place(line: CountLine | CountedLine | BalanceRow) -> _Place:
    return line.location_id, line.item_id, line.lot_id, line.status


def _spelled_out(tx: Tx, told: Sequence[CountedLine], lines: _Lines) -> list[CountedLine]:
    """What was told, and what it says of the rest.

    「Nothing here」 is nothing of all that the books have there by now. Goods that were found
    answer the question whether there are any.
    """
    spelled, known = list(told), lines.keys() | {_place(seen) for seen in told}
    for seen in told:
        if not seen.quantity and _place(seen) in lines and _is_question(tx, seen):
            rows = on_hand(tx.conn, seen.item_id or None, seen.location_id)
            here = [row for row in rows if row.owner_id == 0 and _place(row) not in known]
            spelled += [_nothing(row) for row in here]
    said = {_place(seen) for seen in spelled}
    found = {(each.location_id, of) for each in told if each.quantity for of in (0, each.item_id)}
    for place, line in lines.items():
        is_found = (line.location_id, line.item_id) in found and place not in said
        if is_found and line.state == "open" and _is_question(tx, line):
            spelled.append(_nothing(line))
    return spelled


def _nothing(line: CountLine | BalanceRow) -> CountedLine:
    return CountedLine(line.location_id, line.item_id, 0, line.lot_id, line.status)


def _is_question(tx: Tx, line: CountLine | CountedLine) -> bool:
    """Whether the line only asks if there is anything: of all goods, or of all lots of one."""
    if not line.item_id:
        return True
    return not line.lot_id and catalog.item(tx.conn, line.item_id).tracking == "lot"


def _record_line(tx: Tx, actor: Actor, found: Count, told: tuple[_Lines, CountedLine]) -> None:
    lines, seen = told
    counted = _amount(tx, seen, is_listed=_place(seen) in lines)
    line = lines.get(_place(seen)) or _new_place(tx, found, lines, seen)
    if line.state in ("applied", "same"):
        raise AppError(count_rules.COUNT_CHANGED, place=place_name(tx.conn, line))
    again = line.state in ("recount", "recounted")
    first_by = line.counted_by if line.state == "recount" else line.first_counted_by
    if again and first_by == actor.person_id:
        raise AppError(count_rules.COUNT_SAME_PERSON, place=place_name(tx.conn, line))
    expected = books_of(tx.conn, line).on_hand
    over = count_rules.over_threshold(expected, counted, found.threshold_percent)
    state = ("recounted" if again else "recount") if over else "counted"
    values: dict[str, Any] = {
        "state": state,
        "expected": expected,
        "counted": counted,
        "serials": sorted(set(seen.serials)),
        "counted_by": actor.person_id,
        "counted_at": tx.now,
        "reason": "",
    }
    if line.state == "recount":
        values |= {"first_counted": line.counted, "first_counted_by": line.counted_by}
    tx.execute(count_lines.update().where(count_lines.c.id == line.id).values(**values))


def _amount(tx: Tx, seen: CountedLine, *, is_listed: bool) -> Micro:
    """What was seen in base units. Refuses what the ledger could never book: it would stay."""
    if not seen.item_id and is_listed:
        if seen.quantity:
            raise AppError(INVALID, field="货品", why="看到了货，就记是哪种货")
        return 0
    item = catalog.item(tx.conn, seen.item_id)
    if seen.status not in STATUSES:
        raise AppError(INVALID, field="质量状态", why=f"只能是 {'、'.join(STATUSES)}")
    counted = base_quantity(tx.conn, item, seen.quantity, seen.pack_id, zero=True)
    if seen.lot_id:
        lot = catalog.lot(tx.conn, seen.lot_id)
        if lot.item_id != item.id:
            raise AppError(refusals.LOT_OF_OTHER_ITEM, item=item.name, lot=lot.code)
    elif item.tracking == "lot" and (counted or not is_listed):
        raise AppError(refusals.LOT_NEEDED, item=item.name)
    if item.tracking == "serial" and len(set(seen.serials)) * ONE != counted:
        raise AppError(INVALID, field="序列号", why="数到几件就要扫几个序列号")
    return counted


def _new_place(tx: Tx, found: Count, lines: _Lines, seen: CountedLine) -> CountLine:
    """Something was found where the sheet has nothing."""
    where = catalog.location(tx.conn, seen.location_id)
    if where.warehouse_id != found.warehouse_id or not where.is_internal:
        here = catalog.warehouse(tx.conn, found.warehouse_id).code
        raise AppError(rules.OTHER_WAREHOUSE, from_code=where.code, to_code=here)
    if len(lines) >= MOST_LINES:
        why = f"一张单最多 {MOST_LINES} 格，请另开一张盘这一格"
        raise AppError(INVALID, field="盘点范围", why=why)
    row = new_line(tx, found.id, len(lines) + 1, _place(seen))
    tx.add(count_lines, row)
    line = CountLine(**row)
    lines[_place(seen)] = line
    return line


def send_back(tx: Tx, actor: Actor, ask: SendBack) -> Recorded:
    """Let the places that wait for approval be counted once more, by yet another person.

    Raises:
        AppError: forbidden, wrong_state, reason_needed, nothing_open, key_reused.
    """
    found = count(tx.conn, ask.count_id)
    require(actor, "count.approve", Thing("count", found.id, warehouse_id=found.warehouse_id))
    return run_once(tx, "count.send_back", ask, Recorded, lambda: _send_back(tx, actor, ask, found))


def _send_back(tx: Tx, actor: Actor, ask: SendBack, found: Count) -> Recorded:
    count_rules.check_open(found.code, found.state, "退回重盘")
    reason = rules.require_reason(ask.reason, "退回重盘")
    waiting = [line for line in lines_of(tx.conn, found.id) if line.state == "recounted"]
    if not waiting:
        raise AppError(rules.NOTHING_OPEN, what=f"盘点单 {found.code}")
    ids = [line.id for line in waiting]
    values = {"state": "recount", "reason": reason}
    tx.execute(count_lines.update().where(count_lines.c.id.in_(ids)).values(**values))
    keep_tasks(tx, actor, found.id)
    payload = {"code": found.code, "reason": reason, "places": len(ids)}
    events.append(tx, "count.sent_back", f"count:{found.id}", actor.label, payload)
    return _recorded(tx, found)
