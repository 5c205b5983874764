"""Promising stock to the lines of sales, and letting go of it. Moves nothing.

A line's promises are reservations made for `sale_line:<id>`; `missing` on the line is what none of
them covers, kept in step here.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select

from core import events
from core.clock import MINUTE, Clock, Instant
from core.db import Database, Tx
from core.engine import ELSEWHERE, Step
from core.errors import AppError
from core.orders.sales import shortage_task
from core.orders.sales.book import Sale, SaleLine, sale
from core.orders.sales.tables import sale_lines, sales
from core.people import ENGINE, Actor
from core.quantity import Micro
from core.stock import Reserve, available, on_hand, release, reservations_for, reserve
from core.stock.tables import reservations

AT_ONCE = 100
_SET_MISSING = sale_lines.update().where(sale_lines.c.id == bindparam("line_"))
_SAME = reservations.alias()
_WAITING = (
    select(
        sale_lines.c.id,
        sale_lines.c.sale_id,
        sale_lines.c.item_id,
        sales.c.warehouse_id,
        sales.c.ship_on,
    )
    .join(sales, sales.c.id == sale_lines.c.sale_id)
    .where(sale_lines.c.missing > 0, sales.c.state.in_(("open", "picking", "picked", "packed")))
    .order_by(sales.c.urgent.desc(), sales.c.ship_on, sale_lines.c.id)
    .limit(AT_ONCE)
)
_SOMEBODY_WAITS = _WAITING.limit(1)
# A lot was held: its promises are broken, and nobody has counted that as missing yet.
_BROKEN = (
    select(sale_lines.c.id, sale_lines.c.sale_id)
    .join(reservations, reservations.c.for_doc == "sale_line:" + sale_lines.c.id)
    .join(sales, sales.c.id == sale_lines.c.sale_id)
    .where(
        reservations.c.state == "broken",
        sales.c.state.in_(("open", "picking", "picked", "packed")),
        sale_lines.c.quantity - sale_lines.c.cut - sale_lines.c.picked - sale_lines.c.missing
        > select(func.coalesce(func.sum(_SAME.c.remaining), 0))
        .where(_SAME.c.for_doc == "sale_line:" + sale_lines.c.id, _SAME.c.state == "open")
        .scalar_subquery(),
    )
    .order_by(sale_lines.c.id)
    .limit(AT_ONCE)
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


# -- goods that came later -----------------------------------------------------------------------
class Filling:
    """Engine step: goods arrived for which somebody waits; the earliest ship date gets them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._looked_at: Instant | None = None
        self._seen = -1  # the log's head when there was nothing to give: goods come with an event

    def step(self) -> Step:
        return Step("fill_sales", self._run, self._next_due)

    async def _run(self) -> int:
        self._looked_at = self._clock.now()
        head = await self._db.read(events.head)
        if head == self._seen:
            return 0
        done = await self._db.write(_fill_alone) if await self._db.read(fillable) else 0
        if done == 0:
            self._seen = head
        return done

    def _next_due(self, conn: Connection) -> Instant | None:
        """Nobody waits, or nothing has happened since: nothing is due."""
        if events.head(conn) == self._seen:
            return None
        if conn.execute(_SOMEBODY_WAITS).first() is None and conn.execute(_BROKEN).first() is None:
            return None
        return 0 if self._looked_at is None else self._looked_at + MINUTE


def _fill_alone(tx: Tx) -> int:
    return fill(tx) if tx.alone("fill_sales") else ELSEWHERE


def fillable(conn: Connection) -> list[tuple[str, str]]:
    """(sale, line) that lost their goods, or wait for goods which are there now."""
    found = [(row.sale_id, row.id) for row in conn.execute(_BROKEN)]
    seen: dict[tuple[int, int, str], Micro] = {}
    for row in conn.execute(_WAITING).all():
        key = (row.item_id, row.warehouse_id, row.ship_on)
        if key not in seen:
            seen[key] = available(conn, *key)
        if seen[key] > 0:
            found.append((row.sale_id, row.id))
    return found


def fill(tx: Tx) -> int:
    """Promise what came to whoever waits; how many lines changed."""
    changed = 0
    for sale_id, line_id in fillable(tx.conn):
        made = sale(tx.conn, sale_id)
        promise_line(tx, ENGINE, made, made.line(line_id), f"fill:{tx.new_id()}")
        after = sale(tx.conn, sale_id)
        if after.line(line_id) != made.line(line_id):
            changed += 1
            shortage_task.keep_task(tx, ENGINE, after, after.line(line_id))
    return changed
