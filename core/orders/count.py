"""Counting stock blind: the counter never sees what the books expect.

A variance above the threshold is counted again by somebody else, and applied only by a person who
may approve it. A place whose books moved between counting and validation is named as a conflict and
left out; every other place still applies (museum: OCA warehouse #2343). A place without variance
keeps its line as evidence that it was counted (erpnext PR 55066).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from core import catalog, events
from core.db import Tx
from core.errors import INVALID, AppError
from core.orders import replay, rules
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
from core.orders.count_tasks import keep_tasks
from core.orders.measure import base_quantity
from core.orders.replay import run_once
from core.orders.tables import count_lines
from core.orders.tables import counts as table
from core.people import Actor, Thing, require
from core.quantity import ONE, Micro
from core.stock import STATUSES, BalanceRow, on_hand, refusals

__all__ = [
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
class OpenCount:
    """Count these places (all bins and the dock when empty), these items (all when empty)."""

    op_id: str
    code: str
    warehouse_id: int
    location_ids: tuple[int, ...] = ()
    item_ids: tuple[int, ...] = ()
    threshold_percent: int = 5


@dataclass(frozen=True, slots=True)
class _Opened:
    """The count's id and how many places it has."""

    count_id: str
    lines: int


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


def open_count(tx: Tx, actor: Actor, ask: OpenCount) -> str:
    """Write the sheet of places that hold stock now, open the task to count them; the count's id.

    Raises:
        AppError: forbidden, duplicate_code, empty_document, invalid, key_reused.
    """
    require(actor, "count", Thing("warehouse", warehouse_id=ask.warehouse_id))
    return run_once(tx, "count.open", ask, _Opened, lambda: _open(tx, actor, ask)).count_id


def _open(tx: Tx, actor: Actor, ask: OpenCount) -> _Opened:
    if not 0 <= ask.threshold_percent <= 100:
        raise AppError(INVALID, field="差异门槛", why="应在 0 到 100（%）之间")
    if tx.execute(table.select().where(table.c.code == ask.code).limit(1)).first():
        raise AppError(rules.DUPLICATE_CODE, what="盘点单", code=ask.code)
    catalog.warehouse(tx.conn, ask.warehouse_id)
    count_id = tx.new_id()
    rows = _sheet_rows(tx, ask, count_id)
    if not rows and not ask.location_ids:
        raise AppError(rules.EMPTY_DOCUMENT, what="盘点单")
    if len(rows) > MOST_LINES:
        raise AppError(INVALID, field="盘点范围", why=f"一张单最多 {MOST_LINES} 格，请分区盘")
    header = {
        "id": count_id,
        "op_id": ask.op_id,
        "code": ask.code,
        "warehouse_id": ask.warehouse_id,
        "state": "open",
        "threshold_percent": ask.threshold_percent,
        "asked_by": actor.person_id,
        "asked_at": tx.now,
    }
    tx.add(table, header)
    if rows:
        tx.add(count_lines, rows)
    keep_tasks(tx, actor, count_id)
    payload = {"code": ask.code, "warehouse_id": ask.warehouse_id, "places": len(rows)}
    events.append(tx, "count.opened", f"count:{count_id}", actor.label, payload)
    return _Opened(count_id, len(rows))


def _sheet_rows(tx: Tx, ask: OpenCount, count_id: str) -> list[dict[str, Any]]:
    found = [
        row
        for where in _searches(ask)
        for row in _all_on_hand(tx.conn, **where)
        if row.owner_id == 0 and row.location_kind in ("bin", "dock")
    ]
    wanted = [
        row
        for row in found
        if row.warehouse_id == ask.warehouse_id
        and (not ask.item_ids or row.item_id in ask.item_ids)
    ]
    wanted.sort(key=lambda row: (row.location_code, row.item_code, row.lot_code or ""))
    return [
        _new_line(tx, count_id, line_no, (row.location_id, row.item_id, row.lot_id, row.status))
        for line_no, row in enumerate(wanted, 1)
    ]


def _searches(ask: OpenCount) -> list[dict[str, int]]:
    """The narrowest questions that find all: one bin of a large warehouse must not read it all."""
    if ask.location_ids:
        return [{"location_id": each} for each in dict.fromkeys(ask.location_ids)]
    here = {"warehouse_id": ask.warehouse_id}
    if ask.item_ids:
        return [here | {"item_id": each} for each in dict.fromkeys(ask.item_ids)]
    return [here]


def _all_on_hand(conn: Connection, **where: Any) -> Iterator[BalanceRow]:
    after = 0
    while page := on_hand(conn, after=after, **where):
        after = page[-1].id
        yield from page


def _new_line(
    tx: Tx, count_id: str, line_no: int, place: tuple[int, int, int, str]
) -> dict[str, Any]:
    location_id, item_id, lot_id, status = place
    return {
        "id": tx.new_id(),
        "count_id": count_id,
        "line_no": line_no,
        "location_id": location_id,
        "item_id": item_id,
        "lot_id": lot_id,
        "status": status,
        "state": "open",
        "serials": [],
    }


def record(tx: Tx, actor: Actor, ask: RecordCount) -> Recorded:
    """Write down what was seen. The books of that moment are kept beside it, unseen.

    Raises:
        AppError: forbidden, wrong_state, count_same_person, count_changed, bad_quantity,
            not_whole, not_found, lot_needed, lot_of_other_item, invalid, key_reused.
    """
    replay.ask_ahead(tx, "count.record", ask)
    found = count(tx.conn, ask.count_id)
    require(actor, "count", Thing("count", found.id, warehouse_id=found.warehouse_id))
    return run_once(tx, "count.record", ask, Recorded, lambda: _record(tx, actor, ask, found))


def _record(tx: Tx, actor: Actor, ask: RecordCount, found: Count) -> Recorded:
    if found.state != "open":
        raise AppError(
            rules.WRONG_STATE, what="盘点单", code=found.code, state="已结束", verb="再记"
        )
    if not ask.lines:
        raise AppError(rules.EMPTY_DOCUMENT, what="盘点记录")
    for seen in ask.lines:
        _record_line(tx, actor, found, seen)
    lines = lines_of(tx.conn, found.id)
    keep_tasks(tx, actor, found.id)
    payload = {
        "code": found.code,
        "warehouse_id": found.warehouse_id,
        "places": [[seen.location_id, seen.item_id, seen.lot_id] for seen in ask.lines],
    }
    events.append(tx, "count.recorded", f"count:{found.id}", actor.label, payload)
    return Recorded(found.id, _how_many(lines, "open", "conflict"), _how_many(lines, "recount"))


def _how_many(lines: Sequence[CountLine], *states: str) -> int:
    return sum(line.state in states for line in lines)


def _record_line(tx: Tx, actor: Actor, found: Count, seen: CountedLine) -> None:
    _check_goods(tx, seen)
    line = _line_for(tx, found, seen)
    if line.state in ("applied", "same"):
        raise AppError(rules.COUNT_CHANGED, place=place_name(tx.conn, line))
    again = line.state in ("recount", "recounted")
    first_by = line.counted_by if line.state == "recount" else line.first_counted_by
    if again and first_by == actor.person_id:
        raise AppError(rules.COUNT_SAME_PERSON, place=place_name(tx.conn, line))
    item = catalog.item(tx.conn, seen.item_id)
    counted = base_quantity(tx.conn, item, seen.quantity, seen.pack_id, zero=True)
    if item.tracking == "serial" and len(set(seen.serials)) * ONE != counted:
        raise AppError(INVALID, field="序列号", why="数到几件就要扫几个序列号")
    expected = books_of(tx.conn, line).on_hand
    over = rules.over_threshold(expected, counted, found.threshold_percent)
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


def _check_goods(tx: Tx, seen: CountedLine) -> None:
    """Refuse what the ledger could never book: the line would stay for ever."""
    item = catalog.item(tx.conn, seen.item_id)
    if seen.status not in STATUSES:
        raise AppError(INVALID, field="质量状态", why="应为 " + "、".join(STATUSES))
    if not seen.lot_id:
        if item.tracking == "lot":
            raise AppError(refusals.LOT_NEEDED, item=item.name)
        return
    lot = catalog.lot(tx.conn, seen.lot_id)
    if lot.item_id != item.id:
        raise AppError(refusals.LOT_OF_OTHER_ITEM, item=item.name, lot=lot.code)


def _line_for(tx: Tx, found: Count, seen: CountedLine) -> CountLine:
    """The sheet's line of this place, or a new one: something was found where none was expected."""
    place = (seen.location_id, seen.item_id, seen.lot_id, seen.status)
    lines = lines_of(tx.conn, found.id)
    for line in lines:
        if (line.location_id, line.item_id, line.lot_id, line.status) == place:
            return line
    where = catalog.location(tx.conn, seen.location_id)
    if where.warehouse_id != found.warehouse_id or not where.is_internal:
        here = catalog.warehouse(tx.conn, found.warehouse_id).code
        raise AppError(rules.OTHER_WAREHOUSE, from_code=where.code, to_code=here)
    row = _new_line(tx, found.id, len(lines) + 1, place)
    tx.add(count_lines, row)
    return next(line for line in lines_of(tx.conn, found.id) if line.id == row["id"])


def send_back(tx: Tx, actor: Actor, ask: SendBack) -> Recorded:
    """Let the places that wait for approval be counted once more, by yet another person.

    Raises:
        AppError: forbidden, reason_needed, nothing_open, key_reused.
    """
    found = count(tx.conn, ask.count_id)
    require(actor, "count.approve", Thing("count", found.id, warehouse_id=found.warehouse_id))
    return run_once(tx, "count.send_back", ask, Recorded, lambda: _send_back(tx, actor, ask, found))


def _send_back(tx: Tx, actor: Actor, ask: SendBack, found: Count) -> Recorded:
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
    lines = lines_of(tx.conn, found.id)
    return Recorded(found.id, _how_many(lines, "open", "conflict"), _how_many(lines, "recount"))
