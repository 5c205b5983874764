"""Opening a count: which places are on its sheet. Blind from the start: no quantities here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from core import catalog, events
from core.db import Tx
from core.errors import INVALID, AppError
from core.orders import rules
from core.orders.count_book import MOST_LINES
from core.orders.count_tasks import keep_tasks
from core.orders.replay import run_once
from core.orders.tables import count_lines
from core.orders.tables import counts as table
from core.people import Actor, Thing, require
from core.stock import BalanceRow, on_hand


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


def open_count(tx: Tx, actor: Actor, ask: OpenCount) -> str:
    """Write the sheet of places to look at, open the task to count them; the count's id.

    A place that is named is on it also where the books have nothing: goods may lie there.

    Raises:
        AppError: forbidden, not_found, duplicate_code, empty_document, invalid, key_reused.
    """
    require(actor, "count", Thing("warehouse", warehouse_id=ask.warehouse_id))
    return run_once(tx, "count.open", ask, _Opened, lambda: _open(tx, actor, ask)).count_id


def _open(tx: Tx, actor: Actor, ask: OpenCount) -> _Opened:
    if not 0 <= ask.threshold_percent <= 100:
        raise AppError(INVALID, field="差异门槛", why="应在 0 到 100（%）之间")
    if tx.execute(table.select().where(table.c.code == ask.code).limit(1)).first():
        raise AppError(rules.DUPLICATE_CODE, what="盘点单", code=ask.code)
    _check_range(tx.conn, ask)
    count_id = tx.new_id()
    rows = _sheet_rows(tx, ask, count_id)
    if not rows:
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
    tx.add(count_lines, rows)
    keep_tasks(tx, actor, count_id)
    payload = {"code": ask.code, "warehouse_id": ask.warehouse_id, "places": len(rows)}
    events.append(tx, "count.opened", f"count:{count_id}", actor.label, payload)
    return _Opened(count_id, len(rows))


def _check_range(conn: Connection, ask: OpenCount) -> None:
    house = catalog.warehouse(conn, ask.warehouse_id)
    for location_id in ask.location_ids:
        place = catalog.location(conn, location_id)
        if place.warehouse_id != house.id or not place.is_internal:
            raise AppError(INVALID, field="盘点库位", why=f"{place.code} 不是 {house.name} 的库位")
    for item_id in ask.item_ids:
        catalog.item(conn, item_id)


def _sheet_rows(tx: Tx, ask: OpenCount, count_id: str) -> list[dict[str, Any]]:
    found = [
        row
        for where in _searches(ask)
        for row in _all_on_hand(tx.conn, **where)
        if row.owner_id == 0 and (ask.location_ids or row.location_kind in ("bin", "dock"))
    ]
    wanted = [
        row
        for row in found
        if row.warehouse_id == ask.warehouse_id
        and (not ask.item_ids or row.item_id in ask.item_ids)
    ]
    wanted.sort(key=lambda row: (row.location_code, row.item_code, row.lot_code or ""))
    places = [(row.location_id, row.item_id, row.lot_id, row.status) for row in wanted]
    places += _questions(ask, {place[:2] for place in places})
    return [new_line(tx, count_id, line_no, place) for line_no, place in enumerate(places, 1)]


def _questions(ask: OpenCount, listed: set[tuple[int, int]]) -> list[tuple[int, int, int, str]]:
    """Places that somebody names are looked at, also where the books have nothing of it.

    Item 0 asks for goods of any kind, lot 0 for any lot.
    """
    taken = {location_id for location_id, _ in listed}
    asked = [
        (location_id, item_id)
        for location_id in dict.fromkeys(ask.location_ids)
        for item_id in dict.fromkeys(ask.item_ids or (0,))
    ]
    return [
        (location_id, item_id, 0, "ok")
        for location_id, item_id in asked
        if (location_id, item_id) not in listed and (item_id or location_id not in taken)
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


def new_line(
    tx: Tx, count_id: str, line_no: int, place: tuple[int, int, int, str]
) -> dict[str, Any]:
    """The row of one place: location, item, lot and status."""
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
        "serials": (),
    }
