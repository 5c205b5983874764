"""Counts as they stand: the blind sheet for the counter, the review for whoever approves.

`SheetLine` has no expected quantity on purpose; a door shows `review` only to people who may
count.approve. Only reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, func, select

from core import catalog
from core.catalog import tables as catalogs
from core.errors import NOT_FOUND, AppError
from core.orders.tables import count_lines
from core.orders.tables import counts as table
from core.quantity import Micro, show
from core.stock import on_hand

MOST_LINES = 2_000
ANY_GOODS = "这一格的货"  # item 0: is anything there at all?


@dataclass(frozen=True, slots=True)
class Count:
    """A count. state: open done cancelled."""

    id: str
    code: str
    warehouse_id: int
    state: str
    threshold_percent: int
    task_id: str
    recount_task: str
    approve_task: str


@dataclass(frozen=True, slots=True)
class CountLine:
    """One place of a count with everything that is known of it (base units).

    Item 0, or lot 0 of goods kept by lot, asks whether there is any: the books had none.
    """

    id: str
    count_id: str
    line_no: int
    location_id: int
    item_id: int
    lot_id: int
    status: str
    state: str  # open counted recount recounted applied same conflict
    expected: Micro | None = None
    serials: tuple[str, ...] = ()
    counted: Micro | None = None
    first_counted: Micro | None = None
    counted_by: int | None = None
    counted_at: int | None = None
    first_counted_by: int | None = None
    reason: str = ""

    @property
    def variance(self) -> Micro:
        """Counted − expected; 0 while not counted."""
        if self.counted is None or self.expected is None:
            return 0
        return self.counted - self.expected


@dataclass(frozen=True, slots=True)
class SheetLine:
    """What the counter may see: the place and the goods, never the expected quantity."""

    id: str
    line_no: int
    location_id: int
    location_code: str
    item_id: int
    item_code: str
    item_name: str
    unit: str
    lot_id: int
    lot_code: str
    status: str
    state: str
    counted: Micro | None


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """What the approver sees of one place after it was counted."""

    id: str
    location_code: str
    item_id: int
    item_name: str
    lot_id: int
    status: str
    state: str
    expected: Micro | None
    counted: Micro | None
    variance: Micro
    sentence: str


_ONE = select(table).where(table.c.id == bindparam("count")).limit(1)
_LINES = (
    select(count_lines)
    .where(count_lines.c.count_id == bindparam("count"))
    .order_by(count_lines.c.line_no)
    .limit(MOST_LINES)
)
_NAMED = (
    select(
        count_lines,
        catalogs.locations.c.code.label("location_code"),
        func.coalesce(catalogs.items.c.code, "").label("item_code"),
        func.coalesce(catalogs.items.c.name, ANY_GOODS).label("item_name"),
        func.coalesce(catalogs.items.c.unit, "").label("unit"),
        func.coalesce(catalogs.lots.c.code, "").label("lot_code"),
    )
    .join(catalogs.locations, catalogs.locations.c.id == count_lines.c.location_id)
    .outerjoin(catalogs.items, catalogs.items.c.id == count_lines.c.item_id)
    .outerjoin(catalogs.lots, catalogs.lots.c.id == count_lines.c.lot_id)
    .where(count_lines.c.count_id == bindparam("count"))
    .order_by(catalogs.locations.c.code, count_lines.c.line_no)
    .limit(bindparam("most"))
)


def count(conn: Connection, count_id: str) -> Count:
    """One count. Raises AppError(not_found)."""
    row = conn.execute(_ONE, {"count": count_id}).first()
    if row is None:
        raise AppError(NOT_FOUND, what="盘点单", name=count_id)
    return Count(
        row.id,
        row.code,
        row.warehouse_id,
        row.state,
        row.threshold_percent,
        row.task_id,
        row.recount_task,
        row.approve_task,
    )


def lines_of(conn: Connection, count_id: str) -> list[CountLine]:
    """Every place of a count with its books: for the verbs, never for a counter's screen."""
    return [_line(row) for row in conn.execute(_LINES, {"count": count_id})]


def _line(row: Any) -> CountLine:
    values = dict(row._mapping)
    values["serials"] = tuple(values["serials"])
    return CountLine(**values)


class At(Protocol):
    """Some goods in a place."""

    @property
    def location_id(self) -> int:
        """Where."""
        ...

    @property
    def item_id(self) -> int:
        """What; 0: whatever is there."""
        ...


def place_name(conn: Connection, line: At) -> str:
    """「A-03-2 的 低糖基料」."""
    place = catalog.location(conn, line.location_id)
    if not line.item_id:
        return place.code
    return f"{place.code} 的 {catalog.item(conn, line.item_id).name}"


@dataclass(frozen=True, slots=True)
class Stands:
    """What the books say of one place now (base units)."""

    on_hand: Micro
    reserved: Micro


def books_of(conn: Connection, line: CountLine) -> Stands:
    """The ledger's present balance of a counted place (our own goods)."""
    rows = on_hand(conn, line.item_id, line.location_id, line.lot_id)
    for row in rows:
        if row.status == line.status and row.owner_id == 0:
            return Stands(row.on_hand, row.reserved)
    return Stands(0, 0)


def sheet(conn: Connection, count_id: str, limit: int = MOST_LINES) -> list[SheetLine]:
    """The places to count in walking order, blind; a counter's own number is shown back."""
    rows = conn.execute(_NAMED, {"count": count_id, "most": limit})
    return [
        SheetLine(
            row.id,
            row.line_no,
            row.location_id,
            row.location_code,
            row.item_id,
            row.item_code,
            row.item_name,
            row.unit,
            row.lot_id,
            row.lot_code,
            row.status,
            row.state,
            # the second counter must not see the first one's number either
            None if row.state == "recount" else row.counted,
        )
        for row in rows
    ]


def review(conn: Connection, count_id: str, limit: int = MOST_LINES) -> list[ReviewLine]:
    """Books against count, place by place, in walking order; for people who may approve."""
    rows: Sequence[Any] = conn.execute(_NAMED, {"count": count_id, "most": limit}).all()
    return [_review_line(row) for row in rows]


def gaps(conn: Connection, count_id: str, limit: int = MOST_LINES) -> list[str]:
    """「100→61 件 ZJ-A-1 纸杯」 of each place that waits for approval, largest gap first.

    The books and the count come first: a chat card cuts long lines at their end.
    """
    rows = conn.execute(_NAMED, {"count": count_id, "most": limit})
    waiting = [row for row in rows if row.state == "recounted"]
    waiting.sort(key=lambda row: -abs(row.counted - row.expected))
    return [
        f"{show(row.expected)}→{show(row.counted)} {row.unit} {row.location_code} {row.item_name}"
        for row in waiting
    ]


def _review_line(row: Any) -> ReviewLine:
    known = row.counted is not None and row.expected is not None
    variance = row.counted - row.expected if known else 0
    return ReviewLine(
        row.id,
        row.location_code,
        row.item_id,
        row.item_name,
        row.lot_id,
        row.status,
        row.state,
        row.expected if known else None,
        row.counted,
        variance,
        _sentence(row, variance),
    )


_STATES = {
    "open": "还没数",
    "counted": "已数",
    "recount": "差异大，等换人复盘",
    "recounted": "复盘仍有差异，等批准",
    "applied": "已入账",
    "same": "账实相符",
    "conflict": "没入账",
}


def _sentence(row: Any, variance: Micro) -> str:
    said = f"{row.location_code} {row.item_name}：{_STATES[row.state]}"
    if row.counted is not None:
        word = "盘盈" if variance > 0 else "盘亏"
        gap = f"，{word} {show(abs(variance))}" if variance else ""
        said += f"，账面 {show(row.expected)} 实盘 {show(row.counted)} {row.unit}".rstrip() + gap
    return f"{said}，{row.reason}" if row.reason else said
