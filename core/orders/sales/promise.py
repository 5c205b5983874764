"""Promising stock to the lines of sales, and letting go of it. Moves nothing.

A line's promises are reservations made for `sale_line:<id>`; `missing` on the line is what none of
them covers, kept in step here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, String, bindparam, func, literal_column, select

from core import events
from core.catalog.tables import warehouses
from core.clock import MINUTE, Clock, Instant
from core.db import Database, Tx
from core.engine import ELSEWHERE, Step
from core.errors import AppError
from core.orders.sales import shortage_task
from core.orders.sales.book import Sale, SaleLine, sale
from core.orders.sales.tables import sale_lines, sales
from core.people import ENGINE, Actor
from core.quantity import Micro
from core.stock import Reserve, on_hand, promisable, release, reservations_for, reserve
from core.stock.ledger import local_date
from core.stock.tables import reservations

AT_ONCE = 100
BROKEN = "stock.reservation_broken"
_SET_MISSING = sale_lines.update().where(sale_lines.c.id == bindparam("line_"))
_LIVE = ("open", "picking", "picked", "packed")
_LINES = (
    select(sale_lines.c.id, sale_lines.c.sale_id, sales.c.ship_on, sales.c.urgent)
    .join(sales, sales.c.id == sale_lines.c.sale_id)
    .order_by(sales.c.urgent.desc(), sales.c.ship_on, sale_lines.c.id)
    .limit(AT_ONCE)
)
# Who waits, and there is something for him: whoever waits in vain takes no place of the limit.
_CAME = _LINES.where(
    sale_lines.c.missing > literal_column("0"),  # as the index of waiting lines says it
    sales.c.state.in_(_LIVE),
    promisable(
        sale_lines.c.item_id,
        sales.c.warehouse_id,
        bindparam("today", type_=String),
        sales.c.ship_on,
    ),
)
_PROMISED = (
    select(func.coalesce(func.sum(reservations.c.remaining), 0))
    .where(
        reservations.c.for_doc == "sale_line:" + sale_lines.c.id,
        reservations.c.state == "open",
    )
    .scalar_subquery()
)
_COVERED = sale_lines.c.cut + sale_lines.c.picked + sale_lines.c.missing
# A lot was held: what was promised out of it, all of a line or some, is promised no more, and
# nobody has counted it as missing yet. The warehouses stand here for the index of live orders.
_LOST = _LINES.where(
    sales.c.warehouse_id.in_(select(warehouses.c.id)),
    sales.c.state.in_(_LIVE),
    sale_lines.c.quantity > _COVERED,
    sale_lines.c.quantity > _COVERED + _PROMISED,
)


def doc_of(line_id: str) -> str:
    """The document that a line's reservations name."""
    return f"sale_line:{line_id}"


def promise_line(
    tx: Tx, actor: Actor, made: Sale, line: SaleLine, op_id: str, *, not_from: int = 0
) -> Micro:
    """Promise what is missing, as far as there is any; how much was promised now.

    `not_from`: a bin that somebody just stood before in vain.
    """
    gap = line.wanted.missing
    places = _others(tx.conn, made, line, not_from) if not_from else ()
    wish = Reserve(
        op_id,
        line.item_id,
        gap,
        warehouse_id=made.warehouse_id,
        location_ids=places,
        for_=doc_of(line.id),
        ship_on=made.ship_on,
        partial=True,
    )
    got = _reserve(tx, actor, wish) if gap and (places or not not_from) else 0
    tx.execute(_SET_MISSING, {"line_": line.id, "missing": gap - got})
    return got


def _others(conn: Connection, made: Sale, line: SaleLine, not_from: int) -> tuple[int, ...]:
    rows = on_hand(conn, line.item_id, warehouse_id=made.warehouse_id, limit=500)
    found = {each.location_id for each in rows if each.available > 0}
    return tuple(sorted(found - {not_from}))


def _reserve(tx: Tx, actor: Actor, wish: Reserve) -> Micro:
    try:
        return reserve(tx, actor, wish).quantity
    except AppError as refusal:
        if refusal.code != "not_enough":
            raise
        return 0


def free(tx: Tx, actor: Actor, line: SaleLine, why: str) -> None:
    """Let go of everything that is still promised to a line."""
    for each in reservations_for(tx.conn, doc_of(line.id)):
        if each.state == "open":
            release(tx, actor, each.reservation_id, why)


# -- goods that came later, and goods that were lost ----------------------------------------------
@dataclass(frozen=True, slots=True, order=True)
class Due:
    """A line that goods may be promised to now; the smallest one gets them."""

    later: bool  # than every rush order
    ship_on: str
    line_id: str
    sale_id: str


class Filling:
    """Engine step: goods arrived for which somebody waits; the earliest ship date gets them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._looked_at: Instant | None = None
        self._seen = -1  # the log's head when there was nothing to give: goods come with an event
        self._whole = -1  # the log's head when no line had lost anything

    def step(self) -> Step:
        return Step("fill_sales", self._run, self._next_due)

    async def _run(self) -> int:
        self._looked_at = self._clock.now()
        head = await self._db.read(events.head)
        if head == self._seen:
            return 0
        lost = await self._db.read(self._lost)
        there = await self._db.read(lambda conn: came(conn, self._clock.now()))
        due = sorted({*lost, *there})
        done = await self._db.write(partial(_fill_alone, due)) if due else 0
        if not lost:
            self._whole = head
        if done == 0:
            self._seen = head
        return done

    def _lost(self, conn: Connection) -> list[Due]:
        """Every live order is looked through for it: only when a promise was broken, or nobody
        here has looked yet."""
        if self._whole >= 0 and not events.news_after(conn, self._whole, (BROKEN,)).news:
            return []
        return lost(conn)

    def _next_due(self, conn: Connection) -> Instant | None:
        """Nothing has happened since: nothing is due."""
        if events.head(conn) == self._seen:
            return None
        return 0 if self._looked_at is None else self._looked_at + MINUTE


def _fill_alone(due: Sequence[Due], tx: Tx) -> int:
    return fill(tx, due) if tx.alone("fill_sales") else ELSEWHERE


def lost(conn: Connection) -> list[Due]:
    """Lines that are promised less than they were, and do not know it yet."""
    return [_due(row) for row in conn.execute(_LOST)]


def came(conn: Connection, now: Instant) -> list[Due]:
    """Lines that wait for goods which are there now."""
    return [_due(row) for row in conn.execute(_CAME, {"today": local_date(now)})]


def _due(row: Any) -> Due:
    return Due(not row.urgent, row.ship_on, row.id, row.sale_id)


def fill(tx: Tx, due: Sequence[Due] | None = None) -> int:
    """Promise what is there to whoever is `due` (by default: whoever is now); how many lines
    changed."""
    changed = 0
    for each in sorted({*lost(tx.conn), *came(tx.conn, tx.now)}) if due is None else due:
        made = sale(tx.conn, each.sale_id)
        line = made.line(each.line_id)
        promise_line(tx, ENGINE, made, line, f"fill:{tx.new_id()}")
        after = sale(tx.conn, each.sale_id)
        if after.line(line.id) != line:
            changed += 1
            shortage_task.keep_task(tx, ENGINE, after, after.line(line.id))
    return changed
